/**
 * The pages a person sees between the app and the callback: account chooser, consent, error, and the quiet end of a denial.
 * Plain HTML without scripts; everything that came from outside goes through `escapeHtml`.
 */

import type { AuthorizationProblem, AuthorizationRequest } from "./authorization.js";
import type { EmulatorAccount } from "./directory.js";
import type { EmulatorResponse } from "./messages.js";

const STYLE = `
:root{color-scheme:light dark;--ink:#1f2933;--soft:#52606d;--line:#cbd2d9;--page:#f0f4f8;--card:#fff;--accent:#0b5cad;--on:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e4e7eb;--soft:#9aa5b1;--line:#3e4c59;--page:#12181f;--card:#1f2933;--accent:#7cc4fa;--on:#102a43}}
*{box-sizing:border-box}body{margin:0;padding:2rem 1rem;background:var(--page);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:34rem;margin:0 auto;padding:1.75rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .5rem;font-size:1.35rem;line-height:1.3}h2{margin:1.25rem 0 .25rem;font-size:1rem}p{margin:.5rem 0}
.soft{color:var(--soft);font-size:.9rem}ul{margin:.25rem 0;padding-left:1.25rem}code{font-size:.9em}
.choices{list-style:none;padding:0}.choices a{display:block;margin:.5rem 0;padding:.75rem 1rem;border:1px solid var(--line);border-radius:.5rem;color:inherit;text-decoration:none}
.choices a:hover{border-color:var(--accent)}a:focus-visible,button:focus-visible,select:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.actions{display:flex;gap:.75rem;margin-top:1.5rem;flex-wrap:wrap}button{padding:.6rem 1.25rem;border:1px solid var(--accent);border-radius:.5rem;font:inherit;cursor:pointer}
.primary{background:var(--accent);color:var(--on)}.plain{background:transparent;color:var(--accent)}select{font:inherit;padding:.35rem;max-width:100%}`;

/** Page one: which account. Each choice is the same URL with the account in its path. */
export function accountChooserPage(request: AuthorizationRequest, accounts: readonly EmulatorAccount[], search: string): EmulatorResponse {
  const choices = accounts.map(
    (account) =>
      `<li><a href="/oauth/${account.hubId}/authorize${escapeHtml(search)}"><strong>${escapeHtml(account.name)}</strong><br>` +
      `<span class="soft">${escapeHtml(account.hubDomain)} · ${account.hubId}</span></a></li>`,
  );
  return page(
    200,
    "Choose an account",
    `<p>Which account should be connected to <strong>${escapeHtml(request.app.name)}</strong>?</p><ul class="choices">${choices.join("")}</ul>`,
  );
}

/** Page two: what the app may do. Its form posts `hub_id`, `user_id` and `decision` to the URL it was shown under. */
export function consentPage(request: AuthorizationRequest, account: EmulatorAccount): EmulatorResponse {
  const { app } = request;
  const optional = request.optionalScopes.filter((scope) => !account.unavailableScopes.includes(scope));
  const users = account.users.map((user) => `<option value="${user.userId}">${escapeHtml(user.email)}</option>`);
  return page(
    200,
    `Connect ${app.name} to ${account.name}`,
    `<p class="soft">Account ${account.hubId} · ${escapeHtml(account.hubDomain)}</p>
<h2>The app will be able to use</h2>${scopeItems(["oauth", ...request.scopes.filter((scope) => scope !== "oauth")])}
${optional.length === 0 ? "" : `<h2>And, because this account has it</h2>${scopeItems(optional)}`}
<p class="soft">You will be sent to <code>${escapeHtml(request.redirectUri)}</code>.</p>
<form method="post"><input type="hidden" name="hub_id" value="${account.hubId}">
<p><label for="user_id">Signed in as</label> <select id="user_id" name="user_id">${users.join("")}</select></p>
<div class="actions"><button class="primary" name="decision" value="grant">Connect app</button>
<button class="plain" name="decision" value="deny">Cancel</button></div></form>`,
  );
}

/** An error page. The person stays here; nothing is sent to the app. */
export function problemPage(problem: AuthorizationProblem): EmulatorResponse {
  return page(400, problem.title, `<p role="alert">${escapeHtml(problem.detail)}</p><p class="soft">The app was not connected.</p>`);
}

/** What a denial shows when it sends no callback. */
export function cancelledPage(): EmulatorResponse {
  return page(200, "Not connected", "<p>You cancelled. The app was not connected, and was not told. You can close this page.</p>");
}

/** Makes text safe in HTML content and in quoted attributes. */
function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}

function scopeItems(scopes: readonly string[]): string {
  return `<ul>${[...new Set(scopes)].map((scope) => `<li><code>${escapeHtml(scope)}</code></li>`).join("")}</ul>`;
}

function page(status: number, title: string, content: string): EmulatorResponse {
  const safeTitle = escapeHtml(title);
  return {
    status,
    headers: {
      "content-type": "text/html;charset=utf-8",
      "cache-control": "no-store",
      // No form-action: browsers apply it to the redirect that follows the form, and that one leaves for the app.
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${safeTitle} (emulator)</title><style>${STYLE}</style></head><body><main><p class="soft">Test emulator, no real account</p>
<h1>${safeTitle}</h1>${content}</main></body></html>`,
  };
}
