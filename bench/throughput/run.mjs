// `npm run bench`: what HubSpotHttp costs beside raw undici, measured in one run. See --help. Nothing here is asserted anywhere: times are
// the machine's. Starts the server and, for each Node version, a process that measures; prints what they found.
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeBinaries } from "../node-binaries.mjs";
import { printReport } from "./report.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const HELP = `npm run bench -- [options]

  --quick              a few seconds: for trying it out, not for numbers
  --rounds <n>         rounds per concurrency                        31
  --slice <ms>         how long each contender runs in a round       150
  --warm-up <ms>       before anything is measured, per contender    1500
  --concurrency <list> calls in flight                               1,10,50,200
  --node <list>        versions (20, 22, ...) or paths of binaries; other versions than this one come from
                       tools/node (npm ci --prefix tools/node)       this one
  --dist <folder>      the build to measure                          dist
  --against <folder>   another build, measured in the same rounds
  --json               the measurements as JSON instead of tables
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    slice: { type: "string" },
    "warm-up": { type: "string" },
    concurrency: { type: "string", default: "1,10,50,200" },
    node: { type: "string", default: process.execPath },
    dist: { type: "string" },
    against: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const settings = {
    rounds: count(flags.rounds ?? (flags.quick ? "5" : "31"), "rounds"),
    sliceMs: count(flags.slice ?? (flags.quick ? "30" : "150"), "slice"),
    warmUpMs: count(flags["warm-up"] ?? (flags.quick ? "100" : "1500"), "warm-up"),
    herds: flags.quick ? 2 : 5,
    concurrencies: flags.concurrency.split(",").map((value) => count(value, "concurrency")),
    dist: flags.dist === undefined ? builtPackage() : resolve(flags.dist),
    ...(flags.against !== undefined && { against: resolve(flags.against) }),
  };
  const binaries = nodeBinaries(flags.node);
  const server = fork(join(HERE, "server.mjs"), { execArgv: [] });
  try {
    const [{ port, bytes }] = await once(server, "message");
    const reports = [];
    for (const binary of binaries) {
      const before = await loadOf(server);
      const report = await measure(binary, { ...settings, origin: `http://127.0.0.1:${port}` });
      const after = await loadOf(server);
      reports.push({ ...report, answerBytes: bytes, serverCores: (after.cpuMs - before.cpuMs) / (after.atMs - before.atMs) });
    }
    if (flags.json) console.log(JSON.stringify(reports));
    else for (const report of reports) printReport(report);
  } finally {
    server.kill();
  }
}

function count(text, name) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new TypeError(`--${name} must be a whole number of at least 1.`);
  return value;
}

/** `dist`, built when it is missing. An old one is measured as it is, with a word about it: the numbers may be wanted for just that. */
function builtPackage() {
  const dist = join(ROOT, "dist");
  if (!existsSync(join(dist, "index.js"))) {
    console.error("There is no dist: building.");
    const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules/tsup/dist/cli-default.js")], {
      cwd: ROOT,
      stdio: ["ignore", 2, 2], // Standard output is for the measurements.
    });
    if (status !== 0) throw new Error("The build failed.");
  }
  const builtAtMs = statSync(join(dist, "index.js")).mtimeMs;
  const sources = readdirSync(join(ROOT, "src"), { recursive: true }).map((file) => statSync(join(ROOT, "src", file)).mtimeMs);
  if (Math.max(...sources) > builtAtMs) console.error("dist is older than src: `npm run build` to measure what is written there.");
  return dist;
}

async function loadOf(server) {
  server.send("load");
  const [{ cpu, atMs }] = await once(server, "message");
  return { cpuMs: (cpu.user + cpu.system) / 1_000, atMs };
}

/** Rejects when the measuring process ends without an answer. */
function measure(execPath, settings) {
  const child = fork(join(HERE, "measure.mjs"), [JSON.stringify(settings)], { execPath, execArgv: ["--expose-gc"] });
  return new Promise((fulfil, reject) => {
    child.once("message", fulfil);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Measuring ended early (exit code ${code}).`)));
  });
}
