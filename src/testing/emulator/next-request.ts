/**
 * Those who wait for a request that has not come yet.
 */

import { type LoggedRequest, matches, type RequestLog, type RequestMatch } from "./request-log.js";

interface Waiter {
  readonly match: RequestMatch | undefined;
  readonly resolve: (request: LoggedRequest) => void;
  readonly reject: (reason: unknown) => void;
}

/** Hands each request to everybody who waits for one like it. */
export class RequestWaiters {
  readonly #waiters = new Set<Waiter>();
  #closed = false;

  constructor(log: RequestLog) {
    // The log tells of each request twice. One that is answered now may have come before anybody waited.
    log.watch((request) => {
      if (request.durationMs === undefined) this.#arrived(request);
    });
  }

  /** The next request that `match` means. */
  next(match: RequestMatch | undefined): Promise<LoggedRequest> {
    const next = new Promise<LoggedRequest>((resolve, reject) => {
      if (this.#closed) reject(closedError());
      else this.#waiters.add({ match, resolve, reject });
    });
    // A test that failed before it awaited this must not fail a second time, by an unhandled rejection.
    next.catch(() => undefined);
    return next;
  }

  /** No more requests will come. */
  close(): void {
    this.#closed = true;
    for (const { reject } of this.#waiters) reject(closedError());
    this.#waiters.clear();
  }

  #arrived(request: LoggedRequest): void {
    for (const waiter of this.#waiters) {
      try {
        if (!matches(waiter.match, request)) continue;
        waiter.resolve(request);
      } catch (error) {
        waiter.reject(error);
      }
      this.#waiters.delete(waiter);
    }
  }
}

function closedError(): Error {
  return new Error("The emulator was closed: no request will come");
}
