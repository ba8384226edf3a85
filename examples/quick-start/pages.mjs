// @ts-check
/** The app's pages. Everything that was not written here goes through `escapeHtml`. */
import { duration } from "./print.mjs";

export function welcomePage() {
  return page("Connect to HubSpot", `<p>This app would like to read your contacts.</p>${button("/connect", "Connect HubSpot")}`);
}

/**
 * @param {readonly { readonly id: string, readonly name: string, readonly email: string }[]} contacts
 * @param {import("hubspot-oauth").AccountSummary} account
 * @param {import("hubspot-oauth/testing").HubSpotEmulator} emulator
 */
export function connectedPage(contacts, account, emulator) {
  const rows = contacts.map(
    ({ id, name, email }) => `<tr>${[id, name, email].map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`,
  );
  const refreshes = emulator.count({ route: "token", grantType: "refresh_token" });
  return page(
    `Contacts of account ${account.accountId}`,
    `<p>Access token: ${duration(account.expiresAtMs - emulator.now())} left. Refreshes so far: ${refreshes}.</p>
<p>${button("/time", "Let 30 minutes pass")} ${button("/disconnect", "Disconnect")}</p>
<table><thead><tr><th>id</th><th>name</th><th>email</th></tr></thead><tbody>${rows.join("")}</tbody></table>`,
  );
}

/**
 * @param {string} message
 * @param {string} [code]
 */
export function errorPage(message, code) {
  const name = code === undefined ? "" : `<p>Error code: <code>${escapeHtml(code)}</code></p>`;
  return page("That did not work", `<p role="alert">${escapeHtml(message)}</p>${name}<p><a href="/">Back to the start</a></p>`);
}

/**
 * @param {string} action
 * @param {string} label
 */
function button(action, label) {
  return `<form method="post" action="${action}"><button>${label}</button></form>`;
}

/**
 * @param {string} title
 * @param {string} content
 */
function page(title, content) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>body{max-width:44rem;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}form{display:inline}button{font:inherit;padding:.4rem 1rem}
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem 2rem .2rem 0}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>${content}</main></body></html>
`;
}

/** @param {string} text */
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
