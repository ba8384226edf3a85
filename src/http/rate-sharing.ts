/**
 * One limit for several processes: what a shared store must do, and what one process has to tell it and has from it, per account and
 * bucket. Calls are granted in batches, and what became of them is told with the next question, so that round trips stay few.
 */
import { TokenStoreError } from "../errors.js";
import type { Awaitable } from "../stores/store.js";
import { isThenable } from "../waiting.js";
import type { RollingWindow } from "./rate-window.js";

/** What HubSpot counts apart: CRM search, and all the rest. */
export type RateLimitBucket = "api" | "search";

/** What a process tells and asks, in one round trip. */
export interface RateLimitExchange {
  /** A granted call counts for so long after its answer came, in milliseconds. */
  readonly spanMs: number;
  /** How many calls may count at once. */
  readonly limit: number;
  /** A granted call whose answer is not told within so many milliseconds counts from then on. */
  readonly graceMs: number;
  /** Calls that wait. */
  readonly need: number;
  /** Calls that may come soon: granted only while more than half of the window is free. */
  readonly spare: number;
  /** Granted calls that were answered since the last exchange. Which ones does not matter: the longest open are taken for them. */
  readonly answered: number;
  /** Granted calls that were not made, and are given back. */
  readonly unused: number;
  /** 429s since the last exchange: so much more is used by others. Their part comes free evenly, over four spans after the pause. */
  readonly refused: number;
  /** What HubSpot said is left; what is missing, and was not granted here, is used by others. */
  readonly remaining: number | undefined;
  /** How old that may be, in milliseconds. */
  readonly remainingAgeMs: number;
  /** Nobody is granted anything for so many milliseconds. */
  readonly pauseMs: number;
}

/** What the store answers. */
export interface RateLimitGrant {
  /** Calls that may be made, at most `need + spare`. */
  readonly granted: number;
  /** Not before this can more be granted, in milliseconds; 0 when some are left. */
  readonly waitMs: number;
  /** Of that, what is left of a pause, in milliseconds. */
  readonly pausedMs: number;
  /** How many are left. */
  readonly free: number;
}

/**
 * Counts calls for several processes. `key` names an account, and is not secret; each bucket of it is counted for itself. Every exchange is
 * one atomic step on the store's own clock. Shipped: `RedisRateLimitStore`.
 */
export interface RateLimitStore {
  /** One step for one account and bucket. Calls wait for it, half a second at most; one that rejects leaves each process to count for itself. */
  exchange(key: string, bucket: RateLimitBucket, exchange: RateLimitExchange): Awaitable<RateLimitGrant>;
}

/** How long the store may take: calls wait for it. */
const STORE_TIMEOUT_MS = 500;
/** How often at most a process asks and tells, per span: where there is little left, and where nobody seems to wait. */
const EXCHANGES_PER_SPAN = 40;
const CALM_EXCHANGES_PER_SPAN = 10;
/** Calls in advance, at most this part of the limit: what one process holds, the others wait for. */
const SPARE_PART = 1 / 10;
/** Parts of the grace: granted calls are used within the first, and what became of a call is told within the second, or not at all. */
const USED_WITHIN = 1 / 10;
const TOLD_WITHIN = 3 / 4;

/** Asks the store. @throws whatever the store throws, and TokenStoreError when it is late or answers nonsense. */
export async function askStore(
  store: RateLimitStore,
  key: string,
  bucket: RateLimitBucket,
  exchange: RateLimitExchange,
): Promise<RateLimitGrant> {
  const answer = store.exchange(key, bucket, exchange);
  const grant: unknown = isThenable(answer) ? await inTime(answer) : answer;
  if (!isGrant(grant) || grant.granted > exchange.need + exchange.spare) throw failure("gave an unexpected answer");
  return grant;
}

/** An event loop that was busy for so long may have the answer in hand when the timer fires: it is read first. */
function inTime<T>(answer: PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(failure(`did not answer within ${STORE_TIMEOUT_MS} ms`));
    const timer = setTimeout(() => setImmediate(late), STORE_TIMEOUT_MS);
    answer.then(resolve, reject).then(() => clearTimeout(timer));
  });
}

function failure(what: string): TokenStoreError {
  return new TokenStoreError(`The rate limit store ${what}.`, { operation: "exchange" });
}

function isGrant(value: unknown): value is RateLimitGrant {
  const { granted, waitMs, pausedMs, free } = (value ?? {}) as Record<keyof RateLimitGrant, unknown>;
  return Number.isSafeInteger(granted) && [granted, waitMs, pausedMs].every((n) => Number(n) >= 0) && Number.isFinite(free);
}

/** What one process has from the store and owes it, for one account and bucket. */
export class SharedCredit {
  readonly #window: RollingWindow;
  /** Whether an exchange is under way. */
  asking = false;
  /** When asking makes sense again. */
  nextAskMs = 0;
  #granted = 0;
  #grantedMs = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #usedSince = 0;
  #scarce = false;
  // To be told, until the store counts these calls by itself.
  #answered = 0;
  #unused = 0;
  #newsUntilMs = Number.POSITIVE_INFINITY;
  #refused = 0;
  #pauseUntilMs = 0;
  #remaining: number | undefined;
  #remainingMs = 0;

  constructor(window: RollingWindow) {
    this.#window = window;
  }

  /** Uses one granted call, if there is one. */
  take(nowMs: number): boolean {
    if (this.#granted === 0) return false;
    if (nowMs >= this.#grantedMs + this.#window.graceMs * USED_WITHIN) {
      this.#giveBack(nowMs);
      return false;
    }
    this.#granted--;
    this.#usedSince++;
    this.#window.record(nowMs);
    return true;
  }

  /** An answer has come, to a call that was let go at `sentMs`. */
  answered(nowMs: number, sentMs: number, remaining: number | undefined): void {
    if (this.#isNews(nowMs, sentMs)) this.#answered++;
    if (remaining === undefined) return;
    this.#remaining = remaining;
    this.#remainingMs = sentMs;
  }

  /** Nobody goes until then. `refused`: because HubSpot refused one of ours here. */
  paused(untilMs: number, refused: boolean): void {
    this.#pauseUntilMs = Math.max(this.#pauseUntilMs, untilMs);
    if (!refused) return;
    this.#refused++;
    if (this.#answered === 0) return;
    this.#answered--;
    this.#unused++;
  }

  /** When it is time to tell what other processes may wait for: answers, and granted calls that nobody here has used. */
  tellMs(nowMs: number): number {
    if (this.#refused > 0 || this.#pauseUntilMs > nowMs) return nowMs;
    const { spanMs, graceMs } = this.#window;
    const calmMs = Math.min(spanMs / CALM_EXCHANGES_PER_SPAN, graceMs * USED_WITHIN);
    const returnMs = this.#granted === 0 ? Number.POSITIVE_INFINITY : this.#grantedMs + calmMs;
    if (this.#answered + this.#unused === 0) return Math.max(nowMs, returnMs);
    return Math.max(nowMs, Math.min(returnMs, this.#askedMs + (this.#scarce ? spanMs / EXCHANGES_PER_SPAN : calmMs)));
  }

  /** The next exchange, for `need` calls that wait. What it tells is told. */
  exchange(nowMs: number, need: number): RateLimitExchange {
    const { limit, spanMs, graceMs } = this.#window;
    // Who has not used what it had in advance needs nothing in advance.
    const spare = this.#granted === 0 && nowMs <= this.#askedMs + graceMs ? this.#usedSince : 0;
    if (this.#granted > 0) this.#giveBack(nowMs);
    const isNews = nowMs < this.#newsUntilMs;
    const exchange: RateLimitExchange = {
      spanMs,
      limit,
      graceMs,
      need: Math.min(need, limit),
      spare: Math.min(spare, Math.floor(limit * SPARE_PART)),
      answered: isNews ? this.#answered : 0,
      unused: isNews ? this.#unused : 0,
      refused: this.#refused,
      // Older, and nobody knows any more which calls of ours HubSpot had counted.
      remaining: nowMs < this.#remainingMs + graceMs ? this.#remaining : undefined,
      remainingAgeMs: this.#remaining === undefined ? 0 : Math.min(nowMs - this.#remainingMs, graceMs),
      pauseMs: Math.max(0, Math.ceil(this.#pauseUntilMs - nowMs)),
    };
    this.#askedMs = nowMs;
    this.#usedSince = this.#answered = this.#unused = this.#refused = this.#pauseUntilMs = 0;
    this.#newsUntilMs = Number.POSITIVE_INFINITY;
    this.#remaining = undefined;
    return exchange;
  }

  /** Takes the store's answer. */
  accept({ granted, waitMs, free }: RateLimitGrant, nowMs: number): void {
    this.#granted = granted;
    this.#grantedMs = this.#askedMs;
    this.#scarce = free < this.#window.limit / 2;
    this.nextAskMs = nowMs + (waitMs > 0 ? Math.max(waitMs, this.#window.spanMs / EXCHANGES_PER_SPAN) : 0);
  }

  /** Not used in time: they would arrive later than the store thinks. */
  #giveBack(nowMs: number): void {
    if (this.#isNews(nowMs, this.#grantedMs)) this.#unused += this.#granted;
    this.#granted = 0;
  }

  #isNews(nowMs: number, sinceMs: number): boolean {
    const untilMs = sinceMs + this.#window.graceMs * TOLD_WITHIN;
    if (nowMs >= untilMs) return false;
    this.#newsUntilMs = Math.min(this.#newsUntilMs, untilMs);
    return true;
  }
}
