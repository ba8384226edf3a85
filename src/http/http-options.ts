/** What `HubSpotHttp` and its calls take and answer: types, defaults and checks. */
import type { Credential } from "../credentials.js";
import type { HubSpotErrorDetail } from "../errors.js";
import type { EventListener } from "../events.js";
import { API_ORIGIN } from "../oauth/endpoints.js";
import { checkCount, checkFunction, checkMethods, checkOrigin, checkTransport, checkUserAgent, ownOptions } from "../option-checks.js";
import type { DispatcherLike, FetchLike } from "../transport.js";
import { VERSION } from "../version.js";
import type { RateLimitOptions } from "./rate-limit.js";
import type { Query } from "./request-target.js";
import { resolveRetry, type RetryOptions, type RetryPolicy } from "./retry-policy.js";
import type { StandardSchema } from "./standard-schema.js";

/** Options of `HubSpotHttp`. */
export interface HubSpotHttpOptions {
  /** What authorizes the calls: `oauth.account(id)`, `oauth.clientCredentials(scopes)`, `privateAppToken(token)`, `developerApiKey(key)`, or one of your own. */
  readonly credential: Credential;
  /** Where the API is. @default the origin of the credential's client, else `https://api.hubapi.com` */
  readonly apiOrigin?: string | undefined;
  /** Total deadline of a call in milliseconds: waiting for a turn and a token, every attempt, every pause. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** The largest answer that is read, in bytes, those of errors included. @default 52_428_800 (50 MB) */
  readonly maxResponseBytes?: number | undefined;
  /** How failed calls are tried again; `false`: not at all. @default 3 attempts, with jitter */
  readonly retry?: RetryOptions | false | undefined;
  /**
   * The limits that calls keep to before HubSpot has to refuse them. Options given here count for this `HubSpotHttp` alone; to share one
   * count between all of an app's, give them to `HubSpotOAuthClient`. `false`: no limiter. @default the credential's client's, else HubSpot's limits per credential
   */
  readonly rateLimit?: RateLimitOptions | false | undefined;
  /** Sent as `User-Agent`. @default "hubspot-oauth/<version>" */
  readonly userAgent?: string | undefined;
  /** An undici 7 or 8 dispatcher to send by. Trusted: it sees the token. @default the credential's client's, else the application's global one */
  readonly dispatcher?: DispatcherLike | undefined;
  /** A `fetch` to send by, instead of a dispatcher. Trusted: it sees the token. @default the credential's client's way, else a dispatcher */
  readonly fetch?: FetchLike | undefined;
  /** Called with `request.retried` and `rate-limit.waited`. @default the credential's client's */
  readonly onEvent?: EventListener | undefined;
}

/** Options of one call. */
export interface CallOptions {
  /** Query parameters; `undefined` and `null` are left out, arrays are repeated. @default none */
  readonly query?: Query | undefined;
  /** Sent as JSON; `URLSearchParams` as a form; `FormData` and `Blob` as they are; a string or `Uint8Array` when `headers` names its content type. @default none */
  readonly body?: unknown;
  /** More headers; the credential's and the connection's own cannot be replaced. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Rejects with the signal's reason wherever the call stands. A refresh that others wait for goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Total deadline of this call in milliseconds. @default the client's */
  readonly timeoutMs?: number | undefined;
  /**
   * Whether doing it twice is the same as doing it once, so that it may be tried again when nobody knows whether it arrived.
   * @default true for GET, HEAD, PUT and DELETE and for HubSpot's searches and batch reads; false for other POSTs and for PATCH
   */
  readonly idempotent?: boolean | undefined;
}

/** Options of a call whose answer is validated. */
export interface CallOptionsWithSchema<Output> extends CallOptions {
  /** Any Standard Schema, such as one of zod 4: the body becomes what it returns, or `MalformedResponseError`. */
  readonly schema: StandardSchema<Output>;
}

/** Options of `stream`. */
export interface StreamOptions extends Omit<CallOptions, "body"> {
  /** As in `CallOptions`; or a `ReadableStream`, a Node stream or any async iterable of bytes, which is sent piece by piece and never twice. @default none */
  readonly body?: unknown;
  /** The longest silence in milliseconds: until the answer begins, then between two pieces of either body. @default the client's `timeoutMs` */
  readonly timeoutMs?: number | undefined;
  /** The largest answer in bytes; `Infinity` for no limit. @default the client's */
  readonly maxResponseBytes?: number | undefined;
}

/** The whole answer of a call that succeeded. */
export interface HubSpotResponse<Body = unknown> {
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The parsed JSON body; `undefined` when there is none. */
  readonly body: Body;
  /** What went wrong in parts of a batch that succeeded in others (207); empty otherwise. */
  readonly errors: readonly HubSpotErrorDetail[];
}

export const CALL_OPTIONS: readonly string[] = ["query", "body", "headers", "signal", "timeoutMs", "idempotent", "schema"];
export const STREAM_OPTIONS: readonly string[] = ["query", "body", "headers", "signal", "timeoutMs", "idempotent", "maxResponseBytes"];
const HTTP_OPTIONS = [
  ...["credential", "apiOrigin", "timeoutMs", "maxResponseBytes", "retry", "rateLimit"],
  ...["userAgent", "dispatcher", "fetch", "onEvent"],
];

/** `HubSpotHttpOptions`, checked and with the defaults that do not depend on the process. */
export interface ResolvedHttpOptions {
  readonly given: HubSpotHttpOptions;
  readonly apiOrigin: string;
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  readonly retry: RetryPolicy | undefined;
  readonly userAgent: string;
}

/** @throws TypeError that names the wrong option. */
export function resolveHttpOptions(options: HubSpotHttpOptions): ResolvedHttpOptions {
  const given = ownOptions(options, HTTP_OPTIONS, "HubSpotHttp");
  checkMethods(given.credential, ["authorize"], "credential");
  checkTransport(given);
  checkFunction(given.onEvent, "onEvent");
  return {
    given,
    apiOrigin:
      given.apiOrigin === undefined ? (given.credential.runtime?.apiOrigin ?? API_ORIGIN) : checkOrigin(given.apiOrigin, "apiOrigin"),
    timeoutMs: given.timeoutMs === undefined ? 30_000 : checkCount(given.timeoutMs, "timeoutMs"),
    maxResponseBytes: given.maxResponseBytes === undefined ? 52_428_800 : checkCount(given.maxResponseBytes, "maxResponseBytes"),
    retry: resolveRetry(given.retry),
    userAgent: given.userAgent === undefined ? `hubspot-oauth/${VERSION}` : checkUserAgent(given.userAgent),
  };
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** @throws TypeError */
export function checkMethod(method: string): void {
  if (!METHODS.has(method)) throw new TypeError(`method must be one of ${[...METHODS].join(", ")}.`);
}
