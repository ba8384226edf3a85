/**
 * `worker.ts` as a plain module for child processes, over the sources as they are, but for the lengths of time that a lease is made of:
 * a lease of 30 seconds cannot be waited for 56 times. Each replacement must match exactly, or the bundle is not built.
 */
import { rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { build, type Options } from "tsup";

/** What undici, which is CommonJS, needs in an ES module. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** What a lease is made of, and its sum, as in `TokenCoordinator`. */
export interface Times {
  /** `LEASE_MARGIN_MS`: how much of a lease may have passed before the request. */
  readonly marginMs: number;
  /** `STORE_TIMEOUT_MS` */
  readonly storeMs: number;
  /** The client's `timeoutMs`. */
  readonly requestMs: number;
  readonly leaseMs: number;
}

/** As they are. */
export const TIMES: Times = { marginMs: 10_000, storeMs: 5_000, requestMs: 15_000, leaseMs: 30_000 };
/** For tests that wait until a lease is over. Each is more than its work takes on a machine that is busy with a whole test run. */
export const SHORT_TIMES: Times = { marginMs: 500, storeMs: 1_500, requestMs: 2_000, leaseMs: 4_000 };

const REPLACEMENTS: readonly { readonly file: string; readonly from: string; readonly to: string }[] = [
  { file: "token-refresher.ts", from: "const LEASE_MARGIN_MS = 10_000;", to: `const LEASE_MARGIN_MS = ${SHORT_TIMES.marginMs};` },
  { file: "account-records.ts", from: "const STORE_TIMEOUT_MS = 5_000;", to: `const STORE_TIMEOUT_MS = ${SHORT_TIMES.storeMs};` },
];

const shortTimes: Plugin = {
  name: "short times",
  setup(building) {
    building.onLoad({ filter: /[\\/]src[\\/](?:token-refresher|account-records)\.ts$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const { file, from, to } of REPLACEMENTS) {
        if (!path.endsWith(file)) continue;
        if (contents.split(from).length !== 2) throw new Error(`${file} does not say "${from}" once: test/processes has to follow it.`);
        contents = contents.replace(from, to);
      }
      return { contents, loader: "ts" };
    });
  },
};

/** A bundle, to be removed when its processes have ended. */
export interface WorkerBundle {
  readonly path: string;
  readonly times: Times;
  remove(): void;
}

/** Builds it. Run from the root of the project. */
export async function buildWorker(times: Times): Promise<WorkerBundle> {
  // Inside node_modules, where it finds the drivers.
  const directory = resolve(`node_modules/.cache/hubspot-oauth-worker-${process.pid}-${performance.now().toFixed(0)}`);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  process.once("exit", remove);
  await build({
    ...{ config: false, silent: true, format: "esm", target: "node20.19", splitting: true },
    // One file is read faster than a hundred. The drivers stay outside: not every worker needs both.
    ...{ noExternal: ["undici", "zod", "jose"], external: ["ioredis", "pg"], banner: { js: REQUIRE } },
    entry: { worker: "test/processes/support/worker.ts" },
    outDir: directory,
    outExtension: () => ({ js: ".mjs" }),
    esbuildPlugins: times === SHORT_TIMES ? [shortTimes] : [],
  });
  return { path: `${directory}/worker.mjs`, times, remove };
}
