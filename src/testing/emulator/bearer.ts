/**
 * Who is calling an API: OAuth access tokens and private app tokens in `Authorization: Bearer`, and HubSpot's 401 and 403 for the rest.
 */

import { authenticationExpired, authenticationMissing, missingScopes } from "./api-errors.js";
import type { EmulatorAccount } from "./directory.js";
import type { EmulatorResponse, ParsedRequest } from "./messages.js";
import type { LimitedCall } from "./rate-limits.js";
import type { EmulatorRoute } from "./request-log.js";
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
  const token = request.bearerToken;
  if (token === undefined) return authenticationMissing();
  const found = state.findAccessToken(token);
  const privateApp = found === undefined ? state.findPrivateApp(token) : undefined;
  if (privateApp !== undefined) {
    const caller = { ...privateApp, clientId: undefined };
    return lackedScopes(caller, anyOf) ?? caller;
  }
  if (token.startsWith("pat-")) return authenticationMissing();
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
  const token = request.bearerToken;
  const owner =
    state.findAccessToken(token) ??
    state.findCode(form["code"]) ??
    state.findRefreshToken(form["refresh_token"] ?? form["token"])?.grant ??
    state.findAccessToken(form["token"]);
  const named = state.findAccount(Number(form["hub_id"]))?.hubId;
  const clientId = state.findApp(form["client_id"] ?? request.query["client_id"])?.clientId;
  return {
    hubId: named ?? owner?.hubId ?? (token === undefined ? undefined : state.findPrivateApp(token)?.account.hubId),
    clientId: clientId ?? owner?.clientId,
  };
}

/** What a limit counts a request to a route as; undefined when the token is nobody's, or for a page. */
export function limitedCall(state: EmulatorState, route: EmulatorRoute, request: ParsedRequest): LimitedCall | undefined {
  if (route === "token") return { kind: "token", clientId: request.form?.["client_id"] ?? "" };
  const token = request.bearerToken;
  const found = state.findAccessToken(token);
  const privateApp = found === undefined && token !== undefined ? state.findPrivateApp(token) : undefined;
  const account = privateApp?.account ?? state.findAccount(found?.hubId);
  if (account === undefined || token === undefined) return undefined;
  if (route === "objects-search") return { kind: "search", account };
  if (found === undefined) return { kind: "api", account, app: token, distribution: "private", oauth: false };
  const distribution = state.findApp(found.clientId)?.distribution ?? "marketplace";
  return { kind: "api", account, app: found.clientId, distribution, oauth: true };
}
