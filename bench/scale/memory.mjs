// `npm run bench:scale -- memory`: what one more account costs a process in memory, and what a call costs as accounts grow. Each point is
// a process of its own (memory-point.mjs), a few times over; the tables say the median.
import { fork } from "node:child_process";
import { once } from "node:events";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lineChart } from "../charts.mjs";
import { nodeBinary } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { quantile } from "../statistics.mjs";
import { count, counts } from "../counts.mjs";
import { ACCESS_TOKEN_CHARACTERS } from "./records.mjs";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TARGET_BYTES = 512;
const HELP = `npm run bench:scale -- memory [options]

  --accounts <list>  accounts in the cache                        1,10,100,1000,10000,100000
  --calls <list>     the same, for whole calls over sockets       1,100,10000
  --repeats <n>      processes per point                          3
  --time <ms>        how long each cost of a call is measured     250
  --node <version>   the Node to measure                          this one
  --dist <folder>    the build to measure                         dist
  --quick            a few seconds: for trying it out
  --out <folder>     where the results are written                bench/results
`;

/** With fewer accounts, what else the heap grows and shrinks by is more than they take. */
const FEWEST_FOR_MEMORY = 10_000;
/** The ways in which an account is in use: see memory-point.mjs. */
const MODES = ["cached", "limited", "kept"];

export async function main(args) {
  const { values: flags } = parseArgs({
    args,
    options: {
      accounts: { type: "string" },
      calls: { type: "string" },
      repeats: { type: "string" },
      time: { type: "string" },
      node: { type: "string" },
      dist: { type: "string", default: join(ROOT, "dist") },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) return void process.stdout.write(HELP);
  const execPath = flags.node === undefined ? process.execPath : nodeBinary(flags.node);
  const repeats = count(flags.repeats ?? (flags.quick ? "1" : "3"), "repeats");
  const common = { dist: resolve(flags.dist), forMs: count(flags.time ?? (flags.quick ? "50" : "250"), "time"), callsPerAccount: 1 };
  const ladder = counts(flags.accounts ?? (flags.quick ? "10,10000" : "1,10,100,1000,10000,100000"), "accounts");
  if (Math.max(...ladder) < FEWEST_FOR_MEMORY) throw new TypeError(`--accounts must reach ${FEWEST_FOR_MEMORY}.`);
  const callLadder = counts(flags.calls ?? (flags.quick ? "1,100" : "1,100,10000"), "calls");

  const server = await startApiServer();
  const points = [];
  try {
    const point = async (accounts, mode) => {
      const runs = [];
      for (let run = 0; run < repeats; run++) runs.push(await measure(execPath, { ...common, mode, accounts, origin: server.origin }));
      points.push({ accounts, mode, runs });
    };
    for (const accounts of ladder) for (const mode of MODES) await point(accounts, mode);
    for (const accounts of callLadder) await point(accounts, "called");
  } finally {
    server.stop();
  }

  const tables = [memoryTable(ladder, points), tokenTable(ladder, points), callTable(callLadder, points)];
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder === undefined) return;
  await saveResults(folder, "scale-memory", {
    title: "Memory per account, and the cost of a call as accounts grow",
    command: ["npm run bench:scale -- memory", ...args].join(" "),
    environment: await environment({ node: points[0].runs[0].node, packages: ["undici"] }),
    intro: [
      `Each point is the median of ${repeats} processes. A process brings so many accounts into use, collects all garbage, and looks at what its heap has grown by. The token store makes each record when it is asked and keeps none, so that what stays is what the client keeps.`,
      `Access tokens have ${ACCESS_TOKEN_CHARACTERS} characters. "Beside the token" is without these, counted once: the account's id, copies of the token, and the refresh token if it is kept, are in it.`,
    ],
    tables,
    charts: [memoryChart(ladder, points), costChart(ladder, points)],
    data: { ladder, callLadder, points },
  });
}

function memoryTable(ladder, points) {
  const bytes = (accounts, mode) => medianOf(points, accounts, mode, (run) => run.bytes) / accounts;
  const large = ladder.filter((accounts) => accounts >= FEWEST_FOR_MEMORY);
  const rows = large.map((accounts) => {
    const [cached, limited, kept] = MODES.map((mode) => bytes(accounts, mode));
    return [accounts, cached, cached - ACCESS_TOKEN_CHARACTERS, limited - cached, kept - limited].map(number);
  });
  const most = large.at(-1);
  const beside = bytes(most, "cached") - ACCESS_TOKEN_CHARACTERS;
  return {
    title: "Bytes per account",
    head: ["accounts", "token in the cache", "beside the token", "limiter, in use", "HubSpotHttp, if kept"],
    rows,
    note: `Target: at most ${TARGET_BYTES} bytes beside the token. With ${number(most)} accounts: ${number(beside)}, ${beside <= TARGET_BYTES ? "reached" : "missed"}. "Limiter" and "HubSpotHttp" are what is added to that by one call in the last ten seconds, and by an application that keeps its HubSpotHttp.`,
  };
}

function tokenTable(ladder, points) {
  const cost = (accounts, name) => tokenCost(points, accounts, name);
  return {
    title: "Nanoseconds for a token in the cache, accounts in random order",
    head: ["accounts", "getAccessToken", "the same thousand of them", "credential.authorize", "a Map's get alone"],
    rows: ladder.map((accounts) => [
      number(accounts),
      ...["getAccessTokenNs", "ofFewNs", "authorizeNs", "mapNs"].map((name) => number(cost(accounts, name))),
    ]),
    note: "What is done is the same in every row. What grows is what the machine's own caches cost: a Map with the same ids and nothing else shows it as well, and calls for the same thousand accounts show little of it.",
  };
}

function callTable(ladder, points) {
  const median = (accounts, name) => medianOf(points, accounts, "called", (run) => run.costs[name].median);
  const first = median(ladder[0], "cpuMicros");
  return {
    title: "Whole calls, 10 at once, each for another account",
    head: ["accounts", "microseconds of CPU", `beside ${number(ladder[0])}`, "calls per second"],
    rows: ladder.map((accounts) => [
      number(accounts),
      median(accounts, "cpuMicros").toFixed(1),
      (median(accounts, "cpuMicros") / first).toFixed(2),
      number(median(accounts, "perSecond")),
    ]),
  };
}

function memoryChart(ladder, points) {
  const shown = ladder.filter((accounts) => accounts >= FEWEST_FOR_MEMORY);
  const line = (mode) => shown.map((accounts) => [accounts, medianOf(points, accounts, mode, (run) => run.bytes) / accounts]);
  return {
    name: "memory",
    alt: "Bytes per account over the number of accounts",
    svg: lineChart({
      title: "Memory per account",
      xLabel: "accounts",
      yLabel: "bytes",
      logX: true,
      series: [
        { label: "token in the cache", points: line("cached"), emphasis: true },
        { label: "with the limiter, in use", points: line("limited") },
        { label: "the token's characters", points: shown.map((accounts) => [accounts, ACCESS_TOKEN_CHARACTERS]) },
      ],
    }),
  };
}

function costChart(ladder, points) {
  const line = (name) => ladder.map((accounts) => [accounts, tokenCost(points, accounts, name)]);
  return {
    name: "cost",
    alt: "Nanoseconds for a token in the cache over the number of accounts",
    svg: lineChart({
      title: "A token in the cache, accounts in random order",
      xLabel: "accounts",
      yLabel: "nanoseconds",
      logX: true,
      series: [
        { label: "getAccessToken", points: line("getAccessTokenNs"), emphasis: true },
        { label: "the same thousand of them", points: line("ofFewNs") },
        { label: "credential.authorize", points: line("authorizeNs") },
        { label: "a Map's get alone", points: line("mapNs") },
      ],
    }),
  };
}

/** How an account came into use makes no difference to what its token costs: over all modes. */
function tokenCost(points, accounts, name) {
  const of = points.filter((point) => point.accounts === accounts && point.mode !== "called");
  return quantile(
    of.flatMap(({ runs }) => runs.map((run) => run.costs[name].median)),
    0.5,
  );
}

function medianOf(points, accounts, mode, value) {
  const { runs } = points.find((point) => point.accounts === accounts && point.mode === mode);
  return quantile(runs.map(value), 0.5);
}

function number(value) {
  return Math.round(value).toLocaleString("en");
}

/** The server of `npm run bench`: a page of contacts for every GET. */
async function startApiServer() {
  const child = fork(join(ROOT, "bench/throughput/server.mjs"), { execArgv: [] });
  const [{ port }] = await once(child, "message");
  return { origin: `http://127.0.0.1:${port}`, stop: () => child.kill() };
}

/** Rejects when the process ends without an answer. */
function measure(execPath, settings) {
  const child = fork(fileURLToPath(new URL("memory-point.mjs", import.meta.url)), [JSON.stringify(settings)], {
    execPath,
    execArgv: ["--expose-gc"],
  });
  return new Promise((fulfil, reject) => {
    child.once("message", fulfil);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`Measuring ended early (exit code ${code}).`)));
  });
}
