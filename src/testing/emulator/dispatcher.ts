/**
 * A dispatcher for undici 7 and 8, and for the undici inside Node, that answers in memory: no socket is opened. It carries requests to a
 * function and the answers back. What the answers are is not decided here.
 */

import {
  type DispatchController,
  type DispatchHandler,
  type DispatchHeaders,
  type LegacyDispatchHandler,
  modernHandler,
  rawHeaders,
} from "./dispatch-protocol.js";
import { type DispatchedRequest, type DispatchOptions, readDispatched, urlOf } from "./dispatch-request.js";

/** An answer as a dispatcher carries it. A body that throws breaks off there. */
export interface DispatchedAnswer {
  readonly status: number;
  readonly headers: DispatchHeaders;
  readonly body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Answers one request; rejects for one that gets no answer. The signal is aborted when nobody waits any more. */
export type Answer = (request: DispatchedRequest, signal: AbortSignal) => Promise<DispatchedAnswer>;

/** What requests that are not for HubSpot are handed to: any dispatcher. */
export interface OtherDispatcher {
  /** undici's own, which sends a request. */
  dispatch(options: never, handler: never): unknown;
}

/** `dispatch` of a dispatcher, and what an interceptor takes and gives. */
export type Dispatch = (options: DispatchOptions, handler: DispatchHandler | LegacyDispatchHandler) => boolean;
/** An interceptor of undici 7 or 8, such as `interceptors.retry()`. */
export type DispatchInterceptor = (dispatch: never) => (options: never, handler: never) => unknown;

/** A dispatcher with interceptors in front. */
export interface ComposedDispatcher {
  /** Sends a request through the interceptors. */
  readonly dispatch: Dispatch;
  /** Resolves when every answer under way is given. */
  close(): Promise<void>;
  /** Breaks off what is under way. */
  destroy(reason?: Error | null): Promise<void>;
}

/** Tells the library that this is a mock: as the global dispatcher it is used even where a test runner would make it use the global `fetch`. */
const MOCK = Symbol.for("hubspot-oauth.mock");

/** A dispatcher of undici that answers in memory. */
export class InMemoryDispatcher {
  readonly #answer: Answer;
  readonly #isMine: (url: string) => boolean;
  readonly #otherwise: OtherDispatcher | undefined;
  readonly #exchanges = new Set<Exchange>();
  #closed = false;

  /** Requests whose URL is not `isMine` go to `otherwise`; without one they are refused. */
  constructor(answer: Answer, isMine: (url: string) => boolean = () => true, otherwise?: OtherDispatcher) {
    this.#answer = answer;
    this.#isMine = isMine;
    this.#otherwise = otherwise;
    Object.defineProperty(this, MOCK, { value: true });
  }

  /** Called by undici. */
  dispatch(options: DispatchOptions, handler: DispatchHandler | LegacyDispatchHandler): boolean {
    const other = this.#otherwise;
    if (other !== undefined && !this.#isMine(urlOf(options))) {
      (other.dispatch as (options: unknown, handler: unknown) => unknown).call(other, options, handler);
      return true;
    }
    const exchange = new Exchange(modernHandler(handler));
    this.#exchanges.add(exchange);
    // Later, as from a socket: nobody expects an answer before `dispatch` returned.
    queueMicrotask(() => void exchange.run(() => this.#reply(options, exchange)).finally(() => this.#exchanges.delete(exchange)));
    return true;
  }

  async #reply(options: DispatchOptions, exchange: Exchange): Promise<DispatchedAnswer> {
    if (this.#closed) throw withCode("The dispatcher is closed", "UND_ERR_CLOSED");
    const url = urlOf(options);
    if (!this.#isMine(url)) {
      throw withCode(`${options.method} ${new URL(url).origin} is not HubSpot: nothing here answers for it`, "ECONNREFUSED");
    }
    return await this.#answer(await readDispatched(options), exchange.signal);
  }

  /** Puts interceptors in front, as `Dispatcher.compose` of undici does. */
  compose(...interceptors: readonly (DispatchInterceptor | readonly DispatchInterceptor[])[]): ComposedDispatcher {
    const dispatch = interceptors.flat().reduce<Dispatch>(
      (next, interceptor) => {
        const intercepting = (interceptor as unknown as (dispatch: Dispatch) => Dispatch)(next);
        return (options, handler) => intercepting(options, modernHandler(handler));
      },
      (options, handler) => this.dispatch(options, handler),
    );
    return { dispatch, close: () => this.close(), destroy: (reason) => this.destroy(reason) };
  }

  /** Takes no more requests. Those on their way are answered. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** Takes no more requests, and breaks off those on their way. */
  async destroy(reason?: Error | null): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#exchanges) exchange.abort(reason ?? withCode("The dispatcher was destroyed", "UND_ERR_DESTROYED"));
  }
}

/** One request and its answer. */
class Exchange implements DispatchController {
  rawHeaders: Buffer[] = [];
  rawTrailers: Buffer[] = [];
  readonly #handler: DispatchHandler;
  readonly #abort = new AbortController();
  #over = false;
  #resumed: (() => void) | undefined;
  #pause: Promise<void> | undefined;

  constructor(handler: DispatchHandler) {
    this.#handler = handler;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  get reason(): Error | undefined {
    return this.#abort.signal.reason as Error | undefined;
  }

  get paused(): boolean {
    return this.#pause !== undefined;
  }

  pause(): void {
    this.#pause ??= new Promise((resolve) => (this.#resumed = resolve));
  }

  resume(): void {
    this.#pause = undefined;
    this.#resumed?.();
  }

  abort(reason: Error = withCode("The request was aborted", "UND_ERR_ABORTED")): void {
    if (this.#over) return;
    this.#abort.abort(reason);
    this.resume();
    this.#fail(reason);
  }

  /** Asks for the answer and hands it over, piece by piece. Never rejects: the handler hears of every failure. */
  async run(reply: () => Promise<DispatchedAnswer>): Promise<void> {
    try {
      this.#handler.onRequestStart?.(this, {});
      if (this.#over) return;
      const { status, headers, body } = await reply();
      if (this.#over) return;
      this.rawHeaders = rawHeaders(headers);
      this.#handler.onResponseStart?.(this, status, headers, "");
      for await (const chunk of body) {
        await this.#pause;
        if (this.#over) return;
        this.#handler.onResponseData?.(this, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      }
      await this.#pause;
      if (this.#over) return;
      // A handler may throw here too, to be told of an error: the retrying one of undici does.
      this.#handler.onResponseEnd?.(this, {});
      this.#over = true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.onResponseError?.(this, error);
  }
}

/** An error that clients tell apart by its code, as they do with those of sockets. */
export function withCode(message: string, code: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code });
}
