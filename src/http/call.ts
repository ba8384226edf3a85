/** One call of `HubSpotHttp`, its arguments checked, and the time it has. */
import { TimeoutError } from "../errors.js";
import type { RequestTrace } from "../tracing.js";
import type { WireRequest } from "../transport.js";
import type { WaitLimits } from "../waiting.js";
import type { RateLimitBucket } from "./rate-limit.js";
import { type EncodedBody, isByteStream } from "./request-body.js";
import { isIdempotent, isSearch } from "./retry-policy.js";
import type { StandardSchema } from "./standard-schema.js";

/** What a call is made of, beside its method and target. */
export interface CallDetails {
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly schema: StandardSchema | undefined;
  readonly signal: AbortSignal | undefined;
  /** Total deadline in milliseconds, from now on. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Left out, the method and the target decide. */
  readonly idempotent: boolean | undefined;
  /** Whether answers outside 200 to 299 are returned once no try is left, as `fetch` does, instead of thrown. */
  readonly returnsRefusals: boolean;
}

/** A call, from the first attempt to the last. */
export class Call {
  readonly method: string;
  /** Path and query, without the credential's part. */
  readonly target: string;
  readonly bucket: RateLimitBucket;
  readonly schema: StandardSchema | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly returnsRefusals: boolean;
  /** When it began, on the clock of `performance.now()`. */
  readonly startedMs: number = performance.now();
  headers: Readonly<Record<string, string>> | undefined;
  content: WireRequest["body"] = undefined;
  /** HubSpot has refused it for its rate before: its turn comes before the others'. */
  again = false;
  /** Of this call, while somebody subscribes. */
  trace: RequestTrace | undefined = undefined;
  readonly #idempotent: boolean | undefined;

  constructor(method: string, target: string, details: CallDetails) {
    this.method = method;
    this.target = target;
    this.bucket = isSearch(target) ? "search" : "api";
    this.headers = details.headers;
    this.schema = details.schema;
    this.signal = details.signal;
    this.timeoutMs = details.timeoutMs;
    this.maxResponseBytes = details.maxResponseBytes;
    this.returnsRefusals = details.returnsRefusals;
    this.#idempotent = details.idempotent;
  }

  /** Gives it a body, of a type that the caller's own header may name otherwise. */
  carry({ content, contentType }: EncodedBody): this {
    this.content = content;
    if (contentType !== undefined && this.headers?.["content-type"] === undefined) {
      this.headers = { ...this.headers, "content-type": contentType };
    }
    return this;
  }

  /** Whether its body can be sent again. */
  get replayable(): boolean {
    return !isByteStream(this.content);
  }

  /** Whether doing it twice is the same as doing it once. */
  get idempotent(): boolean {
    return this.#idempotent ?? isIdempotent(this.method, this.target);
  }

  /** What is left of the time. */
  get maxWaitMs(): number {
    return this.startedMs + this.timeoutMs - performance.now();
  }

  /** The same, and an error when it is over. */
  leftMs(): number {
    const leftMs = this.maxWaitMs;
    if (leftMs <= 0) throw this.#late();
    return leftMs;
  }

  /** For a wait that must end with the call. */
  limits<T>(): WaitLimits<T> {
    return {
      ms: this.maxWaitMs,
      signal: this.signal,
      onTimeout: () => {
        throw this.#late();
      },
    };
  }

  #late(): TimeoutError {
    return new TimeoutError(
      `The call's ${this.timeoutMs} ms were over before a token was to be had, or before the schema had looked at the answer.`,
      { timeoutMs: this.timeoutMs, sent: false },
    );
  }
}
