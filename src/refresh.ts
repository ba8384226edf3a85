/**
 * The token coordinator: which access token an account uses now, and when it is refreshed. With `token-refresher.ts`, which does that, the
 * place where a mistake loses a customer. In this order, always: cache; one flight per account; the refresher. A request that was sent is
 * never aborted by a caller. Called by the client.
 */
import { type AccountRecords, STORE_TIMEOUT_MS } from "./account-records.js";
import { type AccountsShared, AccountTokens, type Flight, type TokenOptions } from "./account-tokens.js";
import type { CoordinatorOptions } from "./coordinator-options.js";
import type { Authorization } from "./credentials.js";
import { ConfigurationError, type HubSpotOAuthError, TokenStoreError } from "./errors.js";
import { busy, refusedTooOften, sameToken } from "./refresh-errors.js";
import { hasToken } from "./refreshed-record.js";
import { ScopeSets } from "./scope-sets.js";
import type { TokenInUse } from "./token-in-use.js";
import { TokenRefresher } from "./token-refresher.js";
import type { StoredTokens } from "./token-set.js";
import { TokenWriter } from "./token-writer.js";
import { traceRefresh } from "./tracing.js";
import { waitFor } from "./waiting.js";

/** How long the caller who refreshes ahead of time waits before it takes the old token. */
const ADVISORY_WAIT_MS = 5_000;

/** The scopes of an account, absent while HubSpot has not said. */
export interface Granted {
  readonly scopes?: readonly string[] | undefined;
}

/** Hands out access tokens, one refresh per account at a time. */
export class TokenCoordinator {
  readonly #options: CoordinatorOptions;
  readonly #records: AccountRecords;
  readonly #writer: TokenWriter;
  readonly #refresher: TokenRefresher;
  readonly #accounts = new Map<string, AccountTokens>();
  readonly #shared: AccountsShared;
  #closed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#writer = new TokenWriter(options.records, options.emit, (accountId, standing) => this.#settled(accountId, standing));
    this.#refresher = new TokenRefresher(options, this.#writer);
    this.#shared = { now: options.now, cacheMs: options.cacheMs, scopes: new ScopeSets() };
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
    const found = await waitFor(this.#reread(account), { signal });
    return (found !== undefined && found === account.inUse ? found : await this.token(accountId, { signal })).authorization;
  }

  /** What an account has granted: from the cache while that is trusted (unless `fresh`), else from the store, dead or alive. */
  async granted(accountId: string, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<Granted | undefined> {
    const cached = fresh ? undefined : this.peek(accountId);
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
        if (nowMs < inUse.advisoryAtMs || account.flight !== undefined || this.#refresher.obstacle(account) !== undefined) return inUse;
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
  #reread(account: AccountTokens): Promise<TokenInUse | undefined> {
    if (account.reread !== undefined) return account.reread;
    const reading = (async () => {
      // The writer's timer is asking the store for it already; a store that hangs must not hold up a call that has a token.
      const pending = this.#writer.pending(account.id);
      const record = pending ?? (await this.#refresher.current(account));
      if (hasToken(record)) account.adopt(record);
      else account.inUse = undefined;
      if (pending !== undefined) account.trust(Math.min(this.#options.cacheMs, STORE_TIMEOUT_MS));
      return account.inUse;
    })();
    const reread = reading.finally(() => {
      account.reread = undefined;
      this.#forgetIfEmpty(account);
    });
    return (account.reread = reread);
  }

  #startFlight(account: AccountTokens, rejectedToken: string | undefined, force: boolean): Flight {
    const limitMs = 2 * this.#refresher.leaseMs; // A dead holder's lease may have to run out first.
    const onTimeout = (): never => {
      throw busy(limitMs);
    };
    const work = traceRefresh({ accountId: account.id, forced: force }, () =>
      waitFor(this.#refresher.refresh(account, rejectedToken, force), { ms: limitMs, onTimeout }),
    );
    const promise = work.finally(() => {
      if (account.flight?.promise === promise) account.flight = undefined;
      this.#forgetIfEmpty(account);
    });
    promise.catch(() => undefined); // Its callers may have given up; a flight without one is not an unhandled rejection.
    return (account.flight = { promise, rejectedToken, force });
  }

  /** A pending record reached the store, or gave way to what stands there now. */
  async #settled(accountId: string, standing: StoredTokens | undefined): Promise<void> {
    const account = this.#accounts.get(accountId);
    if (account === undefined) return;
    if (standing === undefined || standing.status === "dead" || !hasToken(standing)) account.inUse = undefined;
    else if (account.inUse !== undefined) account.use(standing);
    // A flight may be sending what was pending until now: it gives the lease back when it has ended.
    if (account.flight === undefined) await this.#refresher.releaseKept(account);
  }

  #account(id: string): AccountTokens {
    let account = this.#accounts.get(id);
    if (account === undefined) this.#accounts.set(id, (account = new AccountTokens(id, this.#shared)));
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
