// @ts-check
/** The pages of one account: its connection, its records, and the question before it is disconnected. */
import { features } from "./features.mjs";
import { html } from "./html.mjs";
import { activityList, allowPath, badge, pathOf, reconnectPath, time, tokenFacts } from "./page-parts.mjs";
import { healthOf } from "./words.mjs";

/** @typedef {import("./connections.mjs").Connection} Connection */
/** @typedef {import("hubspot-oauth").AccountSummary} Account */

/**
 * One account.
 * @param {{ readonly connection: Connection, readonly account: Account | undefined }} connected
 * @param {readonly import("./activity.mjs").Entry[]} entries
 * @param {number} nowMs
 */
export function accountPage({ connection, account }, entries, nowMs) {
  const health = healthOf(account, nowMs);
  return html`${accountHeading(connection, health, undefined)}
    ${
      health.text &&
      html`<div class="alert ${health.state}" role="alert">
        <p>${health.text}</p>
        ${health.reconnect && html`<a class="button primary" href="${reconnectPath(connection)}">Connect again</a>`}
      </div>`
    }
    <div class="columns">
      <div>
        <section class="card" aria-labelledby="connection">
          <h2 id="connection">Connection</h2>
          <dl class="rows">
            <div>
              <dt>HubSpot account</dt>
              <dd>${connection.hubId}</dd>
            </div>
            <div>
              <dt>Connected by</dt>
              <dd>${connection.connectedBy}${account && html`, ${time(account.connectedAtMs, nowMs)}`}</dd>
            </div>
            ${account && tokenFacts(account, nowMs)}
          </dl>
          <div class="actions">
            <form method="post" action="${pathOf(connection)}/check"><button>Check now</button></form>
            <a class="button danger" href="${pathOf(connection)}/disconnect">Disconnect</a>
          </div>
        </section>
        ${account && permissions(connection, account)}
      </div>
      <section class="card" aria-labelledby="activity">
        <h2 id="activity">Activity</h2>
        ${activityList(entries, nowMs)}
      </section>
    </div>`;
}

/**
 * @param {Connection} connection
 * @param {Account} account
 */
function permissions(connection, account) {
  const rows = features.map((feature) => {
    const isAllowed = account.scopes.includes(feature.scope);
    return html`<tr>
      <th scope="row">${feature.label}<code>${feature.scope}</code></th>
      <td>
        ${
          isAllowed
            ? html`<span class="yes">Allowed</span>`
            : html`<a class="button" href="${allowPath(connection, feature)}" aria-label="Allow ${feature.label.toLowerCase()}">Allow</a>`
        }
      </td>
    </tr>`;
  });
  const more = account.scopes.filter((scope) => scope !== "oauth" && !features.some((feature) => feature.scope === scope));
  return html`<section class="card" aria-labelledby="permissions">
    <h2 id="permissions">Permissions</h2>
    <table class="permissions">
      <thead class="hidden">
        <tr>
          <th scope="col">What the app may read</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
    ${more.length > 0 && html`<p class="soft">Granted besides: ${more.join(", ")}</p>`}
  </section>`;
}

/**
 * Records of one kind, a page of them.
 * @param {Connection} connection
 * @param {import("./features.mjs").Feature} feature
 * @param {{ readonly rows: readonly (readonly string[])[], readonly next: string | undefined }} page
 * @param {boolean} isFirst
 */
export function recordsPage(connection, feature, { rows, next }, isFirst) {
  const path = `${pathOf(connection)}/${feature.path}`;
  return html`${accountHeading(connection, undefined, feature)}
  ${
    rows.length === 0
      ? html`<p class="card">There is nothing here.</p>`
      : html`<div class="card scroll" tabindex="0" role="region" aria-label="${feature.label}">
          <table>
            <thead>
              <tr>
                ${feature.columns.map(({ label }) => html`<th scope="col">${label}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rows.map(
                (cells) =>
                  html`<tr>
                    ${cells.map((cell) => html`<td>${cell || "–"}</td>`)}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`
  }
  ${
    (next !== undefined || !isFirst) &&
    html`<nav class="actions" aria-label="Pages">
      ${!isFirst && html`<a class="button" href="${path}">First page</a>`}
      ${next !== undefined && html`<a class="button" href="${path}?after=${encodeURIComponent(next)}" rel="next">Next page</a>`}
    </nav>`
  }`;
}

/**
 * @param {Connection} connection
 * @param {import("./words.mjs").Explanation} explanation
 * @param {import("./features.mjs").Feature} feature
 * @param {string} path of the page that did not work
 */
export function recordsProblemPage(connection, { title, text, help }, feature, path) {
  const ways = {
    connect: { label: "Connect again", path: reconnectPath(connection) },
    allow: { label: `Allow ${feature.label.toLowerCase()}`, path: allowPath(connection, feature) },
    retry: { label: "Try again", path },
  };
  const way = help && ways[help];
  return html`${accountHeading(connection, undefined, feature)}
    <section class="card" aria-labelledby="problem">
      <h2 id="problem">${title}</h2>
      <p role="alert">${text}</p>
      ${way && html`<p class="actions"><a class="button primary" href="${way.path}">${way.label}</a></p>`}
    </section>`;
}

/** @param {Connection} connection */
export function disconnectPage(connection) {
  return html`<div class="narrow">
    <h1>Disconnect ${connection.label}?</h1>
    <section class="card">
      <p>
        This app deletes its tokens for HubSpot account ${connection.hubId}, and tells HubSpot to end them. Nothing in HubSpot is deleted,
        and you can connect again at any time.
      </p>
      <div class="actions">
        <form method="post" action="/hubspot/disconnect?account=${encodeURIComponent(connection.accountId)}">
          <button class="danger">Disconnect</button>
        </form>
        <a class="button" href="${pathOf(connection)}">Keep it</a>
      </div>
    </section>
  </div>`;
}

/**
 * @param {Connection} connection
 * @param {import("./words.mjs").Health | undefined} health
 * @param {import("./features.mjs").Feature | undefined} current
 */
function accountHeading(connection, health, current) {
  const tabs = [
    { label: "Overview", path: pathOf(connection) },
    ...features.map(({ label, path }) => ({ label, path: `${pathOf(connection)}/${path}` })),
  ];
  const here = current === undefined ? tabs[0]?.path : `${pathOf(connection)}/${current.path}`;
  return html`<p class="crumb"><a href="/">HubSpot accounts</a></p>
    <div class="heading">
      <h1>${connection.label}</h1>
      ${health && badge(health)}
    </div>
    <nav class="tabs" aria-label="${connection.label}">
      ${tabs.map(({ label, path }) => html`<a href="${path}" ${path === here && html` aria-current="page"`}>${label}</a>`)}
    </nav>`;
}
