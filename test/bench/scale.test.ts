/** What is measured as accounts grow: memory per account, refreshes of a fleet, refreshes of a day. Counts and bytes; no time is looked at here. */
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { beforeAll, describe, expect, inject, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** A build of its own, of the source as it is now. Inside node_modules, where it finds the package's dependencies. */
const cache = `${root}node_modules/.cache/hubspot-oauth-scale-${process.pid}`;
const dist = `${cache}/dist`;

async function scale(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [`${root}bench/scale/run.mjs`, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

/** Runs one part and answers what it measured. */
async function measured<T>(part: string, ...args: readonly string[]): Promise<{ readonly stdout: string; readonly data: T }> {
  const { code, stdout, stderr } = await scale(part, "--dist", dist, "--out", cache, ...args);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return { stdout, data: (JSON.parse(await readFile(`${cache}/scale-${part}.json`, "utf8")) as { data: T }).data };
}

interface Expiry {
  readonly distribution: Readonly<Record<string, number>>;
  readonly refused: number;
  readonly stale: number;
}

describe("npm run bench:scale", () => {
  beforeAll(async () => {
    await build({
      config: false,
      entry: { index: `${root}src/index.ts`, "stores/redis": `${root}src/stores/redis.ts` },
      outDir: dist,
      format: "esm",
      target: "node20.19",
      silent: true,
    });
    return () => rm(cache, { recursive: true });
  }, 60_000);

  it("memory: each number of accounts is measured in each way they are used, and whole calls over sockets", async () => {
    const few = ["--accounts", "10000", "--calls", "2", "--repeats", "1", "--time", "1"];
    const { stdout, data } = await measured<{ points: readonly { mode: string; accounts: number }[] }>("memory", ...few);
    expect(data.points.map(({ mode, accounts }) => `${mode} ${accounts}`)).toEqual([
      "cached 10000",
      "limited 10000",
      "kept 10000",
      "called 2",
    ]);
    expect(stdout).toMatch(/Target: at most 512 bytes beside the token\. With 10,000 accounts: \d+, (?:reached|missed)\./);
  }, 120_000);

  it("an account in the cache takes at most 512 bytes beside its token of 300 characters", async () => {
    const settings = JSON.stringify({ mode: "cached", accounts: 20_000, forMs: 1, dist });
    const child = fork(`${root}bench/scale/memory-point.mjs`, [settings], { execArgv: ["--expose-gc"] });
    const [{ bytes }] = (await once(child, "message")) as [{ readonly bytes: number }];
    expect(bytes / 20_000).toBeGreaterThan(300);
    expect(bytes / 20_000).toBeLessThanOrEqual(300 + 512);
  }, 60_000);

  it.skipIf(inject("redisPort") === undefined)(
    "fleet: each account is refreshed once per expiry, by whichever process",
    async () => {
      const few = ["--stores", "redis", "--accounts", "60", "--expiries", "2", "--processes", "3", "--latency", "1"];
      const { stdout, data } = await measured<{ runs: readonly { alone: Expiry; raced: readonly Expiry[] }[] }>("fleet", ...few);
      const [run] = data.runs;
      expect([run?.alone, ...(run?.raced ?? [])]).toEqual(
        Array.from({ length: 3 }, () => expect.objectContaining({ distribution: { 1: 60 }, refused: 0, stale: 0 })),
      );
      expect(stdout).toContain("the same tokens everywhere: reached.");
    },
    60_000,
  );

  it("day: accounts that were connected together are not refreshed together", async () => {
    interface Minutes {
      readonly all: readonly number[];
      readonly busiestSecond: readonly number[];
    }
    const short = ["--accounts", "400", "--hours", "3", "--import", "10"];
    const { data } = await measured<{ perMinute: { readonly ours: Minutes; readonly byTimer: Minutes } }>("day", ...short);
    const { ours, byTimer } = data.perMinute;
    expect(ours.all).toHaveLength(180);
    expect(ours.all.findIndex((count) => count > 0)).toBeGreaterThanOrEqual(25);
    // All of them every 25 minutes, within the ten seconds in which they were connected.
    expect(byTimer.all.filter((count) => count > 0)).toEqual(Array.from({ length: 7 }, () => 400));
    expect(Math.max(...byTimer.busiestSecond)).toBe(40);
    expect(Math.max(...ours.busiestSecond)).toBeLessThan(20);
  }, 60_000);

  it.each([
    ["a part that is none", ["herds"], "There is no part herds: memory, fleet, day."],
    ["a number that is none", ["fleet", "--accounts", "many"], "--accounts must be a whole number of at least 1."],
    ["a store that it does not know", ["fleet", "--stores", "files"], "--stores: there is no files."],
  ])("refuses %s", async (_, args, message) => {
    const { code, stderr } = await scale(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
