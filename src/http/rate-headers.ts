/**
 * What HubSpot's answers say of its limits: `X-HubSpot-RateLimit-*`, all of them hints. Read off every answer, so a value that was seen
 * before is not parsed again. Nothing absurd gets through: a header must never stop an account for good, nor set it free.
 */

/** Headers by their names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_LIMIT = 100_000;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;

/** Remembers what the headers of one account and bucket said last. */
export class RateHeaders {
  #max: unknown;
  #interval: unknown;
  #secondly: unknown;
  /** `-Max`: calls per interval. */
  limit: number | undefined;
  /** `-Interval-Milliseconds`. */
  intervalMs: number | undefined;
  /** `-Secondly`, deprecated: calls per second. */
  secondly: number | undefined;

  /** Whether anything is new. What an answer does not mention stays as it was: not every answer comes from HubSpot's own limiter. */
  read(headers: AnswerHeaders): boolean {
    const max = headers["x-hubspot-ratelimit-max"] ?? this.#max;
    const interval = headers["x-hubspot-ratelimit-interval-milliseconds"] ?? this.#interval;
    const secondly = headers["x-hubspot-ratelimit-secondly"] ?? this.#secondly;
    if (max === this.#max && interval === this.#interval && secondly === this.#secondly) return false;
    this.#max = max;
    this.#interval = interval;
    this.#secondly = secondly;
    this.limit = count(max, 1, MAX_LIMIT) ?? this.limit;
    this.intervalMs = count(interval, MIN_INTERVAL_MS, MAX_INTERVAL_MS) ?? this.intervalMs;
    this.secondly = count(secondly, 1, MAX_LIMIT) ?? this.secondly;
    return true;
  }
}

/** `-Remaining`: calls left in the interval when HubSpot counted this one. */
export function remainingIn(headers: AnswerHeaders): number | undefined {
  const value = headers["x-hubspot-ratelimit-remaining"];
  return value === undefined ? undefined : count(value, 0, MAX_LIMIT);
}

function count(value: unknown, least: number, most: number): number | undefined {
  if (typeof value !== "string" || !/^\d{1,9}$/.test(value)) return undefined;
  const number = Number(value);
  return number >= least && number <= most ? number : undefined;
}
