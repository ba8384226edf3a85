/** The herds run, and ours get by with one token call: counts of the token server, and of the callers. No time is looked at here. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { beforeAll, describe, expect, inject, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** A build of its own, of the source as it is now. Inside node_modules, where it finds the package's dependencies. */
const cache = `${root}node_modules/.cache/hubspot-oauth-herds-${process.pid}`;
const dist = `${cache}/dist`;

async function herds(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [`${root}bench/herds/run.mjs`, "--node", process.execPath, "--dist", dist, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code, stdout, stderr };
}

interface Herd {
  readonly store: string;
  readonly replaces: boolean;
  readonly callers: number;
  readonly runs: readonly Readonly<Record<string, unknown>>[];
}

describe("npm run bench:herds", () => {
  beforeAll(async () => {
    await build({
      config: false,
      entry: {
        index: `${root}src/index.ts`,
        "stores/postgres": `${root}src/stores/postgres.ts`,
        "stores/redis": `${root}src/stores/redis.ts`,
      },
      outDir: dist,
      format: "esm",
      target: "node20.19",
      silent: true,
    });
    return () => rm(cache, { recursive: true });
  }, 60_000);

  const stores = ["memory", ...(inject("redisPort") === undefined ? [] : ["redis"])];

  it("counts one token call for all callers of all processes, and one more half an hour later", async () => {
    const { code, stdout } = await herds(
      ...["--quick", "--only", "ours", "--stores", stores.join(","), "--callers", "100", "--processes", "3", "--share", "20"],
      ...["--latency", "1", "--out", cache],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ *hubspot-oauth +replaced +1 +0 +0 +0 .* 1 token call$/m);
    const { data } = JSON.parse(await readFile(`${cache}/herds.json`, "utf8")) as { data: { herds: readonly Herd[] } };
    expect(data.herds.map(({ store, replaces, callers }) => [store, replaces, callers])).toEqual(
      stores.flatMap((store) => [false, true].map((replaces) => [store, replaces, store === "memory" ? 100 : 60])),
    );
    for (const { callers, runs } of data.herds) {
      const next = { tokenCalls: 1, failedProcesses: 0, reasons: {} };
      expect(runs).toEqual([
        expect.objectContaining({ tokenCalls: 1, refusedCalls: 0, served: callers, rejected: 0, stale: 0, tokens: 1, next }),
      ]);
    }
  }, 60_000);

  it.each([
    ["a number that is none", ["--callers", "many"], "--callers must be a whole number of at least 1."],
    ["a store that it does not know", ["--stores", "files"], '--stores: "files" is none of memory, redis, postgres.'],
  ])("refuses %s", async (_, args, message) => {
    const { code, stderr } = await herds(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
