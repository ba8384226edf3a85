/**
 * A directory (0700) of small files (0600) that nobody else can read, and that are replaced as a whole or not at all. Symbolic links are
 * not followed, and what others could read is refused rather than repaired: it may have been read already. Used by `FileTokenStore`.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** Something about the files that a person has to look at. The message holds paths, never contents. */
export class UnsafeFileError extends Error {}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
// Windows has no permission bits (and its undefined flags count as 0); what is in a user's profile is that user's own there.
const hasPermissions = process.platform !== "win32";

/** Flags for a file that is not there yet, in a place where nobody planted a link. */
export const NEW_FILE: number = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;

export class PrivateDirectory {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  pathOf(name: string): string {
    return join(this.#path, name);
  }

  /** Makes the directory, or checks the one that is there. Before everything else, each time. */
  async open(): Promise<void> {
    let found = await this.#look();
    if (found === undefined) {
      await mkdir(this.#path, { recursive: true, mode: 0o700 });
      found = await this.#look();
    }
    if (found?.isSymbolicLink()) throw new UnsafeFileError(`${this.#path} is a symbolic link; name the directory itself.`);
    if (!found?.isDirectory()) throw new UnsafeFileError(`${this.#path} is not a directory.`);
    assertPrivate(found.mode, this.#path, "700");
  }

  /** The content of a file, or `undefined` when there is none. */
  async read(name: string): Promise<Uint8Array | undefined> {
    const path = this.pathOf(name);
    try {
      // Not blocking: the open of a planted pipe would wait for ever.
      return await withFile(open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), async (file) => {
        const found = await file.stat();
        if (!found.isFile()) throw new UnsafeFileError(`${path} is not a regular file.`);
        assertPrivate(found.mode, path, "600");
        return file.readFile();
      });
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      if (codeOf(error) === "ELOOP") throw new UnsafeFileError(`${path} is a symbolic link, which is not followed.`, { cause: error });
      throw error;
    }
  }

  /** Puts a file in the place of the old one: after a crash at any point the old one or the new one is there, whole. One caller at a time. */
  async replace(name: string, text: string): Promise<void> {
    const path = this.pathOf(name);
    const temporary = `${path}.tmp`;
    // Left behind by a process that was killed here.
    await rm(temporary, { force: true });
    try {
      await withFile(open(temporary, NEW_FILE, 0o600), async (file) => {
        await file.writeFile(text);
        await file.sync();
      });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await this.#sync();
  }

  async remove(name: string): Promise<void> {
    await rm(this.pathOf(name), { force: true });
    await this.#sync();
  }

  names(): Promise<string[]> {
    return readdir(this.#path);
  }

  /** Makes renames and removals last through a power cut. */
  async #sync(): Promise<void> {
    if (!hasPermissions) return;
    await withFile(open(this.#path, O_RDONLY), (directory) => directory.sync());
  }

  async #look(): Promise<Awaited<ReturnType<typeof lstat>> | undefined> {
    try {
      return await lstat(this.#path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }
}

/** The code of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Not `await using`: what the compiler makes of that for Node 20 becomes a file of its own, which every entry imports. */
async function withFile<T>(opening: Promise<FileHandle>, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await opening;
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

function assertPrivate(mode: number | bigint, path: string, right: string): void {
  if (hasPermissions && (Number(mode) & 0o077) !== 0) {
    const is = (Number(mode) & 0o777).toString(8);
    throw new UnsafeFileError(`${path} is open to other users (mode ${is}). Its tokens may have been read; then: chmod ${right} ${path}`);
  }
}
