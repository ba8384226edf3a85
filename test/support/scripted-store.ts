/** A token store that counts its calls and lets a test step in before, instead of or after any of them. */
import { type Lease, MemoryTokenStore, type StoredTokens, type TokenStore } from "../../src/index.js";

type Operation = "get" | "set" | "delete" | "lease";
type Step = (proceed: () => unknown) => unknown;

export class ScriptedStore implements TokenStore {
  readonly inner: MemoryTokenStore;
  readonly calls: Operation[] = [];
  /** While set, every call fails with it. */
  down: Error | undefined;
  readonly #steps: { readonly operation: Operation; readonly step: Step }[] = [];

  /** @param inner share one between two stores to have two processes on one backend. */
  constructor(inner: MemoryTokenStore = new MemoryTokenStore()) {
    this.inner = inner;
  }

  /** Runs `step` in place of the next call of `operation`; `proceed()` in it does the real thing. */
  next(operation: Operation, step: Step): this {
    this.#steps.push({ operation, step });
    return this;
  }

  /** How often an operation was called since the last `calls.length = 0`. */
  count(operation: Operation): number {
    return this.calls.filter((call) => call === operation).length;
  }

  get(accountId: string): Promise<StoredTokens | undefined> {
    return this.#run("get", () => this.inner.get(accountId));
  }

  set(accountId: string, record: StoredTokens, options?: { readonly ifVersion?: string | null }): Promise<boolean> {
    return this.#run("set", () => this.inner.set(accountId, record, options));
  }

  delete(accountId: string, options?: { readonly ifVersion?: string }): Promise<boolean> {
    return this.#run("delete", () => this.inner.delete(accountId, options));
  }

  lease(accountId: string, options: { readonly ttlMs: number }): Promise<Lease | undefined> {
    return this.#run("lease", () => this.inner.lease(accountId, options));
  }

  list(): AsyncIterable<string> {
    return this.inner.list();
  }

  async #run<T>(operation: Operation, proceed: () => T): Promise<T> {
    this.calls.push(operation);
    const index = this.#steps.findIndex((candidate) => candidate.operation === operation);
    const [found] = index === -1 ? [] : this.#steps.splice(index, 1);
    if (this.down !== undefined) throw this.down;
    return found === undefined ? proceed() : ((await found.step(proceed)) as T);
  }
}

/** A promise and the function that opens it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
