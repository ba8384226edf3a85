/** The lock under the file store, where two processes meet at the worst moment. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type FileLock, tryLock } from "../../src/stores/file-lock.js";
import { FileTokenStore } from "../../src/stores/file.js";
import { PrivateDirectory } from "../../src/stores/private-directory.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "locks-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A lock that the test takes and gives back. */
async function hold(path: string): Promise<FileLock> {
  const lock = await tryLock(path);
  if (lock === undefined) throw new Error("the lock is held");
  onTestFinished(() => lock.release().catch(() => undefined));
  return lock;
}

const long = new Date(Date.now() - 60_000);

describe("a lock", () => {
  it("says who holds it, and is gone when it is released", async () => {
    const path = join(scratch(), "lock");
    const lock = await hold(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    expect(await tryLock(path)).toBeUndefined();
    await lock.confirm();
    await lock.release();
    await (await hold(path)).release();
    expect(readdirSync(join(path, ".."))).toEqual([]);
  });

  it("is renewed while it is held, so that another host's process sees that it lives", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    try {
      const path = join(scratch(), "lock");
      const lock = await hold(path);
      utimesSync(path, long, long);
      vi.advanceTimersByTime(500);
      vi.useRealTimers();
      await expect.poll(() => statSync(path).mtimeMs).toBeGreaterThan(Date.now() - 30_000);
      await lock.release();
    } finally {
      vi.useRealTimers();
    }
  });

  it("that was taken away is noticed, and the next holder's is left alone", async () => {
    const path = join(scratch(), "lock");
    const lock = await hold(path);
    rmSync(path);
    const next = await hold(path);
    await expect(lock.confirm()).rejects.toThrow("was taken away");
    await lock.release();
    await next.confirm();
    await next.release();
  });

  it("that was renewed between the look and the grip of somebody who thought it dead is given back", async () => {
    const path = join(scratch(), "lock");
    writeFileSync(path, JSON.stringify({ id: "dead", pid: 2 ** 22 + 1, host: hostname() }));
    utimesSync(path, long, long);
    const kill = vi.spyOn(process, "kill").mockImplementationOnce(() => {
      rmSync(path);
      writeFileSync(path, "the next holder's");
      throw Object.assign(new Error("no such process"), { code: "ESRCH" });
    });
    expect(await tryLock(path)).toBeUndefined();
    expect(kill).toHaveBeenCalledOnce();
    expect(readFileSync(path, "utf8")).toBe("the next holder's");
    expect(readdirSync(join(path, ".."))).toEqual(["lock"]);
  });
});

describe("a store whose lock was taken away", () => {
  it.each<[string, (store: FileTokenStore) => Promise<unknown>]>([
    ["set", (store) => store.set("1", exampleRecord("1", { version: "late" }), { ifVersion: "version-1" })],
    ["delete", (store) => store.delete("1", { ifVersion: "version-1" })],
  ])("does not %s", async (_, write) => {
    const directory = scratch();
    const store = new FileTokenStore({ directory });
    await store.set("1", exampleRecord("1"));
    const read = vi.spyOn(PrivateDirectory.prototype, "read");
    read.mockImplementationOnce(async (name) => {
      for (const file of readdirSync(directory)) if (file.endsWith(".lock")) rmSync(join(directory, file));
      return readFileSync(join(directory, name));
    });
    await expect(write(store)).rejects.toMatchObject({ code: "token_store" });
    expect(await store.get("1")).toEqual(exampleRecord("1"));
  });
});
