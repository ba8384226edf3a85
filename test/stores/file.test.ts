/** The file store: the contract, then permissions, symbolic links, damage, locks and leftovers. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { isHubSpotOAuthError, TokenStoreError } from "../../src/index.js";
import { FileTokenStore } from "../../src/stores/file.js";
import { exampleRecord, hostileIds } from "../../src/testing/store-contract/examples.js";
import { runStoreContract } from "../../src/testing/store-contract/run.js";
import { vitest } from "./support/contract-runner.js";
import { fileStores } from "./support/memory-and-file.js";

/** A store in a directory that is not there yet. */
function freshStore(): { readonly store: FileTokenStore; readonly directory: string; readonly file: (id: string, end?: string) => string } {
  const root = mkdtempSync(join(tmpdir(), "tokens-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, "a", "tokens");
  return {
    store: new FileTokenStore({ directory }),
    directory,
    file: (id, end = "json") => join(directory, `${createHash("sha256").update(id).digest("hex")}.${end}`),
  };
}

async function idsOf(store: FileTokenStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of store.list()) ids.push(id);
  return ids;
}

const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);

describe("FileTokenStore", () => {
  runStoreContract(vitest, fileStores);
});

describe("options", () => {
  it.each([[undefined], [{}], [{ directory: "" }], [{ directory: 1 }], [{ directory: "x", mode: 0o644 }]])(
    "%j is a TypeError",
    (options) => {
      expect(() => new FileTokenStore(options as never)).toThrow(TypeError);
    },
  );

  it("the constructor touches nothing", async () => {
    const { store, directory } = freshStore();
    expect(() => lstatSync(directory)).toThrow("ENOENT");
    expect(await store.get("1")).toBeUndefined();
    expect(modeOf(directory)).toBe("700");
  });
});

describe("FS-01 privacy", () => {
  it("files are 0600 in a 0700 directory, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      const { store, directory, file } = freshStore();
      await store.set("1", exampleRecord("1"));
      await store.lease("1", { ttlMs: 1_000 });
      expect(modeOf(directory)).toBe("700");
      expect([modeOf(file("1")), modeOf(file("1", "lease"))]).toEqual(["600", "600"]);
    } finally {
      process.umask(umask);
    }
  });

  it("SS-02 file names are hashes: none of them holds an id, escapes, or is too long", async () => {
    const { store, directory } = freshStore();
    for (const id of hostileIds) await store.set(id, exampleRecord(id));
    const names = readdirSync(directory);
    expect(names).toHaveLength(hostileIds.length);
    for (const name of names) expect(name).toMatch(/^[0-9a-f]{64}\.json$/);
  });

  it.each([
    ["directory", 0o755],
    ["directory", 0o710],
    ["directory", 0o701],
    ["file", 0o644],
    ["file", 0o640],
    ["file", 0o602],
  ])("a %s with mode %o is refused, and the error says chmod", async (what, mode) => {
    const { store, directory, file } = freshStore();
    await store.set("1", exampleRecord("1"));
    const path = what === "file" ? file("1") : directory;
    chmodSync(path, mode);
    const right = what === "file" ? "600" : "700";
    await expect(store.get("1")).rejects.toThrow(`chmod ${right} ${path}`);
    await expect(store.set("1", exampleRecord("1"), { ifVersion: "version-1" })).rejects.toBeInstanceOf(TokenStoreError);
    await expect(idsOf(store)).rejects.toBeInstanceOf(TokenStoreError);
    chmodSync(path, Number.parseInt(right, 8));
    expect(await store.get("1")).toEqual(exampleRecord("1"));
  });

  it("a symbolic link in place of the directory is refused", async () => {
    const { store, directory } = freshStore();
    const elsewhere = `${directory}-elsewhere`;
    mkdirSync(elsewhere, { recursive: true, mode: 0o700 });
    symlinkSync(elsewhere, directory);
    await expect(store.get("1")).rejects.toThrow("symbolic link");
    await expect(store.set("1", exampleRecord("1"))).rejects.toThrow("symbolic link");
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it("a symbolic link in place of a file is not read, and never written through", async () => {
    const { store, directory, file } = freshStore();
    await store.set("1", exampleRecord("1"));
    const target = join(directory, "target");
    renameSync(file("1"), target);
    const before = readFileSync(target, "utf8");
    symlinkSync(target, file("1"));
    await expect(store.get("1")).rejects.toThrow("symbolic link");
    await expect(store.set("1", exampleRecord("1", { version: "v2" }), { ifVersion: "version-1" })).rejects.toThrow("symbolic link");
    await store.set("1", exampleRecord("1", { version: "v2" }));
    expect(readFileSync(target, "utf8")).toBe(before);
    expect(lstatSync(file("1")).isFile()).toBe(true);
  });

  it.each(["json.tmp", "lock"])("a symbolic link planted as .%s is never written through", async (end) => {
    const { store, directory, file } = freshStore();
    await store.get("1");
    const target = join(directory, "target");
    writeFileSync(target, "precious", { mode: 0o600 });
    utimesSync(target, 0, 0);
    symlinkSync(target, file("1", end));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    try {
      expect(await store.set("1", exampleRecord("1"))).toBe(true);
    } finally {
      vi.useRealTimers();
    }
    expect(readFileSync(target, "utf8")).toBe("precious");
  });
});

describe("damage", () => {
  it.each<[string, (text: string) => string | Buffer]>([
    ["empty", () => ""],
    ["cut", (text) => text.slice(0, text.length / 2)],
    ["cut by one byte", (text) => text.slice(0, -1)],
    ["all zeros", (text) => Buffer.alloc(text.length)],
    ["not UTF-8", (text) => Buffer.concat([Buffer.from(text.slice(0, 80)), Buffer.from([0xff]), Buffer.from(text.slice(80))])],
    ["null", () => "null"],
    ["of another shape", () => "{}"],
    ["without a version", () => '{"accountId":"1","record":{}}'],
    ["another account's", (text) => text.replace('"accountId":"1"', '"accountId":"2"')],
  ])("TN-04 a file that is %s is an error without its contents, never undefined", async (_, damage) => {
    const { store, file } = freshStore();
    await store.set("1", exampleRecord("1"));
    writeFileSync(file("1"), damage(readFileSync(file("1"), "utf8")));
    const error: unknown = await store.get("1").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TokenStoreError);
    expect(String(error)).toContain(`${file("1")} is damaged`);
    expect(JSON.stringify([String(error), error])).not.toMatch(/token"|access-token|refresh-token/);
    await expect(store.set("1", exampleRecord("1"), { ifVersion: null })).rejects.toBeInstanceOf(TokenStoreError);
    await expect(idsOf(store)).rejects.toBeInstanceOf(TokenStoreError);
    // The way out that the message names.
    rmSync(file("1"));
    expect(await store.set("1", exampleRecord("1"), { ifVersion: null })).toBe(true);
  });

  it("a directory in place of a file is an error that says where", async () => {
    const { store, file } = freshStore();
    await store.get("1");
    mkdirSync(file("1"), { mode: 0o700 });
    const error: unknown = await store.get("1").catch((reason: unknown) => reason);
    expect(isHubSpotOAuthError(error) && error.code).toBe("token_store");
    expect(String(error)).toContain("is not a regular file");
  });

  it("a lease that cannot be read is none", async () => {
    const { store, file } = freshStore();
    await store.lease("1", { ttlMs: 60_000 });
    writeFileSync(file("1", "lease"), "{");
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
  });

  it("a lease from before the clock was set back does not last for ever", async () => {
    const { store } = freshStore();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    try {
      await store.lease("1", { ttlMs: 60_000 });
    } finally {
      vi.useRealTimers();
    }
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
  });
});

describe("locks and leftovers", () => {
  const holder = { id: "x", pid: process.pid, host: hostname(), started: undefined as string | undefined };
  const long = new Date(Date.now() - 60_000);
  /** No process has this id: the largest that Linux gives out is 2^22. */
  const nobody = 2 ** 22 + 1;

  it.each<[string, object | ""]>([
    ["of a process that is gone", { ...holder, pid: nobody }],
    ["of a process whose id was given to another one", { ...holder, started: "1" }],
    ["of another host", { ...holder, host: "elsewhere" }],
    ["of a process that was killed before it wrote its name", ""],
  ])("a stale lock %s is broken", async (_, content) => {
    const { store, file, directory } = freshStore();
    await store.get("1");
    writeFileSync(file("1", "lock"), JSON.stringify(content), { mode: 0o600 });
    utimesSync(file("1", "lock"), long, long);
    expect(await store.set("1", exampleRecord("1"))).toBe(true);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it.each<[string, object, Date]>([
    ["fresh, of a process that is gone", { ...holder, pid: nobody }, new Date(Date.now() + 60_000)],
    ["stale, of a process that runs", holderOfThisProcess(), long],
  ])("a lock that is %s is waited for, and the error says what to do", async (_, content, renewed) => {
    const { store, file } = freshStore();
    await store.get("1");
    writeFileSync(file("1", "lock"), JSON.stringify(content), { mode: 0o600 });
    utimesSync(file("1", "lock"), renewed, renewed);
    const clock = vi.spyOn(performance, "now").mockReturnValueOnce(0).mockReturnValue(1e6);
    await expect(store.set("1", exampleRecord("1"))).rejects.toThrow(`${file("1", "lock")} is held by another process`);
    clock.mockRestore();
    expect(readFileSync(file("1", "lock"), "utf8")).toBe(JSON.stringify(content));
    expect(await store.get("1"), "reading needs no lock").toBeUndefined();
  });

  it("many that find a dead lock at once still write one after the other", async () => {
    const { directory, file } = freshStore();
    const stores = Array.from({ length: 8 }, () => new FileTokenStore({ directory }));
    await stores[0]?.set("1", exampleRecord("1"));
    for (let round = 0; round < 10; round++) {
      const { version } = (await stores[0]?.get("1")) ?? {};
      writeFileSync(file("1", "lock"), JSON.stringify({ ...holder, pid: nobody, id: `dead-${round}` }), { mode: 0o600 });
      utimesSync(file("1", "lock"), long, long);
      const next = stores.map((store, index) =>
        store.set("1", exampleRecord("1", { version: `${round}-${index}` }), { ifVersion: version ?? null }),
      );
      expect((await Promise.all(next)).filter(Boolean)).toHaveLength(1);
    }
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it("what killed writers left behind is removed by the first write of another account", async () => {
    const { store, file, directory } = freshStore();
    await store.get("1");
    writeFileSync(file("2", "json.tmp"), "half a tok", { mode: 0o600 });
    writeFileSync(file("3", "lease.tmp"), "{", { mode: 0o600 });
    await store.set("1", exampleRecord("1"));
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it("what is being written right now is left alone", async () => {
    const { store, file } = freshStore();
    await store.get("1");
    writeFileSync(file("2", "json.tmp"), "half a tok", { mode: 0o600 });
    writeFileSync(file("2", "lock"), JSON.stringify(holderOfThisProcess()), { mode: 0o600 });
    await store.set("1", exampleRecord("1"));
    expect(readFileSync(file("2", "json.tmp"), "utf8")).toBe("half a tok");
  });

  it("nothing but records stays behind", async () => {
    const { store, directory } = freshStore();
    await Promise.all(Array.from({ length: 10 }, (_, index) => store.set("1", exampleRecord("1", { version: String(index) }))));
    await (await store.lease("1", { ttlMs: 1_000 }))?.release();
    expect(readdirSync(directory)).toHaveLength(1);
    await store.delete("1");
    expect(readdirSync(directory)).toEqual([]);
  });
});

function holderOfThisProcess(): object {
  const stat = process.platform === "linux" ? readFileSync(`/proc/${process.pid}/stat`, "utf8") : undefined;
  const started = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return { id: "x", pid: process.pid, host: hostname(), started };
}
