/** The tokens and what is left of them. A token itself is never shown. */

import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import type { AccessToken } from "../state.js";
import { fingerprint } from "./fingerprint.js";
import { timeLeft } from "./time-words.js";

/** What is left of an access token, and the element to put it into. */
export interface TimeLeft {
  readonly id: string;
  readonly html: Html;
}

/** A page that shows every token of a long test would show nothing. */
const MAX_SHOWN = 40;

/** The table's rows: refresh tokens of each grant, then access tokens, the newest first. `times` fills in what is left of them. */
export function tokenRows(emulator: HubSpotEmulator, times: readonly TimeLeft[] = []): Html {
  const grants = emulator.grants.toReversed().slice(0, MAX_SHOWN);
  const accessTokens = newestAccessTokens(emulator);
  const timeCell = (token: Readonly<AccessToken>): Html =>
    html`<span id="${timeId(token)}">${times.find(({ id }) => id === timeId(token))?.html}</span>`;
  const hidden = emulator.grants.length + emulator.accessTokens.length - grants.length - accessTokens.length;
  if (grants.length + accessTokens.length === 0)
    return html`<tr>
      <td colspan="4" class="soft">None yet. Connect an app.</td>
    </tr>`;
  return html`${grants.map((grant) =>
    tokenRow(emulator, "Refresh", grant.refreshToken, grant, grant.revoked ? pill("revoked", "bad") : pill("until revoked", "good")),
  )}
  ${accessTokens.map((token) => tokenRow(emulator, "Access", token.token, token, token.stopped ? pill("stopped", "bad") : timeCell(token)))}
  ${
    hidden > 0 &&
    html`<tr>
      <td colspan="4" class="soft">${hidden} older ones are not shown.</td>
    </tr>`
  }`;
}

/** The time left of each access token shown. */
export function timesLeft(emulator: HubSpotEmulator): readonly TimeLeft[] {
  return newestAccessTokens(emulator)
    .filter(({ stopped }) => !stopped)
    .map((token) => {
      const left = timeLeft(token.expiresAtMs - emulator.now());
      return { id: timeId(token), html: pill(left, left === "expired" ? "warn" : "good") };
    });
}

function newestAccessTokens(emulator: HubSpotEmulator): readonly Readonly<AccessToken>[] {
  return emulator.accessTokens.slice(-MAX_SHOWN).toReversed();
}

function tokenRow(
  emulator: HubSpotEmulator,
  kind: string,
  token: string,
  owner: { readonly clientId: string; readonly hubId: number | undefined },
  state: Html,
): Html {
  const account = emulator.accounts.find(({ hubId }) => hubId === owner.hubId);
  const app = emulator.apps.find(({ clientId }) => clientId === owner.clientId);
  return html`<tr>
    <td>${kind}</td>
    <td>${state}</td>
    <td>${account?.name ?? "the app itself"}${emulator.apps.length > 1 && html`<br /><span class="small soft">${app?.name}</span>`}</td>
    <td><code>${fingerprint(token)}</code></td>
  </tr>`;
}

function timeId({ token }: Readonly<AccessToken>): string {
  return `left-${fingerprint(token)}`;
}

function pill(words: string, kind: "good" | "warn" | "bad"): Html {
  return html`<span class="pill ${kind}">${words}</span>`;
}
