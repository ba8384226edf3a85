/**
 * A lock between the processes of one machine: a file that only one of them can create. It says who holds it, and its time is renewed while
 * it is held. A lock is broken only when it was not renewed for a while **and** its process is gone: a slow one keeps it. Locks are held for
 * the milliseconds of one write. Used by `FileTokenStore`; not for network file systems.
 */
import { randomInt, randomUUID } from "node:crypto";
import { link, lstat, open, readFile, rename, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf, NEW_FILE, UnsafeFileError } from "./private-directory.js";

const HEARTBEAT_MS = 500;
const STALE_MS = 2_500;
/** Below the 5 s that the client gives a store call, so that its error is this one, which says what to do. */
const LONGEST_WAIT_MS = 4_000;

/** A lock that is ours. */
export interface FileLock {
  /** @throws UnsafeFileError when somebody broke it all the same; nothing must be written then. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}

/** Waits for a lock. */
export async function acquireLock(path: string): Promise<FileLock> {
  const deadline = performance.now() + LONGEST_WAIT_MS;
  for (;;) {
    const lock = await tryLock(path);
    if (lock !== undefined) return lock;
    if (performance.now() > deadline) {
      throw new UnsafeFileError(
        `${path} is held by another process for more than ${LONGEST_WAIT_MS} ms. When none is running, delete that file.`,
      );
    }
    await delay(randomInt(2, 12));
  }
}

/** One attempt. `undefined` when somebody holds the lock, or held it until now and died. */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  let file;
  try {
    file = await open(path, NEW_FILE, 0o600);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    await breakIfDead(path);
    return undefined;
  }
  const held = file;
  let heartbeat: NodeJS.Timeout | undefined;
  // Our open file keeps its inode from being given to another lock.
  const isOurs = async (): Promise<boolean> => (await held.stat()).ino === (await look(path))?.inode;
  const lock: FileLock = {
    async confirm() {
      if (!(await isOurs())) throw new UnsafeFileError(`${path} was taken away while it was held. Nothing was written; try again.`);
    },
    async release() {
      clearInterval(heartbeat);
      try {
        if (await isOurs()) await rm(path, { force: true });
      } finally {
        await held.close();
      }
    },
  };
  try {
    await held.writeFile(JSON.stringify(await ourselves()));
  } catch (error) {
    // A full disk.
    await lock.release();
    throw error;
  }
  heartbeat = setInterval(() => {
    const now = new Date();
    // A heartbeat that fails only makes the lock look older than it is.
    held.utimes(now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return lock;
}

interface Holder {
  /** Tells two locks of one process apart. */
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** When the process started, as the system counts: a pid is used again, both together are not. */
  readonly started: string | undefined;
}

async function ourselves(): Promise<Holder> {
  return { id: randomUUID(), pid: process.pid, host: hostname(), started: (await processOf(process.pid))?.started };
}

/** Removes a lock whose holder died. Two that do so at once must not remove the lock of whoever came next. */
async function breakIfDead(path: string): Promise<void> {
  const dead = await look(path);
  if (dead === undefined || Date.now() - dead.renewedAtMs < STALE_MS || (await isRunning(dead.holder))) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    // Renaming picks one winner; what it got is looked at again before it is thrown away.
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const taken = await look(aside);
  if (taken?.text !== dead.text || taken.renewedAtMs !== dead.renewedAtMs) {
    // A new lock after all: given back, unless there is a newer one; its holder finds out by confirm().
    await link(aside, path).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

interface Sighting {
  readonly inode: number;
  /** By the file system's clock, which on one machine is that of `Date.now()`. */
  readonly renewedAtMs: number;
  readonly text: string;
  /** `undefined` when its process was killed before it could write its name. */
  readonly holder: Holder | undefined;
}

async function look(path: string): Promise<Sighting | undefined> {
  try {
    const { ino, mtimeMs } = await lstat(path);
    const text = await readFile(path, "utf8");
    return { inode: ino, renewedAtMs: mtimeMs, text, holder: parseHolder(text) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    // Half a name says no more than none.
    return undefined;
  }
}

/** Whether the holder still runs, as far as anybody here can say: of another host's process (a container) only the heartbeat tells. */
async function isRunning(holder: Holder | undefined): Promise<boolean> {
  if (holder === undefined || holder.host !== hostname()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const found = await processOf(holder.pid);
  return found === undefined || (!found.ended && found.started === holder.started);
}

/** What Linux tells of a process (proc(5), fields 3 and 22). Elsewhere a pid in use counts as the process we mean. */
async function processOf(pid: number): Promise<{ readonly ended: boolean; readonly started: string | undefined } | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { ended: fields[0] === "Z" || fields[0] === "X", started: fields[19] };
  } catch {
    // Not Linux, or it ended just now; the next look will tell.
    return undefined;
  }
}
