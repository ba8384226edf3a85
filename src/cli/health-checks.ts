/**
 * What `doctor` looks at besides the source tree. Each check answers in one line; none changes anything, but for the probe of the store
 * that has to be asked for.
 */
import { randomUUID } from "node:crypto";
import diagnostics from "node:diagnostics_channel";
import {
  ConfigurationError,
  type HubSpotOAuthClient,
  isHubSpotOAuthError,
  type StoredTokens,
  type TokenStore,
  TokenRequestError,
} from "../index.js";
import { SettingsError } from "./exit-status.js";
import type { Session } from "./session.js";
import { duration } from "./times.js";

/** The result of one check. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warning" | "problem" | "skipped";
  readonly message: string;
}

/** No account of HubSpot's has this id: it is not a number. */
const PROBE_ID = "hubspot-oauth:doctor";
/** How many accounts are named. */
const MOST_NAMED = 5;

/** This process. */
export function checkNode(): Check {
  const name = "Node";
  if (process.env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    return { name, status: "problem", message: "NODE_TLS_REJECT_UNAUTHORIZED=0 lets anybody read the tokens: remove it" };
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isSupported = major > 20 || (major === 20 && minor >= 19);
  return {
    name,
    status: isSupported ? "ok" : "problem",
    message: `${process.versions.node}${isSupported ? "" : ": 20.19 or newer is needed"}`,
  };
}

/** Whether there is a client to be made. */
export async function checkSettings(session: Session): Promise<Check> {
  const name = "settings";
  const { settings } = session;
  if (settings.isEmpty) return { name, status: "skipped", message: "nothing is configured here: only the sources are looked at" };
  try {
    await session.oauth();
    return { name, status: "ok", message: settings.file === undefined ? "the environment" : `${settings.file}, under the environment` };
  } catch (error) {
    if (error instanceof SettingsError) return { name, status: "problem", message: error.message };
    return failed(name, error);
  }
}

/** Where HubSpot sends users back to. */
export async function checkRedirect(oauth: HubSpotOAuthClient): Promise<Check> {
  const { url } = await oauth.createAuthorization({ binding: "doctor" });
  const address = new URL(url);
  const redirectUri = address.searchParams.get("redirect_uri") ?? "";
  const isLocal = redirectUri.startsWith("http:");
  const where = /(?:^|\.)hubspot\.com$/.test(address.hostname) ? "" : `; users are sent to ${address.origin}, which is not HubSpot`;
  return {
    name: "redirect URI",
    status: "ok",
    message: `${redirectUri} (${isLocal ? "for development; " : ""}the app at HubSpot must have it letter by letter)${where}`,
  };
}

/** Whether the store answers; with `write`, whether it keeps what it is given. */
export async function checkStore(store: TokenStore, { write }: { readonly write: boolean }): Promise<Check> {
  const name = "token store";
  try {
    await store.get(PROBE_ID);
    if (write) await probe(store);
    const encrypted = "rotateKeys" in store ? "encrypted" : "not encrypted";
    const shared = store.lease === undefined ? ", without leases" : "";
    return { name, status: "ok", message: `${write ? "reads, writes, compares and deletes" : "can be read"} (${encrypted}${shared})` };
  } catch (error) {
    return failed(name, error);
  }
}

/** Writes, reads and deletes a record that nobody would refresh: it is dead. @throws Error when the store does something else */
async function probe(store: TokenStore): Promise<void> {
  const now = Date.now();
  const record: StoredTokens = {
    ...{ version: randomUUID(), format: 1, accountId: PROBE_ID, hubId: "0", clientId: "doctor", grantId: randomUUID() },
    ...{ obtainedAtMs: now, expiresInMs: 0, connectedAtMs: now, status: "dead", reason: "a probe of hubspot-oauth doctor" },
  };
  const written = await store.set(PROBE_ID, record, { ifVersion: null });
  if (written === false) throw new Error(`another record stands at ${PROBE_ID}: another doctor may be at work`);
  try {
    if ((await store.get(PROBE_ID))?.version !== record.version) throw new Error("what was written does not come back");
    if (written === undefined) throw new Error("it writes without comparing versions: safe in one process only");
  } finally {
    await store.delete(PROBE_ID, { ifVersion: record.version });
  }
}

/** Dead grants, and accounts that lack configured scopes, by the records alone. */
export async function checkAccounts(oauth: HubSpotOAuthClient, configured: readonly string[], signal: AbortSignal): Promise<Check> {
  const name = "accounts";
  const dead: string[] = [];
  const lacking: string[] = [];
  let count = 0;
  try {
    for await (const { accountId, status, scopes } of oauth.accounts()) {
      signal.throwIfAborted();
      count++;
      if (status === "dead") dead.push(accountId);
      else if (scopes.length > 0 && configured.some((scope) => scope !== "oauth" && !scopes.includes(scope))) lacking.push(accountId);
    }
  } catch (error) {
    if (error instanceof ConfigurationError) return { name, status: "warning", message: error.message };
    return failed(name, error);
  }
  const troubles = [
    ...(dead.length > 0 ? [`${dead.length} dead (${some(dead)})`] : []),
    ...(lacking.length > 0 ? [`${lacking.length} without all configured scopes (${some(lacking)})`] : []),
  ];
  if (troubles.length === 0) return { name, status: "ok", message: `${count} connected, all with the configured scopes` };
  return { name, status: "warning", message: `${count} connected, ${troubles.join(", ")}: connect them again` };
}

/** What one question to HubSpot tells: whether it is there, whose clock is right, and whether it refuses the app. */
export async function checkHubSpot(oauth: HubSpotOAuthClient, signal: AbortSignal): Promise<Check[]> {
  let skewMs = 0;
  const listen = (event: unknown): void => {
    skewMs = (event as { readonly skewMs?: number }).skewMs ?? 0;
  };
  diagnostics.subscribe("hubspot-oauth:clock.skew", listen);
  try {
    // A token that HubSpot does not know, and nothing that could be lost.
    await oauth.introspect(`doctor-${randomUUID()}`, { signal });
    const told = "HubSpot did not refuse them when asked about a made-up token; only a refresh proves the secret";
    return [{ name: "HubSpot", status: "ok", message: "answers" }, clock(skewMs), { name: "id and secret", status: "ok", message: told }];
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return [
        { name: "HubSpot", status: "ok", message: "answers" },
        clock(skewMs),
        { name: "id and secret", status: "problem", message: error.message },
      ];
    }
    if (!(error instanceof TokenRequestError)) return [failed("HubSpot", error), ...untold];
    const message = `could not be told from HubSpot's answer: ${error.message}`;
    return [{ name: "HubSpot", status: "ok", message: "answers" }, clock(skewMs), { name: "id and secret", status: "warning", message }];
  } finally {
    diagnostics.unsubscribe("hubspot-oauth:clock.skew", listen);
  }
}

const untold: readonly Check[] = [
  { name: "clock", status: "skipped", message: "HubSpot's is not known" },
  { name: "id and secret", status: "skipped", message: "could not be told: HubSpot did not answer" },
];

function clock(skewMs: number): Check {
  if (skewMs === 0) return { name: "clock", status: "ok", message: "within a minute of HubSpot's" };
  const direction = skewMs > 0 ? "behind" : "ahead of";
  return { name: "clock", status: "problem", message: `this machine's is ${duration(skewMs)} ${direction} HubSpot's: set it` };
}

function failed(name: string, error: unknown): Check {
  if (!isHubSpotOAuthError(error) && !(error instanceof Error)) throw error;
  return { name, status: "problem", message: error.message };
}

function some(ids: readonly string[]): string {
  return ids.length <= MOST_NAMED ? ids.join(", ") : `${ids.slice(0, MOST_NAMED).join(", ")} and others`;
}
