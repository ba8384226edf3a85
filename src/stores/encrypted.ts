/**
 * Encryption at rest around any store. Each record is sealed on its own (JWE, AES-256-GCM) and bound to its account, its version, this
 * purpose and, by what is inside, its app: a row that was changed, or put in another one's place, does not open. What does not open is an
 * error and is never deleted; it must not read as "not connected".
 *
 * The store inside sees `{ version, accountId, sealed }`. It compares the version in the clear; that version is sealed in as well.
 * Not covered: somebody who can write to the store can put back a whole older row of the same account, or delete one.
 */
import { compactDecrypt } from "jose/jwe/compact/decrypt";
import { CompactEncrypt } from "jose/jwe/compact/encrypt";
import { ConfigurationError, DecryptionError } from "../errors.js";
import { checkMethods, ownOptions } from "../option-checks.js";
import { type EncryptionKey, type Key, readKeys } from "./encryption-keys.js";
import type { StoredTokens, TokenStore } from "./store.js";

export type { EncryptionKey } from "./encryption-keys.js";

/** Authenticated in every seal, so that what this key sealed for anything else does not open here. */
const PURPOSE = "hubspot-oauth/tokens/v1";
/** A record that others keep writing this often in a row is left to them: each write uses the first key. */
const MOST_LOST_RACES = 20;

/** Options of an `EncryptedTokenStore`. */
export interface EncryptedTokenStoreOptions {
  /** Where the sealed records are kept. */
  readonly store: TokenStore;
  /** The first one encrypts, all decrypt. To rotate: put a new key in front, deploy, call `rotateKeys()`, then remove the old one. */
  readonly keys: readonly EncryptionKey[];
  /**
   * Whether records in plain text are accepted, to be sealed at their next write or by `rotateKeys()`. Set it for the move to encryption
   * only: while it is on, whoever can write to the store can pass a record off as yours.
   * @default false
   */
  readonly migratePlaintext?: boolean | undefined;
}

/** What `rotateKeys()` has done, so far or in all. */
export interface KeyRotation {
  /** Sealed anew with the first key. */
  readonly rotated: number;
  /** Under the first key already. */
  readonly current: number;
  /** What could not be opened, untouched: an unknown key or damage. */
  readonly failed: readonly { readonly accountId: string; readonly error: DecryptionError }[];
}

/** What stands in the store inside. */
interface SealedRecord {
  readonly version: string;
  readonly accountId: string;
  readonly sealed: string;
}

/** Seals records before another store sees them. It has `lease` and `list` when that one has. */
export class EncryptedTokenStore implements TokenStore {
  readonly #store: TokenStore;
  readonly #keys: ReadonlyMap<string, Key>;
  readonly #firstKey: Key;
  readonly #migratePlaintext: boolean;
  declare readonly lease?: NonNullable<TokenStore["lease"]>;
  declare readonly list?: NonNullable<TokenStore["list"]>;

  constructor(options: EncryptedTokenStoreOptions) {
    const {
      store,
      keys: ring,
      migratePlaintext = false,
    } = ownOptions(options, ["store", "keys", "migratePlaintext"], "EncryptedTokenStore");
    checkMethods(store, ["get", "set", "delete"], "store");
    if (typeof migratePlaintext !== "boolean") throw new TypeError("migratePlaintext must be true or false.");
    const keys = readKeys(ring);
    this.#store = store;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#firstKey = keys[0];
    this.#migratePlaintext = migratePlaintext;
    if (store.lease !== undefined) this.lease = store.lease.bind(store);
    if (store.list !== undefined) this.list = store.list.bind(store);
  }

  async get(accountId: string): Promise<StoredTokens | undefined> {
    const row = await this.#store.get(accountId);
    return row === undefined || row === null ? undefined : (await this.#open(accountId, row)).record;
  }

  async set(accountId: string, record: StoredTokens, options?: { readonly ifVersion?: string | null }): Promise<boolean | void> {
    return this.#store.set(accountId, await this.#seal(accountId, record), options);
  }

  async delete(accountId: string, options?: { readonly ifVersion?: string }): Promise<boolean | void> {
    return this.#store.delete(accountId, options);
  }

  /**
   * Seals with the first key whatever is not: records under older keys and, with `migratePlaintext`, those in plain text. Versions stay,
   * so running processes notice nothing. Safe beside them, safe to stop, and safe to call again: what is done is passed over.
   * @throws ConfigurationError when the store inside cannot list or does not compare versions; there, records move at their next write.
   * @throws the signal's reason, between two records.
   */
  async rotateKeys(
    options: { readonly onProgress?: ((progress: KeyRotation) => void) | undefined; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<KeyRotation> {
    if (this.list === undefined) throw new ConfigurationError("rotateKeys() needs a store with list(); the one inside has none.");
    let progress: KeyRotation = { rotated: 0, current: 0, failed: [] };
    for await (const accountId of this.list()) {
      options.signal?.throwIfAborted();
      try {
        const did = await this.#rotate(accountId);
        if (did !== "gone") progress = { ...progress, [did]: progress[did] + 1 };
      } catch (error) {
        // One damaged record must not keep the others under an old key.
        if (!(error instanceof DecryptionError)) throw error;
        progress = { ...progress, failed: [...progress.failed, { accountId, error }] };
      }
      options.onProgress?.(progress);
    }
    return progress;
  }

  async #rotate(accountId: string): Promise<"rotated" | "current" | "gone"> {
    for (let lost = 0; lost < MOST_LOST_RACES; lost++) {
      const row = await this.#store.get(accountId);
      if (row === undefined || row === null) return "gone";
      const { record, keyId } = await this.#open(accountId, row);
      if (keyId === this.#firstKey.id) return "current";
      const written = await this.#store.set(accountId, await this.#seal(accountId, record), { ifVersion: record.version });
      if (written === true) return "rotated";
      if (written === undefined) {
        throw new ConfigurationError("rotateKeys() needs a store that compares versions; beside this one it could undo a refresh.");
      }
    }
    return "current";
  }

  async #seal(accountId: string, record: StoredTokens): Promise<StoredTokens> {
    const sealed = await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(record)))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: this.#firstKey.id, typ: PURPOSE, sub: accountId, ver: record.version })
      .encrypt(this.#firstKey.bytes);
    const row: SealedRecord = { version: record.version, accountId, sealed };
    // A store reads nothing but the version, so this may stand in a record's place.
    return row as unknown as StoredTokens;
  }

  async #open(accountId: string, row: object): Promise<{ readonly record: StoredTokens; readonly keyId: string | undefined }> {
    if (!Object.hasOwn(row, "sealed")) return { record: this.#acceptPlaintext(accountId, row), keyId: undefined };
    const { version, sealed, accountId: writtenFor } = row as Readonly<Record<keyof SealedRecord, unknown>>;
    if (typeof sealed !== "string" || !isCanonical(sealed)) throw failure(accountId, "is damaged");
    let opened;
    try {
      opened = await compactDecrypt(sealed, ({ kid }) => this.#keyFor(accountId, kid), {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
    } catch (error) {
      if (error instanceof DecryptionError) throw error;
      // jose's error says only that it did not open, and might say more one day.
      throw failure(accountId, "is damaged, was changed, or was sealed with another key of the same id");
    }
    // Authentic by now; but is it what should stand here?
    const { typ, sub, ver, kid } = opened.protectedHeader as Readonly<Record<string, unknown>>;
    if (typ !== PURPOSE) throw failure(accountId, "holds something that is not a token record");
    if (sub !== accountId || writtenFor !== accountId) throw failure(accountId, "was moved here from another account");
    if (ver !== version) throw failure(accountId, "does not match its version");
    return { record: JSON.parse(new TextDecoder().decode(opened.plaintext)) as StoredTokens, keyId: kid as string };
  }

  #acceptPlaintext(accountId: string, row: object): StoredTokens {
    if (!this.#migratePlaintext) {
      throw failure(accountId, "is in plain text", ". To move to encryption, set migratePlaintext until rotateKeys() has run");
    }
    const record = row as StoredTokens;
    if (typeof record.version !== "string" || record.accountId !== accountId) throw failure(accountId, "is damaged");
    return record;
  }

  #keyFor(accountId: string, id: unknown): Uint8Array {
    const key = typeof id === "string" ? this.#keys.get(id) : undefined;
    if (key !== undefined) return key.bytes;
    const named = typeof id === "string" && /^[\w.-]{1,64}$/.test(id) ? `the key "${id}"` : "a key";
    throw failure(accountId, `was sealed with ${named}, which is not among the keys`, ". Put it back behind the others");
  }
}

/** Base64url has spare bits and decoders forgive characters: without this, several texts would open as one record. */
function isCanonical(sealed: string): boolean {
  return sealed.split(".").every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

function failure(accountId: string, what: string, advice = ". Restore it, or connect the account again"): DecryptionError {
  return new DecryptionError(`The stored record of account ${JSON.stringify(accountId)} ${what}${advice}. Nothing was deleted.`);
}
