/** The processes of the application in a chaos run: each calls all accounts all the time; whoever is killed is replaced by another. */
import type { ProcessWorld } from "../processes/support/process-world.js";
import { WorkerProcess } from "../processes/support/worker-process.js";
import { systemMs, type WorkerSettings } from "../processes/support/worker-protocol.js";

/** How hard the fleet works. */
export interface Work {
  readonly size: number;
  readonly accountIds: readonly string[];
  readonly callers: number;
  readonly everyMs: number;
  readonly settings: (index: number) => Partial<WorkerSettings>;
}

/** Everything that calls. */
export class Fleet {
  readonly size: number;
  /** When each account was last served, by any process. */
  readonly servedAtMs = new Map<string, number>();
  served = 0;
  /** What calls failed with, and how often. */
  readonly failures = new Map<string, number>();
  readonly #world: ProcessWorld;
  readonly #bundle: string;
  readonly #work: Work;
  readonly #since = new Map<WorkerProcess, number>();
  readonly #starting = new Set<Promise<void>>();
  #started = 0;

  constructor(world: ProcessWorld, bundle: string, work: Work) {
    this.size = work.size;
    this.#world = world;
    this.#bundle = bundle;
    this.#work = work;
  }

  /** The processes that are at work. */
  get atWork(): readonly WorkerProcess[] {
    return [...this.#since.keys()];
  }

  /** Starts as many as are missing, and waits for all. */
  async complete(): Promise<void> {
    while (this.#since.size + this.#starting.size < this.size) this.#start();
    await Promise.all(this.#starting);
  }

  /** How long a process has been at work. */
  hasWorkedMs(worker: WorkerProcess): number {
    return systemMs() - (this.#since.get(worker) ?? Infinity);
  }

  /** One of those that fit, in turn. */
  anyOf(fits: (worker: WorkerProcess) => boolean): WorkerProcess | undefined {
    const fitting = this.atWork.filter(fits);
    return fitting[Math.floor(systemMs()) % fitting.length];
  }

  /** Kills a process and starts another one, which is at work a moment later. */
  async replace(worker: WorkerProcess): Promise<void> {
    this.#since.delete(worker);
    await worker.kill();
    this.#start();
  }

  /** Ends all of them. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#starting);
    await Promise.all(this.atWork.map((worker) => worker.end()));
  }

  #start(): void {
    const { accountIds, callers, everyMs, settings } = this.#work;
    const index = this.#started++;
    const start = async (): Promise<void> => {
      const worker = await WorkerProcess.start(this.#bundle, `worker-${index}`);
      worker.onCalled(({ accountId, atMs, failure }) => {
        if (failure === undefined) {
          this.served++;
          this.servedAtMs.set(accountId, atMs);
        } else {
          const cause = failure.code ?? failure.name;
          this.failures.set(cause, (this.failures.get(cause) ?? 0) + 1);
        }
      });
      await this.#world.employ(worker, settings(index));
      await worker.tell({ do: "call all the time", accountIds, callers, everyMs });
      this.#since.set(worker, systemMs());
    };
    const starting = start().finally(() => this.#starting.delete(starting));
    this.#starting.add(starting);
  }
}
