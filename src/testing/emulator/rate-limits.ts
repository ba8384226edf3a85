/**
 * HubSpot's burst limit: so many API calls per app and account in any stretch of so many milliseconds, by the emulator's clock. Off unless
 * a test sets it, so that a test with a clock that stands still is not limited by surprise.
 */

/** A limit over a rolling window. HubSpot's for OAuth apps: 110 in 10,000 ms. */
export interface EmulatorRateLimit {
  readonly limit: number;
  readonly intervalMs: number;
}

/** What counting a call came to. */
export interface CountedCall {
  readonly allowed: boolean;
  /** As HubSpot puts them on its answers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The calls of the last window, per app and account. */
export class RateLimits {
  readonly #arrivals = new Map<string, number[]>();

  /** Counts a call that is within the limit; one that is not, is refused and not counted. */
  count(key: string, { limit, intervalMs }: EmulatorRateLimit, nowMs: number): CountedCall {
    let arrivals = this.#arrivals.get(key);
    if (arrivals === undefined) this.#arrivals.set(key, (arrivals = []));
    const first = arrivals.findIndex((arrivedMs) => arrivedMs > nowMs - intervalMs);
    arrivals.splice(0, first === -1 ? arrivals.length : first);
    const allowed = arrivals.length < limit;
    if (allowed) arrivals.push(nowMs);
    const headers = {
      "x-hubspot-ratelimit-interval-milliseconds": String(intervalMs),
      "x-hubspot-ratelimit-max": String(limit),
      "x-hubspot-ratelimit-remaining": String(limit - arrivals.length),
    };
    return { allowed, headers };
  }
}
