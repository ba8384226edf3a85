// One point of the ladder, in a process of its own: so many accounts brought into use in one client, what the heap has grown by when all
// garbage is gone, and what a call costs then. Started by memory.mjs with its settings as JSON; answers over IPC.
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { summary } from "../statistics.mjs";
import { AnsweringDispatcher } from "./answering-dispatcher.mjs";
import { accountId, CLIENT_ID, storeOfFreshRecords } from "./records.mjs";

const PATH = "/crm/v3/objects/contacts?limit=8";
const AT_ONCE = 50;
const CALLS_AT_ONCE = 10;
/** Enough that the code is compiled, and everything there is once has been made, before anything is measured. */
const WARM_UP_ACCOUNTS = 3_000;
/** What a process works with at any one time may be far less than what it has in its cache. */
const FEW = 1_000;
/** The limiter forgets an account 10 s after its last call. */
const REMEMBERED_MS = 9_500;

process.once("disconnect", () => process.exit()); // Either all is told, or memory.mjs is gone.

const { mode, accounts, callsPerAccount, forMs, dist, origin } = JSON.parse(process.argv[2]);
const { HubSpotHttp, HubSpotOAuthClient } = await import(pathToFileURL(`${dist}/index.js`).href);

/** How each mode brings an account into use; what it returns, the application keeps. */
const modes = {
  /** Only the token. */
  cached: async (oauth, id) => void (await oauth.getAccessToken(id)),
  /** Calls, counted by the limiter. */
  limited: async (oauth, id) => {
    const hubspot = new HubSpotHttp({ credential: oauth.account(id) });
    for (let call = 0; call < callsPerAccount; call++) await hubspot.get(PATH);
  },
  /** The same, over a socket to the server of `npm run bench`. */
  called: async (oauth, id) => void (await new HubSpotHttp({ credential: oauth.account(id) }).get(PATH)),
  /** Calls, and the application keeps what it called with. */
  kept: async (oauth, id) => {
    const hubspot = new HubSpotHttp({ credential: oauth.account(id) });
    await hubspot.get(PATH);
    return hubspot;
  },
};

const warm = newClient();
const warmed = await fill(warm, WARM_UP_ACCOUNTS);
await costsOf(warm, WARM_UP_ACCOUNTS, forMs / 4);
warmed.length = 0;
await warm.close();

const before = await heap();
const oauth = newClient();
const beganMs = performance.now();
const kept = await fill(oauth, accounts);
const tookMs = performance.now() - beganMs;
const after = await heap();
if ((mode === "limited" || mode === "kept") && tookMs > REMEMBERED_MS)
  throw new Error(`Filling took ${tookMs.toFixed(0)} ms: the limiter may have forgotten the first accounts. Measure fewer.`);
const costs = await costsOf(oauth, accounts, forMs);
process.send({ node: process.version, bytes: after - before, kept: kept.length, costs });
await oauth.close();
process.disconnect();

function newClient() {
  return new HubSpotOAuthClient({
    clientId: CLIENT_ID,
    clientSecret: "secret-of-the-bench",
    redirectUri: "https://app.example.com/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: storeOfFreshRecords(Date.now),
    cacheMs: 3_600_000, // Longer than any measurement: the store is not what is measured.
    ...(mode === "called" ? { apiOrigin: origin } : { dispatcher: new AnsweringDispatcher() }),
  });
}

/** Brings accounts into use, some at a time; ids are made here and held by nobody else. */
async function fill(client, count) {
  const held = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const mine = await modes[mode](client, accountId(next++));
      if (mine !== undefined) held.push(mine);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
  return held;
}

/** What is in use when everything that could go is gone: the heap and what hangs off it. */
async function heap() {
  for (let round = 0; round < 2; round++) {
    globalThis.gc();
    await turn();
  }
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Costs over accounts in random order: what a larger map or a colder cache costs shows here. */
async function costsOf(client, count, budgetMs) {
  const order = shuffled(count);
  const ids = Array.from({ length: count }, (_, index) => accountId(index));
  let at = 0;
  const next = () => order[(at = (at + 1) % count)];
  if (mode === "called") return callCosts(client, () => ids[next()], budgetMs);
  return tokenCosts(client, ids, next, order.subarray(0, FEW), budgetMs);
}

/** Nanoseconds for a token that is in the cache; beside it, what a Map with these ids and nothing else costs. */
async function tokenCosts(client, ids, next, few, budgetMs) {
  const credentials = ids.map((id) => client.account(id));
  const map = new Map(ids.map((id, index) => [accountId(index), { id }]));
  return {
    mapNs: await perCall(budgetMs, (batch) => {
      for (let i = 0; i < batch; i++) if (map.get(ids[next()]) === undefined) throw new Error("An id is not in the map.");
    }),
    getAccessTokenNs: await perCall(budgetMs, async (batch) => {
      for (let i = 0; i < batch; i++) await client.getAccessToken(ids[next()]);
    }),
    ofFewNs: await perCall(budgetMs, async (batch) => {
      for (let i = 0; i < batch; i++) await client.getAccessToken(ids[few[i % few.length]]);
    }),
    authorizeNs: await perCall(budgetMs, (batch) => {
      for (let i = 0; i < batch; i++) {
        if (credentials[next()].authorize() instanceof Promise) throw new Error("The token is not in the cache.");
      }
    }),
  };
}

/** Whole calls, each for another account and by a HubSpotHttp of its own. */
async function callCosts(client, nextId, budgetMs) {
  const slices = [];
  const endMs = performance.now() + budgetMs;
  while (slices.length < 5 || performance.now() < endMs) slices.push(await slice(client, nextId));
  return {
    perSecond: summary(slices.map(({ perSecond }) => perSecond)),
    cpuMicros: summary(slices.map(({ cpuMicros }) => cpuMicros)),
  };
}

async function slice(client, nextId) {
  const calls = 1_000;
  let left = calls;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const caller = async () => {
    while (left-- > 0) await new HubSpotHttp({ credential: client.account(nextId()) }).get(PATH);
  };
  await Promise.all(Array.from({ length: CALLS_AT_ONCE }, caller));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (calls / (performance.now() - startMs)) * 1_000, cpuMicros: (user + system) / calls };
}

async function perCall(budgetMs, run) {
  const batch = 5_000;
  const batches = [];
  const endMs = performance.now() + budgetMs;
  while (batches.length < 5 || performance.now() < endMs) {
    const startMs = performance.now();
    await run(batch);
    batches.push(((performance.now() - startMs) * 1e6) / batch);
  }
  return summary(batches);
}

function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [order[index], order[other]] = [order[other], order[index]];
  }
  return order;
}
