// @ts-check
/** The app's pages, the same for every framework. Everything that was not written here goes through `escapeHtml`. */
import { DEALS_SCOPE } from "./crm.mjs";
import { users } from "./users.mjs";

/** For every page: nothing is loaded, no script runs, no other site shows it in a frame. */
export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
};

/** Nobody is signed in. */
export function signInPage() {
  const buttons = users.map(({ id, name }) => `<button name="user" value="${escapeHtml(id)}">Sign in as ${escapeHtml(name)}</button>`);
  return page("Who are you?", `<form method="post" action="/sign-in">${buttons.join(" ")}</form>`);
}

/**
 * @param {import("./users.mjs").User} user
 * @param {import("hubspot-oauth").AccountSummary | undefined} account
 */
export function homePage(user, account) {
  const content =
    account === undefined
      ? `<p>Your HubSpot account is not connected.</p><p>${connectLink("Connect HubSpot")}</p>`
      : `<p>HubSpot account ${escapeHtml(account.hubId)} is connected. ${account.status === "dead" ? "HubSpot has ended the connection." : ""}</p>
<p>It has granted:</p><ul>${account.scopes.map((scope) => `<li><code>${escapeHtml(scope)}</code></li>`).join("")}</ul>
<p><a href="/contacts">Contacts</a> <a href="/deals">Deals</a></p>
<p>${connectLink("Connect again", { account: account.accountId, return_to: "/" })}</p>
<form method="post" action="/hubspot/disconnect?account=${encodeURIComponent(account.accountId)}"><button>Disconnect</button></form>`;
  return page(`Hello, ${user.name}`, `${content}<form method="post" action="/sign-out"><button>Sign out</button></form>`);
}

/**
 * @param {string} title
 * @param {readonly (readonly string[])[]} rows
 */
export function listPage(title, rows) {
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`);
  return page(title, `<table><tbody>${lines.join("")}</tbody></table>${BACK}`);
}

/**
 * What `explain` says of a failed call, with the link that helps.
 * @param {ReturnType<typeof import("./crm.mjs").explain>} problem
 * @param {string} accountId
 * @param {string} path where to come back to
 */
export function problemPage({ text, connect }, accountId, path) {
  const label = connect?.scope === DEALS_SCOPE ? "Allow deals" : "Connect HubSpot";
  // With `account` it is a reconnect: it keeps the scopes that were granted and has to end at the same HubSpot account.
  const link =
    connect === undefined ? "" : connectLink(label, { ...connect, ...(connect.scope && { account: accountId }), return_to: path });
  return page("That did not work", `<p role="alert">${escapeHtml(text)}</p><p>${link}</p>${BACK}`);
}

const BACK = `<p><a href="/">Back</a></p>`;

/**
 * A link, not a form: what follows is a redirect to another site.
 * @param {string} label
 * @param {Record<string, string>} [query]
 */
function connectLink(label, query = {}) {
  const path = ["/hubspot/connect", new URLSearchParams(query).toString()].filter(Boolean).join("?");
  return `<a href="${escapeHtml(path)}">${escapeHtml(label)}</a>`;
}

/**
 * @param {string} title
 * @param {string} content
 */
function page(title, content) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title>
<style>:root{color-scheme:light dark}body{max-width:44rem;margin:3rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}
a{margin-right:1rem}form{margin:1rem 0}button{font:inherit;padding:.4rem 1rem}td{padding:.2rem 2rem .2rem 0}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>${content}</main></body></html>
`;
}

/** @param {string} text */
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
