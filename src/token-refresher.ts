/**
 * One refresh of one account, for all who wait for it. In this order, always: read the store; take the lease; read again; ask HubSpot;
 * compare-and-set. A grant is declared dead only on HubSpot's word about the refresh token that stands. Called by the coordinator, which has
 * one under way per account; writes go through `token-writer.ts`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type AccountRecords, type LeaseAnswer, STORE_TIMEOUT_MS } from "./account-records.js";
import type { AccountTokens, Wanted } from "./account-tokens.js";
import type { CoordinatorOptions } from "./coordinator-options.js";
import { AccountNotConnectedError, HubSpotOAuthError, RateLimitError, ReauthorizationRequiredError, TokenStoreError } from "./errors.js";
import type { TokenResponse } from "./oauth/token-response.js";
import { busy, oddAnswer, otherPortal } from "./refresh-errors.js";
import { RefreshPause } from "./refresh-pause.js";
import { assertRefreshable, hasToken, refreshed } from "./refreshed-record.js";
import type { TokenInUse } from "./token-in-use.js";
import type { StoredTokens } from "./token-set.js";
import { jittered, type TokenWriter } from "./token-writer.js";

/** Beyond the POST and the write, how much of a lease may have passed before the POST. */
const LEASE_MARGIN_MS = 10_000;
const FIRST_POLL_MS = 25;
const LONGEST_POLL_MS = 400;
/** Without a lease, the winner of a race gets this long to write before a refusal is believed. */
const DOUBT_MS = 1_000;

/** A lease and since when, by the monotonic clock. */
interface Holding {
  readonly lease: Exclude<LeaseAnswer, "held">;
  readonly sinceMs: number;
}

/** Refreshes the accounts of one app. */
export class TokenRefresher {
  /** How long a lease is taken for. */
  readonly leaseMs: number;
  readonly #options: CoordinatorOptions;
  readonly #records: AccountRecords;
  readonly #writer: TokenWriter;
  readonly #pause: RefreshPause;

  constructor(options: CoordinatorOptions, writer: TokenWriter) {
    this.#options = options;
    this.#records = options.records;
    this.#writer = writer;
    this.#pause = new RefreshPause(options.now);
    this.leaseMs = options.timeoutMs + STORE_TIMEOUT_MS + LEASE_MARGIN_MS;
  }

  /** A token that is another than the refused one, or with `force` than the one that stands; whoever refreshes it. */
  async refresh(account: AccountTokens, rejectedToken: string | undefined, force: boolean): Promise<TokenInUse> {
    const wanted: Wanted = { rejectedToken, replaceVersion: undefined };
    try {
      if (force) {
        const standing = await this.current(account);
        return await this.#attempts(account, standing, { rejectedToken, replaceVersion: standing.version });
      }
      const ready = account.ready(undefined, wanted);
      if (ready !== undefined) return ready;
      // What is in use and can be refreshed is good enough to begin with: its record is read under the lease, if it comes to that.
      const mustLook = account.inUse?.isRefreshable !== true || this.obstacle(account) !== undefined;
      return await this.#attempts(account, mustLook ? await this.current(account) : undefined, wanted);
    } catch (error) {
      if (!(error instanceof TokenStoreError) || force) throw error;
      const alive = account.usable(undefined, wanted, "expiresAtMs");
      if (alive === undefined) throw error;
      account.failed(error);
      this.#options.emit("store.failed", { accountId: account.id, operation: error.operation });
      return alive;
    } finally {
      if (this.#writer.pending(account.id) === undefined) await this.releaseKept(account);
    }
  }

  /**
   * Takes the lease and refreshes, or waits for whoever holds it: by looking at the record, since that is what everybody wants.
   * @param first what to begin with; without it, what is in use.
   */
  async #attempts(account: AccountTokens, first: StoredTokens | undefined, wanted: Wanted): Promise<TokenInUse> {
    const giveUpAtMs = performance.now() + this.leaseMs + this.#options.timeoutMs;
    let record = first;
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) {
        if (performance.now() >= giveUpAtMs) throw busy(this.leaseMs);
        await sleep(jittered(Math.min(FIRST_POLL_MS * 2 ** (attempt - 1), LONGEST_POLL_MS)));
        record = await this.current(account);
      }
      const ready = account.ready(record, wanted);
      if (ready !== undefined) return ready;
      if (record !== undefined) assertRefreshable(record, wanted);
      const obstacle = wanted.replaceVersion === undefined ? this.obstacle(account) : this.#pause.error();
      if (obstacle !== undefined) {
        const alive = account.usable(record, wanted, "expiresAtMs");
        if (alive !== undefined) return alive;
        // That the store failed a moment ago is no reason not to try: it has just answered.
        if (!(obstacle instanceof TokenStoreError)) throw obstacle;
      }

      const sinceMs = performance.now();
      const lease = await this.#lease(account);
      if (lease !== "held") {
        try {
          const result = await this.#refresh(account, wanted, { lease, sinceMs });
          if (result !== undefined) return result;
        } finally {
          // While the new refresh token is only in memory the store shows a spent one: nobody may refresh with that. The lease ends by itself.
          if (this.#writer.pending(account.id) === undefined) await this.#records.release(account.id, lease);
          else account.kept ??= lease;
        }
      } else {
        const meanwhile = account.usable(record, wanted, "mandatoryAtMs");
        if (meanwhile !== undefined) return meanwhile;
      }
    }
  }

  async #lease(account: AccountTokens): Promise<LeaseAnswer> {
    // With a pending record nobody else can refresh: the newest refresh token is here.
    if (this.#writer.pending(account.id) !== undefined) return "unsupported";
    await this.releaseKept(account);
    return this.#records.lease(account.id, this.leaseMs);
  }

  /** Gives back what was kept for a pending record. */
  async releaseKept(account: AccountTokens): Promise<void> {
    const { kept } = account;
    account.kept = undefined;
    if (kept !== undefined) await this.#records.release(account.id, kept);
  }

  /** Under the lease, if there is one: read again, ask HubSpot, write. `undefined` when the record moved and everything must be looked at anew. */
  async #refresh(account: AccountTokens, wanted: Wanted, holding: Holding): Promise<TokenInUse | undefined> {
    const { emit, now, requestRefresh } = this.#options;
    const epoch = this.#writer.epoch(account.id);
    const record = await this.current(account);
    const ready = account.ready(record, wanted);
    if (ready !== undefined) return ready;
    assertRefreshable(record, wanted);
    // What was only in memory stands in the store by now, for all to refresh: that takes a lease.
    if (account.kept !== undefined && this.#writer.pending(account.id) === undefined) return undefined;
    // Monotonic: a process that was stopped since it took the lease must not send on the strength of it.
    if (typeof holding.lease !== "string" && performance.now() - holding.sinceMs > LEASE_MARGIN_MS) return undefined;

    emit("refresh.started", { accountId: account.id });
    const askedAtMs = now();
    let response: TokenResponse;
    try {
      response = await requestRefresh(record.refreshToken);
      if (response.hubId !== undefined && response.hubId !== record.hubId) throw otherPortal();
    } catch (error) {
      return this.#failed(account, record, wanted, error, holding);
    }
    const next = refreshed(record, response, askedAtMs);
    if (next !== undefined && (await this.#writer.persist(account.id, record, next, epoch)) !== next) return undefined;
    // Only now may an odd answer surface: the refresh token it carried is safe.
    if (next === undefined || !hasToken(next)) return this.#failed(account, record, wanted, oddAnswer(response.problem), holding);
    account.succeeded();
    emit("refresh.succeeded", {
      accountId: account.id,
      expiresInMs: next.expiresInMs,
      refreshTokenReplaced: next.refreshToken !== record.refreshToken,
    });
    return account.use(next);
  }

  async #failed(
    account: AccountTokens,
    record: StoredTokens,
    wanted: Wanted,
    error: unknown,
    holding: Holding,
  ): Promise<TokenInUse | undefined> {
    const reason = this.#options.deadReason(error);
    if (reason !== undefined) return this.#refused(account, record, reason, holding);
    if (!(error instanceof HubSpotOAuthError)) throw error;
    if (error instanceof RateLimitError) {
      account.lastError = error;
      this.#options.emit("rate-limit.waited", { policyName: "TOKEN_ENDPOINT", waitMs: this.#pause.begin(error) });
    } else {
      account.failed(error);
    }
    this.#options.emit("refresh.failed", { accountId: account.id, code: error.code, retryable: error.retryable });
    const alive = account.usable(record, wanted, "expiresAtMs");
    if (alive !== undefined) return alive;
    throw error;
  }

  /** HubSpot refuses the refresh token. Believed only if it is still the one that stands. */
  async #refused(account: AccountTokens, sent: StoredTokens, reason: string, holding: Holding): Promise<undefined> {
    const heldThroughout = typeof holding.lease !== "string" && performance.now() - holding.sinceMs < this.leaseMs;
    if (!heldThroughout) await sleep(jittered(DOUBT_MS));
    const epoch = this.#writer.epoch(account.id);
    const standing = await this.current(account);
    if (standing.grantId !== sent.grantId || standing.refreshToken !== sent.refreshToken) {
      this.#options.emit("refresh.lost-race", { accountId: account.id });
      return undefined;
    }
    if (standing.status === "active") {
      if (!(await this.#writer.markDead(account.id, standing, reason, epoch))) return undefined;
      this.#options.emit("grant.dead", { accountId: account.id, reason });
    }
    account.inUse = undefined;
    throw (account.lastError = new ReauthorizationRequiredError(account.id, reason));
  }

  /** What stands: a pending record of ours while the store does not take it, else what the store holds. */
  async current(account: AccountTokens): Promise<StoredTokens> {
    try {
      await this.#writer.flush(account.id);
    } catch (error) {
      const pending = this.#writer.pending(account.id);
      if (!(error instanceof TokenStoreError) || pending === undefined) throw error;
      return pending;
    }
    const record = await this.#records.read(account.id);
    if (record !== undefined) return record;
    account.inUse = undefined;
    account.succeeded();
    throw new AccountNotConnectedError(account.id);
  }

  /** Why nobody should ask HubSpot now for this account. */
  obstacle(account: AccountTokens): HubSpotOAuthError | undefined {
    return account.backoff ?? this.#pause.error();
  }
}
