// `npm run soak`: an application of several processes over Redis, for 200 accounts and as long as you like, while HubSpot answers with every
// fault the emulator knows, goes away and comes back, ends tokens and grants, and processes are killed and replaced. Ends with 1 when an account
// got another's data, a connection was declared dead without cause, an error had no class, or anything was left behind. See --help.
import { execFileSync } from "node:child_process";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { count } from "../counts.mjs";
import { RedisTokenStore } from "../../dist/stores/redis.js";
import { nodeBinary } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { startRedis } from "../servers.mjs";
import { openApplication } from "./application.mjs";
import { Fleet } from "./fleet.mjs";
import { SoakedHubSpot } from "./hubspot.mjs";
import { memoryOf } from "./memory.mjs";
import { Random } from "./random.mjs";
import { chartsOf, introOf, tablesOf } from "./report.mjs";
import { Violations } from "./verdict.mjs";

const HELP = `npm run soak -- [options]

  --quick            a few seconds, few accounts: for trying it out, not for numbers
  --minutes <n>      how long                                          5
  --accounts <n>     connected accounts                                200
  --processes <n>    processes; the second half is killed and replaced 4
  --callers <n>      callers in each                                   16
  --pause <ms>       what each waits between two calls, on average     150
  --life <s>         what an access token lives                        30
  --rotation <kind>  none, grace or strict: whether refresh tokens are replaced   none, as HubSpot does
  --seed <n>         the dice                                          1
  --node <version>   22, 24, 26 or the path of a binary; other versions than this one come from
                     tools/node (npm ci --prefix tools/node)           24
  --out <folder>     where the results go                              bench/results; nowhere with --quick
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    minutes: { type: "string" },
    accounts: { type: "string" },
    processes: { type: "string" },
    callers: { type: "string", default: "16" },
    pause: { type: "string", default: "150" },
    life: { type: "string" },
    rotation: { type: "string", default: "none" },
    seed: { type: "string", default: "1" },
    node: { type: "string", default: "24" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

/** How often things happen, on average; one in so many calls ends with a user who connects again. A quick run has to fit it all in. */
const USUAL = {
  timeoutMs: 8_000,
  sampleMs: 2_000,
  endTokenMs: 1_000,
  endGrantMs: 3_000,
  replaceMs: 12_000,
  outageMs: 40_000,
  reconnectShare: 0.001,
};
const QUICK = {
  timeoutMs: 1_500,
  sampleMs: 400,
  endTokenMs: 200,
  endGrantMs: 500,
  replaceMs: 1_200,
  outageMs: 1_500,
  reconnectShare: 0.02,
};
const OUTAGE_MS = 800;
const CONNECTED_AT_ONCE = 8;
/** Less than the four seconds after which an idle connection goes away by itself. */
const CLOSING_MS = 2_000;

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const { quick } = flags;
  const settings = {
    minutes: number(flags.minutes ?? (quick ? "0.06" : "5"), "minutes"),
    accounts: count(flags.accounts ?? (quick ? "20" : "200"), "accounts"),
    processes: count(flags.processes ?? (quick ? "2" : "4"), "processes"),
    callers: count(flags.callers, "callers"),
    pauseMs: number(flags.pause, "pause"),
    lifeSeconds: count(flags.life ?? (quick ? "4" : "30"), "life"),
    rotation: flags.rotation,
    seed: Number(flags.seed),
    ...(quick ? QUICK : USUAL),
  };
  const violations = new Violations();
  const redis = await startRedis({ durable: true });
  let result;
  try {
    result = await soak(settings, redis, violations);
  } finally {
    await redis.stop();
  }
  const tables = tablesOf(result, violations);
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder !== undefined) await save(folder, { settings, result, violations, tables, redis });
  // At once, when all is written: a library that leaves something behind would keep this process too.
  process.stdout.write("", () => process.exit(violations.total === 0 ? 0 : 1));
}

async function soak(settings, redis, violations) {
  const random = (name) => new Random(settings.seed, name);
  const { accounts, lifeSeconds, rotation } = settings;
  const hubspot = await SoakedHubSpot.start({ accounts, lifeSeconds, rotation, random: random("faults"), violate: violations.add });
  const { accountIds, ledger } = hubspot;
  const fleet = new Fleet({
    size: settings.processes,
    execPath: nodeBinary(flags.node),
    ledger,
    violate: violations.add,
    settings: () => ({ ...settings, accountIds, clientOptions: hubspot.clientOptions, redisPort: redis.port }),
  });
  try {
    await connectAll(hubspot, redis);
    hubspot.beginFaults();
    await fleet.start();
    const startMs = Date.now();
    await misbehave(settings, { hubspot, fleet, random: random("schedule") });
    const endMs = Date.now();
    hubspot.endFaults();
    await fleet.serveEverybody();
    await checkStore(hubspot, redis, violations.add);
    await fleet.close();
    await checkConnections(hubspot, violations.add);
    const memory = memoryOf(fleet.samples, { startMs, endMs }, violations.add);
    return { settings, fleet, hubspot, memory, seconds: (endMs - startMs) / 1_000 };
  } finally {
    fleet.end();
    await hubspot.close();
  }
}

async function connectAll(hubspot, redis) {
  const application = openApplication({ clientOptions: hubspot.clientOptions, redisPort: redis.port });
  const waiting = [...hubspot.accountIds];
  const connect = async () => {
    for (let accountId = waiting.pop(); accountId !== undefined; accountId = waiting.pop()) {
      await hubspot.connect(application.oauth, accountId);
    }
  };
  await Promise.all(Array.from({ length: CONNECTED_AT_ONCE }, connect));
  await application.close();
}

/** What goes wrong beside the faults, at random, one thing at a time. */
async function misbehave(settings, { hubspot, fleet, random }) {
  const doings = [
    { everyMs: 1_000, act: () => hubspot.forgetRequests() },
    { everyMs: settings.endTokenMs, act: () => hubspot.endToken() },
    { everyMs: settings.endGrantMs, act: () => hubspot.endGrant() },
    { everyMs: settings.replaceMs, act: () => fleet.replaceOne(random) },
    { everyMs: settings.outageMs, act: () => hubspot.goAway(random.below(OUTAGE_MS)) },
  ];
  const nextMs = (everyMs) => performance.now() + everyMs * (0.5 + random.fraction());
  for (const doing of doings) doing.atMs = nextMs(doing.everyMs);
  const endMs = performance.now() + settings.minutes * 60_000;
  while (performance.now() < endMs) {
    const [next] = doings.toSorted((a, b) => a.atMs - b.atMs);
    await sleep(Math.max(0, Math.min(next.atMs, endMs) - performance.now()));
    if (performance.now() >= endMs) break;
    await next.act();
    next.atMs = nextMs(next.everyMs);
  }
}

/** What stands in the store is of the account under whose id it stands. */
async function checkStore(hubspot, { port }, violate) {
  const redis = new Redis({ host: "127.0.0.1", port });
  const store = new RedisTokenStore({ client: redis });
  for (const accountId of hubspot.accountIds) {
    const record = await store.get(accountId);
    if (record === undefined) violate("account lost", `the store has no record of ${accountId}`);
    else if (record.hubId !== accountId || hubspot.ownerOf(record.refreshToken) !== accountId) {
      violate(
        "mix-up",
        `the store's record of ${accountId} is of ${record.hubId}, its refresh token of ${hubspot.ownerOf(record.refreshToken)}`,
      );
    }
  }
  redis.disconnect();
}

/** At HubSpot's end too nothing stands any more. */
async function checkConnections(hubspot, violate) {
  const deadlineMs = performance.now() + CLOSING_MS;
  while (hubspot.openConnections > 0 && performance.now() < deadlineMs) await sleep(20);
  if (hubspot.openConnections > 0) violate("leak", `HubSpot has ${hubspot.openConnections} connections of processes that are gone`);
}

async function save(folder, { settings, result, violations, tables, redis }) {
  const where = await environment({
    node: execFileSync(nodeBinary(flags.node), ["--version"], { encoding: "utf8" }).trim(),
    packages: ["undici", "ioredis"],
  });
  const { fleet, hubspot, memory, seconds } = result;
  const { requests, faults, refreshes, refreshRequests, reconnections } = hubspot.ledger;
  const files = await saveResults(folder, "soak", {
    title: "Soak",
    command: `npm run soak -- --minutes ${settings.minutes}`,
    environment: { ...where, versions: { ...where.versions, Redis: redis.version } },
    intro: introOf(result),
    tables,
    charts: chartsOf(result),
    data: {
      settings,
      seconds,
      violations: { counts: violations.counts, details: violations.details },
      totals: fleet.totals,
      processes: { kills: fleet.kills, closes: fleet.closes },
      hubspot: { requests, faults, refreshes, refreshRequests, reconnections, outages: hubspot.outages },
      memory,
    },
  });
  console.log(`\n${files.join("\n")}`);
}

function number(text, name) {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} must be a number above 0.`);
  return value;
}
