/**
 * What this process knows of one account: the record in use, how long it may be trusted, and how refreshing went lately.
 * Decides whether a token is good; asks nobody. Used by the coordinator alone.
 */
import type { LeaseAnswer } from "./account-records.js";
import type { Authorization } from "./credentials.js";
import { type HubSpotOAuthError, ReauthorizationRequiredError } from "./errors.js";
import { refreshWindows, type RefreshWindows, type StoredTokens } from "./token-set.js";
import { jittered } from "./token-writer.js";

/** Refused tokens are replaced this often, and then no more, within this time. */
const MOST_REPLACED = 3;
const REPLACED_WITHIN_MS = 30_000;
const LONGEST_BACKOFF_MS = 60_000;

/** Options of asking for a token. */
export interface TokenOptions {
  /** An access token that HubSpot refused: any other will do. @default none */
  readonly rejectedToken?: string | undefined;
  /** Refresh now, whatever the clock says, a dead grant too. @default false */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a caller asks for, beyond any token that is good. */
export interface Wanted {
  /** An access token that HubSpot refused: any other will do. */
  readonly rejectedToken: string | undefined;
  /** The version that must be replaced whatever the clock says; a newer one, by whomever, will do. */
  readonly replaceVersion: string | undefined;
}

/** A record in use, with what the hot path needs worked out. */
export interface TokenInUse extends RefreshWindows {
  readonly record: StoredTokens;
  readonly accessToken: string;
  readonly authorization: Authorization;
  /** When the store was last read or written for it; a clock before this has jumped back. */
  readAtMs: number;
  /** From then on the store is asked whether it still stands. */
  recheckAtMs: number;
  /** Until then the hot path asks nobody: the store's turn, or the beginning of the advisory window. */
  trustedUntilMs: number;
}

/** A refresh under way. */
export interface Flight {
  readonly promise: Promise<TokenInUse>;
  readonly rejectedToken: string | undefined;
  readonly force: boolean;
}

/** One account in this process. */
export class AccountTokens {
  readonly id: string;
  readonly #now: () => number;
  readonly #cacheMs: number;
  inUse: TokenInUse | undefined;
  flight: Flight | undefined;
  reread: Promise<StoredTokens> | undefined;
  lastError: HubSpotOAuthError | undefined;
  /** A lease that outlives its refresh because the store has not taken the result. */
  kept: LeaseAnswer | undefined;
  #failures = 0;
  #backoffUntilMs = 0;
  #replacedAtMs: readonly number[] = [];

  constructor(id: string, now: () => number, cacheMs: number) {
    this.id = id;
    this.#now = now;
    this.#cacheMs = cacheMs;
  }

  /** Nothing worth remembering: ids that were never connected must not fill the memory. */
  get isEmpty(): boolean {
    return this.inUse === undefined && this.flight === undefined && this.reread === undefined && this.lastError === undefined;
  }

  /** The token in use while nobody has to be asked. */
  get trusted(): TokenInUse | undefined {
    const { inUse } = this;
    if (inUse === undefined) return undefined;
    const nowMs = this.#now();
    return nowMs < inUse.trustedUntilMs && nowMs >= inUse.readAtMs ? inUse : undefined;
  }

  /** Whether the store should be asked if the token in use still stands. */
  get isStale(): boolean {
    const { inUse } = this;
    const nowMs = this.#now();
    return inUse !== undefined && (nowMs >= inUse.recheckAtMs || nowMs < inUse.readAtMs);
  }

  /**
   * Takes a record from the store into use. A dead one never is: a call on a dead account asks the store each time, and HubSpot never.
   * @throws ReauthorizationRequiredError when it is dead.
   */
  use(record: StoredTokens & { readonly accessToken: string }): TokenInUse {
    const before = this.inUse;
    if (before?.record === record) return before;
    if (record.status === "dead") {
      this.inUse = undefined;
      throw new ReauthorizationRequiredError(this.id, record.reason ?? "dead");
    }
    const { accessToken } = record;
    const inUse: TokenInUse = {
      record,
      accessToken,
      // The same object for the same token: callers tell by identity whether there is another one.
      authorization:
        before?.accessToken === accessToken
          ? before.authorization
          : Object.freeze({ headers: Object.freeze({ authorization: `Bearer ${accessToken}` }) }),
      ...refreshWindows(record),
      readAtMs: 0,
      recheckAtMs: 0,
      trustedUntilMs: 0,
    };
    this.inUse = inUse;
    this.trust(this.#cacheMs);
    return inUse;
  }

  /** Takes what the store shows into use; another, fresh token ends what went wrong before: somebody has refreshed. */
  adopt(record: StoredTokens & { readonly accessToken: string }): TokenInUse {
    if (record.accessToken !== this.inUse?.accessToken && this.#now() < refreshWindows(record).advisoryAtMs) this.succeeded();
    return this.use(record);
  }

  /** Trusts the token in use for so long from now on. */
  trust(forMs: number): void {
    const { inUse } = this;
    if (inUse === undefined) return;
    inUse.readAtMs = this.#now();
    inUse.recheckAtMs = inUse.readAtMs + forMs;
    inUse.trustedUntilMs = Math.min(inUse.recheckAtMs, inUse.advisoryAtMs);
  }

  /** Whether a record needs no refresh: before its advisory window, or simply another token than the refused one. */
  isFresh(record: StoredTokens, wanted: Wanted): record is StoredTokens & { readonly accessToken: string } {
    const { advisoryAtMs, mandatoryAtMs } = refreshWindows(record);
    return isCandidate(record, wanted) && this.#now() < (wanted.rejectedToken === undefined ? advisoryAtMs : mandatoryAtMs);
  }

  /** Whether a living token has no refresh token to be replaced with. */
  isLast(record: StoredTokens, wanted: Wanted): record is StoredTokens & { readonly accessToken: string } {
    return record.refreshToken === undefined && this.isAlive(record, wanted);
  }

  /** Whether a record's token may still be used when it cannot be replaced. */
  isAlive(record: StoredTokens, wanted: Wanted): record is StoredTokens & { readonly accessToken: string } {
    return isCandidate(record, wanted) && this.#now() < refreshWindows(record).expiresAtMs;
  }

  /** Counts a refresh that a refused token had called for. */
  countReplacement(rejectedToken: string | undefined): void {
    if (rejectedToken !== undefined) this.#replacedAtMs = [...this.#replacedAtMs.slice(1 - MOST_REPLACED), this.#now()];
  }

  /** Whether a refused token is the third in half a minute: a fourth would be refused as well, and HubSpot limits what it is asked for. */
  isReplacedTooOften(rejectedToken: string | undefined): boolean {
    if (rejectedToken === undefined || this.inUse?.accessToken !== rejectedToken) return false;
    const [oldest] = this.#replacedAtMs;
    const sinceMs = oldest === undefined ? REPLACED_WITHIN_MS : this.#now() - oldest;
    return this.#replacedAtMs.length === MOST_REPLACED && sinceMs >= 0 && sinceMs < REPLACED_WITHIN_MS;
  }

  /** Counts a failed refresh. The first may be tried again at once; from the second on, callers wait longer and longer. */
  failed(error: HubSpotOAuthError): void {
    this.lastError = error;
    this.#failures++;
    if (this.#failures > 1) this.#backoffUntilMs = this.#now() + jittered(Math.min(1_000 * 2 ** (this.#failures - 2), LONGEST_BACKOFF_MS));
  }

  succeeded(): void {
    this.lastError = undefined;
    this.#failures = 0;
    this.#backoffUntilMs = 0;
  }

  /** The last failure, while nobody should try again. */
  get backoff(): HubSpotOAuthError | undefined {
    const leftMs = this.#backoffUntilMs - this.#now();
    // More than the longest: the clock has jumped back.
    return leftMs > 0 && leftMs <= LONGEST_BACKOFF_MS ? this.lastError : undefined;
  }
}

function isCandidate(record: StoredTokens, { rejectedToken, replaceVersion }: Wanted): boolean {
  return (
    record.status === "active" &&
    record.accessToken !== undefined &&
    record.accessToken !== rejectedToken &&
    record.version !== replaceVersion
  );
}
