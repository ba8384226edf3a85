// @ts-check
/** Pieces that several pages have: the state of a connection, times, the activity list, and where links lead. */
import { BASIC_SCOPE } from "./features.mjs";
import { html } from "./html.mjs";
import { ago, duration } from "./words.mjs";

/** @typedef {import("./connections.mjs").Connection} Connection */

/** @param {import("./words.mjs").Health} health */
export function badge({ state, label }) {
  return html`<span class="badge ${state}">${label}</span>`;
}

/**
 * Rows of a `dl` about the tokens.
 * @param {import("hubspot-oauth").AccountSummary} account
 * @param {number} nowMs
 */
export function tokenFacts(account, nowMs) {
  return html`<div>
      <dt>Access token</dt>
      <dd>${tokenWords(account, nowMs)}</dd>
    </div>
    <div>
      <dt>Last refreshed</dt>
      <dd>${time(account.refreshedAtMs, nowMs)}</dd>
    </div>`;
}

/**
 * @param {import("hubspot-oauth").AccountSummary} account
 * @param {number} nowMs
 */
function tokenWords({ status, expiresAtMs }, nowMs) {
  if (status === "dead") return "Ended";
  const left = expiresAtMs - nowMs;
  return left > 0 ? `${duration(left)} left` : "Renewed at the next call";
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 */
export function time(atMs, nowMs) {
  const exact = new Date(atMs).toISOString();
  return html`<time datetime="${exact}" title="${exact.slice(0, 16).replace("T", " ")} UTC">${ago(atMs, nowMs)}</time>`;
}

/**
 * @param {readonly import("./activity.mjs").Entry[]} entries
 * @param {number} nowMs
 * @param {ReadonlyMap<string, string>} [labels] of the accounts, where there are several
 */
export function activityList(entries, nowMs, labels) {
  if (entries.length === 0) return html`<p class="soft">Nothing has happened since this app was started.</p>`;
  return html`<ol class="activity">
    ${entries.map(
      ({ atMs, accountId, text, tone }) =>
        html`<li class="${tone}">
          <span>${labels && html`<strong>${labels.get(accountId)}</strong> `}${text}</span>${time(atMs, nowMs)}
        </li>`,
    )}
  </ol>`;
}

/** @param {Connection} connection */
export function pathOf({ hubId }) {
  return `/accounts/${hubId}`;
}

/** @param {Connection} connection */
export function reconnectPath(connection) {
  return connectPath({ account: connection.accountId, return_to: pathOf(connection) });
}

/**
 * @param {Connection} connection
 * @param {import("./features.mjs").Feature} feature
 */
export function allowPath(connection, { path, scope }) {
  // What everybody is asked for need not, and may not, be asked for extra.
  const extra = scope === BASIC_SCOPE ? {} : { scope };
  return connectPath({ account: connection.accountId, ...extra, return_to: `${pathOf(connection)}/${path}` });
}

/** @param {Record<string, string>} query */
function connectPath(query) {
  return `/hubspot/connect?${new URLSearchParams(query).toString()}`;
}
