/**
 * The pages a person sees between the app and the callback: account chooser, consent, error, and the quiet end of a denial.
 * Plain HTML without scripts, in a look that belongs to nobody.
 */

import { createHash } from "node:crypto";
import type { AuthorizationProblem } from "./authorization-problem.js";
import type { AuthorizationRequest } from "./authorization.js";
import type { EmulatorAccount } from "./directory.js";
import { Html, html } from "./html.js";
import type { EmulatorResponse } from "./messages.js";
import { AUTHORIZE_STYLE } from "./authorize-style.js";
import { PAGE_HEAD } from "./page-theme.js";
import { scopeInWords } from "./scope-words.js";

/** One value, so that no formatting comes between the element and the hash that allows it. */
const STYLE = new Html(`<style>${AUTHORIZE_STYLE}</style>`);
const STYLE_HASH = createHash("sha256").update(AUTHORIZE_STYLE).digest("base64");

/** Page one: which account. Each choice is the same URL with the account in its path. */
export function accountChooserPage(request: AuthorizationRequest, accounts: readonly EmulatorAccount[], search: string): EmulatorResponse {
  return page(
    200,
    "Choose an account",
    html`<p>Which account should be connected to <strong>${request.app.name}</strong>?</p>
      <ul class="choices">
        ${accounts.map((account) => html`<li><a href="/oauth/${account.hubId}/authorize${search}">${accountCard(account)}</a></li>`)}
      </ul>
      ${accounts.length === 0 && html`<p>There is no account left to choose.</p>`}`,
  );
}

/** Page two: what the app may do. Its form posts `hub_id`, `user_id` and `decision` to the URL it was shown under. */
export function consentPage(request: AuthorizationRequest, account: EmulatorAccount, search: string): EmulatorResponse {
  const { app } = request;
  const scopes = [...new Set([...request.scopes.filter((scope) => scope !== "oauth"), "oauth"])];
  const optional = request.optionalScopes.filter((scope) => scope !== "oauth" && !account.unavailableScopes.includes(scope));
  const users = account.users.map((user) => html`<option value="${user.userId}">${user.email}</option>`);
  return page(
    200,
    `Connect ${app.name} to ${account.name}`,
    html`<p><strong>${app.name}</strong> is asking for access to this account:</p>
      <div class="account">
        ${accountCard(account)}<a href="/oauth/authorize${search}">Change<span class="hidden"> the account</span></a>
      </div>
      <h2>What ${app.name} could do</h2>
      ${scopeList(scopes)}
      ${
        optional.length > 0 &&
        html`<h2>And, because this account has it</h2>
          ${scopeList(optional)}`
      }
      <h2>What happens next</h2>
      <p>
        You go back to <strong>${siteOf(request.redirectUri)}</strong>, and ${app.name} can use this account until somebody uninstalls it
        there.
      </p>
      <p class="small soft">Its redirect URL: <code>${request.redirectUri}</code></p>
      <form method="post">
        <input type="hidden" name="hub_id" value="${account.hubId}" />
        <p class="field">
          <label for="user_id">Signed in as</label
          ><select id="user_id" name="user_id">
            ${users}
          </select>
        </p>
        <div class="actions">
          <button class="primary" name="decision" value="grant">Connect app</button> <button name="decision" value="deny">Cancel</button>
        </div>
      </form>`,
    html`<div class="tiles" aria-hidden="true">${tile(app.name, "app")}<span class="link"></span>${tile(account.name)}</div>`,
  );
}

/** An error page. The person stays here; nothing is sent to the app. */
export function problemPage(problem: AuthorizationProblem): EmulatorResponse {
  return page(
    400,
    problem.title,
    html`<p class="notice" role="alert">${problem.detail}</p>
      <h2>What happens at HubSpot</h2>
      <p>
        The person sees an error page instead of the consent page, and stays there. The app was not connected, and is not told: nothing is
        sent to its redirect URL.
      </p>
      <h2>What to fix</h2>
      <p>${problem.fix}</p>`,
  );
}

/** What a denial shows when it sends no callback. */
export function cancelledPage(): EmulatorResponse {
  return page(200, "Not connected", html`<p>You cancelled. The app was not connected, and was not told. You can close this page.</p>`);
}

function accountCard(account: EmulatorAccount): Html {
  return html`<span class="card"
    >${tile(account.name)}<span
      ><strong>${account.name}</strong><br /><span class="small soft"
        >${account.hubDomain}<br />${account.hubId} · ${account.region}</span
      ></span
    ></span
  >`;
}

function tile(name: string, kind = ""): Html {
  const initials = name.split(/\s+/u).flatMap((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? []);
  return html`<span class="tile ${kind}" aria-hidden="true">${initials.slice(0, 2).join("").toUpperCase()}</span>`;
}

function scopeList(scopes: readonly string[]): Html {
  return html`<ul class="scopes">
    ${scopes.map((scope) => html`<li>${scopeInWords(scope)} <code class="soft">${scope}</code></li>`)}
  </ul>`;
}

function siteOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).host : uri;
}

function page(status: number, title: string, content: Html, above?: Html): EmulatorResponse {
  return {
    status,
    headers: {
      "content-type": "text/html;charset=utf-8",
      "cache-control": "no-store",
      // No form-action: browsers apply it to the redirect that follows the form, and that one leaves for the app.
      "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; base-uri 'none'; frame-ancestors 'none'`,
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
    body: html`<!doctype html>
      <html lang="en">
        <head>
          ${PAGE_HEAD}
          <title>${title}</title>
          ${STYLE}
        </head>
        <body>
          <main>
            ${above}
            <h1>${title}</h1>
            ${content}
          </main>
          <footer>Emulated HubSpot. A test server, with made-up accounts.</footer>
        </body>
      </html>`.text,
  };
}
