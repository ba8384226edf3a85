/**
 * What this process knows of one account: the token in use, and how refreshing went lately. Decides whether a token is good; asks nobody.
 * Used by the coordinator alone.
 */
import type { LeaseAnswer } from "./account-records.js";
import { type HubSpotOAuthError, ReauthorizationRequiredError } from "./errors.js";
import type { ScopeSets } from "./scope-sets.js";
import { TokenInUse } from "./token-in-use.js";
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

/** What all accounts of a client share. */
export interface AccountsShared {
  readonly now: () => number;
  /** How long a token is trusted before the store is asked whether it still stands. */
  readonly cacheMs: number;
  readonly scopes: ScopeSets;
}

/** A refresh under way. */
export interface Flight {
  readonly promise: Promise<TokenInUse>;
  readonly rejectedToken: string | undefined;
  readonly force: boolean;
}

const NEVER: readonly number[] = [];

/** One account in this process. */
export class AccountTokens {
  readonly id: string;
  readonly #shared: AccountsShared;
  inUse: TokenInUse | undefined;
  flight: Flight | undefined;
  /** The store being read; what that takes into use. */
  reread: Promise<TokenInUse | undefined> | undefined;
  lastError: HubSpotOAuthError | undefined;
  /** A lease that outlives its refresh because the store has not taken the result. */
  kept: LeaseAnswer | undefined;
  #failures = 0;
  #backoffUntilMs = 0;
  #replacedAtMs = NEVER;

  constructor(id: string, shared: AccountsShared) {
    this.id = id;
    this.#shared = shared;
  }

  /** Nothing worth remembering: ids that were never connected must not fill the memory. */
  get isEmpty(): boolean {
    return this.inUse === undefined && this.flight === undefined && this.reread === undefined && this.lastError === undefined;
  }

  /** The token in use while nobody has to be asked. */
  get trusted(): TokenInUse | undefined {
    const { inUse } = this;
    return inUse?.isTrusted(this.#shared.now()) === true ? inUse : undefined;
  }

  /** Whether the store should be asked if the token in use still stands. */
  get isStale(): boolean {
    return this.inUse?.isStale(this.#shared.now()) === true;
  }

  /**
   * Takes a record from the store into use. A dead one never is: a call on a dead account asks the store each time, and HubSpot never.
   * @throws ReauthorizationRequiredError when it is dead.
   */
  use(record: StoredTokens & { readonly accessToken: string }): TokenInUse {
    const { scopes } = record;
    if (record.status === "dead") {
      this.inUse = undefined;
      throw new ReauthorizationRequiredError(this.id, record.reason ?? "dead");
    }
    const inUse = new TokenInUse(record, this.inUse, scopes === undefined ? undefined : this.#shared.scopes.shared(scopes));
    inUse.trust(this.#shared.now(), this.#shared.cacheMs);
    return (this.inUse = inUse);
  }

  /** Takes what the store shows into use; another, fresh token ends what went wrong before: somebody has refreshed. */
  adopt(record: StoredTokens & { readonly accessToken: string }): TokenInUse {
    if (record.accessToken !== this.inUse?.accessToken && this.#shared.now() < refreshWindows(record).advisoryAtMs) this.succeeded();
    return this.use(record);
  }

  /** Trusts the token in use for so long from now on. */
  trust(forMs: number): void {
    this.inUse?.trust(this.#shared.now(), forMs);
  }

  /**
   * Takes a record into use that needs no refresh, or can have none: before its advisory window, or simply another token than the refused
   * one. Without a record: what is in use.
   */
  ready(record: StoredTokens | undefined, wanted: Wanted): TokenInUse | undefined {
    const isRefreshable = record === undefined ? this.inUse?.isRefreshable === true : record.refreshToken !== undefined;
    if (!isRefreshable) return this.usable(record, wanted, "expiresAtMs");
    return this.usable(record, wanted, wanted.rejectedToken === undefined ? "advisoryAtMs" : "mandatoryAtMs");
  }

  /** Takes a record into use whose token is wanted, and may be used until then. Without a record: what is in use. */
  usable(record: StoredTokens | undefined, wanted: Wanted, until: keyof RefreshWindows): TokenInUse | undefined {
    const nowMs = this.#shared.now();
    if (record !== undefined) return isCandidate(record, wanted) && nowMs < refreshWindows(record)[until] ? this.adopt(record) : undefined;
    const { inUse } = this;
    return inUse !== undefined && inUse.accessToken !== wanted.rejectedToken && nowMs < inUse[until] ? inUse : undefined;
  }

  /** Counts a refresh that a refused token had called for. */
  countReplacement(rejectedToken: string | undefined): void {
    if (rejectedToken !== undefined) this.#replacedAtMs = [...this.#replacedAtMs.slice(1 - MOST_REPLACED), this.#shared.now()];
  }

  /** Whether a refused token is the third in half a minute: a fourth would be refused as well, and HubSpot limits what it is asked for. */
  isReplacedTooOften(rejectedToken: string | undefined): boolean {
    if (rejectedToken === undefined || this.inUse?.accessToken !== rejectedToken) return false;
    const [oldest] = this.#replacedAtMs;
    const sinceMs = oldest === undefined ? REPLACED_WITHIN_MS : this.#shared.now() - oldest;
    return this.#replacedAtMs.length === MOST_REPLACED && sinceMs >= 0 && sinceMs < REPLACED_WITHIN_MS;
  }

  /** Counts a failed refresh. The first may be tried again at once; from the second on, callers wait longer and longer. */
  failed(error: HubSpotOAuthError): void {
    this.lastError = error;
    this.#failures++;
    if (this.#failures > 1)
      this.#backoffUntilMs = this.#shared.now() + jittered(Math.min(1_000 * 2 ** (this.#failures - 2), LONGEST_BACKOFF_MS));
  }

  succeeded(): void {
    this.lastError = undefined;
    this.#failures = 0;
    this.#backoffUntilMs = 0;
  }

  /** The last failure, while nobody should try again. */
  get backoff(): HubSpotOAuthError | undefined {
    const leftMs = this.#backoffUntilMs - this.#shared.now();
    // More than the longest: the clock has jumped back.
    return leftMs > 0 && leftMs <= LONGEST_BACKOFF_MS ? this.lastError : undefined;
  }
}

function isCandidate(
  record: StoredTokens,
  { rejectedToken, replaceVersion }: Wanted,
): record is StoredTokens & { readonly accessToken: string } {
  return (
    record.status === "active" &&
    record.accessToken !== undefined &&
    record.accessToken !== rejectedToken &&
    record.version !== replaceVersion
  );
}
