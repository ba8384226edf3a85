// `npm run bench:scale -- fleet`: many accounts whose tokens end at once, several processes that all want each of them, one store. Counts at
// HubSpot's side how often each account is refreshed, and at the clients what that takes of the store.
import { fork } from "node:child_process";
import { once } from "node:events";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { barChart } from "../charts.mjs";
import { ask } from "../herds/questions.mjs";
import { nodeBinary } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { startPostgres, startRedis } from "../servers.mjs";
import { count } from "../counts.mjs";
import { accountId } from "./records.mjs";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Longer than an access token lives. */
const STEP_MS = 31 * 60_000;
const STORES = { redis: startRedis, postgres: startPostgres };
const NAMES = { redis: "Redis", postgres: "PostgreSQL" };
const HELP = `npm run bench:scale -- fleet [options]

  --accounts <n>     accounts                                          10000
  --expiries <n>     how often all tokens end                          3
  --processes <n>    processes that want each of them                  4
  --at-once <n>      accounts that a process asks for at a time        50
  --latency <ms>     how long the token endpoint takes to answer       20
  --stores <list>    redis, postgres                                   redis,postgres
  --node <version>   the Node to measure                               this one
  --dist <folder>    the build to measure                              dist
  --quick            a few seconds: for trying it out
  --out <folder>     where the results are written                     bench/results
`;

export async function main(args) {
  const { values: flags } = parseArgs({
    args,
    options: {
      accounts: { type: "string" },
      expiries: { type: "string", default: "3" },
      processes: { type: "string", default: "4" },
      "at-once": { type: "string", default: "50" },
      latency: { type: "string", default: "20" },
      stores: { type: "string", default: "redis,postgres" },
      node: { type: "string" },
      dist: { type: "string", default: join(ROOT, "dist") },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) return void process.stdout.write(HELP);
  const settings = {
    accounts: count(flags.accounts ?? (flags.quick ? "200" : "10000"), "accounts"),
    expiries: count(flags.expiries, "expiries"),
    processes: count(flags.processes, "processes"),
    atOnce: count(flags["at-once"], "at-once"),
    latencyMs: count(flags.latency, "latency", 0),
    execPath: flags.node === undefined ? process.execPath : nodeBinary(flags.node),
    dist: pathToFileURL(resolve(flags.dist)).href,
  };
  const kinds = flags.stores.split(",");
  for (const kind of kinds) if (!Object.hasOwn(STORES, kind)) throw new TypeError(`--stores: there is no ${kind}.`);

  const runs = [];
  for (const kind of kinds) runs.push(await runOn(kind, settings));
  const tables = [refreshTable(runs, settings), storeTable(runs)];
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder === undefined) return;
  await saveResults(folder, "scale-fleet", {
    title: `${number(settings.accounts)} accounts, ${settings.processes} processes: how often each token is refreshed`,
    command: ["npm run bench:scale -- fleet", ...args].join(" "),
    environment: await environment({
      node: runs[0].node,
      packages: Object.fromEntries(runs.map(({ kind, version }) => [NAMES[kind], version])),
    }),
    intro: [
      `${settings.processes} processes, each with a client of its own (its \`now\` option is put forward in all of them at once, by 31 minutes), have all ${number(settings.accounts)} accounts in their caches when every token is over. Then each process asks for every account's token, all in the same order, ${settings.atOnce} at a time: for each account they race. The token endpoint takes ${settings.latencyMs} ms, replaces each refresh token that is used, and refuses one that was used before. "Alone" is the same with one process while the others rest.`,
      `Written to disk: ${runs.map(({ kind, durability }) => `${NAMES[kind]}: ${durability}`).join("; ")}.`,
    ],
    tables,
    charts: [chart(runs)],
    data: { settings: { ...settings, execPath: undefined, dist: undefined }, runs },
  });
}

/** Everybody connected, then all tokens over: once for one process, and so often for all of them. */
async function runOn(kind, { accounts, expiries, processes, atOnce, latencyMs, execPath, dist }) {
  const backend = await STORES[kind]();
  const children = [];
  const start = async (file, ...args) => {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, { execPath, execArgv: [] });
    children.push(child);
    const exit = once(child, "exit").then(([code]) => Promise.reject(new Error(`${file} ended with ${code}.`)));
    exit.catch(() => undefined); // Later on, whoever is asked tells.
    const [message] = await Promise.race([once(child, "message"), exit]);
    return { child, message };
  };
  try {
    const { child: endpoint, message } = await start("fleet-endpoint.mjs");
    const origin = `http://127.0.0.1:${message.port}`;
    const workers = [];
    for (let index = 0; index < processes; index++) {
      workers.push((await start("fleet-process.mjs", kind, backend.url, origin, dist, String(atOnce))).child);
    }
    const hubIds = Array.from({ length: accounts }, (_, index) => accountId(index));
    await ask(workers[0], "save", await ask(endpoint, "connect", { hubIds, latencyMs }));
    await Promise.all(workers.map((worker) => ask(worker, "tokens", hubIds)));

    let offsetMs = 0;
    const expire = async (racing) => {
      offsetMs += STEP_MS;
      await Promise.all(workers.map((worker) => ask(worker, "forward", offsetMs)));
      await ask(endpoint, "counts");
      const answers = await Promise.all(racing.map((worker) => ask(worker, "tokens", hubIds)));
      const { distribution, refused } = await ask(endpoint, "counts");
      const digest = await ask(endpoint, "digest");
      return { distribution, refused, stale: answers.filter((answer) => answer.digest !== digest).length, answers };
    };
    const alone = await expire(workers.slice(0, 1));
    const raced = [];
    for (let expiry = 0; expiry < expiries; expiry++) raced.push(await expire(workers));
    const node = await ask(workers[0], "node");
    await Promise.all(workers.map((worker) => ask(worker, "finish")));
    return { kind, version: backend.version, durability: backend.durability, node, accounts, alone, raced };
  } finally {
    for (const child of children) if (child.connected) child.disconnect();
    await backend.stop();
  }
}

function refreshTable(runs, { accounts }) {
  const row = (run, name, { distribution, refused, stale, answers }) => {
    const seconds = Math.max(...answers.map(({ elapsedMs }) => elapsedMs)) / 1_000;
    const refreshes = refreshesOf(distribution);
    return [
      `${NAMES[run.kind]}, ${name}`,
      number(refreshes),
      Object.entries(distribution)
        .map(([times, of]) => `${times}: ${number(of)}`)
        .join(", "),
      number(refused),
      number(stale),
      seconds.toFixed(1),
      number(refreshes / seconds),
      number(Math.max(...answers.map(({ waitMs }) => waitMs.p50))),
      number(Math.max(...answers.map(({ waitMs }) => waitMs.p99))),
    ];
  };
  const races = runs.flatMap(({ raced }) => raced);
  const exact = races.every(({ distribution, refused, stale }) => distribution[1] === accounts && refused === 0 && stale === 0);
  return {
    title: "Refreshes per expiry",
    head: ["", "refreshes", "times: accounts", "refused", "processes with another token", "seconds", "refreshes/s", "p50 ms", "p99 ms"],
    rows: runs.flatMap((run) => [row(run, "alone", run.alone), ...run.raced.map((round, index) => row(run, `expiry ${index + 1}`, round))]),
    note: `Target: every account refreshed exactly once per expiry, nothing refused, the same tokens everywhere: ${exact ? "reached" : "MISSED"}.`,
  };
}

function storeTable(runs) {
  const rows = runs.flatMap((run) => [
    storeRow(run, "alone", [run.alone]),
    storeRow(run, `all ${run.raced[0].answers.length} processes`, run.raced),
  ]);
  return {
    title: "Round trips to the store, per refresh",
    head: ["", "round trips", "which", "ms of CPU in the processes"],
    rows,
    note: "Who did not refresh has read the record as well: all processes together, divided by the refreshes.",
  };
}

function storeRow(run, name, rounds) {
  const answers = rounds.flatMap((round) => round.answers);
  const refreshes = rounds.reduce((all, { distribution }) => all + refreshesOf(distribution), 0);
  const commands = {};
  for (const [command, of] of answers.flatMap((answer) => Object.entries(answer.commands)))
    commands[command] = (commands[command] ?? 0) + of;
  const cpuMs = answers.reduce((all, answer) => all + answer.cpuMs, 0);
  return [
    `${NAMES[run.kind]}, ${name}`,
    (total(commands) / refreshes).toFixed(2),
    Object.entries(commands)
      .map(([command, of]) => `${command} ${(of / refreshes).toFixed(2)}`)
      .join(", "),
    (cpuMs / refreshes).toFixed(2),
  ];
}

function chart(runs) {
  return {
    alt: "Refreshes per second, alone and with all processes racing",
    svg: barChart({
      title: "Accounts refreshed per second, each exactly by one process",
      unit: "refreshes per second, this machine",
      bars: runs.flatMap((run) => [
        { label: "one process", value: rate(run.alone), group: NAMES[run.kind] },
        { label: "all racing", value: Math.min(...run.raced.map(rate)), group: NAMES[run.kind], emphasis: true },
      ]),
    }),
  };
}

function rate({ distribution, answers }) {
  return Math.round((1_000 * refreshesOf(distribution)) / Math.max(...answers.map(({ elapsedMs }) => elapsedMs)));
}

function refreshesOf(distribution) {
  return Object.entries(distribution).reduce((all, [times, of]) => all + Number(times) * of, 0);
}

function total(counts) {
  return Object.values(counts).reduce((all, of) => all + of, 0);
}

function number(value) {
  return Math.round(value).toLocaleString("en");
}
