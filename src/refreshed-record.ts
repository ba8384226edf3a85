/** What a refresh makes of a record, and which answers make nothing of it. Pure; used by the coordinator. */
import { freshVersion } from "./account-records.js";
import type { Wanted } from "./account-tokens.js";
import { ReauthorizationRequiredError } from "./errors.js";
import type { TokenResponse } from "./oauth/token-response.js";
import type { StoredTokens } from "./token-set.js";

/** Whether a record holds an access token at all; an imported one may hold only a refresh token. */
export function hasToken(record: StoredTokens): record is StoredTokens & { readonly accessToken: string } {
  return record.accessToken !== undefined;
}

/**
 * The record after a refresh, in one write: new tokens, the old refresh token if none came, and a version of its own. An odd answer that
 * carried a new refresh token leaves that and no access token; one that carried none leaves nothing to write.
 */
export function refreshed(record: StoredTokens, response: TokenResponse, askedAtMs: number): StoredTokens | undefined {
  const { accessToken: _accessToken, reason: _reason, ...kept } = record;
  const { refreshToken = record.refreshToken } = response;
  const next = { ...kept, version: freshVersion(), status: "active" as const, ...(refreshToken !== undefined && { refreshToken }) };
  if (response.problem !== undefined || response.accessToken === undefined) return refreshToken === record.refreshToken ? undefined : next;
  return {
    ...next,
    accessToken: response.accessToken,
    ...(response.userId !== undefined && { userId: response.userId }),
    ...(response.scopes !== undefined && { scopes: response.scopes }),
    obtainedAtMs: askedAtMs,
    expiresInMs: response.expiresInMs,
  };
}

/** @throws ReauthorizationRequiredError when there is nothing to refresh with, or no use in trying. */
export function assertRefreshable(
  record: StoredTokens,
  wanted: Wanted,
): asserts record is StoredTokens & { readonly refreshToken: string } {
  if (record.status === "dead" && wanted.replaceVersion === undefined)
    throw new ReauthorizationRequiredError(record.accountId, record.reason ?? "dead");
  if (record.refreshToken === undefined) throw new ReauthorizationRequiredError(record.accountId, "no_refresh_token");
}
