/**
 * The calls of one account and bucket that wait for their turn: first come, first served, those that HubSpot has sent back before the
 * others. Leaving from anywhere costs the same, and a call that has left is listened to by nothing. Called by the limiter.
 */
import { listenToAbort } from "../waiting.js";

/** One call that waits. */
export class WaitingCall {
  readonly sinceMs: number;
  readonly deadlineMs: number;
  readonly again: boolean;
  readonly #queue: RateQueue;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: () => void;
  readonly #reject: (reason: unknown) => void;
  next: WaitingCall | undefined;
  previous: WaitingCall | undefined;

  constructor(
    queue: RateQueue,
    times: { readonly sinceMs: number; readonly deadlineMs: number; readonly again: boolean },
    signal: AbortSignal | undefined,
    resolve: () => void,
    reject: (reason: unknown) => void,
  ) {
    this.#queue = queue;
    this.sinceMs = times.sinceMs;
    this.deadlineMs = times.deadlineMs;
    this.again = times.again;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    listenToAbort(signal, this);
  }

  /** Its turn has come. */
  go(): void {
    this.#leave();
    this.#resolve();
  }

  /** It waits no longer. */
  fail(reason: unknown): void {
    this.#leave();
    this.#reject(reason);
  }

  /** Its signal was aborted. */
  handleEvent(): void {
    this.fail(this.#signal?.reason);
  }

  #leave(): void {
    this.#signal?.removeEventListener("abort", this);
    this.#queue.remove(this);
  }
}

/** A queue. */
export class RateQueue {
  readonly #onEmpty: () => void;
  #head: WaitingCall | undefined;
  #tail: WaitingCall | undefined;
  #lastAgain: WaitingCall | undefined;
  #size = 0;
  #sizeAgain = 0;
  #earliestDeadlineMs = Number.POSITIVE_INFINITY;

  /** @param onEmpty called when the last one has left. */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get head(): WaitingCall | undefined {
    return this.#head;
  }

  get size(): number {
    return this.#size;
  }

  /** How many would be before one more. */
  ahead(again: boolean): number {
    return again ? this.#sizeAgain : this.#size;
  }

  /** No deadline in here is earlier; some may have left since. */
  get earliestDeadlineMs(): number {
    return this.#earliestDeadlineMs;
  }

  add(call: WaitingCall): void {
    const before = call.again ? this.#lastAgain : this.#tail;
    const after = before === undefined ? this.#head : before.next;
    call.previous = before;
    call.next = after;
    if (before === undefined) this.#head = call;
    else before.next = call;
    if (after === undefined) this.#tail = call;
    else after.previous = call;
    this.#size++;
    if (call.again) {
      this.#lastAgain = call;
      this.#sizeAgain++;
    }
    this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, call.deadlineMs);
  }

  remove(call: WaitingCall): void {
    const { previous, next } = call;
    if (previous === undefined) this.#head = next;
    else previous.next = next;
    if (next === undefined) this.#tail = previous;
    else next.previous = previous;
    this.#size--;
    if (call.again) {
      this.#sizeAgain--;
      if (this.#lastAgain === call) this.#lastAgain = previous;
    }
    if (this.#size > 0) return;
    this.#earliestDeadlineMs = Number.POSITIVE_INFINITY;
    this.#onEmpty();
  }

  /** Fails every call that must have gone by `untilMs`. */
  failBefore(untilMs: number, reason: () => unknown): void {
    if (this.#earliestDeadlineMs >= untilMs) return;
    let earliestMs = Number.POSITIVE_INFINITY;
    for (let call = this.#head; call !== undefined;) {
      const { next } = call;
      if (call.deadlineMs < untilMs) call.fail(reason());
      else earliestMs = Math.min(earliestMs, call.deadlineMs);
      call = next;
    }
    this.#earliestDeadlineMs = earliestMs;
  }

  /** Fails every call. */
  failAll(reason: () => unknown): void {
    for (let call = this.#head; call !== undefined;) {
      const { next } = call;
      call.fail(reason());
      call = next;
    }
  }
}
