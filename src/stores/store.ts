/**
 * The contract of a store, in prose and types. A store is a dozen lines over a table of yours: it keeps records, compares one string,
 * and knows nothing of HubSpot, tokens or time.
 *
 * What every store must hold:
 * - `get` answers what the last successful `set` wrote, unknown fields included, or `undefined` when nothing stands. A failure is a
 *   rejection, never `undefined`: "not there" disconnects a customer.
 * - Records go in and come out as copies; nobody can change what is stored by changing an object.
 * - Any account id works and none escapes its key: slashes, dots, colons, unicode, 255 characters.
 * - `set` with `ifVersion` compares and writes in one atomic step. A store that cannot says so by answering `undefined`.
 * - One key per account: no index that is read, changed and written back.
 */
import type { StoredTokens } from "../token-set.js";

export type { StoredTokens } from "../token-set.js";

/** A value, or a promise of it: a store may be synchronous. */
export type Awaitable<T> = T | Promise<T>;

/** A lease on one account, for one holder, until it is released or its time is up. */
export interface Lease {
  /** Gives the lease back if it is still ours; a lease that somebody else holds by now is left alone. */
  release(): Awaitable<void>;
}

/** Keeps the tokens of all accounts of one app. Shipped: `MemoryTokenStore`. */
export interface TokenStore {
  /** The record of an account, or `undefined` when there is none. Rejects when the backend cannot say. */
  get(accountId: string): Awaitable<StoredTokens | undefined>;
  /**
   * Writes a record.
   * @param options.ifVersion absent: write whatever stands; `null`: only if nothing stands; a string: only if that `version` stands.
   * @returns `true` written · `false` something else stands, nothing was written · `undefined` written without comparing.
   */
  set(accountId: string, record: StoredTokens, options?: { readonly ifVersion?: string | null }): Awaitable<boolean | void>;
  /**
   * Deletes a record; quiet when there is none.
   * @param options.ifVersion only if that `version` stands.
   * @returns `true` nothing stands any more · `false` something else stands · `undefined` deleted without comparing.
   */
  delete(accountId: string, options?: { readonly ifVersion?: string }): Awaitable<boolean | void>;
  /** The ids of all accounts, in any order. Optional: only `oauth.accounts()` needs it. */
  list?(): AsyncIterable<string>;
  /**
   * A lease on an account for `ttlMs` milliseconds by the backend's clock, or `undefined` when somebody else holds it. Optional: it saves
   * duplicate refreshes between processes; safety comes from `ifVersion`.
   */
  lease?(accountId: string, options: { readonly ttlMs: number }): Awaitable<Lease | undefined>;
}

/** Remembers which states were used, so that no callback is handled twice. Nothing is stored when a flow begins. Shipped: `MemoryStateStore`. */
export interface StateStore {
  /**
   * Marks an id as used for `ttlMs` milliseconds from now, by the backend's clock, atomically.
   * @returns `true` the first time only.
   */
  consume(id: string, options: { readonly ttlMs: number }): Awaitable<boolean>;
}
