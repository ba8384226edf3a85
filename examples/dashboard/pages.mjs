// @ts-check
/** The pages around the accounts: who you are, what is connected, what did not work. */
import { features } from "./features.mjs";
import { html } from "./html.mjs";
import { activityList, badge, pathOf, reconnectPath, tokenFacts } from "./page-parts.mjs";
import { people, tenants } from "./people.mjs";
import { healthOf } from "./words.mjs";

/** @typedef {import("hubspot-oauth").AccountSummary} Account */
/** @typedef {{ readonly connection: import("./connections.mjs").Connection, readonly account: Account | undefined }} Connected */

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
 * @param {readonly import("./activity.mjs").Entry[]} entries
 * @param {number} nowMs
 */
export function accountsPage(all, entries, nowMs) {
  const needy = all.filter(({ account }) => healthOf(account, nowMs).state !== "working").length;
  const summary = `${all.length} connected, ${needy === 0 ? "all working" : `${needy} to look at`}.`;
  const labels = new Map(all.map(({ connection }) => [connection.accountId, connection.label]));
  return html`<div class="heading">
      <div>
        <h1>HubSpot accounts</h1>
        ${all.length > 0 && html`<p class="lead">${summary}</p>`}
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
              ${all.map((connected) => accountCard(connected, nowMs))}
            </ul>
            <section aria-labelledby="activity">
              <h2 id="activity">Activity</h2>
              ${activityList(entries, nowMs, labels)}
            </section>`
    }`;
}

/**
 * @param {Connected} connected
 * @param {number} nowMs
 */
function accountCard({ connection, account }, nowMs) {
  const health = healthOf(account, nowMs);
  return html`<li class="card ${health.state}">
    <h2><a href="${pathOf(connection)}">${connection.label}</a></h2>
    <p class="top"><span class="soft">HubSpot account ${connection.hubId}</span>${badge(health)}</p>
    ${health.text && html`<p>${health.text}</p>`} ${account && facts(account, nowMs)}
    <p class="actions">
      ${
        health.reconnect
          ? html`<a class="button primary" href="${reconnectPath(connection)}">Connect again</a>`
          : html`<a class="button" href="${pathOf(connection)}/contacts">Contacts</a>`
      } <a class="button" href="${pathOf(connection)}" aria-label="Details of ${connection.label}">Details</a>
    </p>
  </li>`;
}

/**
 * @param {Account} account
 * @param {number} nowMs
 */
function facts(account, nowMs) {
  const allowed = features.filter(({ scope }) => account.scopes.includes(scope));
  return html`<dl class="facts">
    ${tokenFacts(account, nowMs)}
    <div>
      <dt>Permissions</dt>
      <dd>${allowed.length} of ${features.length}</dd>
    </div>
  </dl>`;
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
