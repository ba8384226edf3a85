// `npm run bench:peers`: the same page of contacts, read through this package, through the HTTP clients and OAuth libraries that people use
// instead, and through HubSpot's own SDK, in one run. See --help. Starts the server and, for each Node version, a process that measures.
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeBinaries } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { INSTALL, peerVersions } from "./installed.mjs";
import { chartOf, INTRO, tablesOf } from "./report.mjs";

const BENCH = fileURLToPath(new URL("..", import.meta.url));
const HELP = `npm run bench:peers -- [options]      once before: ${INSTALL}

  --quick              a few seconds: for trying it out, not for numbers
  --rounds <n>         rounds per concurrency                        31
  --passes <n>         slices of each contender in a round           3
  --slice <ms>         how long a slice is                           50
  --warm-up <ms>       before anything is measured, per contender    1500
  --concurrency <list> calls in flight                               10,50
  --node <list>        versions (22, 24, 26) or paths of binaries; other versions than this one come from
                       tools/node (npm ci --prefix tools/node)       24
  --out <folder>       where the results go                          bench/results; nowhere with --quick
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    passes: { type: "string" },
    slice: { type: "string" },
    "warm-up": { type: "string" },
    concurrency: { type: "string", default: "10,50" },
    node: { type: "string", default: "24" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
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
    rounds: count(flags.rounds ?? (flags.quick ? "3" : "31"), "rounds"),
    passes: count(flags.passes ?? (flags.quick ? "1" : "3"), "passes"),
    sliceMs: count(flags.slice ?? (flags.quick ? "20" : "50"), "slice"),
    warmUpMs: count(flags["warm-up"] ?? (flags.quick ? "50" : "1500"), "warm-up"),
    limitedCalls: flags.quick ? 5 : 45,
    concurrencies: flags.concurrency.split(",").map((value) => count(value, "concurrency")),
  };
  const server = fork(join(BENCH, "throughput/server.mjs"), { execArgv: [] });
  const reports = [];
  try {
    const [{ port, bytes }] = await once(server, "message");
    for (const binary of nodeBinaries(flags.node)) {
      const before = await loadOf(server);
      const report = await measure(binary, { ...settings, origin: `http://127.0.0.1:${port}` });
      const after = await loadOf(server);
      reports.push({ ...report, answerBytes: bytes, serverCores: (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs) });
    }
  } finally {
    server.kill();
  }
  const tables = reports.flatMap((report) => tablesOf(report));
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder === undefined) return;
  const node = reports.map((report) => report.node).join(", ");
  const { undici } = (await environment({ packages: ["undici"] })).versions;
  const files = await saveResults(folder, "peers", {
    title: "The same page through us, through other libraries, and through HubSpot's SDK",
    command: `${INSTALL}\nnpm run bench:peers`,
    environment: await environment({ node, packages: { undici, ...versions } }),
    intro: INTRO,
    tables,
    charts: reports.map((report) => chartOf(report, reports.length > 1)),
    data: { settings, reports },
  });
  console.log(`\n${files.join("\n")}`);
}

function count(text, name) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new TypeError(`--${name} must be a whole number of at least 1.`);
  return value;
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
