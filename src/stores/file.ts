/**
 * Tokens in files, for command-line tools and single machines: one file per account, readable by its user only, replaced as a whole.
 * Several processes of one machine may share a directory: writes compare under a lock, and leases hold across processes. Network file
 * systems (NFS, SMB) are not supported: their locks and renames do not keep what this relies on.
 */
import { createHash, randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { HubSpotOAuthError, TokenStoreError } from "../errors.js";
import { ownOptions } from "../option-checks.js";
import { acquireLock, type FileLock, tryLock } from "./file-lock.js";
import { codeOf, PrivateDirectory, UnsafeFileError } from "./private-directory.js";
import type { Lease, StoredTokens, TokenStore } from "./store.js";

/** Options of a `FileTokenStore`. */
export interface FileTokenStoreOptions {
  /** Where the files are. Made (0700) at first use; one that others can read is refused. A relative path counts from the current directory. */
  readonly directory: string;
}

/** Keeps each account's tokens in a file of its own. The files are not encrypted: wrap it in an `EncryptedTokenStore` for that. */
export class FileTokenStore implements TokenStore {
  readonly #directory: PrivateDirectory;
  #swept = false;

  constructor(options: FileTokenStoreOptions) {
    const { directory } = ownOptions(options, ["directory"], "FileTokenStore");
    if (typeof directory !== "string" || directory === "") throw new TypeError("directory must be the path of a directory.");
    this.#directory = new PrivateDirectory(resolve(directory));
  }

  get(accountId: string): Promise<StoredTokens | undefined> {
    return run("get", async () => {
      await this.#directory.open();
      return this.#read(accountId);
    });
  }

  set(accountId: string, record: StoredTokens, { ifVersion }: { readonly ifVersion?: string | null } = {}): Promise<boolean> {
    const text = JSON.stringify({ accountId, record });
    return this.#locked("set", accountId, async (lock) => {
      if (ifVersion !== undefined && ((await this.#read(accountId))?.version ?? null) !== ifVersion) return false;
      await lock.confirm();
      await this.#directory.replace(recordFile(accountId), text);
      return true;
    });
  }

  delete(accountId: string, { ifVersion }: { readonly ifVersion?: string } = {}): Promise<boolean> {
    return this.#locked("delete", accountId, async (lock) => {
      if (ifVersion !== undefined && ((await this.#read(accountId))?.version ?? ifVersion) !== ifVersion) return false;
      await lock.confirm();
      await this.#directory.remove(recordFile(accountId));
      return true;
    });
  }

  async *list(): AsyncGenerator<string, void, undefined> {
    const names = await run("list", async () => {
      await this.#directory.open();
      return this.#directory.names();
    });
    for (const name of names) {
      if (!/^[0-9a-f]{64}\.json$/.test(name)) continue;
      const entry = await run("list", () => this.#readFile(name));
      // Deleted since we began.
      if (entry !== undefined) yield entry.accountId;
    }
  }

  lease(accountId: string, { ttlMs }: { readonly ttlMs: number }): Promise<Lease | undefined> {
    const name = leaseFile(accountId);
    const owner = randomUUID();
    return this.#locked("lease", accountId, async () => {
      const held = parseLease(await this.#directory.read(name));
      const nowMs = Date.now();
      // A lease from the future was taken before the clock was set back; it must not last for ever.
      if (held !== undefined && held.takenAtMs <= nowMs && nowMs < held.takenAtMs + held.ttlMs) return undefined;
      await this.#directory.replace(name, JSON.stringify({ owner, takenAtMs: nowMs, ttlMs }));
      return {
        release: () =>
          this.#locked("lease", accountId, async () => {
            if (parseLease(await this.#directory.read(name))?.owner === owner) await this.#directory.remove(name);
          }),
      };
    });
  }

  async #read(accountId: string): Promise<StoredTokens | undefined> {
    return (await this.#readFile(recordFile(accountId)))?.record;
  }

  async #readFile(name: string): Promise<Entry | undefined> {
    const bytes = await this.#directory.read(name);
    if (bytes === undefined) return undefined;
    const entry = parseEntry(bytes);
    if (entry === undefined || recordFile(entry.accountId) !== name) {
      throw new UnsafeFileError(
        `${this.#directory.pathOf(name)} is damaged, or was put under another account's name. Restore it, or delete it and connect again.`,
      );
    }
    return entry;
  }

  /** One writer per account at a time, on this machine. */
  #locked<T>(operation: string, accountId: string, work: (lock: FileLock) => Promise<T>): Promise<T> {
    return run(operation, async () => {
      await this.#directory.open();
      await this.#sweep();
      const lock = await acquireLock(this.#directory.pathOf(lockFile(keyOf(accountId))));
      try {
        return await work(lock);
      } finally {
        await lock.release();
      }
    });
  }

  /** Once: removes what killed writers left behind. It holds tokens. */
  async #sweep(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    for (const name of await this.#directory.names()) {
      const key = /^([0-9a-f]{64})\.(?:json|lease)\.tmp$/.exec(name)?.[1];
      if (key === undefined) continue;
      const lock = await tryLock(this.#directory.pathOf(lockFile(key)));
      // Somebody is writing it right now.
      if (lock === undefined) continue;
      try {
        await this.#directory.remove(name);
      } finally {
        await lock.release();
      }
    }
  }
}

interface Entry {
  readonly accountId: string;
  readonly record: StoredTokens;
}

/** A hash: no id can escape the directory, be too long, or meet another one on a file system that ignores case. */
function keyOf(accountId: string): string {
  return createHash("sha256").update(accountId, "utf8").digest("hex");
}

const recordFile = (accountId: string): string => `${keyOf(accountId)}.json`;
const leaseFile = (accountId: string): string => `${keyOf(accountId)}.lease`;
const lockFile = (key: string): string => `${key}.lock`;

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // The parser's message quotes what it read.
    return undefined;
  }
}

function parseEntry(bytes: Uint8Array): Entry | undefined {
  const entry = parse(bytes) as Partial<Entry> | null | undefined;
  const isWhole = typeof entry?.accountId === "string" && typeof (entry.record as Partial<StoredTokens> | null)?.version === "string";
  return isWhole ? (entry as Entry) : undefined;
}

/** A lease that cannot be read is none: safety comes from the comparison of versions. */
function parseLease(bytes: Uint8Array | undefined): { owner: string; takenAtMs: number; ttlMs: number } | undefined {
  return bytes && ((parse(bytes) ?? undefined) as ReturnType<typeof parseLease>);
}

/** What went wrong, without what was in the files. */
async function run<T>(operation: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HubSpotOAuthError) throw error;
    if (error instanceof UnsafeFileError) throw new TokenStoreError(error.message, { operation });
    const driverCode = codeOf(error);
    const path: unknown = (error as { path?: unknown } | null)?.path;
    throw new TokenStoreError(
      `FileTokenStore could not ${operation}: ${driverCode ?? "an unknown error"}${typeof path === "string" ? ` at ${path}` : ""}.`,
      { operation, driverCode },
    );
  }
}
