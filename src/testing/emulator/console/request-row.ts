/** One request of the log as a row of the console's table: what, whose, how it ended. No query, header or body, and no secret of the path. */

import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import type { LoggedRequest } from "../request-log.js";
import { fingerprint } from "./fingerprint.js";
import { timeOfDay } from "./time-words.js";

const GRANT_TYPES: ReadonlySet<string> = new Set(["authorization_code", "refresh_token", "client_credentials"]);

/** The row. Its element id is `request-{id}`. */
export function requestRow(emulator: HubSpotEmulator, request: LoggedRequest): Html {
  const { id, atMs, method, path, route, hubId, durationMs } = request;
  const grantType = request.form?.["grant_type"] ?? "";
  const account = emulator.accounts.find((candidate) => candidate.hubId === hubId);
  return html`<tr id="request-${id}">
    <td class="mono whole">${timeOfDay(atMs)}</td>
    <td>${statusPill(request)}</td>
    <td>
      <span class="request mono"><b>${method}</b> ${withoutSecrets(path)}</span>
      <span class="small soft">${route}${GRANT_TYPES.has(grantType) && ` · ${grantType}`}</span>
    </td>
    <td>${account?.name ?? html`<span class="soft">none</span>`}</td>
    <td class="number">
      ${durationMs === undefined ? html`<span class="soft">…</span>` : durationMs < 1 ? "< 1 ms" : `${Math.round(durationMs)} ms`}
    </td>
  </tr>`;
}

function statusPill({ status, durationMs }: LoggedRequest): Html {
  if (durationMs === undefined) return html`<span class="pill">waiting</span>`;
  if (status === undefined) return html`<span class="pill bad">no answer</span>`;
  return html`<span class="pill ${status < 400 ? "good" : status < 500 ? "warn" : "bad"}">${status}</span>`;
}

/** v1 has tokens in its paths, and nobody knows what an unknown path holds: whatever is long enough to be a secret becomes a fingerprint. */
function withoutSecrets(path: string): string {
  const named = /^(?<before>\/oauth\/v1\/(?:access|refresh)-tokens\/)(?<token>.+)$/u.exec(path)?.groups;
  if (named !== undefined) return `${named["before"]}${fingerprint(decode(named["token"] ?? ""))}…`;
  return path
    .split("/")
    .map((segment) => (segment.length > 32 ? `${fingerprint(decode(segment))}…` : segment))
    .join("/");
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
