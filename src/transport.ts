/**
 * One HTTP request and its whole answer: total deadline, size cap, no redirects, no retries, every failure as one of our errors.
 * Two ways to the wire, undici's dispatch and a `fetch`; `choose-transport.ts` decides which. Called by the OAuth endpoints and `HubSpotHttp`.
 */
import { ConfigurationError, HubSpotOAuthError, MalformedResponseError, NetworkError, TimeoutError } from "./errors.js";
import { networkError } from "./network-failure.js";
import { listenToAbort } from "./waiting.js";

/** One request, ready for the wire. `origin` and `path` never mix: a path cannot change where the request goes. */
export interface WireRequest {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A stream only by `stream-transport.ts`. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Deadline in milliseconds, from the first attempt to connect to the last byte of the answer. */
  readonly timeoutMs: number;
  /** What is left of it, when waiting for a token took some. */
  readonly leftMs?: number | undefined;
  /** An answer that is larger is not read to its end. */
  readonly maxResponseBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** The whole answer. Header names in lower case. */
export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** Sends one request. */
export type Send = (request: WireRequest) => Promise<WireResponse>;

/** What we need of an undici dispatcher: structural, so that those of undici 7 and 8 both fit. */
export interface DispatcherLike {
  dispatch(options: never, handler: never): unknown;
}

/** What we need of a `fetch`. */
export type FetchLike = (input: string, init: RequestInit) => Promise<Response>;

interface Controller {
  abort(reason: Error): void;
}

/** `dispatch` as it is called: the types of undici 7 and 8 differ. */
type DispatchLoosely = (options: object, handler: object) => unknown;

/** Sends by `dispatcher.dispatch`, with a handler of our own: no streams, no `AbortSignal.any`, no copy of a body that came in one piece. */
export function sendByDispatcher(dispatcher: DispatcherLike, request: WireRequest): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(request, resolve, reject);
    if (exchange.begin()) dispatchTo(dispatcher, request, request.body, exchange);
  });
}

/** Hands a request to a dispatcher. What it throws goes to the handler, as every other failure does. */
export function dispatchTo(
  dispatcher: DispatcherLike,
  { origin, path, method, headers }: WireRequest,
  body: WireRequest["body"],
  handler: { onResponseError(controller: undefined, error: unknown): void },
): void {
  try {
    // The deadline is ours; undici's two timers would cut a longer one short.
    const options = { origin, path, method, headers, body: body ?? null, headersTimeout: 0, bodyTimeout: 0 };
    (dispatcher.dispatch as DispatchLoosely).call(dispatcher, options, handler);
  } catch (error) {
    handler.onResponseError(undefined, error);
  }
}

const NO_HEADERS: WireResponse["headers"] = {};

/** The handler of one dispatched request. Each callback may come after the exchange was settled by deadline or abort. */
class Exchange {
  readonly #request: WireRequest;
  readonly #resolve: (response: WireResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #controller: Controller | undefined;
  #settled: unknown;
  #status = 0;
  #headers: WireResponse["headers"] = NO_HEADERS;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #bytes = 0;

  constructor(request: WireRequest, resolve: (response: WireResponse) => void, reject: (reason: unknown) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Starts the deadline and listens to the caller's signal; false when that was aborted before. */
  begin(): boolean {
    const { signal, timeoutMs, leftMs = timeoutMs } = this.#request;
    if (signal?.aborted === true) {
      this.#reject(signal.reason);
      return false;
    }
    listenToAbort(signal, this);
    this.#deadlineMs = performance.now() + leftMs;
    this.#timer = setTimeout(onDeadline, leftMs, this);
    return true;
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.fail(this.#request.signal?.reason);
  }

  onDeadline(): void {
    this.fail(timeoutError(this.#request, this.#controller !== undefined));
  }

  fail(reason: unknown): void {
    if (!this.#settle(reason)) return;
    this.#reject(reason);
    this.#controller?.abort(asError(reason));
  }

  #settle(reason: unknown): boolean {
    if (this.#settled !== undefined) return false;
    this.#settled = reason ?? true;
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener("abort", this);
    return true;
  }

  onRequestStart(controller: Controller): void {
    // A process that was held up, suspended say, may get here before its own timer does. What nobody waits for any more is not sent.
    if (performance.now() > this.#deadlineMs) this.onDeadline();
    if (this.#settled !== undefined) controller.abort(asError(this.#settled));
    else this.#controller = controller;
  }

  onResponseStart(_controller: Controller, status: number, headers: WireResponse["headers"]): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    if (hasNoBody(this.#request, status)) return;
    const encoding = headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      this.fail(malformed(this.#request, status, "has a content-encoding that was not asked for"));
    } else if (Number(headers["content-length"]) > this.#request.maxResponseBytes) {
      this.fail(tooLarge(this.#request, status));
    }
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#settled !== undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxResponseBytes) this.fail(tooLarge(this.#request, this.#status));
    else if (this.#first === undefined) this.#first = chunk;
    else (this.#rest ??= [this.#first]).push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle(true)) return;
    const body = this.#rest === undefined ? (this.#first ?? Buffer.alloc(0)) : Buffer.concat(this.#rest, this.#bytes);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Controller | undefined, error: unknown): void {
    this.fail(
      unusableDispatcher(error) ??
        networkError(error, this.#request, { started: this.#controller !== undefined, answered: this.#status !== 0 }),
    );
  }

  // undici 6 knows only the methods below. It calls onConnect before anything is written, which is where we leave it.
  onConnect(abort: (reason: Error) => void): void {
    const refusal = new ConfigurationError("The dispatcher is one of undici 6, which is not supported. Pass one made by undici 7 or 8.");
    this.fail(refusal);
    abort(refusal);
  }
  onHeaders(): boolean {
    return true;
  }
  onData(): boolean {
    return true;
  }
  onComplete(): void {
    this.onResponseEnd();
  }
  onError(error: unknown): void {
    this.onResponseError(undefined, error);
  }
}

function onDeadline(exchange: Exchange): void {
  // A process that was held up finds its timers due before it looks at its sockets. An answer that has come meanwhile is not thrown away:
  // it may carry the only copy of a refresh token.
  setImmediate(() => exchange.onDeadline());
}

/** Sends by a WHATWG `fetch`: what mocks of the global fetch see. Slower than undici's dispatch, same promises. */
export async function sendByFetch(fetch: FetchLike, request: WireRequest): Promise<WireResponse> {
  const { signal, timeoutMs, leftMs = timeoutMs, maxResponseBytes } = request;
  signal?.throwIfAborted();
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal?.reason);
  listenToAbort(signal, onAbort);
  // A mock may never settle and never look at the signal: the deadline must not depend on it.
  const stopped = new Promise<never>((_resolve, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason as Error), { once: true });
  });
  const timer = setTimeout(() => abort.abort(timeoutError(request, true)), leftMs);
  let status = 0;
  try {
    const response = await Promise.race([
      fetch(request.origin + request.path, {
        method: request.method,
        headers: request.headers,
        ...(request.body !== undefined && { body: request.body as string | Uint8Array }),
        redirect: "manual",
        signal: abort.signal,
      }),
      stopped,
    ]);
    status = response.status;
    // A browser-like fetch hides a redirect it did not follow behind status 0.
    if (response.type === "opaqueredirect") status = 302;
    const { headers } = response;
    const announced = hasNoBody(request, status) || headers.has("content-encoding") ? 0 : Number(headers.get("content-length"));
    if (announced > maxResponseBytes) throw tooLarge(request, status);
    const body = await Promise.race([readCapped(response, maxResponseBytes), stopped]);
    if (body === undefined) throw tooLarge(request, status);
    return { status, headers: Object.fromEntries(headers), body };
  } catch (error) {
    if (abort.signal.aborted) throw abort.signal.reason;
    abort.abort(error);
    if (error instanceof HubSpotOAuthError) throw error;
    throw networkError(error, request, { started: undefined, answered: status !== 0 });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    stopped.catch(() => undefined); // It was only for the races above.
  }
}

async function readCapped(response: Response, maxBytes: number): Promise<Buffer | undefined> {
  if (response.body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

/** One header as a single string, or `undefined`. */
export function header(response: WireResponse, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === "object" ? value[0] : value;
}

/** The request as it may stand in a message: method and path, never the query (HubSpot's developer keys travel in it). */
export function describeRequest(request: Pick<WireRequest, "method" | "path">): string {
  return `${request.method} ${request.path.split("?", 1)[0] ?? ""}`;
}

/** HEAD and 304 describe a body that does not come (RFC 9110 section 8.6). */
export function hasNoBody(request: WireRequest, status: number): boolean {
  return request.method === "HEAD" || status === 304;
}

/** A dispatcher that was closed, or that does not take a plain request, is the operator's to mend. */
export function unusableDispatcher(error: unknown): ConfigurationError | undefined {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  if (code !== "UND_ERR_DESTROYED" && code !== "UND_ERR_CLOSED" && code !== "UND_ERR_INVALID_ARG") return undefined;
  return new ConfigurationError(`The dispatcher does not take requests (${code}). Was it closed?`);
}

/** The deadline is over. */
export function timeoutError(request: WireRequest, sent: boolean): TimeoutError {
  return new TimeoutError(`HubSpot did not answer ${describeRequest(request)} within ${request.timeoutMs} ms.`, {
    timeoutMs: request.timeoutMs,
    sent,
  });
}

/** More than `maxResponseBytes`. */
export function tooLarge(request: WireRequest, status: number): MalformedResponseError {
  return malformed(request, status, `is larger than ${request.maxResponseBytes} bytes (maxResponseBytes)`);
}

/** An answer that cannot be used. */
export function malformed(request: WireRequest, status: number, what: string): MalformedResponseError {
  return new MalformedResponseError(`HubSpot's answer to ${describeRequest(request)} (status ${status}) ${what}.`, { status });
}

/** A reason as an Error, for undici. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new NetworkError("The request was aborted.", { phase: "request", sent: true });
}
