/**
 * Calls HubSpot's API with a credential: the Bearer header is set, and refreshed before it expires. Typed errors, HubSpot's limits kept,
 * tried again where that is safe. The token goes to the configured origin and nowhere else; redirects are never followed.
 */
import type { Readable } from "node:stream";
import { createTransport, type Transport } from "../choose-transport.js";
import { createEmit } from "../events.js";
import { checkCount, ownOptions } from "../option-checks.js";
import { discardBody, type Open, type OpenedResponse } from "../stream-transport.js";
import type { Send } from "../transport.js";
import { isThenable } from "../waiting.js";
import { readAnswer, readBody } from "./answer.js";
import { ApiCaller, type Reader } from "./api-caller.js";
import { bindFetch, type BoundFetch } from "./bound-fetch.js";
import { Call } from "./call.js";
import {
  CALL_OPTIONS,
  type CallOptions,
  type CallOptionsWithSchema,
  checkMethod,
  type HubSpotHttpOptions,
  type HubSpotResponse,
  resolveHttpOptions,
  STREAM_OPTIONS,
  type StreamOptions,
} from "./http-options.js";
import { paginate, type Paginated, type PaginateOptions, type PaginateOptionsWithSchema } from "./pagination.js";
import { RateLimiter } from "./rate-limit.js";
import { type EncodedBody, encodeBody, streamBody } from "./request-body.js";
import { requestHeaders, requestTarget } from "./request-target.js";
import type { StandardSchema } from "./standard-schema.js";

/** The answer of `stream`. */
export interface HubSpotStream {
  readonly status: number;
  /** Header names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The body, read from HubSpot no faster than you read it. Destroy it when you stop early. */
  readonly body: Readable;
}

type AnyCallOptions = CallOptions & { readonly schema?: StandardSchema | undefined };

const NO_OPTIONS = Object.create(null) as AnyCallOptions;

// For credentials that come without a client. Open nothing before the first request, and keep no process alive.
let shared: Transport | undefined;
let sharedLimiter: RateLimiter | undefined;

/** HubSpot's API for one credential. Cheap: make one per request if you like. */
export class HubSpotHttp {
  /** A WHATWG `fetch` with this credential, for clients that take one: see `BoundFetch`. */
  readonly fetch: BoundFetch;
  readonly #caller: ApiCaller;
  readonly #apiOrigin: string;
  readonly #timeoutMs: number;
  readonly #maxResponseBytes: number;
  readonly #send: Send;
  readonly #open: Open;

  /** @throws TypeError that names the wrong option. */
  constructor(options: HubSpotHttpOptions) {
    const { given, apiOrigin, timeoutMs, maxResponseBytes, retry, userAgent } = resolveHttpOptions(options);
    const { credential, rateLimit } = given;
    const { runtime } = credential;
    const emit = createEmit(given.onEvent ?? runtime?.onEvent);
    this.#apiOrigin = apiOrigin;
    this.#timeoutMs = timeoutMs;
    this.#maxResponseBytes = maxResponseBytes;
    const replaced = given.dispatcher !== undefined || given.fetch !== undefined ? createTransport(given) : undefined;
    const own = (): Transport => (shared ??= createTransport({}));
    this.#send = (replaced ?? runtime)?.send ?? own().send;
    this.#open = (replaced ?? runtime)?.open ?? own().open;
    let limiter: RateLimiter | undefined;
    if (rateLimit === undefined) limiter = runtime === undefined ? (sharedLimiter ??= new RateLimiter()) : runtime.limiter;
    else if (rateLimit !== false) limiter = new RateLimiter(rateLimit, { emit });
    this.#caller = new ApiCaller({ credential, apiOrigin, userAgent, limiter, retry, emit });
    this.fetch = bindFetch({ caller: this.#caller, open: this.#open, apiOrigin, timeoutMs });
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
   * @param path a path on the API's origin, or a full URL on it.
   * @throws TypeError for arguments that cannot be sent · `HubSpotApiError`, `MissingScopesError`, `RateLimitError` when HubSpot refuses ·
   * `NetworkError`, `TimeoutError`, `MalformedResponseError` · what the credential throws, such as `ReauthorizationRequiredError`.
   */
  request<Output>(method: string, path: string, options: CallOptionsWithSchema<Output>): Promise<HubSpotResponse<Output>>;
  request(method: string, path: string, options?: CallOptions): Promise<HubSpotResponse>;
  request(method: string, path: string, options?: AnyCallOptions): Promise<HubSpotResponse> {
    return this.#call(method, path, options, readAnswer);
  }

  /**
   * Every item of a list, page after page: `for await (const contact of hubspot.paginate("/crm/v3/objects/contacts"))`; by `.pages()` the
   * pages. Knows `paging.next.after` (v3, the dated APIs, searches) and v1's `vid-offset` and `offset`.
   * @throws TypeError at once · while iterating: every error of `request`; `MalformedResponseError` when the list cannot be walked.
   */
  paginate<Item>(path: string, options: PaginateOptionsWithSchema<Item>): Paginated<Item>;
  paginate(path: string, options?: PaginateOptions): Paginated;
  paginate(path: string, options?: PaginateOptions): Paginated {
    return paginate(({ method, path: target, ...rest }) => this.#call(method, target, rest, readBody), path, options);
  }

  /**
   * One call whose body, answer or both are streams: imports, files, exports. Resolves when the answer begins; `timeoutMs` bounds silence,
   * not the whole. A stream that is sent is never sent twice, so such a call is not tried again, nor after a token that ran out.
   * @throws as `request`; what breaks later, breaks `body`.
   */
  async stream(method: string, path: string, given?: StreamOptions): Promise<HubSpotStream> {
    const options = given === undefined ? (NO_OPTIONS as StreamOptions) : ownOptions(given, STREAM_OPTIONS, "The call");
    const maxResponseBytes =
      options.maxResponseBytes === Number.POSITIVE_INFINITY || options.maxResponseBytes === undefined
        ? options.maxResponseBytes
        : checkCount(options.maxResponseBytes, "maxResponseBytes");
    try {
      return await this.#run(method, path, options, streamBody, this.#open, readStream, maxResponseBytes);
    } catch (error) {
      discardBody(options.body);
      throw error;
    }
  }

  #call<T>(method: string, path: string, given: AnyCallOptions | undefined, read: Reader<T>): Promise<T> {
    try {
      const options = given === undefined ? NO_OPTIONS : ownOptions(given, CALL_OPTIONS, "The call");
      return this.#run(method, path, options, encodeBody, this.#send, read);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #run<T>(
    method: string,
    path: string,
    options: AnyCallOptions,
    encode: (body: unknown, namedType: string | undefined) => EncodedBody | Promise<EncodedBody>,
    send: Open,
    read: Reader<T>,
    maxResponseBytes: number = this.#maxResponseBytes,
  ): Promise<T> {
    checkMethod(method);
    const timeoutMs = options.timeoutMs === undefined ? this.#timeoutMs : checkCount(options.timeoutMs, "timeoutMs");
    const { idempotent } = options;
    if (idempotent !== undefined && typeof idempotent !== "boolean") throw new TypeError("idempotent must be true or false.");
    const target = requestTarget(this.#apiOrigin, path, options.query);
    const headers = options.headers === undefined ? undefined : requestHeaders(options.headers);
    if (options.body !== undefined && (method === "GET" || method === "HEAD"))
      throw new TypeError(`body: ${method} carries none. Use query.`);
    const { schema, signal, body } = options;
    const call = new Call(method, target, { headers, schema, signal, timeoutMs, maxResponseBytes, idempotent, returnsRefusals: false });
    if (body === undefined) return this.#caller.run(call, send, read);
    return this.#runWithBody(call, encode(body, headers?.["content-type"]), send, read);
  }

  #runWithBody<T>(call: Call, body: EncodedBody | Promise<EncodedBody>, send: Open, read: Reader<T>): Promise<T> {
    if (isThenable(body)) return body.then((encoded) => this.#caller.run(call.carry(encoded), send, read));
    return this.#caller.run(call.carry(body), send, read);
  }
}

function readStream({ status, headers, stream }: OpenedResponse): HubSpotStream {
  return { status, headers, body: stream as Readable };
}
