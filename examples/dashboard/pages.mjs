// @ts-check
/** The pages, from what the routes have found out. */
import { BASIC_SCOPE, features } from "./features.mjs";
import { html } from "./html.mjs";
import { people, tenants } from "./people.mjs";
import { ago, duration, healthOf } from "./words.mjs";

/** @typedef {import("./connections.mjs").Connection} Connection */
/** @typedef {import("hubspot-oauth").AccountSummary} Account */
/** @typedef {{ readonly connection: Connection, readonly account: Account | undefined }} Connected */
/** @typedef {readonly import("./activity.mjs").Entry[]} Entries */

/** Nobody is signed in. */
export function signInPage() {
  const cards = tenants.map(
    (tenant) =>
      html`<section class="card" aria-labelledby="${tenant.id}">
        <h2 id="${tenant.id}">${tenant.name}</h2>
        <form class="stack" method="post" action="/sign-in">
          ${people
            .filter((person) => person.tenant === tenant)
            .map((person) => html`<button name="person" value="${person.id}">Sign in as ${person.name}</button>`)}
        </form>
      </section>`,
  );
  return html`<div class="narrow">
    <h1>Sign in</h1>
    <p class="lead">Two companies use this app. Each sees the HubSpot accounts that its own people have connected.</p>
    <div class="grid">${cards}</div>
  </div>`;
}

/**
 * All accounts of a tenant.
 * @param {readonly Connected[]} all
 * @param {Entries} entries
 */
export function accountsPage(all, entries) {
  const needy = all.filter(({ account }) => healthOf(account).state !== "working").length;
  const summary =
    needy === 0 ? "All of them are working." : needy === 1 ? "One of them needs your attention." : `${needy} of them need your attention.`;
  const labels = new Map(all.map(({ connection }) => [connection.accountId, connection.label]));
  return html`<div class="heading">
      <div>
        <h1>HubSpot accounts</h1>
        ${all.length > 0 && html`<p class="lead">${all.length === 1 ? "One account is connected." : `${all.length} accounts are connected.`} ${summary}</p>`}
      </div>
      ${all.length > 0 && html`<a class="button primary" href="/hubspot/connect">Connect an account</a>`}
    </div>
    ${
      all.length === 0
        ? html`<section class="card empty">
            <h2>No account yet</h2>
            <p>
              Connect a HubSpot account to see its contacts here. HubSpot asks which account, and shows what this app may read. It never
              changes anything.
            </p>
            <a class="button primary" href="/hubspot/connect">Connect an account</a>
          </section>`
        : html`<ul class="grid accounts">
              ${all.map(accountCard)}
            </ul>
            <section aria-labelledby="activity">
              <h2 id="activity">Activity</h2>
              ${activityList(entries, labels)}
            </section>`
    }`;
}

/** @param {Connected} connected */
function accountCard({ connection, account }) {
  const health = healthOf(account);
  return html`<li class="card ${health.state}">
    <h2><a href="${pathOf(connection)}">${connection.label}</a></h2>
    <p class="top"><span class="soft">HubSpot account ${connection.hubId}</span>${badge(health)}</p>
    ${health.text && html`<p>${health.text}</p>`} ${account && facts(account)}
    <p class="actions">
      ${
        health.reconnect
          ? html`<a class="button primary" href="${reconnectPath(connection)}">Connect again</a>`
          : html`<a class="button" href="${pathOf(connection)}/contacts">Contacts</a>`
      } <a class="button" href="${pathOf(connection)}" aria-label="Details of ${connection.label}">Details</a>
    </p>
  </li>`;
}

/** @param {Account} account */
function facts(account) {
  const allowed = features.filter(({ scope }) => account.scopes.includes(scope));
  return html`<dl class="facts">
    <div>
      <dt>Access token</dt>
      <dd>${tokenWords(account)}</dd>
    </div>
    <div>
      <dt>Last refreshed</dt>
      <dd>${time(account.refreshedAtMs)}</dd>
    </div>
    <div>
      <dt>Permissions</dt>
      <dd>${allowed.length} of ${features.length}</dd>
    </div>
  </dl>`;
}

/** @param {Account} account */
function tokenWords({ status, expiresAtMs }) {
  const left = expiresAtMs - Date.now();
  if (left > 0) return `${duration(left)} left`;
  return status === "dead" ? "Ended" : "Renewed at the next call";
}

/**
 * One account.
 * @param {Connected} connected
 * @param {Entries} entries
 */
export function accountPage({ connection, account }, entries) {
  const health = healthOf(account);
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
              <dd>${connection.connectedBy}${account && html`, ${time(account.connectedAtMs)}`}</dd>
            </div>
            ${
              account &&
              html`<div>
                  <dt>Access token</dt>
                  <dd>${tokenWords(account)}</dd>
                </div>
                <div>
                  <dt>Last refreshed</dt>
                  <dd>${time(account.refreshedAtMs)}</dd>
                </div>`
            }
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
        ${activityList(entries)}
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
 * Something did not work.
 * @param {object} problem
 * @param {string} problem.title
 * @param {string} problem.text
 * @param {{ readonly label: string, readonly path: string } | undefined} [problem.way] what helps
 * @param {string} [problem.back]
 */
export function problemPage({ title, text, way, back = "/" }) {
  return html`<div class="narrow">
    <h1>${title}</h1>
    <section class="card">
      <p role="alert">${text}</p>
      <p class="actions">
        ${way && html`<a class="button primary" href="${way.path}">${way.label}</a>`}<a class="button" href="${back}">Back</a>
      </p>
    </section>
  </div>`;
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

/** @param {import("./words.mjs").Health} health */
function badge({ state, label }) {
  return html`<span class="badge ${state}">${label}</span>`;
}

/**
 * @param {Entries} entries
 * @param {ReadonlyMap<string, string>} [labels] of the accounts, where there are several
 */
function activityList(entries, labels) {
  if (entries.length === 0) return html`<p class="soft">Nothing has happened since this app was started.</p>`;
  return html`<ol class="activity">
    ${entries.map(
      ({ atMs, accountId, text, tone }) =>
        html`<li class="${tone}"><span>${labels && html`<strong>${labels.get(accountId)}</strong> `}${text}</span>${time(atMs)}</li>`,
    )}
  </ol>`;
}

/** @param {number} atMs */
function time(atMs) {
  const exact = new Date(atMs).toISOString();
  return html`<time datetime="${exact}" title="${exact.slice(0, 16).replace("T", " ")} UTC">${ago(atMs)}</time>`;
}

/** @param {Connection} connection */
function pathOf({ hubId }) {
  return `/accounts/${hubId}`;
}

/** @param {Connection} connection */
function reconnectPath(connection) {
  return connectPath({ account: connection.accountId, return_to: pathOf(connection) });
}

/**
 * @param {Connection} connection
 * @param {import("./features.mjs").Feature} feature
 */
function allowPath(connection, { path, scope }) {
  // What everybody is asked for need not, and may not, be asked for extra.
  const extra = scope === BASIC_SCOPE ? {} : { scope };
  return connectPath({ account: connection.accountId, ...extra, return_to: `${pathOf(connection)}/${path}` });
}

/** @param {Record<string, string>} query */
function connectPath(query) {
  return `/hubspot/connect?${new URLSearchParams(query).toString()}`;
}
