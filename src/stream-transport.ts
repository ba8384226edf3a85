/**
 * One HTTP request whose body, answer or both are streams, with back-pressure in both directions. The limit in time is on silence: until
 * the answer begins, then between two pieces; a transfer that moves may take as long as it needs. Called by `HubSpotHttp.stream` and `.fetch`.
 */
import { Readable } from "node:stream";
import { HubSpotOAuthError, NetworkError } from "./errors.js";
import { networkError } from "./network-failure.js";
import {
  asError,
  type DispatcherLike,
  dispatchTo,
  type FetchLike,
  hasNoBody,
  malformed,
  timeoutError,
  tooLarge,
  unusableDispatcher,
  type WireRequest,
  type WireResponse,
} from "./transport.js";
import { listenToAbort } from "./waiting.js";

/** An answer: a success has its body as a stream, anything else as bytes, since an error has to be read to be understood. */
export interface OpenedResponse extends WireResponse {
  /** A success's body; `body` is then empty. */
  readonly stream?: Readable | undefined;
}

/** Sends one request and answers as soon as the response headers are there. */
export type Open = (request: WireRequest) => Promise<OpenedResponse>;

/** The most that is read of an error's body. */
const ERROR_BODY_BYTES = 1_048_576;
const EMPTY = Buffer.alloc(0);

/** Opens by `dispatcher.dispatch`. */
export function openByDispatcher(dispatcher: DispatcherLike, request: WireRequest): Promise<OpenedResponse> {
  return new Promise((resolve, reject) => {
    const transfer = new DispatchedTransfer(request, resolve, reject);
    if (!transfer.begin()) return;
    const { body } = request;
    dispatchTo(dispatcher, request, isStream(body) ? transfer.upload(body) : body, transfer);
  });
}

/** A connection that breaks before anybody has begun to read must not end the process; whoever reads later still gets the error. */
function heard(): void {
  // The error stays with the stream.
}

/** Lets go of a source that is not read to its end: the file behind it would stay open. */
export function discardBody(body: unknown): void {
  if (body instanceof Readable) body.destroy();
  else if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => undefined);
}

function isStream(body: WireRequest["body"]): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && !(body instanceof Uint8Array);
}

/** What both ways share: the limit on silence, the caller's signal, and one failure that ends everything. */
class Transfer {
  protected readonly request: WireRequest;
  protected readonly reject: (reason: unknown) => void;
  protected stream: Readable | undefined;
  protected failed: { readonly reason: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(request: WireRequest, reject: (reason: unknown) => void) {
    this.request = request;
    this.reject = reject;
  }

  /** False when the caller's signal was aborted before. */
  begin(): boolean {
    const { signal, leftMs } = this.request;
    if (signal?.aborted === true) {
      this.reject(signal.reason);
      return false;
    }
    listenToAbort(signal, this);
    this.moved(leftMs);
    return true;
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.fail(this.request.signal?.reason);
  }

  /** Something moved: the silence starts anew. */
  moved(ms = this.request.timeoutMs): void {
    if (this.failed !== undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fail(timeoutError(this.request, this.sent)), ms);
  }

  /** Nobody reads, so silence is no fault of the server's. */
  waiting(): void {
    clearTimeout(this.#timer);
  }

  ended(): void {
    clearTimeout(this.#timer);
    this.request.signal?.removeEventListener("abort", this);
  }

  fail(reason: unknown): void {
    if (this.failed !== undefined) return;
    this.failed = { reason };
    this.ended();
    if (this.stream === undefined) this.reject(reason);
    // The signal's own reason, whatever it is; only a falsy one would look like an end without an error.
    else this.stream.destroy((reason || asError(reason)) as Error);
    this.stop(asError(reason));
    discardBody(this.request.body);
  }

  /** The answer's body as the caller gets it; `read` asks for more of it. */
  protected deliver(read: () => void): Readable {
    this.stream = new Readable({
      read: () => {
        this.moved();
        read();
      },
      destroy: (error, done) => {
        this.fail(error ?? new NetworkError("The stream was closed before its end.", { phase: "body", sent: true }));
        done(error);
      },
    });
    this.stream.on("error", heard);
    return this.stream;
  }

  /** The exchange is over: whatever is closed from now on is no failure. */
  protected finish(): void {
    this.failed ??= { reason: undefined };
    this.ended();
  }

  /** Whether the request may have reached HubSpot. A fetch does not tell. */
  protected get sent(): boolean {
    return true;
  }

  /** Lets go of the connection. */
  protected stop(_reason: Error): void {
    // Each way has its own.
  }

  async *upload(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of body) {
        this.moved();
        yield chunk;
      }
    } catch (error) {
      // The caller's own stream: its error is theirs to see, not a failure of the network.
      this.fail(error);
      throw error;
    }
  }
}

interface Controller {
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

class DispatchedTransfer extends Transfer {
  readonly #resolve: (response: OpenedResponse) => void;
  #controller: Controller | undefined;
  #status = 0;
  #headers: WireResponse["headers"] = {};
  #bytes = 0;
  readonly #errorBody: Buffer[] = [];

  constructor(request: WireRequest, resolve: (response: OpenedResponse) => void, reject: (reason: unknown) => void) {
    super(request, reject);
    this.#resolve = resolve;
  }

  protected override get sent(): boolean {
    return this.#controller !== undefined;
  }

  protected override stop(reason: Error): void {
    this.#controller?.abort(reason);
  }

  onRequestStart(controller: Controller): void {
    if (this.failed !== undefined) controller.abort(asError(this.failed.reason));
    else this.#controller = controller;
  }

  onResponseStart(controller: Controller, status: number, headers: WireResponse["headers"]): void {
    if (status < 200 || this.failed !== undefined) return;
    this.moved();
    this.#status = status;
    this.#headers = headers;
    const encoding = headers["content-encoding"];
    if (!hasNoBody(this.request, status) && encoding !== undefined && encoding !== "identity") {
      this.fail(malformed(this.request, status, "has a content-encoding that was not asked for"));
    } else if (status < 300) {
      const stream = this.deliver(() => controller.resume());
      this.#resolve({ status, headers, body: EMPTY, stream });
    }
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.failed !== undefined) return;
    // Only a stream may take as long as it moves: an error is waited for no longer than any answer.
    if (this.stream !== undefined) this.moved();
    this.#bytes += chunk.length;
    const most = this.stream === undefined ? ERROR_BODY_BYTES : this.request.maxResponseBytes;
    if (this.#bytes > most) this.fail(tooLarge({ ...this.request, maxResponseBytes: most }, this.#status));
    else if (this.stream === undefined) this.#errorBody.push(chunk);
    else if (!this.stream.push(chunk)) {
      controller.pause();
      this.waiting();
    }
  }

  onResponseEnd(): void {
    if (this.failed !== undefined) return;
    this.finish();
    if (this.stream === undefined) this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#errorBody) });
    else this.stream.push(null);
  }

  onResponseError(_controller: Controller | undefined, error: unknown): void {
    this.fail(
      unusableDispatcher(error) ??
        networkError(error, this.request, { started: this.#controller !== undefined, answered: this.#status !== 0 }),
    );
  }
}

/** Opens by a WHATWG `fetch`. */
export async function openByFetch(fetch: FetchLike, request: WireRequest): Promise<OpenedResponse> {
  return new Promise((resolve, reject) => {
    const transfer = new FetchedTransfer(request, reject);
    if (transfer.begin()) transfer.run(fetch).then(resolve, (error: unknown) => transfer.fail(error));
  });
}

class FetchedTransfer extends Transfer {
  readonly #abort = new AbortController();

  protected override stop(reason: Error): void {
    this.#abort.abort(reason);
  }

  async run(fetch: FetchLike): Promise<OpenedResponse> {
    const { request } = this;
    let status = 0;
    try {
      const response = await fetch(request.origin + request.path, {
        method: request.method,
        headers: request.headers,
        ...(isStream(request.body)
          ? {
              body: Readable.toWeb(Readable.from(this.upload(request.body), { objectMode: false })) as ReadableStream,
              duplex: "half" as const,
            }
          : request.body !== undefined && { body: request.body }),
        redirect: "manual",
        signal: this.#abort.signal,
      });
      // A browser-like fetch hides a redirect it did not follow behind status 0.
      status = response.type === "opaqueredirect" ? 302 : response.status;
      this.moved();
      const headers = Object.fromEntries(response.headers);
      if (status < 200 || status > 299) return { status, headers, body: await this.#errorBody(response, status) };
      return { status, headers, body: EMPTY, stream: this.#download(response, status) };
    } catch (error) {
      throw this.#named(error, status);
    }
  }

  #download(response: Response, status: number): Readable {
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    let bytes = 0;
    const next = async (): Promise<Uint8Array | null> => {
      const piece = await reader?.read();
      if (piece === undefined || piece.done) {
        this.finish();
        return null;
      }
      bytes += piece.value.byteLength;
      if (bytes > this.request.maxResponseBytes) throw tooLarge(this.request, status);
      this.waiting();
      return piece.value;
    };
    const stream = this.deliver(() => {
      next().then(
        (chunk) => stream.push(chunk),
        (error: unknown) => this.fail(this.#named(error, status)),
      );
    });
    // Nobody reads yet.
    this.waiting();
    return stream;
  }

  async #errorBody(response: Response, status: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of chunksOf(response)) {
      bytes += chunk.byteLength;
      if (bytes > ERROR_BODY_BYTES) throw tooLarge({ ...this.request, maxResponseBytes: ERROR_BODY_BYTES }, status);
      chunks.push(chunk);
    }
    this.finish();
    return Buffer.concat(chunks, bytes);
  }

  #named(error: unknown, status: number): unknown {
    if (this.failed !== undefined && this.#abort.signal.aborted) return this.failed.reason;
    if (error instanceof HubSpotOAuthError) return error;
    return networkError(error, this.request, { started: undefined, answered: status !== 0 });
  }
}

function chunksOf(response: Response): AsyncIterable<Uint8Array> {
  return response.body ?? Readable.from([]);
}

/** Bytes as a web stream that asks for a piece when its reader does. (`Readable.toWeb` throws past everybody when its reader cancels.) */
export function webStream(chunks: AsyncIterable<Uint8Array>, cancel?: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
      },
      async cancel() {
        if (cancel === undefined) await iterator.return?.();
        else cancel();
      },
    },
    { highWaterMark: 0 },
  );
}
