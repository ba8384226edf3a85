/** The file store and other processes: killed at every step, killed at any moment, racing, and on a disk that is full. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileTokenStore } from "../../src/stores/file.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { fileStoreBundle } from "./support/file-store-bundle.js";

const bundle = fileStoreBundle();

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "tokens-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Child {
  readonly lines: AsyncIterator<string>;
  /** Answers the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  kill(): void;
  say(line: string): void;
}

/** Another process that runs `code` with a store on `directory`. In it, `print` and `hear` talk over its standard input and output. */
function child(directory: string, code: string, parameters: unknown = {}): Child {
  const setUp = `
    import { writeSync } from "node:fs";
    import { createInterface } from "node:readline";
    const { FileTokenStore } = await import(process.env.BUNDLE);
    const store = new FileTokenStore({ directory: process.env.DIRECTORY });
    const { record, ...given } = JSON.parse(process.env.PARAMETERS);
    const print = (line) => writeSync(1, line + "\\n");
    let heard;
    const hear = () => (heard ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]()).next();
  `;
  const environment = {
    BUNDLE: bundle(),
    DIRECTORY: directory,
    PARAMETERS: JSON.stringify({ record: exampleRecord("1"), ...(parameters as object) }),
  };
  const started = spawn(process.execPath, ["--input-type=module", "--eval", `${setUp}\n${code}`], {
    env: { ...process.env, ...environment },
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void started.kill("SIGKILL"));
  return {
    lines: createInterface({ input: started.stdout })[Symbol.asyncIterator](),
    ended: once(started, "close").then(([exitCode, signal]) => (signal ?? exitCode) as number | string),
    kill: () => void started.kill("SIGKILL"),
    say: (line) => void started.stdin.write(`${line}\n`),
  };
}

/** As if a while had passed since their last heartbeat. */
function ageLocks(directory: string): void {
  const past = new Date(Date.now() - 60_000);
  for (const name of readdirSync(directory)) if (name.endsWith(".lock")) utimesSync(join(directory, name), past, past);
}

const old = exampleRecord("1", { version: "old", accessToken: "o".repeat(8_192) });
const next = exampleRecord("1", { version: "next", accessToken: "n".repeat(8_192) });

// Dozens of processes are started one after the other.
describe("FS-01 a process that is killed", { timeout: 120_000 }, () => {
  // Counts every call of the file system, those of open files too, and dies before the n-th; a write gets half of its bytes out first.
  const dieAt = `
    import fs, { promises } from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const probe = await promises.open("/dev/null");
    const files = Object.getPrototypeOf(probe);
    await probe.close();
    let calls = 0;
    const die = () => process.kill(process.pid, "SIGKILL");
    const count = (owner, name) => {
      const real = owner[name];
      owner[name] = async function (...given) {
        if (++calls === given_.at) {
          if (name === "writeFile") await real.call(this, given[0].slice(0, given[0].length / 2));
          die();
          await new Promise(() => {});
        }
        return real.apply(this, given);
      };
    };
    const given_ = given;
    for (const name of ["open", "rename", "rm", "lstat", "mkdir", "readdir", "link"]) count(promises, name);
    for (const name of ["writeFile", "sync", "stat", "close"]) count(files, name);
    syncBuiltinESMExports();
    await store[given.method](...given.arguments);
    print("steps " + calls);
  `;

  it.each<[string, unknown[], (string | undefined)[]]>([
    ["set", ["1", next, { ifVersion: "old" }], ["old", "next"]],
    ["delete", ["1", { ifVersion: "old" }], ["old", undefined]],
  ])("at any step of a %s leaves the old record or the new one, whole, and the account usable", async (method, given, allowed) => {
    const seen = new Set<string | undefined>();
    let steps = 0;
    for (let at = 1; ; at++) {
      const directory = scratch();
      const store = new FileTokenStore({ directory });
      await store.set("1", old);
      const process = child(directory, dieAt, { method, arguments: given, at });
      const end = await process.ended;
      // A new instance, as the next process would have it.
      const standing = await new FileTokenStore({ directory }).get("1");
      expect(allowed).toContain(standing?.version);
      expect([old, next, undefined]).toContainEqual(standing);
      seen.add(standing?.version);
      if (end === 0) break;
      expect(end).toBe("SIGKILL");
      steps = at;
      ageLocks(directory);
      expect(await store.set("1", old)).toBe(true);
      expect(readdirSync(directory), "leftovers are cleaned up").toHaveLength(1);
    }
    expect(steps).toBeGreaterThan(8);
    expect([...seen]).toEqual(allowed);
  });

  it("at any moment of a loop of writes leaves a whole record", async () => {
    for (let round = 0; round < 15; round++) {
      const directory = scratch();
      const writer = child(
        directory,
        `for (let n = 1; ; n++) {
          await store.set("1", { ...record, version: String(n), accessToken: String(n % 10).repeat(20_000) });
          print(n);
        }`,
      );
      for (let line = 0; line <= round % 5; line++) await writer.lines.next();
      // How far it gets from here on is up to the machine.
      writer.kill();
      await writer.ended;
      const found = await new FileTokenStore({ directory }).get("1");
      const version = Number(found?.version);
      expect(version).toBeGreaterThan(round % 5);
      expect(found?.accessToken).toBe(String(version % 10).repeat(20_000));
    }
  });
});

describe("two processes", () => {
  it("of two that race compare-and-sets, one wins each round", async () => {
    const directory = scratch();
    const rounds = 40;
    const code = `
      let version = null;
      for (let round = 0; round < given.rounds; round++) {
        print("ready");
        await hear();
        const mine = given.name + round;
        const won = await store.set("1", { ...record, version: mine }, { ifVersion: version });
        print(String(won));
        await hear();
        version = (await store.get("1")).version;
        print(version);
      }
      process.stdin.destroy();
    `;
    const racers = ["a", "b"].map((name) => child(directory, code, { name, rounds }));
    const hear = async (): Promise<(string | undefined)[]> =>
      Promise.all(racers.map(async ({ lines }) => (await lines.next()).value as string | undefined));
    const wins = { a: 0, b: 0 };
    for (let round = 0; round < rounds; round++) {
      expect(await hear()).toEqual(["ready", "ready"]);
      for (const racer of racers) racer.say("go");
      const won = await hear();
      expect(new Set(won)).toEqual(new Set(["false", "true"]));
      const winner = won[0] === "true" ? "a" : "b";
      wins[winner]++;
      for (const racer of racers) racer.say("look");
      expect(await hear()).toEqual([`${winner}${round}`, `${winner}${round}`]);
    }
    expect(await Promise.all(racers.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(readdirSync(directory)).toHaveLength(1);
  });

  it("a lease excludes the other process, and ends although its holder was killed", async () => {
    const directory = scratch();
    const store = new FileTokenStore({ directory });
    const holder = child(directory, `print((await store.lease("1", { ttlMs: 1_000 })) !== undefined); await hear();`);
    expect((await holder.lines.next()).value).toBe("true");
    const refused = (await store.lease("1", { ttlMs: 60_000 })) === undefined;
    holder.kill();
    await holder.ended;
    expect(refused).toBe(true);
    await expect.poll(async () => (await store.lease("1", { ttlMs: 60_000 })) !== undefined, { timeout: 10_000 }).toBe(true);
  });
});

describe("a full disk", () => {
  function mountSmallDisk(directory: string): boolean {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", directory], { stdio: "ignore" });
      onTestFinished(() => void execFileSync("umount", [directory]));
      return true;
    } catch {
      // Not root, or a container that may not mount.
      return false;
    }
  }

  it("FS-01 ENOSPC leaves the old record whole", async ({ skip }) => {
    const directory = scratch();
    if (!mountSmallDisk(directory)) skip("no small tmpfs can be mounted here");
    const store = new FileTokenStore({ directory });
    await store.set("1", old);
    const tooLarge = exampleRecord("1", { version: "next", accessToken: "n".repeat(100_000) });
    const failure = { code: "token_store", driverCode: "ENOSPC" };
    await expect(store.set("1", tooLarge)).rejects.toMatchObject(failure);
    expect(await store.get("1")).toEqual(old);
    expect(readdirSync(directory)).toHaveLength(1);

    // Not a byte left: not even the lock can be written.
    expect(() => writeFileSync(join(directory, "filler"), "x".repeat(100_000))).toThrow("ENOSPC");
    await expect(store.set("1", next)).rejects.toMatchObject(failure);
    expect(await store.get("1")).toEqual(old);
    expect(readdirSync(directory)).toHaveLength(2);

    rmSync(join(directory, "filler"));
    expect(await store.set("1", next)).toBe(true);
    expect(await store.get("1")).toEqual(next);
  });
});
