/**
 * Who is calling an API: OAuth access tokens and private app tokens in `Authorization: Bearer`, and HubSpot's 401 and 403 for the rest.
 */

import { authenticationExpired, authenticationMissing, missingScopes } from "./api-errors.js";
import type { EmulatorAccount } from "./directory.js";
import type { EmulatorResponse, ParsedRequest } from "./messages.js";
import type { RouteContext } from "./route-table.js";
import type { EmulatorState } from "./state.js";

/** A caller that may do what it asks for. */
export interface Caller {
  readonly account: EmulatorAccount;
  /** The app; undefined for a private app token. */
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
}

/** Checks the token, and that it has one of `anyOf`. Anything with a `status` is the error to answer. */
export function authenticate({ state, request }: RouteContext, anyOf: readonly string[]): Caller | EmulatorResponse {
  const token = bearerToken(request);
  if (token === undefined) return authenticationMissing();
  const privateApp = findPrivateApp(state, token);
  if (privateApp !== undefined) {
    const caller = { ...privateApp, clientId: undefined };
    return lackedScopes(caller, anyOf) ?? caller;
  }
  if (token.startsWith("pat-")) return authenticationMissing();
  const found = state.findAccessToken(token);
  if (found === undefined) return authenticationExpired(0, state.now());
  const account = state.findAccount(found.hubId);
  if (found.stopped || account === undefined) {
    const expired = state.settings.uninstalledTokenCategory === "EXPIRED_AUTHENTICATION";
    return expired ? authenticationExpired(Math.min(found.expiresAtMs, state.now()), state.now()) : authenticationMissing();
  }
  if (state.now() >= found.expiresAtMs) return authenticationExpired(found.expiresAtMs, state.now());
  const caller = { account, clientId: found.clientId, scopes: found.scopes };
  return lackedScopes(caller, anyOf) ?? caller;
}

/** The 403 for a caller that has none of the scopes, one of which would do. */
export function lackedScopes(caller: Pick<Caller, "scopes">, anyOf: readonly string[]): EmulatorResponse | undefined {
  return anyOf.length === 0 || anyOf.some((scope) => caller.scopes.includes(scope)) ? undefined : missingScopes(anyOf);
}

/** The account and the app a request concerns, read from its token, code or parameters before anything is checked; for the log. */
export function concerned(
  state: EmulatorState,
  request: ParsedRequest,
): { readonly hubId: number | undefined; readonly clientId: string | undefined } {
  const form: Readonly<Record<string, string | undefined>> = request.form ?? {};
  const token = bearerToken(request);
  const owner =
    state.findAccessToken(token) ??
    state.findCode(form["code"]) ??
    state.findRefreshToken(form["refresh_token"] ?? form["token"])?.grant ??
    state.findAccessToken(form["token"]);
  const named = state.findAccount(Number(form["hub_id"]))?.hubId;
  const clientId = state.findApp(form["client_id"] ?? request.url.searchParams.get("client_id") ?? undefined)?.clientId;
  return {
    hubId: named ?? owner?.hubId ?? (token === undefined ? undefined : findPrivateApp(state, token)?.account.hubId),
    clientId: clientId ?? owner?.clientId,
  };
}

/** Whose limit a call counts against: one app in one account. Undefined when the token is nobody's. */
export function limitedCaller(state: EmulatorState, request: ParsedRequest): string | undefined {
  const token = bearerToken(request);
  const found = state.findAccessToken(token);
  if (found !== undefined) return found.hubId === undefined ? undefined : `${found.clientId}:${found.hubId}`;
  return token !== undefined && findPrivateApp(state, token) !== undefined ? token : undefined;
}

/** The headers HubSpot puts on API answers. Generous and constant, unless a limit is set. */
export function rateLimitHeaders(request: ParsedRequest): Record<string, string> {
  const interval = {
    "x-hubspot-ratelimit-interval-milliseconds": "10000",
    "x-hubspot-ratelimit-max": "110",
  };
  const headers = { ...interval, "x-hubspot-ratelimit-remaining": "109" };
  // The daily pair is not sent on OAuth calls.
  if (bearerToken(request)?.startsWith("pat-") !== true) return headers;
  return {
    ...headers,
    "x-hubspot-ratelimit-daily": "250000",
    "x-hubspot-ratelimit-daily-remaining": "249999",
  };
}

function bearerToken(request: ParsedRequest): string | undefined {
  return /^Bearer +(?<token>\S+)$/iu.exec(request.headers["authorization"] ?? "")?.groups?.["token"];
}

function findPrivateApp(state: EmulatorState, token: string): { account: EmulatorAccount; scopes: readonly string[] } | undefined {
  for (const account of state.accounts) {
    const app = account.deleted ? undefined : account.privateApps.find((candidate) => candidate.token === token);
    if (app !== undefined) return { account, scopes: app.scopes };
  }
  return undefined;
}
