/** The pause that a 429 of HubSpot's token endpoint puts on every refresh of an app: the limit is the app's, not one account's. */
import { RateLimitError } from "./errors.js";
import { jittered } from "./token-writer.js";

const LONGEST_MS = 60_000;
const USUAL_MS = 10_000;

/** One app's pause. */
export class RefreshPause {
  readonly #now: () => number;
  #untilMs = 0;
  #because: RateLimitError | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Begins, for as long as HubSpot asks, at most a minute. Answers the milliseconds. */
  begin(because: RateLimitError): number {
    const waitMs = Math.min(because.retryAfterMs ?? jittered(USUAL_MS), LONGEST_MS);
    const standing = this.error() === undefined ? 0 : this.#untilMs;
    this.#untilMs = Math.max(this.#now() + waitMs, standing);
    this.#because = because;
    return waitMs;
  }

  /** While it lasts: the error for whoever cannot do without a refresh, with the time that is left. */
  error(): RateLimitError | undefined {
    const leftMs = this.#untilMs - this.#now();
    // More than the longest: the clock has jumped back.
    if (this.#because === undefined || leftMs <= 0 || leftMs > LONGEST_MS) return undefined;
    const { message, policyName, correlationId } = this.#because;
    return new RateLimitError(message, { policyName, retryAfterMs: leftMs, correlationId });
  }
}
