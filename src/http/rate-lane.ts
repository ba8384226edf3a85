/**
 * One account's calls of one bucket: the window they are counted in, those that wait, what the headers said, and what is shared with other
 * processes. State and small questions about it; the limiter decides.
 */
import { NOTHING_SAID, type SaidLimits } from "./rate-headers.js";
import { RateQueue } from "./rate-queue.js";
import { SharedCredit, type RateLimitBucket } from "./rate-sharing.js";
import { RollingWindow } from "./rate-window.js";

/** Limits that HubSpot has lowered are remembered for so long: the next burst after a quiet time must not find out by a 429. */
const REMEMBERED_MS = 3_600_000;

/** The limits of one bucket as they were configured. */
export interface Configured {
  readonly limit: number;
  readonly intervalMs: number;
  readonly graceMs: number;
  /** The headers may not raise it. */
  readonly fixed: boolean;
}

/** One account's one bucket. */
export class Lane {
  readonly key: string;
  readonly bucket: RateLimitBucket;
  readonly configured: Configured;
  readonly window: RollingWindow;
  readonly credit: SharedCredit | undefined;
  /** What the headers said last. */
  said: SaidLimits = NOTHING_SAID;
  pausedUntilMs = 0;
  timer: NodeJS.Timeout | undefined;
  timerMs = 0;
  readonly #onEmpty: (lane: Lane) => void;
  #queue: RateQueue | undefined;

  constructor(key: string, bucket: RateLimitBucket, configured: Configured, shared: boolean, onEmpty: (lane: Lane) => void) {
    this.key = key;
    this.bucket = bucket;
    this.configured = configured;
    this.window = new RollingWindow(configured.limit, configured.intervalMs, configured.graceMs);
    this.credit = shared ? new SharedCredit(this.window) : undefined;
    this.#onEmpty = onEmpty;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue === undefined ? 0 : this.#queue.size;
  }

  /** Those that wait. Most accounts never come near their limit: it is made for the first. */
  get queue(): RateQueue {
    return (this.#queue ??= new RateQueue(() => this.#onEmpty(this)));
  }
}

/** Whether it may be forgotten. */
export function isIdle({ waiting, credit, window, configured, pausedUntilMs }: Lane, nowMs: number): boolean {
  if (waiting > 0 || pausedUntilMs > nowMs || credit?.asking === true) return false;
  return window.isIdle(nowMs, window.limit < configured.limit ? REMEMBERED_MS : 0);
}

/** Takes over what the headers say, where they may. */
export function correct({ bucket, configured, said, window }: Lane): void {
  let { limit, intervalMs } = configured;
  const saidMs = said.intervalMs ?? intervalMs;
  // Answers to searches may well speak of the other bucket.
  if (said.limit !== undefined && (bucket === "api" || saidMs === intervalMs)) {
    if (!configured.fixed || said.limit * intervalMs < limit * saidMs) [limit, intervalMs] = [said.limit, saidMs];
  }
  // The old limit per second: it is enforced for searches only, if at all.
  const { secondly } = said;
  if (secondly !== undefined && bucket === "search" && secondly * intervalMs < limit * 1_000) [limit, intervalMs] = [secondly, 1_000];
  window.setLimit(limit, intervalMs);
}
