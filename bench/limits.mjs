// `npm run bench:limits`: how close several processes come to HubSpot's rate limits without running into them. Each has a client of its own;
// they share the count by Redis, or, for comparison, do not. The emulator enforces the limit; see --help.
import { fork } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "../dist/index.js";
import { RedisRateLimitStore } from "../dist/stores/redis.js";
import { startHubSpotEmulator } from "../dist/testing/index.js";
import { count } from "./counts.mjs";
import { environment, printTables, resultsFolder, saveResults } from "./results.mjs";
import { startRedis } from "./servers.mjs";

const HELP = `npm run bench:limits -- [options]

  --calls <n>      calls in all                    5000
  --accounts <n>   accounts they are spread over   20
  --processes <n>  processes                       4
  --limit <n>      calls per account and window    110
  --window <ms>    the window                      1000
  --rounds <n>     how often, sharing Redis        5; alone once
  --quick          one round, 3000 calls; writes nothing unless --out says where
  --out <folder>   where the results go            bench/results
`;
const PATH = "/crm/v3/objects/contacts?limit=1";
/** Calls of each process beforehand, while there are no limits. */
const WARM_UP_CALLS = 2_000;
const THIS = fileURLToPath(import.meta.url);

if (process.send === undefined) await main();
else process.once("message", (task) => void work(task));

async function main() {
  const { values: flags } = parseArgs({
    options: {
      calls: { type: "string" },
      accounts: { type: "string", default: "20" },
      processes: { type: "string", default: "4" },
      limit: { type: "string", default: "110" },
      window: { type: "string", default: "1000" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) return void process.stdout.write(HELP);
  flags.calls ??= flags.quick ? "3000" : "5000";
  flags.rounds ??= flags.quick ? "1" : "5";
  const settings = {};
  for (const name of ["calls", "accounts", "processes", "limit", "window", "rounds"]) {
    settings[name] = count(flags[name], name);
  }

  const rounds = [];
  for (let round = 0; round < settings.rounds; round++) rounds.push(await measure(settings, false));
  rounds.push(await measure(settings, true));
  const tables = [table(settings, rounds)];
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder !== undefined) await save(folder, settings, tables, rounds);
  process.exitCode = rounds.every(({ errors }) => errors.length === 0) ? 0 : 1;
}

function table({ limit, window: intervalMs, accounts }, rounds) {
  const rows = rounds.map((round) => [
    round.alone ? "each alone" : "sharing Redis",
    `${round.calls}`,
    `${round.refused} (${((100 * round.refused) / round.requests).toFixed(2)} %)`,
    `${round.errors.length}`,
    `${round.elapsedMs}`,
    `${((1_000 * round.calls) / round.elapsedMs).toFixed(0)}`,
    `${(round.partOfRate * 100).toFixed(0)} %`,
    `${((100 * round.shortestMs) / round.elapsedMs).toFixed(0)} %`,
  ]);
  return {
    title: `${limit} calls per ${intervalMs} ms and account, ${accounts} accounts`,
    head: ["", "calls", "429s seen", "calls that failed", "ms", "calls/s", "of the allowed rate", "shortest time / time"],
    rows,
    note: `The allowed rate is ${(1_000 * limit * accounts) / intervalMs} calls/s. The shortest time is that of windows used up at once.`,
  };
}

async function save(folder, settings, tables, rounds) {
  await saveResults(folder, "limits", {
    title: "Several processes at HubSpot's rate limits",
    command: "npm run bench:limits",
    environment: await environment({ packages: ["undici", "ioredis"] }),
    intro: [
      `${settings.processes} processes make all their calls at once, and the emulator refuses what is beyond the limit. The time runs from the first request it saw to the last.`,
    ],
    tables,
    data: { settings, rounds },
  });
}

/** One round: all calls, from the first that the emulator saw to the last. */
async function measure({ calls, accounts, processes, limit, window: intervalMs }, alone) {
  const redis = alone ? undefined : await startRedis({ durable: false });
  const emulator = await startHubSpotEmulator({
    accounts: Array.from({ length: accounts }, (_, index) => ({
      hubId: 1_000 + index,
      contacts: 1,
      companies: 0,
      deals: 0,
      engagements: 0,
    })),
  });
  const { clientId, clientSecret } = emulator.app;
  const app = { clientId, clientSecret, redirectUri: "http://localhost:3000/oauth/callback", scopes: ["crm.objects.contacts.read"] };
  const options = { ...app, authorizeOrigin: emulator.origin, apiOrigin: emulator.origin };
  const tokens = await connectAll(options, emulator);
  const workers = Array.from({ length: processes }, () => fork(THIS));
  const share = Math.ceil(calls / accounts / processes);
  const rateLimit = { limit, intervalMs, maxQueue: calls };
  for (const worker of workers) worker.send({ options, tokens, share, rateLimit, redisPort: redis?.port });
  // All begin at once, and warm: how long a process takes to start, and a compiler to see what is called often, is not what is measured.
  await Promise.all(workers.map((worker) => once(worker, "message")));
  emulator.settings.limits = { marketplace: { limit, intervalMs } };
  emulator.clearRequests();
  const reports = workers.map(async (worker) => {
    worker.send("go");
    const [report] = await once(worker, "message");
    return report;
  });
  const done = await Promise.all(reports);
  for (const worker of workers) worker.kill();

  const seen = emulator.requests.filter(({ path }) => PATH.startsWith(path));
  const elapsedMs = Math.max(...seen.map(({ atMs }) => atMs)) - Math.min(...seen.map(({ atMs }) => atMs));
  const perAccount = share * processes;
  await emulator.close();
  await redis?.stop();
  return {
    alone,
    calls: perAccount * accounts,
    requests: seen.length,
    refused: seen.filter(({ status }) => status === 429).length,
    errors: done.flatMap(({ errors }) => errors),
    elapsedMs,
    shortestMs: (Math.ceil(perAccount / limit) - 1) * intervalMs,
    partOfRate: perAccount / elapsedMs / (limit / intervalMs),
  };
}

/** Every account connected, as tokens to hand to the processes. */
async function connectAll(options, emulator) {
  const oauth = new HubSpotOAuthClient({ ...options, tokenStore: new MemoryTokenStore() });
  const all = [];
  for (const { hubId } of emulator.accounts) {
    const { url } = await oauth.createAuthorization({ binding: "bench", hubId: String(hubId) });
    const { tokens } = await oauth.completeAuthorization({ url: await emulator.authorize(url, { hubId }), binding: "bench" });
    all.push({ ...tokens.reveal(), hubId: String(hubId) });
  }
  await oauth.close();
  return all;
}

/** One process: its share of every account's calls, all asked for at once. */
async function work({ options, tokens, share, rateLimit, redisPort }) {
  const redis = redisPort === undefined ? undefined : new Redis({ host: "127.0.0.1", port: redisPort });
  const store = redis && new RedisRateLimitStore({ client: redis });
  const oauth = new HubSpotOAuthClient({ ...options, tokenStore: new MemoryTokenStore(), rateLimit: { ...rateLimit, store } });
  const errors = [];
  const calls = [];
  for (const { accessToken, refreshToken, hubId, expiresAtMs } of tokens) {
    await oauth.saveTokens({ accessToken, refreshToken, hubId, expiresAtMs, scopes: options.scopes });
    const hubspot = new HubSpotHttp({ credential: oauth.account(hubId), timeoutMs: 120_000, retry: { attempts: 10 } });
    for (let index = 0; index < share; index++) calls.push(() => hubspot.get(PATH).catch((error) => errors.push(error.name)));
  }
  const [{ hubId }] = tokens;
  const unlimited = new HubSpotHttp({ credential: oauth.account(hubId), rateLimit: false });
  for (let made = 0; made < WARM_UP_CALLS; made += 20) await Promise.all(Array.from({ length: 20 }, () => unlimited.get(PATH)));
  process.send("ready");
  await once(process, "message");
  await Promise.all(calls.map((call) => call()));
  await oauth.close();
  redis?.disconnect();
  process.send({ errors });
}
