/**
 * The token coordinator: which access token an account uses now, and when and by whom it is refreshed. The file where a mistake loses a
 * customer. In this order, always: cache; one flight per account; read the store; take the lease; read again; ask HubSpot; compare-and-set.
 * A request that was sent is never aborted by a caller. A grant is declared dead only on HubSpot's word about the refresh token that stands.
 * Called by the client; writes go through `token-writer.ts`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type AccountRecords, type LeaseAnswer, STORE_TIMEOUT_MS } from "./account-records.js";
import type { CoordinatorOptions } from "./coordinator-options.js";
import { AccountTokens, type Flight, type TokenInUse, type TokenOptions, type Wanted } from "./account-tokens.js";
import type { Authorization } from "./credentials.js";
import {
  AccountNotConnectedError,
  ConfigurationError,
  HubSpotOAuthError,
  RateLimitError,
  ReauthorizationRequiredError,
  TokenStoreError,
} from "./errors.js";
import type { TokenResponse } from "./oauth/token-response.js";
import { RefreshPause } from "./refresh-pause.js";
import { busy, oddAnswer, otherPortal, refusedTooOften, sameToken } from "./refresh-errors.js";
import { assertRefreshable, hasToken, refreshed } from "./refreshed-record.js";
import { refreshWindows, type StoredTokens } from "./token-set.js";
import { jittered, TokenWriter } from "./token-writer.js";
import { traceRefresh } from "./tracing.js";
import { waitFor } from "./waiting.js";

/** How long the caller who refreshes ahead of time waits before it takes the old token. */
const ADVISORY_WAIT_MS = 5_000;
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

/** Hands out access tokens, one refresh per account at a time. */
export class TokenCoordinator {
  readonly #options: CoordinatorOptions;
  readonly #records: AccountRecords;
  readonly #writer: TokenWriter;
  readonly #leaseMs: number;
  readonly #accounts = new Map<string, AccountTokens>();
  readonly #pause: RefreshPause;
  #closed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#writer = new TokenWriter(options.records, options.emit, (accountId, standing) => this.#settled(accountId, standing));
    this.#pause = new RefreshPause(options.now);
    this.#leaseMs = options.timeoutMs + STORE_TIMEOUT_MS + LEASE_MARGIN_MS;
  }

  /** The hot path: the token in use when it is fresh and was lately read, else `undefined`. One map look-up. */
  peek(accountId: string): TokenInUse | undefined {
    return this.#accounts.get(accountId)?.trusted;
  }

  /** A token that is good to use, refreshed when it must be. The caller's signal stops the caller's waiting only. */
  async token(accountId: string, options: TokenOptions = {}): Promise<TokenInUse> {
    options.signal?.throwIfAborted();
    const work = this.#token(accountId, options.rejectedToken, options.force === true);
    return options.signal === undefined ? work : waitFor(work, { signal: options.signal });
  }

  /** Reads the store once, without refreshing: the same `Authorization` object when the token is still the same. */
  async reload(accountId: string, signal: AbortSignal | undefined): Promise<Authorization> {
    this.assertOpen();
    const account = this.#account(accountId);
    const record = await waitFor(this.#reread(account), { signal });
    return (account.inUse?.record === record ? account.inUse : await this.token(accountId, { signal })).authorization;
  }

  /** The record in use: from the cache while that is trusted (unless `fresh`), else from the store, dead or alive. */
  async record(accountId: string, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<StoredTokens | undefined> {
    const cached = fresh ? undefined : this.peek(accountId)?.record;
    return cached ?? this.#writer.pending(accountId) ?? (await this.#records.read(accountId));
  }

  /** The last failure to refresh an account in this process, until a refresh succeeds. */
  lastError(accountId: string): HubSpotOAuthError | undefined {
    return this.#accounts.get(accountId)?.lastError;
  }

  /** Stores a new connection and uses it from now on. */
  async connect(
    accountId: string,
    build: (previous: StoredTokens | undefined) => StoredTokens,
  ): Promise<{ readonly record: StoredTokens; readonly reconnected: boolean }> {
    this.assertOpen();
    const result = await this.#writer.connect(build, accountId);
    this.#accounts.delete(accountId);
    if (hasToken(result.record)) this.#account(accountId).use(result.record);
    return result;
  }

  /** What is about to be disconnected, after a refresh of this process that is under way has ended. */
  async recordToDisconnect(accountId: string): Promise<StoredTokens | undefined> {
    const flight = this.#accounts.get(accountId)?.flight;
    // How it ends does not matter; that it has ended does: it may replace the refresh token that will be revoked.
    if (flight !== undefined) await Promise.allSettled([flight.promise]);
    return this.#writer.pending(accountId) ?? (await this.#records.read(accountId));
  }

  /** Deletes an account. No refresh that is still under way brings it back. */
  async disconnect(accountId: string, grantId: string): Promise<void> {
    await this.#writer.remove(accountId, grantId);
    this.#accounts.delete(accountId);
  }

  /** Refuses new work, waits for what is under way, and gives pending records a last chance. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#accounts.values()].flatMap((account) => account.flight?.promise ?? []));
    this.#accounts.clear();
    await this.#writer.close();
  }

  async #token(accountId: string, rejectedToken: string | undefined, force: boolean): Promise<TokenInUse> {
    let rechecked = false;
    for (;;) {
      this.assertOpen();
      const account = this.#account(accountId);
      const { inUse } = account;
      const nowMs = this.#options.now();
      if (inUse !== undefined && !force && inUse.accessToken !== rejectedToken && nowMs < inUse.mandatoryAtMs) {
        if (account.isStale && !rechecked) {
          // One caller asks; the others keep the old token meanwhile.
          if (account.reread !== undefined) return inUse;
          await this.#recheck(account);
          rechecked = true; // Once per call, however short the trust is.
          continue;
        }
        if (nowMs < inUse.advisoryAtMs || account.flight !== undefined || this.#obstacle(account) !== undefined) return inUse;
        return waitFor(this.#startFlight(account, rejectedToken, false).promise, { ms: ADVISORY_WAIT_MS, onTimeout: () => inUse });
      }

      const running = account.flight;
      if (running === undefined && !force && account.isReplacedTooOften(rejectedToken)) {
        await this.#recheck(account);
        if (account.inUse?.accessToken === rejectedToken) throw refusedTooOften();
        continue;
      }
      if (running !== undefined && force && !running.force) {
        await Promise.allSettled([running.promise]);
        continue;
      }
      if (running !== undefined) this.#options.emit("refresh.coalesced", { accountId });
      const flight = running ?? this.#startFlight(account, rejectedToken, force);
      const result = await flight.promise;
      if (running === undefined) account.countReplacement(rejectedToken);
      if (result.accessToken !== rejectedToken) return result;
      // A flight that knew of the refusal, and still came back with the same token, has nothing better to offer.
      if (flight.rejectedToken === rejectedToken) throw sameToken();
    }
  }

  /** Asks the store whether the token in use still stands. A store that is down does not take a good token away. */
  async #recheck(account: AccountTokens): Promise<void> {
    try {
      await this.#reread(account);
    } catch (error) {
      if (!(error instanceof TokenStoreError)) throw error;
      this.#options.emit("store.failed", { accountId: account.id, operation: error.operation });
      account.trust(Math.min(this.#options.cacheMs, STORE_TIMEOUT_MS));
    }
  }

  /** One read of the store for all who want one now; what it finds is taken into use. */
  #reread(account: AccountTokens): Promise<StoredTokens> {
    if (account.reread !== undefined) return account.reread;
    const reading = (async () => {
      // The writer's timer is asking the store for it already; a store that hangs must not hold up a call that has a token.
      const pending = this.#writer.pending(account.id);
      const record = pending ?? (await this.#current(account));
      if (hasToken(record)) account.adopt(record);
      else account.inUse = undefined;
      if (pending !== undefined) account.trust(Math.min(this.#options.cacheMs, STORE_TIMEOUT_MS));
      return record;
    })();
    const reread = reading.finally(() => {
      account.reread = undefined;
      this.#forgetIfEmpty(account);
    });
    return (account.reread = reread);
  }

  #startFlight(account: AccountTokens, rejectedToken: string | undefined, force: boolean): Flight {
    const limitMs = 2 * this.#leaseMs; // A dead holder's lease may have to run out first.
    const onTimeout = (): never => {
      throw busy(limitMs);
    };
    const work = traceRefresh({ accountId: account.id, forced: force }, () =>
      waitFor(this.#fly(account, rejectedToken, force), { ms: limitMs, onTimeout }),
    );
    const promise = work.finally(() => {
      if (account.flight?.promise === promise) account.flight = undefined;
      this.#forgetIfEmpty(account);
    });
    promise.catch(() => undefined); // Its callers may have given up; a flight without one is not an unhandled rejection.
    return (account.flight = { promise, rejectedToken, force });
  }

  async #fly(account: AccountTokens, rejectedToken: string | undefined, force: boolean): Promise<TokenInUse> {
    const { inUse } = account;
    try {
      // What is in use is good enough to begin with: it is read again under the lease, if it comes to that.
      const looked = force || inUse === undefined || this.#obstacle(account) !== undefined;
      const first = looked ? await this.#current(account) : inUse.record;
      return await this.#attempts(account, first, { rejectedToken, replaceVersion: force ? first.version : undefined });
    } catch (error) {
      if (!(error instanceof TokenStoreError)) throw error;
      if (inUse === undefined || force || !account.isAlive(inUse.record, { rejectedToken, replaceVersion: undefined })) throw error;
      account.failed(error);
      this.#options.emit("store.failed", { accountId: account.id, operation: error.operation });
      return inUse;
    } finally {
      if (this.#writer.pending(account.id) === undefined) await this.#releaseKept(account);
    }
  }

  /** Takes the lease and refreshes, or waits for whoever holds it: by looking at the record, since that is what everybody wants. */
  async #attempts(account: AccountTokens, first: StoredTokens, wanted: Wanted): Promise<TokenInUse> {
    const giveUpAtMs = performance.now() + this.#leaseMs + this.#options.timeoutMs;
    let record = first;
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) {
        if (performance.now() >= giveUpAtMs) throw busy(this.#leaseMs);
        await sleep(jittered(Math.min(FIRST_POLL_MS * 2 ** (attempt - 1), LONGEST_POLL_MS)));
        record = await this.#current(account);
      }
      if (account.isFresh(record, wanted) || account.isLast(record, wanted)) return account.adopt(record);
      assertRefreshable(record, wanted);
      const obstacle = wanted.replaceVersion === undefined ? this.#obstacle(account) : this.#pause.error();
      if (obstacle !== undefined) {
        if (account.isAlive(record, wanted)) return account.use(record);
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
      } else if (account.isAlive(record, wanted) && this.#options.now() < refreshWindows(record).mandatoryAtMs) {
        return account.use(record);
      }
    }
  }

  async #lease(account: AccountTokens): Promise<LeaseAnswer> {
    // With a pending record nobody else can refresh: the newest refresh token is here.
    if (this.#writer.pending(account.id) !== undefined) return "unsupported";
    await this.#releaseKept(account);
    return this.#records.lease(account.id, this.#leaseMs);
  }

  /** Gives back what was kept for a pending record. */
  async #releaseKept(account: AccountTokens): Promise<void> {
    const { kept } = account;
    account.kept = undefined;
    if (kept !== undefined) await this.#records.release(account.id, kept);
  }

  /** Under the lease, if there is one: read again, ask HubSpot, write. `undefined` when the record moved and everything must be looked at anew. */
  async #refresh(account: AccountTokens, wanted: Wanted, holding: Holding): Promise<TokenInUse | undefined> {
    const { emit, now, requestRefresh } = this.#options;
    const epoch = this.#writer.epoch(account.id);
    const record = await this.#current(account);
    if (account.isFresh(record, wanted) || account.isLast(record, wanted)) return account.adopt(record);
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
    if (account.isAlive(record, wanted)) return account.use(record);
    throw error;
  }

  /** HubSpot refuses the refresh token. Believed only if it is still the one that stands. */
  async #refused(account: AccountTokens, sent: StoredTokens, reason: string, holding: Holding): Promise<undefined> {
    const heldThroughout = typeof holding.lease !== "string" && performance.now() - holding.sinceMs < this.#leaseMs;
    if (!heldThroughout) await sleep(jittered(DOUBT_MS));
    const epoch = this.#writer.epoch(account.id);
    const standing = await this.#current(account);
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
  async #current(account: AccountTokens): Promise<StoredTokens> {
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
  #obstacle(account: AccountTokens): HubSpotOAuthError | undefined {
    return account.backoff ?? this.#pause.error();
  }

  /** A pending record reached the store, or gave way to what stands there now. */
  async #settled(accountId: string, standing: StoredTokens | undefined): Promise<void> {
    const account = this.#accounts.get(accountId);
    if (account === undefined) return;
    if (standing === undefined || standing.status === "dead" || !hasToken(standing)) account.inUse = undefined;
    else if (account.inUse !== undefined) account.use(standing);
    // A flight may be sending what was pending until now: it gives the lease back when it has ended.
    if (account.flight === undefined) await this.#releaseKept(account);
  }

  #account(id: string): AccountTokens {
    let account = this.#accounts.get(id);
    if (account === undefined) this.#accounts.set(id, (account = new AccountTokens(id, this.#options.now, this.#options.cacheMs)));
    return account;
  }

  #forgetIfEmpty(account: AccountTokens): void {
    if (account.isEmpty && this.#accounts.get(account.id) === account) this.#accounts.delete(account.id);
  }

  /** @throws ConfigurationError after `close()`. */
  assertOpen(): void {
    if (this.#closed) throw new ConfigurationError("The client is closed. Make a new one.");
  }
}
