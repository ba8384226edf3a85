/**
 * The way of one call: its turn, its token, the request, one replay after a token that ran out, and the tries that the retry policy
 * grants. `HubSpotHttp`'s methods, `stream` and `fetch` all go this way and differ only in how they send and what they read.
 */
import { randomInt } from "node:crypto";
import { type Authorization, authorizationAfter, type Credential } from "../credentials.js";
import { HubSpotApiError, RateLimitError } from "../errors.js";
import type { Emit } from "../events.js";
import type { Open, OpenedResponse } from "../stream-transport.js";
import { requestTrace, traceRequest } from "../tracing.js";
import { describeRequest, type WireRequest } from "../transport.js";
import { isThenable, waitFor } from "../waiting.js";
import { apiError, errorBody } from "./api-error.js";
import type { Call } from "./call.js";
import type { RateLimiter } from "./rate-limit.js";
import { credentialTarget, lowerCaseHeaders } from "./request-target.js";
import { decideRetry, type RetryPolicy } from "./retry-policy.js";

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
    // A body may have taken its time to be read.
    let sentMs = call.content === undefined ? call.startedMs : performance.now();
    for (let attempt = 1; ;) {
      const turn = this.#limiter?.take(this.#credential.id, call.bucket, call, sentMs);
      if (turn !== undefined) await turn;
      const first = renewed ?? this.#credential.authorize(signal === undefined ? undefined : { signal });
      const waited = isThenable(first);
      const authorization = waited ? await waitFor(Promise.resolve(first), call.limits<Authorization>()) : first;
      if (waited || turn !== undefined) sentMs = performance.now();
      const request = this.#wireRequest(call, authorization, sentMs);
      renewed = undefined;
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
            sentMs = performance.now();
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
      if (await this.#again(call, attempt, failure, unreadable)) {
        attempt++;
        sentMs = performance.now();
      } else if (call.returnsRefusals && response !== undefined && isRefusal(response)) return read(response, request, call);
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

  #wireRequest(call: Call, authorization: Authorization, nowMs: number): WireRequest {
    const headers = this.#headersFor(authorization);
    return {
      origin: this.#apiOrigin,
      path: authorization.query === undefined ? call.target : credentialTarget(call.target, authorization.query),
      method: call.method,
      // The caller's may replace ours, never the credential's.
      headers: call.headers === undefined ? headers : { ...headers, ...call.headers, ...this.#credentialHeaders },
      body: call.content,
      timeoutMs: call.timeoutMs,
      leftMs: nowMs === call.startedMs ? undefined : call.leftMs(),
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
