/**
 * Stores in this process's memory, for tests, scripts and trying things out. They have compare-and-set, `lease` and `list`, so that what
 * is tested with them is the path that runs in production. Everything is gone when the process ends.
 */
import type { Lease, StateStore, StoredTokens, TokenStore } from "./store.js";

/** Keeps tokens in memory: lost when the process ends, unknown to every other process. */
export class MemoryTokenStore implements TokenStore {
  // Serialised, so that no caller shares an object with the store.
  readonly #records = new Map<string, { readonly version: string; readonly json: string }>();
  readonly #leases = new Map<string, { readonly untilMs: number }>();

  get(accountId: string): StoredTokens | undefined {
    const found = this.#records.get(accountId);
    return found === undefined ? undefined : (JSON.parse(found.json) as StoredTokens);
  }

  set(accountId: string, record: StoredTokens, options: { readonly ifVersion?: string | null } = {}): boolean {
    if (options.ifVersion !== undefined && (this.#records.get(accountId)?.version ?? null) !== options.ifVersion) return false;
    this.#records.set(accountId, { version: record.version, json: JSON.stringify(record) });
    return true;
  }

  delete(accountId: string, options: { readonly ifVersion?: string } = {}): boolean {
    const found = this.#records.get(accountId);
    if (found !== undefined && options.ifVersion !== undefined && found.version !== options.ifVersion) return false;
    this.#records.delete(accountId);
    return true;
  }

  async *list(): AsyncGenerator<string, void, undefined> {
    // A copy: accounts may come and go while the caller walks the list.
    yield* [...this.#records.keys()];
  }

  lease(accountId: string, options: { readonly ttlMs: number }): Lease | undefined {
    const held = this.#leases.get(accountId);
    // Monotonic: a wall clock that jumps must not free or prolong a lease.
    if (held !== undefined && held.untilMs > performance.now()) return undefined;
    const mine = { untilMs: performance.now() + options.ttlMs };
    this.#leases.set(accountId, mine);
    return {
      release: () => {
        if (this.#leases.get(accountId) === mine) this.#leases.delete(accountId);
      },
    };
  }
}

/**
 * Remembers used states in memory. Single use holds within this process only: with several processes behind one redirect URI, use a
 * shared state store.
 */
export class MemoryStateStore implements StateStore {
  // In order of insertion, and every TTL is the same in practice: the oldest stand first.
  readonly #used = new Map<string, number>();

  consume(id: string, options: { readonly ttlMs: number }): boolean {
    const nowMs = performance.now();
    for (const [used, untilMs] of this.#used) {
      if (untilMs > nowMs) break;
      this.#used.delete(used);
    }
    const untilMs = this.#used.get(id);
    if (untilMs !== undefined && untilMs > nowMs) return false;
    this.#used.delete(id);
    this.#used.set(id, nowMs + options.ttlMs);
    return true;
  }
}
