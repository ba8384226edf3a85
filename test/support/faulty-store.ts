/** A token store that fails in every way a backend can: each call asks `fault` what becomes of it, which may take its time. */
import type { Lease, MemoryTokenStore, StoredTokens, TokenStore } from "../../src/index.js";

export type StoreOperation = "get" | "set" | "delete" | "lease" | "release";

/**
 * `refused`: nothing is done and the call rejects. `answer-lost`: it is done and rejects. `hangs`: nothing is done and no answer ever
 * comes. `hangs-after`: it is done and no answer ever comes.
 */
export type StoreFault = "none" | "refused" | "answer-lost" | "hangs" | "hangs-after";

/** What stands behind a faulty store; several stores on one backend are several processes on one database. */
export type Backend = Pick<MemoryTokenStore, "get" | "set" | "delete" | "lease" | "list">;

/** What a store can do. */
export interface FaultyStoreOptions {
  /** Whether writes compare versions. @default true */
  readonly compares?: boolean;
  /** Whether there are leases. @default true */
  readonly leases?: boolean;
}

export class FaultyStore implements TokenStore {
  readonly calls: StoreOperation[] = [];
  /** Decides about one call; may wait, and may throw an error of its own. */
  fault: (operation: StoreOperation) => StoreFault | Promise<StoreFault> = () => "none";
  readonly lease?: NonNullable<TokenStore["lease"]>;
  readonly #backend: Backend;
  readonly #compares: boolean;

  constructor(backend: Backend, { compares = true, leases = true }: FaultyStoreOptions = {}) {
    this.#backend = backend;
    this.#compares = compares;
    if (leases) this.lease = (accountId, options) => this.#run("lease", () => this.#leaseOf(accountId, options));
  }

  get(accountId: string): Promise<StoredTokens | undefined> {
    return this.#run("get", () => this.#backend.get(accountId));
  }

  set(accountId: string, record: StoredTokens, options?: { readonly ifVersion?: string | null }): Promise<boolean | void> {
    return this.#run("set", () =>
      this.#compares ? this.#backend.set(accountId, record, options) : void this.#backend.set(accountId, record),
    );
  }

  delete(accountId: string, options?: { readonly ifVersion?: string }): Promise<boolean | void> {
    return this.#run("delete", () => (this.#compares ? this.#backend.delete(accountId, options) : void this.#backend.delete(accountId)));
  }

  list(): AsyncIterable<string> {
    return this.#backend.list();
  }

  #leaseOf(accountId: string, options: { readonly ttlMs: number }): Lease | undefined {
    const lease = this.#backend.lease(accountId, options);
    return lease && { release: () => this.#run<void>("release", () => lease.release()) };
  }

  async #run<T>(operation: StoreOperation, work: () => T | Promise<T>): Promise<T> {
    this.calls.push(operation);
    const fault = await this.fault(operation);
    if (fault === "refused") throw new Error("connection refused");
    const result = fault === "hangs" ? undefined : work();
    if (fault === "answer-lost") throw new Error("connection lost");
    return fault === "none" ? (result as T) : new Promise<T>(() => undefined);
  }
}
