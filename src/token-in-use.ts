/**
 * The access token that an account uses in this process, and no more of its record than that takes: a process may hold a hundred thousand.
 * The token is kept once, in the header that is sent, and the refresh token not at all: whoever refreshes reads the record anew.
 * Made by `account-tokens.ts`; callers wait for one and read it.
 */
import type { Authorization } from "./credentials.js";
import { refreshWindows, type RefreshWindows, type StoredTokens } from "./token-set.js";

const BEARER = "Bearer ";

/** A token in use. All of it stays as it is, but for how long it is trusted. */
export class TokenInUse implements RefreshWindows {
  readonly authorization: Authorization;
  readonly accessToken: string;
  /** What was granted, if HubSpot has said. */
  readonly scopes: readonly string[] | undefined;
  /** Whether its record held a refresh token. */
  readonly isRefreshable: boolean;
  readonly expiresAtMs: number;
  // Lengths instead of times: a small whole number takes no memory of its own.
  readonly #advisoryMs: number;
  readonly #mandatoryMs: number;
  #readAtMs = 0;
  #trustedMs = 0;
  #recheckMs = 0;

  /** @param before what was in use until now. @param scopes those of the record, perhaps shared with other accounts. */
  constructor(
    record: StoredTokens & { readonly accessToken: string },
    before: TokenInUse | undefined,
    scopes: readonly string[] | undefined,
  ) {
    const { advisoryAtMs, mandatoryAtMs, expiresAtMs } = refreshWindows(record);
    // The same object for the same token: callers tell by identity whether there is another one.
    if (before?.accessToken === record.accessToken) {
      this.authorization = before.authorization;
      this.accessToken = before.accessToken;
    } else {
      const authorization = BEARER + record.accessToken;
      this.authorization = Object.freeze({ headers: Object.freeze({ authorization }) });
      // A slice of the header, not the record's own string: the engine keeps its characters once.
      this.accessToken = authorization.slice(BEARER.length);
    }
    this.scopes = scopes;
    this.isRefreshable = record.refreshToken !== undefined;
    this.expiresAtMs = expiresAtMs;
    this.#advisoryMs = expiresAtMs - advisoryAtMs;
    this.#mandatoryMs = expiresAtMs - mandatoryAtMs;
  }

  get advisoryAtMs(): number {
    return this.expiresAtMs - this.#advisoryMs;
  }

  get mandatoryAtMs(): number {
    return this.expiresAtMs - this.#mandatoryMs;
  }

  /** Nobody has to be asked until the store's turn comes, after `forMs`, or the advisory window begins. */
  trust(nowMs: number, forMs: number): void {
    this.#readAtMs = nowMs;
    this.#recheckMs = forMs;
    this.#trustedMs = Math.min(forMs, this.advisoryAtMs - nowMs);
  }

  /** Whether nobody has to be asked. Not by a clock that has jumped back. */
  isTrusted(nowMs: number): boolean {
    const sinceMs = nowMs - this.#readAtMs;
    return sinceMs >= 0 && sinceMs < this.#trustedMs;
  }

  /** Whether the store should be asked if it still stands. */
  isStale(nowMs: number): boolean {
    const sinceMs = nowMs - this.#readAtMs;
    return sinceMs < 0 || sinceMs >= this.#recheckMs;
  }
}
