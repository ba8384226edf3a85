/**
 * Calls HubSpot's API with a credential: the Bearer header is set, and refreshed before it expires. One request, one answer, typed errors.
 * The token goes to the configured origin and nowhere else; redirects are never followed.
 */
import { isUtf8 } from "node:buffer";
import { createTransport } from "../choose-transport.js";
import type { Authorization, Credential } from "../credentials.js";
import { MalformedResponseError, TimeoutError } from "../errors.js";
import { createEmit, type Emit, type EventListener } from "../events.js";
import { ownOptions, checkCount, checkFunction, checkMethods, checkOrigin, checkTransport, checkUserAgent } from "../option-checks.js";
import { API_ORIGIN } from "../oauth/endpoints.js";
import {
  describeRequest,
  header,
  type DispatcherLike,
  type FetchLike,
  type Send,
  type WireRequest,
  type WireResponse,
} from "../transport.js";
import { VERSION } from "../version.js";
import { isThenable, waitFor, type WaitLimits } from "../waiting.js";
import { apiError, correlationIdOf, errorBody } from "./api-error.js";
import { credentialTarget, encodeBody, lowerCaseHeaders, requestHeaders, requestTarget, type Query } from "./request-target.js";
import { issuePaths, type StandardResult, type StandardSchema } from "./standard-schema.js";

/** Options of `HubSpotHttp`. */
export interface HubSpotHttpOptions {
  /** What authorizes the calls: `oauth.account(id)`, `privateAppToken(token)`, `developerApiKey(key)`, or one of your own. */
  readonly credential: Credential;
  /** Where the API is. @default the origin of the credential's client, else `https://api.hubapi.com` */
  readonly apiOrigin?: string | undefined;
  /** Total deadline of a call in milliseconds: token, request and replay together. @default 30_000 */
  readonly timeoutMs?: number | undefined;
  /** The largest answer that is read, in bytes. @default 52_428_800 (50 MB) */
  readonly maxResponseBytes?: number | undefined;
  /** @default "hubspot-oauth/<version>" */
  readonly userAgent?: string | undefined;
  /** An undici 7 or 8 dispatcher to send by. Trusted: it sees the token. @default the credential's client's, else the application's global one */
  readonly dispatcher?: DispatcherLike | undefined;
  /** A `fetch` to send by, instead of a dispatcher. Trusted: it sees the token. */
  readonly fetch?: FetchLike | undefined;
  /** Called with `request.retried`. @default the credential's client's */
  readonly onEvent?: EventListener | undefined;
}

/** Options of one call. */
export interface CallOptions {
  /** Query parameters; `undefined` and `null` are left out, arrays are repeated. */
  readonly query?: Query | undefined;
  /** Sent as JSON; `URLSearchParams` as a form; a string or `Uint8Array` as it is when `headers` names its content type. */
  readonly body?: unknown;
  /** More headers; the credential's and the connection's own cannot be replaced. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Rejects with the signal's reason wherever the call stands. A refresh that others wait for goes on. */
  readonly signal?: AbortSignal | undefined;
  /** Total deadline of this call in milliseconds. @default the client's */
  readonly timeoutMs?: number | undefined;
}

/** Options of a call whose answer is validated. */
export interface CallOptionsWithSchema<Output> extends CallOptions {
  /** Any Standard Schema, such as one of zod 4: the body becomes what it returns, or `MalformedResponseError`. */
  readonly schema: StandardSchema<Output>;
}

/** The whole answer of a call that succeeded. */
export interface HubSpotResponse<Body = unknown> {
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The parsed JSON body; `undefined` when there is none. */
  readonly body: Body;
}

const HTTP_OPTIONS = ["credential", "apiOrigin", "timeoutMs", "maxResponseBytes", "userAgent", "dispatcher", "fetch", "onEvent"];
const CALL_OPTIONS = ["query", "body", "headers", "signal", "timeoutMs", "schema"];
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
const NO_OPTIONS = Object.create(null) as AnyCallOptions;

type AnyCallOptions = CallOptions & { readonly schema?: StandardSchema | undefined };

/** A call's headers and body as they are sent, with whatever token. */
interface Encoded {
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly content: string | Uint8Array | undefined;
}

const NOTHING_ENCODED: Encoded = { headers: undefined, content: undefined };

/** A call whose arguments were checked. */
interface Call {
  readonly method: string;
  /** Path and query, without the credential's part. */
  readonly target: string;
  readonly options: AnyCallOptions;
  readonly encoded: Encoded;
  readonly timeoutMs: number;
  /** On the clock of `performance.now()`. */
  readonly deadlineMs: number;
}

/** What a call returns of a success. */
type Reader<T> = (response: WireResponse, request: WireRequest, call: Call) => T | Promise<T>;

// For credentials that come without a client. Opens nothing before its first request, and its idle sockets keep no process alive.
let shared: Send | undefined;

/** HubSpot's API for one credential. Cheap: make one per request if you like. */
export class HubSpotHttp {
  readonly #credential: Credential;
  readonly #apiOrigin: string;
  readonly #timeoutMs: number;
  readonly #maxResponseBytes: number;
  readonly #baseHeaders: Readonly<Record<string, string>>;
  readonly #send: Send;
  readonly #emit: Emit;
  #authorized: Authorization | undefined;
  #authorizedHeaders: Readonly<Record<string, string>> = {};
  #credentialHeaders: Readonly<Record<string, string>> = {};

  /** @throws TypeError that names the wrong option. */
  constructor(given: HubSpotHttpOptions) {
    const options = ownOptions(given, HTTP_OPTIONS, "HubSpotHttp");
    checkMethods(options.credential, ["authorize"], "credential");
    checkTransport(options);
    checkFunction(options.onEvent, "onEvent");
    const runtime = options.credential.runtime;
    this.#credential = options.credential;
    this.#apiOrigin = options.apiOrigin === undefined ? (runtime?.apiOrigin ?? API_ORIGIN) : checkOrigin(options.apiOrigin, "apiOrigin");
    this.#timeoutMs = options.timeoutMs === undefined ? 30_000 : checkCount(options.timeoutMs, "timeoutMs");
    this.#maxResponseBytes = options.maxResponseBytes === undefined ? 52_428_800 : checkCount(options.maxResponseBytes, "maxResponseBytes");
    this.#baseHeaders = {
      accept: "application/json",
      "user-agent": options.userAgent === undefined ? `hubspot-oauth/${VERSION}` : checkUserAgent(options.userAgent),
    };
    const replaced = options.dispatcher !== undefined || options.fetch !== undefined;
    this.#send = replaced ? createTransport(options).send : (runtime?.send ?? (shared ??= createTransport({}).send));
    this.#emit = createEmit(options.onEvent ?? runtime?.onEvent);
  }

  /** GET: the parsed body. @throws every error of `request` */
  get<Output>(path: string, options: CallOptionsWithSchema<Output>): Promise<Output>;
  get(path: string, options?: CallOptions): Promise<unknown>;
  get(path: string, options?: AnyCallOptions): Promise<unknown> {
    return this.#call("GET", path, options, readBody);
  }

  /** POST: the parsed body. @throws every error of `request` */
  post<Output>(path: string, options: CallOptionsWithSchema<Output>): Promise<Output>;
  post(path: string, options?: CallOptions): Promise<unknown>;
  post(path: string, options?: AnyCallOptions): Promise<unknown> {
    return this.#call("POST", path, options, readBody);
  }

  /** PUT: the parsed body. @throws every error of `request` */
  put<Output>(path: string, options: CallOptionsWithSchema<Output>): Promise<Output>;
  put(path: string, options?: CallOptions): Promise<unknown>;
  put(path: string, options?: AnyCallOptions): Promise<unknown> {
    return this.#call("PUT", path, options, readBody);
  }

  /** PATCH: the parsed body. @throws every error of `request` */
  patch<Output>(path: string, options: CallOptionsWithSchema<Output>): Promise<Output>;
  patch(path: string, options?: CallOptions): Promise<unknown>;
  patch(path: string, options?: AnyCallOptions): Promise<unknown> {
    return this.#call("PATCH", path, options, readBody);
  }

  /** DELETE: the parsed body, mostly `undefined`. @throws every error of `request` */
  delete<Output>(path: string, options: CallOptionsWithSchema<Output>): Promise<Output>;
  delete(path: string, options?: CallOptions): Promise<unknown>;
  delete(path: string, options?: AnyCallOptions): Promise<unknown> {
    return this.#call("DELETE", path, options, readBody);
  }

  /**
   * One call, its whole answer.
   * @param path a path on the API's origin, or a full URL on it (`paging.next.link`).
   * @throws TypeError for arguments that cannot be sent · `HubSpotApiError`, `MissingScopesError`, `RateLimitError` when HubSpot refuses ·
   * `NetworkError`, `TimeoutError`, `MalformedResponseError` · what the credential throws, such as `ReauthorizationRequiredError`.
   */
  request<Output>(method: string, path: string, options: CallOptionsWithSchema<Output>): Promise<HubSpotResponse<Output>>;
  request(method: string, path: string, options?: CallOptions): Promise<HubSpotResponse>;
  request(method: string, path: string, options?: AnyCallOptions): Promise<HubSpotResponse> {
    return this.#call(method, path, options, readAnswer);
  }

  /** One async function and no closures while all goes well: `npm run bench` shows either. */
  async #call<T>(method: string, path: string, given: AnyCallOptions | undefined, read: Reader<T>): Promise<T> {
    const options = given === undefined ? NO_OPTIONS : ownOptions(given, CALL_OPTIONS, "The call");
    if (!METHODS.has(method)) throw new TypeError(`method must be one of ${[...METHODS].join(", ")}.`);
    const timeoutMs = options.timeoutMs === undefined ? this.#timeoutMs : checkCount(options.timeoutMs, "timeoutMs");
    const target = requestTarget(this.#apiOrigin, path, options.query);
    const call: Call = { method, target, options, encoded: encode(method, options), timeoutMs, deadlineMs: performance.now() + timeoutMs };

    const first = this.#credential.authorize(options.signal === undefined ? undefined : { signal: options.signal });
    const waited = isThenable(first);
    let authorization = waited ? await waitFor(Promise.resolve(first), limitsOf(call)) : first;
    let request = this.#wireRequest(call, authorization, waited ? leftOf(call) : undefined);
    let response = await this.#send(request);
    if (response.status === 401 || response.status === 403) {
      const renewed = this.#afterRefusal(response, authorization, options.signal);
      const next = renewed && (await waitFor(renewed, limitsOf(call)));
      if (next !== undefined && next !== authorization) {
        this.#emit("request.retried", { credentialId: this.#credential.id, status: response.status, reason: "another token" });
        authorization = next;
        request = this.#wireRequest(call, next, leftOf(call));
        response = await this.#send(request);
      }
    }
    if (response.status >= 200 && response.status < 300) return read(response, request, call);
    throw apiError(response, {
      request: describeRequest(request),
      accountId: this.#credential.accountId,
      secrets: secretsOf(authorization),
    });
  }

  #wireRequest(
    { method, target, options, encoded, timeoutMs }: Call,
    authorization: Authorization,
    leftMs: number | undefined,
  ): WireRequest {
    const headers = this.#headersFor(authorization);
    return {
      origin: this.#apiOrigin,
      path: authorization.query === undefined ? target : credentialTarget(target, authorization.query),
      method,
      // The caller's may replace ours, never the credential's.
      headers: encoded.headers === undefined ? headers : { ...headers, ...encoded.headers, ...this.#credentialHeaders },
      body: encoded.content,
      timeoutMs,
      leftMs,
      maxResponseBytes: this.#maxResponseBytes,
      signal: options.signal,
    };
  }

  /**
   * What to try after a 401 or 403, once. HubSpot: a 401 is no sign that a new token must be fetched, so only `EXPIRED_AUTHENTICATION`
   * refreshes; otherwise, and for missing scopes, another process may have changed the token, which is looked up without a refresh.
   */
  #afterRefusal(response: WireResponse, rejected: Authorization, signal: AbortSignal | undefined): Promise<Authorization> | undefined {
    const category = errorBody(response)["category"];
    if (response.status === 401 && category === "EXPIRED_AUTHENTICATION") {
      return Promise.resolve(this.#credential.authorize({ rejected, signal }));
    }
    if (response.status === 401 || category === "MISSING_SCOPES") return this.#credential.reload?.({ signal });
    return undefined;
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

function encode(method: string, options: AnyCallOptions): Encoded {
  if (options.headers === undefined && options.body === undefined) return NOTHING_ENCODED;
  if (options.body !== undefined && (method === "GET" || method === "HEAD"))
    throw new TypeError(`body: ${method} carries none. Use query.`);
  const headers = options.headers === undefined ? {} : requestHeaders(options.headers);
  const { content, contentType } = encodeBody(options.body, headers["content-type"] !== undefined);
  if (contentType !== undefined) headers["content-type"] ??= contentType;
  return { headers, content };
}

/** What must not be quoted, should HubSpot echo it: with and without the scheme. */
function secretsOf({ headers = {}, query = {} }: Authorization): string[] {
  return [...Object.values(headers).flatMap((value) => [value, value.replace(/^\w+ /, "")]), ...Object.values(query)];
}

function limitsOf<T>({ deadlineMs, timeoutMs, options }: Call): WaitLimits<T> {
  return {
    ms: deadlineMs - performance.now(),
    signal: options.signal,
    onTimeout: () => {
      throw late(timeoutMs);
    },
  };
}

function leftOf({ deadlineMs, timeoutMs }: Call): number {
  const leftMs = deadlineMs - performance.now();
  if (leftMs <= 0) throw late(timeoutMs);
  return leftMs;
}

function late(timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `The call's ${timeoutMs} ms were over before a token was to be had, or before the schema had looked at the answer.`,
    {
      timeoutMs,
      sent: false,
    },
  );
}

/** The parsed body of a success; `undefined` when it is empty. A body whose type is not named is tried as JSON, as mocks often send it. */
function parseJson(response: WireResponse, request: WireRequest): unknown {
  const { body, status } = response;
  if (body.length === 0) return undefined;
  const type = header(response, "content-type");
  if (type !== undefined && !/[/+]json\b/i.test(type)) {
    throw new MalformedResponseError(`HubSpot answered ${describeRequest(request)} with something other than JSON (status ${status}).`, {
      status,
      correlationId: correlationIdOf(response, {}),
    });
  }
  try {
    if (!isUtf8(body)) throw new SyntaxError("not UTF-8");
    return JSON.parse(body.toString());
  } catch {
    throw new MalformedResponseError(`HubSpot's answer to ${describeRequest(request)} is not valid JSON (status ${status}).`, {
      status,
      correlationId: correlationIdOf(response, {}),
    });
  }
}

/** Without a schema there is nothing to wait for. */
function readBody(response: WireResponse, request: WireRequest, call: Call): unknown {
  const body = parseJson(response, request);
  const { schema } = call.options;
  return schema === undefined ? body : validated(body, schema, response, request, call);
}

async function readAnswer(response: WireResponse, request: WireRequest, call: Call): Promise<HubSpotResponse> {
  return { status: response.status, headers: response.headers, body: await readBody(response, request, call) };
}

async function validated(
  body: unknown,
  schema: StandardSchema,
  response: WireResponse,
  request: WireRequest,
  call: Call,
): Promise<unknown> {
  const answer = schema["~standard"].validate(body);
  const result = isThenable(answer) ? await waitFor(Promise.resolve(answer), limitsOf<StandardResult<unknown>>(call)) : answer;
  if (result.issues === undefined) return result.value;
  throw new MalformedResponseError(
    `HubSpot's answer to ${describeRequest(request)} does not fit the schema at: ${issuePaths(result.issues)}.`,
    {
      status: response.status,
      correlationId: correlationIdOf(response, {}),
      issues: result.issues,
    },
  );
}
