/** The accounts: who they are, what is installed in them, and the buttons that end that. */

import type { EmulatorAccount } from "../directory.js";
import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";

/** One list item per account. */
export function accountItems(emulator: HubSpotEmulator): Html {
  return html`${emulator.accounts.map((account) => accountItem(emulator, account))}`;
}

function accountItem(emulator: HubSpotEmulator, account: EmulatorAccount): Html {
  const { hubId, name, hubDomain, region, users, deleted } = account;
  return html`<li class="card">
    <h3>${name} ${deleted && html`<span class="pill bad">deleted</span>`}</h3>
    <dl>
      <dt>Hub id</dt>
      <dd class="mono">${hubId}</dd>
      <dt>Region</dt>
      <dd>${region} <span class="soft">· ${hubDomain}</span></dd>
      <dt>Users</dt>
      <dd>${users.map(({ email, userId }) => html`<span class="line">${email} <span class="soft">· ${userId}</span></span>`)}</dd>
      <dt>Installed</dt>
      <dd>${installs(emulator, hubId)}</dd>
    </dl>
    <form method="post" class="buttons">
      <input type="hidden" name="hub_id" value="${hubId}" />
      ${button("expire-tokens", "Expire tokens", "of", account)} ${button("revoke-grant", "Revoke grant", "of", account)}
      ${button("uninstall", "Uninstall", "from", account)}
    </form>
  </li>`;
}

/** The visible words first, so that a person who speaks to the browser can say them. */
function button(action: string, label: string, word: string, { hubId, name }: EmulatorAccount): Html {
  return html`<button id="${action}-${hubId}" formaction="/console/actions/${action}">
    ${label}<span class="hidden"> ${word} ${name}</span>
  </button>`;
}

function installs(emulator: HubSpotEmulator, hubId: number): Html {
  const living = emulator.grants.filter((grant) => grant.hubId === hubId && !grant.revoked);
  if (living.length === 0) return html`<span class="soft">nothing</span>`;
  return html`${living.map(({ clientId, userId, scopes }) => {
    const app = emulator.apps.find((candidate) => candidate.clientId === clientId);
    const scopeCount = scopes.length === 1 ? "1 scope" : `${scopes.length} scopes`;
    return html`<span class="line">${app?.name} <span class="soft">· by user ${userId} · ${scopeCount}</span></span>`;
  })}`;
}
