/** A worker as its parent sees it: started, told what to do, stopped, killed. Every wait is bounded, and no process outlives its parent. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { type Failure, type Order, type Saying, systemMs } from "./worker-protocol.js";

const LONGEST_WAIT_MS = 20_000;
/** On a machine with more to do than it can. */
const LONGEST_START_MS = 60_000;

/** What an order failed with in the worker. */
class WorkerFailure extends Error {
  readonly code: string | undefined;

  constructor({ name, code, message }: Failure) {
    super(message);
    this.name = name;
    this.code = code;
  }
}

/** A time in which a process did not run. */
export interface Interruption {
  readonly name: string;
  readonly kind: "killed" | "stopped";
  readonly fromMs: number;
  /** Infinity for a killed one. */
  toMs: number;
}

/** Where a worker stands. */
export type Stand = Extract<Saying, { readonly says: "stands" }>;

/** A worker's own account of what happened in it. */
export type WorkerEvent = Extract<Saying, { readonly says: "event" }>;

/** Fails when `work` takes longer than any work should. */
export async function bounded<T>(work: Promise<T>, what: string, ms: number = LONGEST_WAIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms.`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One worker. */
export class WorkerProcess {
  readonly name: string;
  readonly events: WorkerEvent[] = [];
  /** Times in which it was stopped, and its end if it was killed. */
  readonly interruptions: Interruption[] = [];
  readonly #child: ChildProcess;
  readonly #heard = new EventEmitter<{ stands: [Stand]; called: [Extract<Saying, { readonly says: "called" }>] }>();
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (reason: unknown) => void }>();
  readonly #ready: Promise<void>;
  #orders = 0;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    // One listener for each account that stands somewhere.
    this.#heard.setMaxListeners(0);
    let ready = (): void => undefined;
    const isReady = new Promise<void>((resolve) => (ready = resolve));
    const ended = once(child, "exit").then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${name} ended before it had answered.`));
      this.#waiting.clear();
    });
    this.#ready = Promise.race([isReady, ended]);
    child.on("message", (saying: Saying) => {
      if (saying.says === "ready") ready();
      else if (saying.says === "event") this.events.push(saying);
      else if (saying.says === "stands") this.#heard.emit("stands", saying);
      else if (saying.says === "called") this.#heard.emit("called", saying);
      else this.#answered(saying);
    });
    // A killed process takes no more bytes, and that is what it was killed for.
    child.stdin?.on("error", () => undefined);
  }

  /** Starts a worker from its bundle. It has nothing open yet. */
  static async start(bundle: string, name: string): Promise<WorkerProcess> {
    const child = fork(bundle, {
      stdio: ["pipe", "inherit", "inherit", "ipc"],
      execArgv: [],
      env: { PATH: process.env["PATH"] },
    });
    endWithUs(child, bundle);
    const worker = new WorkerProcess(name, child);
    await bounded(worker.#ready, `the start of ${name}`, LONGEST_START_MS);
    return worker;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Begins anew what it has told. */
  forget(): void {
    this.events.length = 0;
    this.interruptions.length = 0;
  }

  /** Gives an order and answers what it came to. @throws WorkerFailure */
  async tell<T>(order: Order, ms?: number): Promise<T> {
    const number = this.#orders++;
    const answer = new Promise<unknown>((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
    this.#child.send({ number, order }, (error) => {
      if (error !== null) this.#waiting.get(number)?.reject(error);
    });
    return (await bounded(answer, `${this.name}: ${order.do}`, ms)) as T;
  }

  /** The next time it stands at a failpoint, of one account or of any. */
  async stands(accountId: string): Promise<Stand> {
    const standing = new Promise<Stand>((resolve) => {
      const listen = (stand: Stand): void => {
        if (stand.accountId !== accountId) return;
        this.#heard.off("stands", listen);
        resolve(stand);
      };
      this.#heard.on("stands", listen);
    });
    return bounded(standing, `${this.name} at a failpoint of ${accountId}`);
  }

  onCalled(listener: (call: { readonly accountId: string; readonly atMs: number; readonly failure: Failure | undefined }) => void): void {
    this.#heard.on("called", listener);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const gone = this.isRunning ? once(this.#child, "exit") : undefined;
    this.interruptions.push({ name: this.name, kind: "killed", fromMs: systemMs(), toMs: Infinity });
    this.#child.kill("SIGKILL");
    await gone;
  }

  /** Stops all of it, threads and timers. */
  stop(): void {
    this.interruptions.push({ name: this.name, kind: "stopped", fromMs: systemMs(), toMs: Infinity });
    this.#child.kill("SIGSTOP");
  }

  /** Lets it go on, also from the failpoint at which it stands. */
  resume(): void {
    const stopped = this.interruptions.at(-1);
    if (stopped?.kind === "stopped" && stopped.toMs === Infinity) stopped.toMs = systemMs();
    this.#child.kill("SIGCONT");
  }

  /** Lets it go on from the failpoint at which its thread stands. */
  release(): void {
    this.#child.stdin?.write("\n");
  }

  /** Ends it: its channel closes, and it leaves; by force when it does not. */
  async end(): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGCONT");
    if (this.#child.connected) this.#child.disconnect();
    this.#child.stdin?.end();
    try {
      await bounded(gone, `the end of ${this.name}`, 5_000);
    } catch {
      this.#child.kill("SIGKILL");
      await gone;
    }
  }

  #answered(saying: Extract<Saying, { readonly says: "done" | "failed" }>): void {
    const waiting = this.#waiting.get(saying.order);
    this.#waiting.delete(saying.order);
    if (saying.says === "done") waiting?.resolve(saying.value);
    else waiting?.reject(new WorkerFailure(saying.failure));
  }
}

let undertaker: ChildProcess | undefined;

/**
 * A stopped process does not notice that its parent is gone. A shell that does notice, since its standard input ends, kills what is left:
 * only what still runs our bundle, since a process id may belong to somebody else by then.
 */
function endWithUs(child: ChildProcess, bundle: string): void {
  if (undertaker === undefined) {
    const script = `while read -r pid bundle; do list="$list $pid:$bundle"; done
      for entry in $list; do grep -qs "\${entry#*:}" "/proc/\${entry%%:*}/cmdline" && kill -KILL "\${entry%%:*}"; done`;
    // Of a group of its own: Ctrl-C is for the others.
    undertaker = spawn("sh", ["-c", script], { stdio: ["pipe", "ignore", "ignore"], detached: true });
    undertaker.unref();
    (undertaker.stdin as unknown as { unref(): void }).unref();
  }
  undertaker.stdin?.write(`${child.pid} ${bundle}\n`);
}
