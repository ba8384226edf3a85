/**
 * The way of one call: its turn, its token, the request, one replay after a token that ran out, and the tries that the retry policy
 * grants. `HubSpotHttp`'s methods, `stream` and `fetch` all go this way and differ only in how they send and what they read.
 */
import { randomInt } from "node:crypto";
import { type Authorization, authorizationAfter, type Credential } from "../credentials.js";
import { HubSpotApiError, RateLimitError, TimeoutError } from "../errors.js";
import type { Emit } from "../events.js";
import type { Open, OpenedResponse } from "../stream-transport.js";
import { type RequestTrace, requestTrace, traceRequest } from "../tracing.js";
import { describeRequest, type WireRequest } from "../transport.js";
import { isThenable, waitFor, type WaitLimits } from "../waiting.js";
import { apiError, errorBody } from "./api-error.js";
import type { RateLimitBucket, RateLimiter } from "./rate-limit.js";
import { credentialTarget, lowerCaseHeaders } from "./request-target.js";
import { decideRetry, type RetryPolicy } from "./retry-policy.js";
import type { StandardSchema } from "./standard-schema.js";

/** A call whose arguments were checked, and the time it has. */
export class Call {
  readonly method: string;
  /** Path and query, without the credential's part. */
  readonly target: string;
  readonly bucket: RateLimitBucket;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly content: WireRequest["body"];
  readonly replayable: boolean;
  readonly idempotent: boolean;
  readonly schema: StandardSchema | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** Whether answers outside 200 to 299 are returned once no try is left, as `fetch` does, instead of thrown. */
  readonly returnsRefusals: boolean;
  /** HubSpot has refused it for its rate before: its turn comes before the others'. */
  again = false;
  /** Of this call, while somebody subscribes. */
  trace: RequestTrace | undefined = undefined;
  /** On the clock of `performance.now()`. */
  readonly #deadlineMs: number;

  constructor(details: Omit<Call, "again" | "trace" | "limits" | "leftMs" | "maxWaitMs">) {
    this.method = details.method;
    this.target = details.target;
    this.bucket = details.bucket;
    this.headers = details.headers;
    this.content = details.content;
    this.replayable = details.replayable;
    this.idempotent = details.idempotent;
    this.schema = details.schema;
    this.signal = details.signal;
    this.timeoutMs = details.timeoutMs;
    this.maxResponseBytes = details.maxResponseBytes;
    this.returnsRefusals = details.returnsRefusals;
    this.#deadlineMs = performance.now() + details.timeoutMs;
  }

  /** What is left of the time. */
  get maxWaitMs(): number {
    return this.#deadlineMs - performance.now();
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

/** What a call returns of its answer. */
export type Reader<T> = (response: OpenedResponse, request: WireRequest, call: Call) => T | Promise<T>;

/** What all calls of one `HubSpotHttp` share. */
export interface CallerOptions {
  readonly credential: Credential;
  readonly apiOrigin: string;
  readonly userAgent: string;
  readonly limiter: RateLimiter | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly emit: Emit;
}

/** Makes the calls of one credential. */
export class ApiCaller {
  readonly #credential: Credential;
  readonly #apiOrigin: string;
  readonly #baseHeaders: Readonly<Record<string, string>>;
  readonly #limiter: RateLimiter | undefined;
  readonly #retry: RetryPolicy | undefined;
  readonly #emit: Emit;
  #authorized: Authorization | undefined;
  #authorizedHeaders: Readonly<Record<string, string>> = {};
  #credentialHeaders: Readonly<Record<string, string>> = {};

  constructor({ credential, apiOrigin, userAgent, limiter, retry, emit }: CallerOptions) {
    this.#credential = credential;
    this.#apiOrigin = apiOrigin;
    this.#baseHeaders = { accept: "application/json", "user-agent": userAgent };
    this.#limiter = limiter;
    this.#retry = retry;
    this.#emit = emit;
  }

  /** The call's answer, as `read` reads it. */
  run<T>(call: Call, send: Open, read: Reader<T>): Promise<T> {
    const trace = requestTrace(this.#credential.id, call.method, call.target);
    if (trace === undefined) return this.#attempts(call, send, read);
    call.trace = trace;
    return traceRequest(trace, () => this.#attempts(call, send, read));
  }

  /** One async function and no closures while all goes well: `npm run bench` shows either. */
  async #attempts<T>(call: Call, send: Open, read: Reader<T>): Promise<T> {
    const { signal } = call;
    let renewed: Authorization | undefined;
    let mayRenew = true;
    for (let attempt = 1; ;) {
      const turn = this.#limiter?.take(this.#credential.id, call.bucket, call);
      if (turn !== undefined) await turn;
      const first = renewed ?? this.#credential.authorize(signal === undefined ? undefined : { signal });
      const waited = isThenable(first);
      const authorization = waited ? await waitFor(Promise.resolve(first), call.limits<Authorization>()) : first;
      const request = this.#wireRequest(call, authorization, waited || turn !== undefined || attempt > 1 || !mayRenew);
      renewed = undefined;
      const sentMs = this.#limiter === undefined ? 0 : performance.now();
      let response: OpenedResponse | undefined;
      let failure: unknown;
      let unreadable = false;
      if (call.trace !== undefined) call.trace.attempts++;
      try {
        response = await send(request);
        if (call.trace !== undefined) call.trace.status = response.status;
      } catch (error) {
        failure = error;
      }
      if (response !== undefined) {
        this.#limiter?.observe(this.#credential.id, call.bucket, response.headers, sentMs);
        if (response.status >= 200 && response.status < 300) {
          try {
            const value = read(response, request, call);
            return isThenable(value) ? await value : value;
          } catch (error) {
            failure = error;
            unreadable = true;
          }
        } else {
          if ((response.status === 401 || response.status === 403) && mayRenew) {
            mayRenew = false;
            renewed = await this.#afterRefusal(response, authorization, call);
            if (renewed !== undefined) continue;
          }
          failure = apiError(response, {
            request: describeRequest(request),
            accountId: this.#credential.accountId,
            secrets: secretsOf(authorization),
            replayable: call.replayable,
          });
        }
      }
      if (await this.#again(call, attempt, failure, unreadable)) attempt++;
      else if (call.returnsRefusals && response !== undefined && isRefusal(response)) return read(response, request, call);
      else throw failure;
    }
  }

  /** Waits for the next attempt, if there is to be one. */
  async #again(call: Call, attempt: number, failure: unknown, unreadable: boolean): Promise<boolean> {
    const { method, idempotent, replayable, bucket, signal } = call;
    const leftMs = call.maxWaitMs;
    const random = randomInt(1_000_000) / 1_000_000;
    const decision = decideRetry(failure, { method, idempotent, replayable, unreadable, attempt, leftMs, random }, this.#retry);
    const limited = failure instanceof RateLimitError;
    call.again = limited;
    // The limit is the account's: whoever else calls for it waits as well, this call or another.
    const pauses = decision.waitMs !== undefined && (limited || (failure instanceof HubSpotApiError && failure.status === 477));
    if (pauses) this.#limiter?.pause(this.#credential.id, bucket, decision.waitMs ?? 0);
    if (!decision.retry) return false;
    const { waitMs, reason } = decision;
    const status = limited ? 429 : failure instanceof HubSpotApiError ? failure.status : undefined;
    this.#emit("request.retried", { credentialId: this.#credential.id, status, reason, waitMs });
    if (waitMs > 0 && !(pauses && this.#limiter !== undefined)) {
      await waitFor(new Promise<void>(() => undefined), { ms: waitMs, signal, onTimeout: () => undefined });
    }
    return true;
  }

  #wireRequest(call: Call, authorization: Authorization, late: boolean): WireRequest {
    const headers = this.#headersFor(authorization);
    return {
      origin: this.#apiOrigin,
      path: authorization.query === undefined ? call.target : credentialTarget(call.target, authorization.query),
      method: call.method,
      // The caller's may replace ours, never the credential's.
      headers: call.headers === undefined ? headers : { ...headers, ...call.headers, ...this.#credentialHeaders },
      body: call.content,
      timeoutMs: call.timeoutMs,
      leftMs: late ? call.leftMs() : undefined,
      maxResponseBytes: call.maxResponseBytes,
      signal: call.signal,
    };
  }

  /** Another token for a call that was refused with this one, if there is one to be had. */
  async #afterRefusal(response: OpenedResponse, rejected: Authorization, call: Call): Promise<Authorization | undefined> {
    const { status } = response;
    const asked = authorizationAfter({ status, category: errorBody(response)["category"] }, this.#credential, {
      rejected,
      signal: call.signal,
    });
    const next = isThenable(asked) ? await waitFor(Promise.resolve(asked), call.limits<Authorization | undefined>()) : asked;
    // A stream was read by the first try; the token is there for the next call.
    if (next === undefined || next === rejected || !call.replayable) return undefined;
    this.#emit("request.retried", { credentialId: this.#credential.id, status, reason: "another token", waitMs: 0 });
    return next;
  }

  /** One header object per authorization, so that calls with the same token allocate none. */
  #headersFor(authorization: Authorization): Readonly<Record<string, string>> {
    if (authorization !== this.#authorized) {
      this.#credentialHeaders = lowerCaseHeaders(authorization.headers ?? {});
      this.#authorizedHeaders = { ...this.#baseHeaders, ...this.#credentialHeaders };
      this.#authorized = authorization;
    }
    return this.#authorizedHeaders;
  }
}

function isRefusal({ status }: OpenedResponse): boolean {
  return status < 200 || status > 299;
}

/** What must not be quoted, should HubSpot echo it: with and without the scheme. */
function secretsOf({ headers = {}, query = {} }: Authorization): string[] {
  return [...Object.values(headers).flatMap((value) => [value, value.replace(/^\w+ /, "")]), ...Object.values(query)];
}
