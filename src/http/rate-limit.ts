/**
 * Keeps calls within HubSpot's limits, per account and bucket: a call that may go, goes at once; the others wait in line, first come, first
 * served, and no account waits for another. The limits are HubSpot's own, corrected by what its answers say; a 429 pauses the account.
 * Knows nothing of HTTP. Called by `HubSpotHttp` before each request and after each answer.
 */
import { ConfigurationError, RateLimitError } from "../errors.js";
import type { Emit } from "../events.js";
import { checkCount, checkMethods, ownOptions } from "../option-checks.js";
import { readLimits, remainingIn, type AnswerHeaders } from "./rate-headers.js";
import { correct, isIdle, Lane, type Configured } from "./rate-lane.js";
import { WaitingCall } from "./rate-queue.js";
import { askStore, type RateLimitBucket, type RateLimitGrant, type RateLimitStore, type SharedCredit } from "./rate-sharing.js";

export type { RateLimitBucket, RateLimitExchange, RateLimitGrant, RateLimitStore } from "./rate-sharing.js";

/** Options of the limiter, the `rateLimit` option of `HubSpotHttp` and `HubSpotOAuthClient`. */
export interface RateLimitOptions {
  /**
   * Calls per interval and account. One that you set is the most there will be: HubSpot's headers only lower it, so that you can leave a
   * part to other software. Without one, the headers have the last word. @default 110
   */
  readonly limit?: number | undefined;
  /** The stretch of time in which `limit` calls may be made, in milliseconds. @default 10_000 */
  readonly intervalMs?: number | undefined;
  /** Calls of CRM search per interval and account: HubSpot counts them apart. @default 5 */
  readonly searchLimit?: number | undefined;
  /** The same for searches, in milliseconds. @default 1_000 */
  readonly searchIntervalMs?: number | undefined;
  /** Calls that may wait per account and bucket; one more is a `RateLimitError` at once. @default 1_000 */
  readonly maxQueue?: number | undefined;
  /** Shares the count between processes, such as a `RedisRateLimitStore`. While it does not answer, each process counts for itself. @default none */
  readonly store?: RateLimitStore | undefined;
}

/** Limits of one wait. */
export interface RateLimitWait {
  /** Rejects with the signal's reason, and frees the place in line. */
  readonly signal?: AbortSignal | undefined;
  /** What is left of the call's deadline: rejects as soon as it is certain that the turn comes later. */
  readonly maxWaitMs?: number | undefined;
  /** HubSpot has refused this call before: it goes before the others, and the line is never too long for it. */
  readonly again?: boolean | undefined;
}

/** What the limiter tells, and the clock it runs by. */
export interface RateLimiterHooks {
  readonly emit?: Emit | undefined;
  /** Milliseconds, monotonic. @default performance.now */
  readonly now?: (() => number) | undefined;
}

const OPTIONS = ["limit", "intervalMs", "searchLimit", "searchIntervalMs", "maxQueue", "store"];
/**
 * Within this a call reaches HubSpot, also through a busy pool. Longer would be safer still, and slower where answers are not to be had:
 * those calls come to interval / (interval + grace) of the rate. For searches, whose interval is short, a part of it.
 */
const API_GRACE_MS = 5_000;
const SEARCH_GRACE_PART = 1 / 10;
const DAY_MS = 86_400_000;
/** How long a process counts for itself before it tries the store again. */
const STORE_PAUSE_MS = 1_000;
/** Shorter waits are not worth an event: with a shared store, every round trip is one. */
const TOLD_FROM_MS = 10;

/** One account. Most never search. */
interface Account {
  readonly api: Lane;
  search: Lane | undefined;
}

/** The limits of all accounts of one client. */
export class RateLimiter {
  readonly #configured: Readonly<Record<RateLimitBucket, Configured>>;
  readonly #maxQueue: number;
  readonly #store: RateLimitStore | undefined;
  readonly #emit: Emit | undefined;
  readonly #now: () => number;
  readonly #accounts = new Map<string, Account>();
  readonly #exchanges = new Set<Promise<void>>();
  readonly #onEmpty = (lane: Lane): void => {
    clearTimeout(lane.timer);
    lane.timer = undefined;
    if (lane.credit !== undefined) this.#schedule(lane, this.#now());
  };
  #sweeping = false;
  #sweeper: NodeJS.Timeout | undefined;
  #alone = false;
  #aloneUntilMs = 0;
  #closed = false;

  /** @throws TypeError that names the wrong option. */
  constructor(given: RateLimitOptions = {}, hooks: RateLimiterHooks = {}) {
    const options = ownOptions(given, OPTIONS, "rateLimit");
    const count = (name: "limit" | "intervalMs" | "searchLimit" | "searchIntervalMs" | "maxQueue", standard: number, least = 1): number =>
      options[name] === undefined ? standard : checkCount(options[name], `rateLimit.${name}`, least);
    if (options.store !== undefined) checkMethods(options.store, ["exchange"], "rateLimit.store");
    const intervalMs = count("intervalMs", 10_000);
    const searchIntervalMs = count("searchIntervalMs", 1_000);
    this.#configured = {
      api: {
        limit: count("limit", 110),
        intervalMs,
        graceMs: API_GRACE_MS,
        fixed: options.limit !== undefined || options.intervalMs !== undefined,
      },
      search: { limit: count("searchLimit", 5), intervalMs: searchIntervalMs, graceMs: searchIntervalMs * SEARCH_GRACE_PART, fixed: true },
    };
    this.#maxQueue = count("maxQueue", 1_000, 0);
    this.#store = options.store;
    this.#emit = hooks.emit;
    this.#now = hooks.now ?? (() => performance.now());
  }

  /** Whether the call may go at once; then it is counted. Otherwise `wait`. One look-up, a few numbers, nothing allocated. */
  tryTake(key: string, bucket: RateLimitBucket, nowMs: number = this.#now()): boolean {
    if (this.#closed) return false;
    const lane = this.#lane(key, bucket);
    if (lane.waiting > 0) {
      this.#pump(lane, nowMs);
      if (lane.waiting > 0) return false;
    }
    return this.#mayGo(lane, nowMs);
  }

  /**
   * Resolves when the call may go; then it is counted.
   * @throws RateLimitError with the policy `LOCAL_QUEUE` when too many wait, or when the turn comes after `maxWaitMs` · the signal's reason ·
   * ConfigurationError after `close()`.
   */
  wait(key: string, bucket: RateLimitBucket, { signal, maxWaitMs, again = false }: RateLimitWait = {}): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.#closed) return Promise.reject(closed());
    const nowMs = this.#now();
    const lane = this.#lane(key, bucket);
    const { queue } = lane;
    const waitMs = this.#dueMs(lane, nowMs, queue.ahead(again)) - nowMs;
    if (!again && queue.size >= this.#maxQueue) return Promise.reject(lineTooLong(lane, waitMs));
    if (maxWaitMs !== undefined && waitMs > maxWaitMs) return Promise.reject(tooLate(lane, waitMs));
    return new Promise((resolve, reject) => {
      const deadlineMs = maxWaitMs === undefined ? Number.POSITIVE_INFINITY : nowMs + maxWaitMs;
      queue.add(new WaitingCall(queue, { sinceMs: nowMs, deadlineMs, again }, signal, resolve, reject));
      this.#schedule(lane, nowMs);
    });
  }

  /** `tryTake`, or else `wait`: `undefined` when the call may go at once. */
  take(key: string, bucket: RateLimitBucket, limits?: RateLimitWait, nowMs?: number): Promise<void> | undefined {
    if (limits?.signal?.aborted === true) return Promise.reject(limits.signal.reason as Error);
    return this.tryTake(key, bucket, nowMs) ? undefined : this.wait(key, bucket, limits);
  }

  /**
   * An answer has come: from now on its call counts for one interval, and its headers may correct the limit.
   * @param sentMs when the call was let go, on the limiter's clock. Left out, the answer counts as that of the call longest under way.
   */
  observe(key: string, bucket: RateLimitBucket, headers: AnswerHeaders, sentMs?: number): void {
    if (this.#closed) return;
    const nowMs = this.#now();
    const lane = this.#lane(key, bucket);
    const { window } = lane;
    const inTime = window.answered(nowMs, sentMs);
    const said = readLimits(headers, lane.said);
    const isNew = said !== lane.said;
    if (isNew) {
      lane.said = said;
      correct(lane);
    }
    // Old news says nothing of now, and another interval nothing of this one.
    const { intervalMs = window.intervalMs } = said;
    const left = inTime && intervalMs === window.intervalMs ? remainingIn(headers) : undefined;
    lane.credit?.answered(nowMs, sentMs ?? nowMs, left);
    if (left !== undefined) window.remaining(nowMs, left, sentMs);
    // Another limit may let somebody go; other processes may wait to hear of the answer.
    if (isNew || lane.credit !== undefined) this.#schedule(lane, nowMs);
  }

  /**
   * HubSpot said 429, or 477: nothing of this account goes out for `ms`, at most a day. A search's 429 concerns searches only. A waiting
   * call whose deadline comes first fails at once.
   */
  pause(key: string, bucket: RateLimitBucket, ms: number): void {
    if (this.#closed || !(ms > 0)) return;
    const nowMs = this.#now();
    const untilMs = nowMs + Math.min(ms, DAY_MS);
    const lane = this.#lane(key, bucket);
    lane.window.refused(nowMs, untilMs);
    this.#pauseLane(lane, nowMs, untilMs, true);
    if (bucket === "api") this.#pauseLane(this.#lane(key, "search"), nowMs, untilMs, false);
  }

  /** Fails what waits, and every call from now on. With a shared store, resolves when other processes can have what this one leaves. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#sweeper);
    const lanes = [...this.#accounts.values()].flatMap(({ api, search }) => (search === undefined ? [api] : [api, search]));
    this.#accounts.clear();
    for (const lane of lanes) {
      if (lane.waiting > 0) lane.queue.failAll(closed);
      clearTimeout(lane.timer);
    }
    await Promise.all(this.#exchanges);
    if (!this.#alone) await Promise.all(lanes.map((lane) => this.#leave(lane)));
  }

  /** How many accounts are remembered. */
  get size(): number {
    return this.#accounts.size;
  }

  #lane(key: string, bucket: RateLimitBucket): Lane {
    const account = this.#accounts.get(key) ?? this.#open(key);
    if (bucket === "api") return account.api;
    return (account.search ??= new Lane(key, "search", this.#configured.search, this.#store !== undefined, this.#onEmpty));
  }

  #open(key: string): Account {
    const account: Account = {
      api: new Lane(key, "api", this.#configured.api, this.#store !== undefined, this.#onEmpty),
      search: undefined,
    };
    this.#accounts.set(key, account);
    if (!this.#sweeping) this.#sweepLater();
    return account;
  }

  #mayGo(lane: Lane, nowMs: number): boolean {
    if (lane.pausedUntilMs > nowMs) return false;
    if (lane.credit === undefined) return lane.window.enter(nowMs);
    if (!this.#alone) return lane.credit.take(nowMs);
    if (nowMs >= this.#aloneUntilMs && !lane.credit.asking) {
      this.#aloneUntilMs = nowMs + STORE_PAUSE_MS;
      this.#askSoon(lane, lane.credit);
    }
    return lane.window.enter(nowMs);
  }

  /** Lets go whoever may. */
  #pump(lane: Lane, nowMs: number): void {
    for (let call = lane.queue.head; call !== undefined && this.#mayGo(lane, nowMs); call = lane.queue.head) {
      const waitMs = Math.round(nowMs - call.sinceMs);
      call.go();
      if (waitMs >= TOLD_FROM_MS) this.#emit?.("rate-limit.waited", { policyName: "LOCAL_QUEUE", waitMs });
    }
  }

  /** The earliest moment for a call with `ahead` others before it. */
  #dueMs(lane: Lane, nowMs: number, ahead: number): number {
    const { window, credit } = lane;
    const dueMs =
      credit === undefined || this.#alone
        ? window.dueMs(nowMs, ahead)
        : Math.max(nowMs, credit.nextAskMs) + Math.floor(ahead / window.limit) * window.spanMs;
    return Math.max(dueMs, lane.pausedUntilMs);
  }

  /** Sets the lane's timer to what comes next; fails what it would come too late for. */
  #schedule(lane: Lane, nowMs: number): void {
    const credit = this.#alone ? undefined : lane.credit;
    let wakeMs = credit === undefined ? Number.POSITIVE_INFINITY : credit.tellMs(nowMs);
    let deadlineMs = Number.POSITIVE_INFINITY;
    if (lane.waiting > 0) {
      const dueMs = this.#dueMs(lane, nowMs, 0);
      lane.queue.failBefore(dueMs, () => tooLate(lane, dueMs - nowMs));
      // The last one to fail has scheduled already.
      if (lane.waiting === 0) return;
      wakeMs = Math.min(wakeMs, dueMs);
      deadlineMs = lane.queue.earliestDeadlineMs;
    }
    if (credit !== undefined && wakeMs <= nowMs) this.#askSoon(lane, credit);
    if (credit?.asking === true) wakeMs = Number.POSITIVE_INFINITY;
    this.#wakeAt(lane, Math.min(wakeMs, deadlineMs), nowMs);
  }

  #wakeAt(lane: Lane, wakeMs: number, nowMs: number): void {
    if (wakeMs === Number.POSITIVE_INFINITY || this.#closed) return;
    if (lane.timer === undefined || wakeMs < lane.timerMs) {
      clearTimeout(lane.timer);
      lane.timerMs = wakeMs;
      lane.timer = setTimeout(() => this.#onTimer(lane), Math.max(1, Math.ceil(wakeMs - nowMs)));
    }
    // A call that waits is work to be done; news for others are not.
    if (lane.waiting > 0) lane.timer.ref();
    else lane.timer.unref();
  }

  #onTimer(lane: Lane): void {
    lane.timer = undefined;
    const nowMs = this.#now();
    if (lane.waiting > 0) this.#pump(lane, nowMs);
    this.#schedule(lane, nowMs);
  }

  #pauseLane(lane: Lane, nowMs: number, untilMs: number, refused: boolean): void {
    lane.pausedUntilMs = Math.max(lane.pausedUntilMs, untilMs);
    lane.credit?.paused(untilMs, refused);
    this.#schedule(lane, nowMs);
  }

  /** After all that this turn of the event loop brings: one question for all of it. */
  #askSoon(lane: Lane, credit: SharedCredit): void {
    if (credit.asking) return;
    credit.asking = true;
    queueMicrotask(() => this.#ask(lane, credit));
  }

  #ask(lane: Lane, credit: SharedCredit): void {
    const store = this.#store;
    if (store === undefined || this.#closed) return;
    const exchange = credit.exchange(this.#now(), this.#alone ? 0 : lane.waiting);
    const exchanged = askStore(store, lane.key, lane.bucket, exchange)
      .then(
        (grant) => this.#onGrant(lane, credit, grant),
        () => this.#onStoreFailure(lane, credit),
      )
      .finally(() => this.#exchanges.delete(exchanged));
    this.#exchanges.add(exchanged);
  }

  /** The last news of this process. Without them its calls would count as under way until their grace is over. */
  async #leave({ key, bucket, credit }: Lane): Promise<void> {
    if (this.#store === undefined || credit === undefined) return;
    const exchange = credit.exchange(this.#now(), 0);
    if (exchange.answered + exchange.unused + exchange.refused === 0) return;
    try {
      await askStore(this.#store, key, bucket, { ...exchange, spare: 0 });
    } catch {
      this.#emit?.("store.failed", { accountId: key, operation: "rate-limit" });
    }
  }

  #onGrant(lane: Lane, credit: SharedCredit, grant: RateLimitGrant): void {
    const nowMs = this.#now();
    this.#alone = false;
    credit.asking = false;
    credit.accept(grant, nowMs);
    if (grant.pausedMs > 0) lane.pausedUntilMs = Math.max(lane.pausedUntilMs, nowMs + grant.pausedMs);
    this.#pump(lane, nowMs);
    this.#schedule(lane, nowMs);
  }

  /** Calls go on, counted by this process alone. HubSpot's 429 is the limit then. */
  #onStoreFailure(lane: Lane, credit: SharedCredit): void {
    const nowMs = this.#now();
    credit.asking = false;
    this.#aloneUntilMs = nowMs + STORE_PAUSE_MS;
    if (!this.#alone) this.#emit?.("store.failed", { accountId: lane.key, operation: "rate-limit" });
    this.#alone = true;
    this.#pump(lane, nowMs);
    this.#schedule(lane, nowMs);
  }

  /** Forgets who has been quiet. One timer for all, which keeps no process alive. */
  #sweepLater(): void {
    this.#sweeping = true;
    const everyMs = Math.max(1_000, 2 * this.#configured.api.intervalMs);
    this.#sweeper = setTimeout(() => {
      const nowMs = this.#now();
      for (const [key, { api, search }] of this.#accounts) {
        if (isIdle(api, nowMs) && (search === undefined || isIdle(search, nowMs))) this.#accounts.delete(key);
      }
      this.#sweeping = false;
      if (this.#accounts.size > 0) this.#sweepLater();
    }, everyMs).unref();
  }
}

function lineTooLong(lane: Lane, waitMs: number): RateLimitError {
  return queueError(lane, `too many calls wait already (${lane.waiting})`, waitMs);
}

function tooLate(lane: Lane, waitMs: number): RateLimitError {
  return queueError(lane, `its turn comes in ${Math.ceil(waitMs)} ms at the earliest, after its deadline`, waitMs);
}

function queueError({ key, bucket }: Lane, why: string, waitMs: number): RateLimitError {
  return new RateLimitError(`A call was not sent, to keep to HubSpot's rate limit (${bucket}) for ${JSON.stringify(key)}: ${why}.`, {
    policyName: "LOCAL_QUEUE",
    retryAfterMs: Math.ceil(waitMs),
  });
}

function closed(): ConfigurationError {
  return new ConfigurationError("The client is closed. Make a new one.");
}
