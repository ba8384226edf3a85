// `npm run bench:peers`: the same page of contacts, read through this package, through the HTTP clients and OAuth libraries that people use
// instead, and through HubSpot's own SDK, in one run. See --help. Starts the server and, for each Node version, a process that measures.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { count } from "../counts.mjs";
import { nodeBinaries } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { INSTALL, peerVersions } from "./installed.mjs";
import { chartOf, INTRO, tablesOf } from "./report.mjs";

const BENCH = fileURLToPath(new URL("..", import.meta.url));
const HELP = `npm run bench:peers -- [options]      once before: ${INSTALL}

  --quick              a few seconds: for trying it out, not for numbers
  --processes <n>      processes that measure, one after the other: each is compiled a little differently    3
  --rounds <n>         rounds per concurrency in each process        7
  --passes <n>         slices of each contender in a round           3
  --slice <ms>         how long a slice is                           50
  --warm-up <ms>       before anything is measured, per contender    600
  --concurrency <list> calls in flight                               10,50
  --node <list>        versions (22, 24, 26) or paths of binaries; other versions than this one come from
                       tools/node (npm ci --prefix tools/node)       24
  --out <folder>       where the results go; nowhere by default when anything but --node is given     bench/results
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    processes: { type: "string" },
    rounds: { type: "string" },
    passes: { type: "string" },
    slice: { type: "string" },
    "warm-up": { type: "string" },
    concurrency: { type: "string" },
    node: { type: "string", default: "24" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const versions = peerVersions();
  if (versions === undefined) {
    console.error(`The peers are not installed. They have a package of their own: ${INSTALL}`);
    process.exitCode = 1;
    return;
  }
  const settings = {
    processes: count(flags.processes ?? (flags.quick ? "1" : "3"), "processes"),
    rounds: count(flags.rounds ?? (flags.quick ? "3" : "7"), "rounds"),
    passes: count(flags.passes ?? (flags.quick ? "1" : "3"), "passes"),
    sliceMs: count(flags.slice ?? (flags.quick ? "20" : "50"), "slice"),
    warmUpMs: count(flags["warm-up"] ?? (flags.quick ? "50" : "600"), "warm-up"),
    limitedCalls: flags.quick ? 5 : 45,
    concurrencies: (flags.concurrency ?? "10,50").split(",").map((value) => count(value, "concurrency")),
  };
  const binaries = nodeBinaries(flags.node);
  const server = fork(join(BENCH, "throughput/server.mjs"), { execArgv: [] });
  server.once("exit", (code, signal) => {
    if (server.killed) return;
    console.error(`The server ended early (${code ?? signal}).`);
    process.exit(1);
  });
  try {
    const [{ port, bytes }] = await once(server, "message");
    for (const binary of binaries) {
      const before = await loadOf(server);
      const parts = [];
      for (let index = 0; index < settings.processes; index++) {
        const limitedCalls = index === 0 ? settings.limitedCalls : 0;
        parts.push(await measure(binary, { ...settings, limitedCalls, origin: `http://127.0.0.1:${port}` }));
      }
      const after = await loadOf(server);
      const serverCores = (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs);
      await tell({ ...merged(parts), settings, answerBytes: bytes, serverCores }, versions);
    }
  } finally {
    server.kill();
  }
}

/** Tables on standard output, and the results where they are wanted. */
async function tell(report, versions) {
  const tables = tablesOf(report);
  printTables(tables);
  // The results of the repository are those of complete runs.
  const partial = Object.keys(flags).some((name) => !["node", "out", "quick"].includes(name) && flags[name] !== undefined);
  const folder = resultsFolder({ quick: flags.quick || partial, out: flags.out });
  if (folder === undefined) return;
  const major = /\d+/.exec(report.node)[0];
  const { undici } = (await environment({ packages: ["undici"] })).versions;
  const files = await saveResults(folder, `peers-node-${major}`, {
    title: `The same page through us, through other libraries, and through HubSpot's SDK, Node ${major}`,
    command: `${INSTALL}\nnpm run bench:peers -- --node ${major}`,
    environment: await environment({ node: report.node, packages: { undici, ...versions } }),
    intro: INTRO,
    tables,
    charts: [chartOf(report)],
    data: report,
  });
  console.log(`\nWritten: ${files.map((file) => relative(process.cwd(), file)).join(", ")}`);
}

/** The rounds of all processes, as if they were those of one. */
function merged(parts) {
  const [first] = parts;
  const all = (level, name) => {
    const of = parts.map((part) => part.levels[level].measured[name]);
    return Object.fromEntries(Object.keys(of[0]).map((what) => [what, of.flatMap((each) => each[what])]));
  };
  return {
    ...first,
    levels: first.levels.map(({ concurrency, measured }, level) => ({
      concurrency,
      measured: Object.fromEntries(Object.keys(measured).map((name) => [name, all(level, name)])),
    })),
  };
}

async function loadOf(server) {
  server.send("load");
  const [{ cpu, atMs }] = await once(server, "message");
  return { cpuMs: (cpu.user + cpu.system) / 1_000, atMs };
}

/** Rejects when the measuring process ends without an answer. */
function measure(execPath, settings) {
  const script = fileURLToPath(new URL("measure.mjs", import.meta.url));
  const child = fork(script, [JSON.stringify(settings)], { execPath, execArgv: ["--expose-gc"] });
  return new Promise((fulfil, reject) => {
    child.once("message", fulfil);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Measuring ended early (exit code ${code}).`)));
  });
}
