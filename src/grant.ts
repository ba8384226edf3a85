/**
 * Whose tokens these are: reads what a token response or an import says of its account, and asks HubSpot (introspection) for what it does
 * not say. The account comes from HubSpot over TLS, never from a query string.
 */
import { freshVersion } from "./account-records.js";
import { ConfigurationError, HubSpotOAuthError, MalformedResponseError, TokenRequestError } from "./errors.js";
import { checkHubId, checkScopes } from "./oauth/authorize.js";
import type { Introspection } from "./oauth/token-response.js";
import { checkToken, ownOptions } from "./option-checks.js";
import { REDACTED, type StoredTokens, TokenSet } from "./token-set.js";

/** Tokens from elsewhere: another library, a table of your own, `TokenSet.reveal()`. */
export interface ImportedTokens {
  readonly refreshToken?: string | undefined;
  readonly accessToken?: string | undefined;
  /** When the access token ends, in milliseconds since 1970. Without it the token is refreshed at first use. */
  readonly expiresAtMs?: number | undefined;
  readonly hubId?: string | undefined;
  readonly userId?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

/** A grant whose account is known. */
export interface GrantDetails {
  readonly accessToken: string | undefined;
  readonly refreshToken: string | undefined;
  readonly obtainedAtMs: number;
  readonly expiresInMs: number;
  readonly nowMs: number;
  readonly hubId: string;
  readonly userId: string | undefined;
  readonly scopes: readonly string[] | undefined;
}

/** What reading a grant needs. */
export interface GrantReader {
  readonly clientId: string;
  readonly nowMs: number;
  /** Whether a missing user id must be looked up. */
  readonly needsUser: boolean;
  readonly introspectPath: string;
  readonly introspect: (token: string, hint: "access_token" | "refresh_token") => Promise<Introspection>;
}

/** RFC 6750 section 3.1. */
const INACTIVE = "invalid_token";

type ActiveIntrospection = Extract<Introspection, { readonly active: true }>;
type Unread = Omit<GrantDetails, "hubId" | "nowMs"> & { readonly hubId: string | undefined };

/** @throws TypeError for tokens that are none · what introspection throws, naming the endpoint · `ConfigurationError` for another app's tokens. */
export async function readGrant(tokens: TokenSet | ImportedTokens, reader: GrantReader): Promise<GrantDetails> {
  // A TokenSet of another copy of this package is none of ours, but reveals the same.
  const grant: Unread = tokens instanceof TokenSet ? tokens : imported(revealed(tokens), reader.nowMs);
  const missing = [grant.hubId === undefined && "hub_id", reader.needsUser && grant.userId === undefined && "user_id"].filter(
    (name) => name !== false,
  );
  const known =
    missing.length > 0
      ? await lookUp(grant, missing.join(" and "), reader)
      : grant.scopes === undefined
        ? await lookUpScopes(grant, reader)
        : undefined;
  const hubId = grant.hubId ?? known?.hubId;
  if (hubId === undefined || (known?.hubId ?? hubId) !== hubId) {
    throw new MalformedResponseError(
      "HubSpot does not say, or contradicts itself about, which account these tokens belong to (hub_id). Nothing was stored.",
      { status: 200 },
    );
  }
  return {
    accessToken: grant.accessToken,
    refreshToken: grant.refreshToken,
    obtainedAtMs: grant.obtainedAtMs,
    expiresInMs: grant.expiresInMs,
    nowMs: reader.nowMs,
    hubId,
    userId: grant.userId ?? known?.userId,
    scopes: grant.scopes ?? known?.scopes,
  };
}

/** The record of a new connection: a grant id of its own, whatever stood before. */
export function newRecord(
  grant: GrantDetails,
  accountId: string,
  clientId: string,
  extraScopes: readonly string[] | undefined,
): StoredTokens {
  return {
    version: freshVersion(),
    format: 1,
    accountId,
    hubId: grant.hubId,
    ...(grant.userId !== undefined && { userId: grant.userId }),
    clientId,
    grantId: freshVersion(),
    ...(grant.accessToken !== undefined && { accessToken: grant.accessToken }),
    ...(grant.refreshToken !== undefined && { refreshToken: grant.refreshToken }),
    obtainedAtMs: grant.obtainedAtMs,
    expiresInMs: grant.expiresInMs,
    connectedAtMs: grant.nowMs,
    ...(grant.scopes !== undefined && { scopes: grant.scopes }),
    ...(extraScopes !== undefined && { extraScopes }),
    status: "active",
  };
}

/** A connection is worth more than its list of scopes: when HubSpot cannot be asked now, `requireScopes` asks when it matters. */
async function lookUpScopes(grant: Unread, reader: GrantReader): Promise<ActiveIntrospection | undefined> {
  try {
    return await lookUp(grant, "scopes", reader);
  } catch (error) {
    const inactive = error instanceof TokenRequestError && error.error === INACTIVE;
    if (inactive || error instanceof ConfigurationError || !(error instanceof HubSpotOAuthError)) throw error;
    return undefined;
  }
}

async function lookUp(grant: Unread, missing: string, reader: GrantReader): Promise<ActiveIntrospection> {
  const why = `The tokens do not say their ${missing}, so POST ${reader.introspectPath} was asked (in a test, mock that endpoint or put the fields into the token response)`;
  const { accessToken, refreshToken } = grant;
  let answer: Introspection;
  try {
    // An imported access token may be over, or close to it; the refresh token knows as much.
    answer =
      accessToken !== undefined && (grant.expiresInMs > 0 || refreshToken === undefined)
        ? await reader.introspect(accessToken, "access_token")
        : await reader.introspect(refreshToken ?? "", "refresh_token");
  } catch (error) {
    if (error instanceof HubSpotOAuthError) error.message = `${why}: ${error.message}`;
    throw error;
  }
  if (!answer.active) {
    throw new TokenRequestError(`${why}: HubSpot says the token is not active.`, { status: 200, error: INACTIVE, retryable: false });
  }
  if (answer.clientId !== undefined && answer.clientId !== reader.clientId) {
    throw new ConfigurationError("The tokens were issued to another HubSpot app (client id). Nothing was stored.");
  }
  return answer;
}

function revealed(tokens: ImportedTokens & { readonly reveal?: () => ImportedTokens }): ImportedTokens {
  return typeof tokens.reveal === "function" ? tokens.reveal() : tokens;
}

function imported(given: ImportedTokens, nowMs: number): Unread {
  const tokens = ownOptions(given, ["refreshToken", "accessToken", "expiresAtMs", "hubId", "userId", "scopes"], "saveTokens");
  const { refreshToken, accessToken, expiresAtMs = nowMs } = tokens;
  for (const [name, token] of Object.entries({ refreshToken, accessToken })) if (token !== undefined) checkToken(token, name);
  if (refreshToken === REDACTED || accessToken === REDACTED)
    throw new TypeError("The tokens are redacted. Pass the TokenSet itself, or its reveal().");
  if (refreshToken === undefined && accessToken === undefined)
    throw new TypeError("saveTokens needs a refreshToken, an accessToken, or both.");
  if (typeof expiresAtMs !== "number" || !Number.isFinite(expiresAtMs))
    throw new TypeError("expiresAtMs must be a number of milliseconds since 1970.");
  if (tokens.userId !== undefined && typeof tokens.userId !== "string") throw new TypeError("userId must be a string.");
  return {
    accessToken,
    refreshToken,
    obtainedAtMs: nowMs,
    expiresInMs: Math.max(0, expiresAtMs - nowMs),
    hubId: tokens.hubId === undefined ? undefined : checkHubId(tokens.hubId),
    userId: tokens.userId,
    scopes: tokens.scopes === undefined ? undefined : checkScopes(tokens.scopes, "scopes"),
  };
}
