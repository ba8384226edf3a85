// `npm run bench:herds`: everybody asks at once for a token that has just ended, in one process and in eight on Redis and on PostgreSQL; ours
// beside every peer that knows how to refresh. Counts token calls, callers without a token and tokens that HubSpot would not take. See --help.
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { count } from "../counts.mjs";
import { nodeBinary } from "../node-binaries.mjs";
import { INSTALL, peerVersions } from "../peers/installed.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { startPostgres, startRedis } from "../servers.mjs";
import { runHerd, startWorkers, stopWorkers } from "./herd.mjs";
import { chartsOf, introOf, tablesOf } from "./report.mjs";
import { createTables } from "./tables.mjs";

const HELP = `npm run bench:herds -- [options]      for the peers, once before: ${INSTALL}

  --quick            a few seconds: for trying it out, not for numbers
  --callers <n>      callers in one process                    10000
  --processes <n>    processes on Redis and PostgreSQL         8
  --share <n>        callers in each of them                   1000
  --latency <ms>     what a token call takes                   50
  --rounds <n>       herds of each kind; fewer for the peers                   10
  --stores <list>    of memory, redis, postgres                all
  --only <list>      of ours and the peers' names              all
  --node <version>   22, 24, 26 or the path of a binary; other versions than this one come from
                     tools/node (npm ci --prefix tools/node)   24
  --dist <folder>    the build of this package                 dist
  --out <folder>     where the results go; nowhere by default when anything but --node is given     bench/results
`;
const HERDS = dirname(fileURLToPath(import.meta.url));
const PEERS = ["badgateway", "google", "simple-oauth2", "openid-client", "oauth4webapi", "hubspot"];
/** Who refreshes once per process gets a third of our rounds. Thousands of token calls in each herd of the others are the same thousands again. */
const ONCE_PER_PROCESS = ["badgateway", "google"];
const STORES = ["memory", "redis", "postgres"];

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    callers: { type: "string" },
    processes: { type: "string" },
    share: { type: "string" },
    latency: { type: "string" },
    rounds: { type: "string" },
    stores: { type: "string" },
    only: { type: "string" },
    node: { type: "string", default: "24" },
    dist: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const settings = {
    callers: count(flags.callers ?? (flags.quick ? "200" : "10000"), "callers"),
    processes: count(flags.processes ?? "8", "processes"),
    share: count(flags.share ?? (flags.quick ? "20" : "1000"), "share"),
    latencyMs: count(flags.latency ?? "50", "latency"),
    rounds: count(flags.rounds ?? (flags.quick ? "1" : "10"), "rounds"),
  };
  const versions = peerVersions();
  if (versions === undefined) console.error(`The peers are not installed, so this package runs alone. To have them: ${INSTALL}`);
  const contenders = chosen(flags.only, ["ours", ...(versions === undefined ? [] : PEERS)], "only");
  const stores = chosen(flags.stores, STORES, "stores");
  const execPath = nodeBinary(flags.node);
  const dist = resolve(flags.dist ?? join(HERDS, "../../dist"));
  const server = fork(join(HERDS, "token-server.mjs"), { execPath, execArgv: [] });
  const [{ port }] = await once(server, "message");
  const origin = `http://127.0.0.1:${port}`;
  const herds = [];
  const services = {};
  try {
    for (const store of stores) {
      const service = await startService(store, dist);
      services[store] = service && { version: service.version, durability: service.durability };
      try {
        for (const contender of contenders) {
          herds.push(...(await herdsOf({ server, origin, contender, store, url: service?.url, execPath, dist }, settings)));
        }
      } finally {
        await service?.stop();
      }
    }
  } finally {
    server.kill();
  }
  await tell({ settings, services, herds, versions, execPath });
}

/** Both kinds of refresh tokens, in the same processes. */
async function herdsOf({ server, origin, contender, store, url, execPath, dist }, { callers, share, processes, rounds, latencyMs }) {
  const inOne = store === "memory";
  const workers = await startWorkers({ contender, store, url, execPath, dist, processes: inOne ? 1 : processes });
  const own = contender === "ours" ? rounds : Math.ceil(rounds / (ONCE_PER_PROCESS.includes(contender) ? 3 : 10));
  const herds = [];
  try {
    for (const replaces of [false, true]) {
      const runs = [];
      for (let round = 0; round < own; round++) {
        const name = `${contender}-${replaces ? "replaced" : "kept"}-${round}`;
        runs.push(await runHerd({ server, workers, origin, name, replaces, latencyMs, callers: inOne ? callers : share }));
      }
      console.error(
        `${store}, ${contender}, refresh tokens ${replaces ? "replaced" : "kept"}: after ${Math.round(performance.now() / 1_000)} s`,
      );
      herds.push({ contender, store, replaces, processes: workers.length, callers: inOne ? callers : share * processes, runs });
    }
  } finally {
    await stopWorkers(workers);
  }
  return herds;
}

async function startService(store, dist) {
  if (store === "memory") return undefined;
  if (store === "redis") return startRedis();
  const service = await startPostgres();
  await createTables(service.url, dist);
  return service;
}

async function tell({ settings, services, herds, versions, execPath }) {
  const tables = tablesOf(herds, services);
  printTables(tables);
  const broken = herds.filter(({ contender, runs }) => contender === "ours" && runs.some(isBroken));
  for (const { store, replaces } of broken) {
    console.error(`Ours did not get by with one token call for everybody: ${store}, refresh tokens ${replaces ? "replaced" : "kept"}.`);
    process.exitCode = 1;
  }
  // The results of the repository are those of complete runs.
  const partial = Object.keys(flags).some((name) => !["node", "out", "quick"].includes(name) && flags[name] !== undefined);
  const folder = resultsFolder({ quick: flags.quick || partial, out: flags.out });
  if (folder === undefined) return;
  const { ioredis, pg, undici } = (await environment({ packages: ["ioredis", "pg", "undici"] })).versions;
  const files = await saveResults(folder, "herds", {
    title: "Herds: everybody asks at once for a token that has just ended",
    command: `${INSTALL}\nnpm run bench:herds`,
    environment: await environment({
      node: execFileSync(execPath, ["--version"], { encoding: "utf8" }).trim(),
      packages: { undici, ioredis, pg, ...versions },
    }),
    intro: introOf(settings, versions !== undefined),
    tables,
    charts: chartsOf(herds),
    data: { settings, services, herds },
  });
  console.log(`\nWritten: ${files.map((file) => relative(process.cwd(), file)).join(", ")}`);
}

function isBroken({ tokenCalls, rejected, stale, next }) {
  return tokenCalls !== 1 || rejected > 0 || stale > 0 || next.tokenCalls !== 1 || next.failedProcesses > 0;
}

function chosen(text, all, name) {
  const wanted = text?.split(",") ?? all;
  const unknown = wanted.find((one) => !all.includes(one));
  if (unknown !== undefined) throw new TypeError(`--${name}: "${unknown}" is none of ${all.join(", ")}.`);
  return wanted;
}
