/** What a settings page or an audit may know of an account: everything but the tokens. */
import type { HubSpotOAuthError } from "./errors.js";
import type { StoredTokens } from "./token-set.js";

/** One connected account, never a token. */
export interface AccountSummary {
  readonly accountId: string;
  readonly hubId: string;
  readonly userId: string | undefined;
  /** What was granted; empty when HubSpot has not said. */
  readonly scopes: readonly string[];
  /** `dead`: HubSpot refuses the refresh token; the customer must reconnect. */
  readonly status: "active" | "dead";
  /** Why it is dead. */
  readonly reason: string | undefined;
  /** When the user connected, in milliseconds since 1970. */
  readonly connectedAtMs: number;
  /** When the access token was last refreshed (or first obtained), in milliseconds since 1970. */
  readonly refreshedAtMs: number;
  /** When the access token ends, in milliseconds since 1970; it is refreshed before that. */
  readonly expiresAtMs: number;
  /** The last failure to refresh in this process, until a refresh succeeds. */
  readonly lastError: HubSpotOAuthError | undefined;
}

/** A record without its secrets. */
export function summarize(record: StoredTokens, lastError: HubSpotOAuthError | undefined): AccountSummary {
  return {
    accountId: record.accountId,
    hubId: record.hubId,
    userId: record.userId,
    scopes: record.scopes ?? [],
    status: record.status,
    reason: record.reason,
    connectedAtMs: record.connectedAtMs,
    refreshedAtMs: record.obtainedAtMs,
    expiresAtMs: record.obtainedAtMs + (record.accessToken === undefined ? 0 : record.expiresInMs),
    lastError,
  };
}
