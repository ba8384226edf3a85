/**
 * What undici says to a dispatcher's handler, in both dialects: the one of undici 8, which undici 7 knows as well, and the older one that
 * undici 7 and the undici inside Node still use for `request` and `fetch`. Structural, so that no undici is imported.
 */

/** How the one who asked aborts an exchange, or slows it down. */
export interface DispatchController {
  readonly aborted: boolean;
  readonly reason: Error | undefined;
  readonly paused: boolean;
  /** Names and values in turn; undici's fetch reads them instead of the object. */
  rawHeaders: Buffer[];
  rawTrailers: Buffer[];
  abort(reason?: Error): void;
  pause(): void;
  resume(): void;
}

/** Header values by name, in lower case. */
export type DispatchHeaders = Readonly<Record<string, string | string[]>>;

/** A handler in the dialect of undici 8. */
export interface DispatchHandler {
  onRequestStart?(controller: DispatchController, context: object): void;
  onResponseStart?(controller: DispatchController, status: number, headers: DispatchHeaders, statusText: string): void;
  onResponseData?(controller: DispatchController, chunk: Buffer): void;
  onResponseEnd?(controller: DispatchController, trailers: DispatchHeaders): void;
  onResponseError?(controller: DispatchController, error: Error): void;
}

/** A handler in the dialect of before. `onHeaders` and `onData` answer false to pause. */
export interface LegacyDispatchHandler {
  onConnect?(abort: (reason?: Error) => void, context: object): void;
  onHeaders?(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean | void;
  onData?(chunk: Buffer): boolean | void;
  onComplete?(rawTrailers: Buffer[]): void;
  onError?(error: Error): void;
}

/** Any handler, as the dialect of undici 8. */
export function modernHandler(handler: DispatchHandler | LegacyDispatchHandler): DispatchHandler {
  return "onRequestStart" in handler && typeof handler.onRequestStart === "function"
    ? handler
    : new TranslatedHandler(handler as LegacyDispatchHandler);
}

class TranslatedHandler implements Required<DispatchHandler> {
  readonly #handler: LegacyDispatchHandler;

  constructor(handler: LegacyDispatchHandler) {
    this.#handler = handler;
  }

  onRequestStart(controller: DispatchController, context: object): void {
    this.#handler.onConnect?.((reason) => controller.abort(reason), context);
  }

  onResponseStart(controller: DispatchController, status: number, headers: DispatchHeaders, statusText: string): void {
    if (this.#handler.onHeaders?.(status, rawHeaders(headers), () => controller.resume(), statusText) === false) controller.pause();
  }

  onResponseData(controller: DispatchController, chunk: Buffer): void {
    if (this.#handler.onData?.(chunk) === false) controller.pause();
  }

  onResponseEnd(_controller: DispatchController, trailers: DispatchHeaders): void {
    this.#handler.onComplete?.(rawHeaders(trailers));
  }

  onResponseError(_controller: DispatchController, error: Error): void {
    if (this.#handler.onError === undefined) throw error;
    this.#handler.onError(error);
  }
}

/** Names and values in turn, a repeated header once for each value. */
export function rawHeaders(headers: DispatchHeaders): Buffer[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [Buffer.from(name, "latin1"), Buffer.from(one, "latin1")]),
  );
}
