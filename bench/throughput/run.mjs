// `npm run bench`: what HubSpotHttp costs beside raw undici, measured in one run. See --help. Nothing here is asserted anywhere: times are
// the machine's. Starts the server and, for each Node version, processes that measure; prints what they found, and keeps it as results.
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { count } from "../counts.mjs";
import { nodeBinaries } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { pageOf } from "./report.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(dirname(HERE));
const COMPARED = ["raw", "bare", "against"];
const HELP = `npm run bench -- [options]

  --quick              a few seconds: for trying it out, not for numbers
  --node <list>        versions (20, 22, ...) or paths of binaries; other versions than this one come from
                       tools/node (npm ci --prefix tools/node)       this one
  --out <folder>       where throughput-node-<version>.json, .md and .svg are written. Without it, a complete
                       run writes them to bench/results; one that any other option cuts short writes nothing
  --concurrency <list> calls in flight                               1,10,50,200
  --processes <n>      processes that measure, one after the other: each is compiled a little differently    3
  --rounds <n>         rounds per concurrency in each process        11
  --slice <ms>         how long each contender runs in a round       150
  --warm-up <ms>       before anything is measured, per contender    1000
  --dist <folder>      the build to measure                          dist
  --against <folder>   another build, measured in the same rounds
  --only <list>        compare with no more than these: raw, bare, against
  --json               the measurements as JSON instead of tables
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    node: { type: "string", default: process.execPath },
    out: { type: "string" },
    concurrency: { type: "string" },
    processes: { type: "string" },
    rounds: { type: "string" },
    slice: { type: "string" },
    "warm-up": { type: "string" },
    dist: { type: "string" },
    against: { type: "string" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const processes = count(flags.processes ?? (flags.quick ? "1" : "3"), "processes");
  const settings = {
    rounds: count(flags.rounds ?? (flags.quick ? "5" : "11"), "rounds"),
    sliceMs: count(flags.slice ?? (flags.quick ? "30" : "150"), "slice"),
    warmUpMs: count(flags["warm-up"] ?? (flags.quick ? "100" : "1000"), "warm-up"),
    herds: flags.quick ? 2 : 5,
    concurrencies: (flags.concurrency ?? "1,10,50,200").split(",").map((value) => count(value, "concurrency")),
    compared: compared(),
    dist: flags.dist === undefined ? builtPackage() : resolve(flags.dist),
    ...(flags.against !== undefined && { against: resolve(flags.against) }),
  };
  const binaries = nodeBinaries(flags.node);
  const server = fork(join(HERE, "server.mjs"), { execArgv: [] });
  server.once("exit", (code, signal) => {
    if (server.killed) return;
    console.error(`The server ended early (${code ?? signal}).`);
    process.exit(1);
  });
  try {
    const [{ port, bytes }] = await once(server, "message");
    const reports = [];
    for (const binary of binaries) {
      const parts = [];
      for (let index = 0; index < processes; index++) {
        parts.push(await measure(binary, { ...settings, origin: `http://127.0.0.1:${port}` }, server));
      }
      const report = { ...merged(parts), processes, rounds: settings.rounds, sliceMs: settings.sliceMs, answerBytes: bytes };
      if (flags.json) reports.push(report);
      else await tell(report);
    }
    if (flags.json) console.log(JSON.stringify(reports));
  } finally {
    server.kill();
  }
}

/** Tables on standard output, and the results where they are wanted. */
async function tell(report) {
  const where = await environment({ node: report.node, packages: ["undici"] });
  const page = pageOf(report);
  const versions = Object.entries(where.versions).map(([name, version]) => `${name} ${version}`);
  console.log(`\nNode ${report.node.slice(1)}, ${versions.join(", ")}, ${where.cpu} x ${where.cores}, commit ${where.commit}`);
  for (const warning of page.warnings) console.log(`\n!! ${warning}`);
  printTables(page.tables);
  const folder = folderOfResults();
  if (folder === undefined) return;
  const files = await saveResults(folder, `throughput-node-${/\d+/.exec(report.node)?.[0]}`, {
    ...page,
    command: ["npm run bench --", ...commandLine()].join(" "),
    environment: where,
    data: report,
  });
  console.log(`\nWritten: ${files.map((file) => relative(process.cwd(), file)).join(", ")}`);
}

/** The results of the repository are those of complete runs. */
function folderOfResults() {
  const partial = ["concurrency", "processes", "rounds", "slice", "warm-up", "dist", "against", "only"].some(
    (name) => flags[name] !== undefined,
  );
  return resultsFolder({ quick: flags.quick || partial, out: flags.out });
}

function commandLine() {
  return process.argv
    .slice(2)
    .filter((argument, index, all) => argument !== "--out" && all[index - 1] !== "--out" && !argument.startsWith("--out="));
}

function compared() {
  const names = flags.only?.split(",") ?? COMPARED;
  const unknown = names.find((name) => !COMPARED.includes(name));
  if (unknown !== undefined) throw new TypeError(`--only knows ${COMPARED.join(", ")}, not ${unknown}.`);
  if (flags.only !== undefined && names.includes("against") && flags.against === undefined)
    throw new TypeError("--only against needs --against.");
  return names;
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
  const answer = once(server, "message");
  server.send("load");
  const [{ cpu, atMs }] = await answer;
  return { cpuMs: (cpu.user + cpu.system) / 1_000, atMs };
}

/** One process from start to end. Rejects when it ends without an answer. */
function measure(execPath, settings, server) {
  const child = fork(join(HERE, "measure.mjs"), [JSON.stringify(settings)], { execPath, execArgv: ["--expose-gc"] });
  let loads = Promise.resolve([]);
  let result;
  return new Promise((fulfil, reject) => {
    child.on("message", (message) => {
      if (message.level === undefined) result = message;
      else loads = loads.then(async (before) => [...before, await loadOf(server)]);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (result === undefined) reject(new Error(`Measuring ended early (exit code ${code}).`));
      else loads.then((all) => fulfil({ ...result, serverCores: coresPerLevel(all) }), reject);
    });
  });
}

/** Of a core, while a level lasted: loads come in pairs, one from its beginning and one from its end. */
function coresPerLevel(loads) {
  return loads.flatMap((after, index) => {
    const before = loads[index - 1];
    return index % 2 === 0 ? [] : [(after.cpuMs - before.cpuMs) / (after.atMs - before.atMs)];
  });
}

/** The rounds of all processes, as if they were those of one. */
function merged(parts) {
  const [{ node, levels, herd }] = parts;
  const all = (list) => parts.flatMap(list);
  return {
    node,
    serverCores: levels.map((_, index) => Math.max(...parts.map(({ serverCores }) => serverCores[index]))),
    levels: levels.map(({ concurrency, contenders }, index) => ({
      concurrency,
      contenders: Object.fromEntries(
        Object.entries(contenders).map(([name, measures]) => [
          name,
          Object.fromEntries(
            Object.keys(measures).map((measure) => [measure, all((part) => part.levels[index].contenders[name][measure])]),
          ),
        ]),
      ),
    })),
    tokens: { getAccessTokenNs: all(({ tokens }) => tokens.getAccessTokenNs), authorizeNs: all(({ tokens }) => tokens.authorizeNs) },
    herd: { callers: herd.callers, posts: all((part) => part.herd.posts), elapsedMs: all((part) => part.herd.elapsedMs) },
  };
}
