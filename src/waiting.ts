/** Waiting for work that others may share: no longer than allowed, and without ever stopping the work itself. */
import { setMaxListeners } from "node:events";

/** Listens to a caller's signal. One signal may end hundreds of calls, which is no leak: Node's warning about it is switched off. */
export function listenToAbort(signal: AbortSignal | undefined, listener: (() => void) | { readonly handleEvent: () => void }): void {
  if (signal === undefined) return;
  setMaxListeners(0, signal);
  signal.addEventListener("abort", listener);
}

/** Limits of one wait. */
export interface WaitLimits<T> {
  /** Milliseconds. */
  readonly ms?: number | undefined;
  /** What the wait ends with when they are over; may throw. */
  readonly onTimeout?: (() => T) | undefined;
  /** Rejects with the signal's reason as soon as it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Whether a value has to be waited for. Not by class alone: under Jest there are promises of two worlds. */
export function isThenable<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Settles as `work` does, unless a limit comes first. A late rejection of `work` counts as handled. */
export function waitFor<T>(work: Promise<T>, { ms, onTimeout, signal }: WaitLimits<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    let listening = false;
    const release = (): void => {
      clearTimeout(timer);
      // Not to what is no signal: the wait has ended with that mistake, and nobody would hear of another.
      if (listening) signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      release();
      reject(signal?.reason as Error);
    };
    work.then(
      (value) => {
        release();
        resolve(value);
      },
      (error: unknown) => {
        release();
        reject(error);
      },
    );
    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    listenToAbort(signal, onAbort);
    listening = true;
    if (ms !== undefined && onTimeout !== undefined) {
      timer = setTimeout(
        () => {
          release();
          try {
            resolve(onTimeout());
          } catch (error) {
            reject(error);
          }
        },
        Math.max(0, ms),
      );
    }
  });
}
