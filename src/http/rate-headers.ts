/**
 * What HubSpot's answers say of its limits: `X-HubSpot-RateLimit-*`, all of them hints. Read off every answer, so a value that was seen
 * before is not parsed again. Nothing absurd gets through: a header must never stop an account for good, nor set it free.
 */

import { isDeepStrictEqual } from "node:util";

/** Headers by their names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_LIMIT = 100_000;
const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;

/** What the headers of one account and bucket said last. */
export interface SaidLimits {
  /** `-Max`: calls per interval. */
  readonly limit: number | undefined;
  /** `-Interval-Milliseconds`. */
  readonly intervalMs: number | undefined;
  /** `-Secondly`, deprecated: calls per second. */
  readonly secondly: number | undefined;
  /** The three headers as they came. */
  readonly texts: readonly [unknown, unknown, unknown];
}

export const NOTHING_SAID: SaidLimits = {
  limit: undefined,
  intervalMs: undefined,
  secondly: undefined,
  texts: [undefined, undefined, undefined],
};

/** What an account said last. Most accounts say the same: they share one object. */
let latest = NOTHING_SAID;

/** `before`, unless something is new. What an answer does not mention stays as it was: not every answer comes from HubSpot's own limiter. */
export function readLimits(headers: AnswerHeaders, before: SaidLimits): SaidLimits {
  const [maxBefore, intervalBefore, secondlyBefore] = before.texts;
  const max = headers["x-hubspot-ratelimit-max"] ?? maxBefore;
  const interval = headers["x-hubspot-ratelimit-interval-milliseconds"] ?? intervalBefore;
  const secondly = headers["x-hubspot-ratelimit-secondly"] ?? secondlyBefore;
  if (max === maxBefore && interval === intervalBefore && secondly === secondlyBefore) return before;
  const said: SaidLimits = {
    limit: count(max, 1, MAX_LIMIT) ?? before.limit,
    intervalMs: count(interval, MIN_INTERVAL_MS, MAX_INTERVAL_MS) ?? before.intervalMs,
    secondly: count(secondly, 1, MAX_LIMIT) ?? before.secondly,
    texts: [max, interval, secondly],
  };
  if (!isDeepStrictEqual(said, latest)) latest = said;
  return latest;
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
