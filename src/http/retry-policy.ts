/**
 * Whether a failed call is tried again, and after how long: a pure function of what went wrong. Called by `api-caller.ts`, which does the
 * waiting. Nothing is sent twice that HubSpot may have carried out, unless carrying it out twice changes nothing.
 */
import { HubSpotApiError, MalformedResponseError, NetworkError, RateLimitError } from "../errors.js";
import { checkCount, ownOptions } from "../option-checks.js";

/** How often and how patiently a call is tried again. The call's total deadline bounds all of it. */
export interface RetryOptions {
  /** Requests in all, the first one included; 1: no other. A 429 was not carried out: after one, it is up to 10 within the deadline. @default 3 */
  readonly attempts?: number | undefined;
  /** The wait before the second attempt is random between 0 and this, doubled for each further one, in milliseconds. @default 1_000 */
  readonly baseDelayMs?: number | undefined;
  /** Where the doubling ends, in milliseconds. @default 10_000 */
  readonly maxDelayMs?: number | undefined;
  /** A longer wait than this is not waited for, but thrown, with `retryAfterMs`, in milliseconds. @default 60_000 */
  readonly maxRetryAfterMs?: number | undefined;
}

/** `RetryOptions` with every default in place. */
export type RetryPolicy = { readonly [Name in keyof RetryOptions]-?: number };

/** What is known of the attempt that failed, beside its error. */
export interface FailedAttempt {
  readonly method: string;
  /** Whether doing it twice is the same as doing it once: by its method (RFC 9110 section 9.2.2), or because the caller says so. */
  readonly idempotent: boolean;
  /** Whether its body can be sent again; a stream cannot. */
  readonly replayable: boolean;
  /** Whether a whole answer came, and was not what it should be; one that is too large, say, would only be fetched twice. */
  readonly unreadable: boolean;
  /** 1 for the first. */
  readonly attempt: number;
  /** Milliseconds until the call's deadline. */
  readonly leftMs: number;
  /** Between 0 and 1. */
  readonly random: number;
}

/** Another try after `waitMs` milliseconds, or none; `reason` is a short machine-readable word for events. */
export type RetryDecision =
  | { readonly retry: true; readonly waitMs: number; readonly reason: string }
  | { readonly retry: false; readonly waitMs?: number | undefined; readonly reason: string };

/** HubSpot's windows, for answers that name the policy and no time. */
const POLICY_WAIT_MS: Readonly<Record<string, number>> = { TEN_SECONDLY_ROLLING: 10_000, SECONDLY: 1_000 };
/** Several processes that do not share a count find their shares of a limit only by being refused. */
const MOST_LIMITED = 10;
/** HubSpot: locks last two seconds. */
const LOCKED_WAIT_MS = 2_000;
/** Overload and gateways on the way; 525 and 526 are certificates, which no waiting mends. */
const TRANSIENT_STATUS = new Set([500, 502, 503, 504, 520, 521, 522, 523, 524]);

/** @throws TypeError that names the wrong option. */
export function resolveRetry(given: RetryOptions | false | undefined): RetryPolicy | undefined {
  if (given === false) return undefined;
  const names = ["attempts", "baseDelayMs", "maxDelayMs", "maxRetryAfterMs"] as const;
  const options: RetryOptions = given === undefined ? {} : ownOptions(given, names, "retry");
  const count = (name: keyof RetryOptions, standard: number, least = 0): number =>
    options[name] === undefined ? standard : checkCount(options[name], `retry.${name}`, least);
  return {
    attempts: count("attempts", 3, 1),
    baseDelayMs: count("baseDelayMs", 1_000),
    maxDelayMs: count("maxDelayMs", 10_000),
    maxRetryAfterMs: count("maxRetryAfterMs", 60_000),
  };
}

/** Decides for one failure. A wait that would outlast the call's deadline is no wait: the error is worth more at once. */
export function decideRetry(error: unknown, failed: FailedAttempt, policy: RetryPolicy | undefined): RetryDecision {
  const wanted = wantedRetry(error, failed, policy);
  if (policy === undefined) return { ...wanted, retry: false };
  if (!wanted.retry) return wanted;
  const { waitMs, reason } = wanted;
  if (!failed.replayable) return { retry: false, waitMs, reason: "the body was a stream" };
  const most = error instanceof RateLimitError && policy.attempts > 1 ? Math.max(policy.attempts, MOST_LIMITED) : policy.attempts;
  if (failed.attempt >= most) return { retry: false, waitMs, reason: "no attempts left" };
  if (waitMs > policy.maxRetryAfterMs) return { retry: false, waitMs, reason: "too long a wait" };
  if (waitMs >= failed.leftMs) return { retry: false, waitMs, reason: "past the deadline" };
  return { retry: true, waitMs, reason };
}

function wantedRetry(error: unknown, failed: FailedAttempt, policy: RetryPolicy | undefined): RetryDecision {
  if (error instanceof RateLimitError) return rateLimited(error, failed, policy);
  if (error instanceof HubSpotApiError) return refused(error, failed, policy);
  if (error instanceof NetworkError) return disconnected(error, failed, policy);
  // A body that was cut short and looks whole: only reading again tells. A schema that does not fit, fits no better the second time.
  if (
    error instanceof MalformedResponseError &&
    error.issues.length === 0 &&
    failed.unreadable &&
    isRead(failed.method) &&
    failed.attempt === 1
  ) {
    return { retry: true, waitMs: 0, reason: "malformed" };
  }
  return { retry: false, reason: "final" };
}

/** A 429 was not carried out, whatever its method. */
function rateLimited(error: RateLimitError, failed: FailedAttempt, policy: RetryPolicy | undefined): RetryDecision {
  if (error.policyName === "DAILY") return { retry: false, reason: "DAILY" };
  const asked = error.retryAfterMs ?? POLICY_WAIT_MS[error.policyName ?? ""];
  // Upwards only, and not all at the same moment.
  const waitMs = asked === undefined ? backoff(failed, policy) : asked + failed.random * Math.min(asked / 10, 500);
  return { retry: true, waitMs, reason: error.policyName ?? "429" };
}

function refused(error: HubSpotApiError, failed: FailedAttempt, policy: RetryPolicy | undefined): RetryDecision {
  const { status, retryAfterMs } = error;
  const reason = String(status);
  // A migration of the account takes up to a day.
  if (status === 477) return { retry: false, waitMs: retryAfterMs, reason };
  const transient = status === 423 || TRANSIENT_STATUS.has(status);
  if (!transient || !failed.idempotent) return { retry: false, reason: transient ? "not idempotent" : "final" };
  const waitMs = Math.max(status === 423 ? LOCKED_WAIT_MS : 0, retryAfterMs ?? 0);
  return { retry: true, waitMs: waitMs + backoff(failed, policy), reason };
}

function disconnected(error: NetworkError, failed: FailedAttempt, policy: RetryPolicy | undefined): RetryDecision {
  const { phase, sent } = error;
  if (phase === "tls") return { retry: false, reason: "tls" };
  if (sent && !failed.idempotent) return { retry: false, reason: "may have been carried out" };
  if (isUnknownHost(error) && failed.attempt > 1) return { retry: false, reason: "dns" };
  // The usual case is an idle connection that the server had closed: a fresh one works at once.
  const waitMs = phase === "response" && failed.attempt === 1 ? 0 : backoff(failed, policy);
  return { retry: true, waitMs, reason: phase };
}

function isUnknownHost({ phase, cause }: NetworkError): boolean {
  return phase === "dns" && (cause as { code?: unknown } | undefined)?.code === "ENOTFOUND";
}

function isRead(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Full jitter: anything between nothing and the doubled base. */
function backoff({ attempt, random }: FailedAttempt, policy: RetryPolicy | undefined): number {
  const { baseDelayMs, maxDelayMs } = policy ?? { baseDelayMs: 0, maxDelayMs: 0 };
  return random * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
}

/** HubSpot's searches and batch reads are POSTs that change nothing. */
const READING_POST = /^[^?]*\/(?:search|batch\/read)(?:\?|$)/;

/** HubSpot counts searches apart from everything else. */
export function isSearch(target: string): boolean {
  return target.includes("/search") && /^[^?]*\/search(?:\?|$)/.test(target);
}

/** Whether a call is idempotent when its caller does not say: RFC 9110 section 9.2.2, and HubSpot's reads by POST. */
export function isIdempotent(method: string, target: string): boolean {
  return method !== "PATCH" && (method !== "POST" || READING_POST.test(target));
}
