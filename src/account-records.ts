/**
 * The user's token store behind a guard: every record checked, every call limited in time, every driver error stripped of what it carries
 * (ioredis keeps the command's arguments, pg the failing row: both hold tokens), and an unclear write settled by reading it back.
 * Called by the token writer and the coordinator; nothing else touches the store.
 */
import { randomBytes } from "node:crypto";
import { ConfigurationError, HubSpotOAuthError, TokenStoreError } from "./errors.js";
import type { Emit } from "./events.js";
import type { Lease, TokenStore } from "./stores/store.js";
import { readStored, type StoredTokens } from "./token-set.js";
import { isThenable, waitFor } from "./waiting.js";

/** How long one call of a store may take. */
export const STORE_TIMEOUT_MS = 5_000;

/** A fresh version for a write: never used before, so that comparing it is enough. */
export function freshVersion(): string {
  return randomBytes(16).toString("base64url");
}

/** What asking for a lease came to: ours, somebody else's, or the store knows no leases. */
export type LeaseAnswer = Lease | "held" | "unsupported";

/** Guarded access to the records of one app. */
export class AccountRecords {
  readonly #store: TokenStore;
  readonly #clientId: string;
  readonly #emit: Emit;
  readonly #turns = new Map<string, Promise<unknown>>();
  #unsafe = false;

  constructor(store: TokenStore, clientId: string, emit: Emit) {
    this.#store = store;
    this.#clientId = clientId;
    this.#emit = emit;
  }

  /** The record of an account, or `undefined` when there is none. */
  async read(accountId: string): Promise<StoredTokens | undefined> {
    const value: unknown = await this.#guard("get", () => this.#store.get(accountId));
    // A store in plain JavaScript may well say null.
    return value === undefined || value === null ? undefined : readStored(value, accountId, this.#clientId);
  }

  /**
   * Writes if `ifVersion` stands (`null`: nothing). True when ours stands afterwards, false when something else does.
   * Rejects only when nobody can say, or when it is certain that nothing was written.
   */
  async write(accountId: string, record: StoredTokens, ifVersion: string | null): Promise<boolean> {
    let answer: boolean | void;
    try {
      // A copy without undefined members: what a store of JSON would hand back.
      const copy = JSON.parse(JSON.stringify(record)) as StoredTokens;
      answer = await this.#guard("set", () => this.#store.set(accountId, copy, { ifVersion }));
    } catch (error) {
      // The store's first word is the one to report: what reading back fails with says nothing of the write.
      const standing = await this.read(accountId).catch(() => undefined);
      if (standing?.version === record.version) return true;
      throw error;
    }
    // A driver that repeats a command after a reconnect answers "something else stands" about our own first try.
    return this.#verdict("set", answer) || (await this.read(accountId))?.version === record.version;
  }

  /** Deletes if `ifVersion` stands. True when nothing stands afterwards. */
  async delete(accountId: string, ifVersion: string): Promise<boolean> {
    const answer = await this.#guard("delete", () => this.#store.delete(accountId, { ifVersion }));
    return this.#verdict("delete", answer);
  }

  /** A lease for `ttlMs`, by the store's clock. */
  async lease(accountId: string, ttlMs: number): Promise<LeaseAnswer> {
    const store = this.#store;
    if (store.lease === undefined) return "unsupported";
    let late: Promise<Lease | undefined> | undefined;
    try {
      return (await this.#guard("lease", () => (late = Promise.resolve(store.lease?.(accountId, { ttlMs }))))) ?? "held";
    } catch (error) {
      // Granted after we had stopped waiting, it would keep everybody out for its whole time.
      late?.then((lease) => lease?.release()).catch(() => undefined);
      throw error;
    }
  }

  /** Gives a lease back. A failure is reported, not thrown: the lease ends by itself, and the work it covered is done. */
  async release(accountId: string, lease: LeaseAnswer): Promise<void> {
    if (typeof lease === "string") return;
    try {
      await this.#guard("lease", () => lease.release());
    } catch {
      this.#emit("store.failed", { accountId, operation: "release" });
    }
  }

  /** The ids of all accounts. */
  async *list(): AsyncGenerator<string, void, undefined> {
    const store = this.#store;
    const ids = await this.#guard("list", () => store.list?.()[Symbol.asyncIterator]());
    if (ids === undefined)
      throw new ConfigurationError("The token store has no list(). Use one that has, or keep the account ids yourself.");
    try {
      for (;;) {
        const next = await this.#guard("list", () => ids.next());
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      await this.#guard("list", () => ids.return?.());
    }
  }

  /** One writer per account at a time inside this process: all the safety there is over a store that does not compare. */
  async exclusive<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(accountId) ?? Promise.resolve()).then(work, work);
    this.#turns.set(accountId, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(accountId) === turn) this.#turns.delete(accountId);
    }
  }

  #verdict(operation: string, answer: unknown): boolean {
    if (answer === undefined) this.#reportUnsafe();
    else if (typeof answer !== "boolean")
      throw new TokenStoreError(`The token store's ${operation} must answer true, false or undefined.`, { operation });
    return answer !== false;
  }

  #reportUnsafe(): void {
    if (this.#unsafe) return;
    this.#unsafe = true;
    this.#emit("store.unsafe", {});
  }

  async #guard<T>(operation: string, call: () => T | Promise<T>): Promise<T> {
    try {
      const answer = call();
      if (!isThenable(answer)) return answer;
      return await waitFor(Promise.resolve(answer), {
        ms: STORE_TIMEOUT_MS,
        onTimeout: () => {
          throw new TokenStoreError(`The token store's ${operation} did not answer within ${STORE_TIMEOUT_MS} ms.`, { operation });
        },
      });
    } catch (error) {
      if (error instanceof HubSpotOAuthError) throw error;
      throw storeError(error, operation);
    }
  }
}

/** A driver's error reduced to its class and code. */
export function storeError(error: unknown, operation: string, store = "token store"): TokenStoreError {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  const driverCode = typeof code === "string" && /^\w{1,40}$/.test(code) ? code : undefined;
  const name = error instanceof Error && /^\w{1,60}$/.test(error.name) ? error.name : "an error";
  return new TokenStoreError(`The ${store}'s ${operation} failed: ${name}${driverCode === undefined ? "" : ` ${driverCode}`}.`, {
    operation,
    driverCode,
  });
}
