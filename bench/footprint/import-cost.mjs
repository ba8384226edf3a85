// What importing costs: time, CPU time and memory, each import in a fresh process, the contenders taking turns.
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ratios, summary } from "../statistics.mjs";

const PROBE = join(dirname(fileURLToPath(import.meta.url)), "probe.mjs");
const DEPENDENCIES = ["undici", "zod", "jose"];
const run = promisify(execFile);

/** The ways a package is loaded, and the file of a build that answers each. */
export const WAYS = { import: "index.js", require: "cjs/index.js" };

/** What is imported in a round; `twin` is `dependencies` once more, so that the noise is known. */
function contenders({ way, dist, against, sdk }) {
  return {
    dependencies: DEPENDENCIES,
    ours: [join(dist, WAYS[way])],
    sdk: [sdk],
    twin: DEPENDENCIES,
    ...(against !== undefined && { against: [join(against, WAYS[way])] }),
  };
}

/** `{ [contender]: { wallMs: number[], cpuMs: number[], rss: number[] } }`, a value a round. */
export async function importCosts({ node, way, rounds, ...settings }) {
  const modules = contenders({ way, ...settings });
  const names = Object.keys(modules);
  const costs = Object.fromEntries(names.map((name) => [name, { wallMs: [], cpuMs: [], rss: [] }]));
  // The first round fills the page cache. Each round begins with another contender, so that none always follows the same one.
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + names.length) % names.length];
      const cost = await importOnce(node, way, modules[name]);
      if (round >= 0) for (const [what, value] of Object.entries(cost)) costs[name][what].push(value);
    }
  }
  return costs;
}

async function importOnce(node, way, modules) {
  // A compile cache would be warm for some and cold for others.
  const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1" };
  const { stdout } = await run(node, [PROBE, way, ...modules], { env });
  return JSON.parse(stdout);
}

/** Medians with quartiles, and the ratio of each contender to the dependencies, taken round by round. */
export function summarize(costs) {
  return Object.fromEntries(
    Object.entries(costs).map(([name, cost]) => [
      name,
      Object.fromEntries(
        Object.entries(cost).map(([what, values]) => [what, { ...summary(values), ratio: ratios(values, costs.dependencies[what]) }]),
      ),
    ]),
  );
}
