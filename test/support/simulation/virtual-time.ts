/**
 * Time as a simulation has it: nothing happens but the events on its list, one after the other. Events that are due together are put in
 * order by fast-check's scheduler, so that a seed decides every race. An event may belong to a host: a stopped host's wait until it goes
 * on, a crashed host's never happen. Between two events everything the code can do has been done, so that a timer belongs to the host
 * that runs.
 */
import type fc from "fast-check";

/** No schedule needs nearly as many: whoever asks without end must not stop the tests. */
const MOST_EVENTS = 30_000;
const START_MS = 1_000_000;
const READY = Promise.resolve();

/** A machine, or a process on one: it can be stopped for a while, and it can vanish. */
export class Host {
  readonly name: string;
  /** By how much its wall clock differs. */
  skewMs: number;
  stoppedUntilMs = 0;
  stoppedForMs = 0;
  isGone = false;
  /** After a crash: whether what it had sent still arrives. */
  lettersArrive = true;

  constructor(name: string, skewMs: number) {
    this.name = name;
    this.skewMs = skewMs;
  }
}

/** One thing that will happen. */
interface Occurrence {
  atMs: number;
  readonly host: Host | undefined;
  readonly sender: Host | undefined;
  readonly isTimer: boolean;
  readonly run: () => void;
  isCancelled: boolean;
}

export class VirtualTime {
  readonly #order: fc.Scheduler;
  /** The next one stands last. */
  readonly #coming: Occurrence[] = [];
  /** What is due, and not yet in the scheduler's hands. */
  #due: Occurrence[] = [];
  #nowMs = START_MS;
  #events = 0;
  #running: Host | undefined;

  constructor(order: fc.Scheduler) {
    this.#order = order;
  }

  /** Monotonic, the same for all. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Timers that are still set on hosts that still run. */
  get timersLeft(): number {
    return this.#coming.filter(({ isTimer, isCancelled, host }) => isTimer && !isCancelled && host?.isGone !== true).length;
  }

  /** Takes over the global timers and the monotonic clock; the answer gives them back. */
  install(): () => void {
    const { setTimeout, clearTimeout } = globalThis;
    const set = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown =>
      this.#add({ afterMs: ms, host: this.#running, isTimer: true, run: () => run(...args) });
    globalThis.setTimeout = set as typeof globalThis.setTimeout;
    globalThis.clearTimeout = ((timer: Occurrence | undefined) => {
      if (timer !== undefined) timer.isCancelled = true;
    }) as typeof globalThis.clearTimeout;
    performance.now = () => this.#nowMs;
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Reflect.deleteProperty(performance, "now");
    };
  }

  /** Something that code on a host does, or that reaches it, in so many milliseconds. */
  on(host: Host, afterMs: number, run: () => void): void {
    this.#add({ afterMs, host, run });
  }

  /** Goes on when a message has reached a host, which may be long after it was sent, or never. */
  reach(host: Host, afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#add({ afterMs, host, run: resolve });
    });
  }

  /** Goes on when a message from a host has reached the other side, whatever has become of the host. */
  leave(sender: Host, afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#add({ afterMs, sender, run: resolve });
    });
  }

  /** No code of a host runs for so long. */
  stop(host: Host, ms: number): void {
    host.stoppedUntilMs = Math.max(host.stoppedUntilMs, this.#nowMs + ms);
    host.stoppedForMs += ms;
  }

  /** Lets everything happen that is due within so many milliseconds. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      while (this.#due.length + this.#order.count() > 0) await this.#next();
      const next = this.#coming.at(-1);
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = next.atMs;
      while ((this.#coming.at(-1)?.atMs ?? Infinity) <= this.#nowMs) this.#isDue(this.#coming.pop() as Occurrence);
    }
    this.#nowMs = endMs;
  }

  #add({
    afterMs,
    host,
    sender,
    isTimer = false,
    run,
  }: Partial<Pick<Occurrence, "host" | "sender" | "isTimer">> & { readonly afterMs: number; readonly run: () => void }): Occurrence {
    const occurrence: Occurrence = { atMs: this.#nowMs + Math.max(0, afterMs), host, sender, isTimer, run, isCancelled: false };
    // A timer never fires in the turn that set it, however short it is.
    if (afterMs <= 0 && !isTimer) this.#isDue(occurrence);
    else this.#insert(occurrence);
    return occurrence;
  }

  #insert(occurrence: Occurrence): void {
    let index = this.#coming.length;
    while (index > 0 && (this.#coming[index - 1] as Occurrence).atMs <= occurrence.atMs) index--;
    this.#coming.splice(index, 0, occurrence);
  }

  #isDue(occurrence: Occurrence): void {
    if (!occurrence.isCancelled) this.#due.push(occurrence);
  }

  async #next(): Promise<void> {
    if (++this.#events > MOST_EVENTS) throw new Error(`the schedule does not end: ${MOST_EVENTS} events`);
    const due = this.#due;
    this.#due = [];
    if (due.length === 1 && this.#order.count() === 0) {
      // There is nothing to put in order, and most of the time it is so.
      this.#happen(due[0] as Occurrence);
    } else {
      for (const occurrence of due) void this.#order.schedule(READY).then(() => this.#happen(occurrence));
      void this.#order.waitNext(1);
    }
    // Everything that the event leads to, up to the next answer or timer, happens before the loop turns.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.#running = undefined;
  }

  #happen(occurrence: Occurrence): void {
    const { host, sender } = occurrence;
    if (occurrence.isCancelled || host?.isGone === true) return;
    if (sender?.isGone === true && !sender.lettersArrive) return;
    if (host !== undefined && host.stoppedUntilMs > this.#nowMs) {
      occurrence.atMs = host.stoppedUntilMs;
      this.#insert(occurrence);
      return;
    }
    this.#running = host;
    occurrence.run();
  }
}

/** What a host waits for that has crashed, or that nobody will ever answer. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}
