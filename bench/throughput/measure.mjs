// One Node binary's measurements, in a process of their own. Started by run.mjs with its settings as JSON; answers over IPC.
import process from "node:process";
import { bareDispatch, hubSpotHttp, load, newAgent, rawRequest } from "./contenders.mjs";
import { quantile, summary } from "../statistics.mjs";

const HERD = 10_000;
/** Contacts per page, as many as the server's page has. */
const LIMIT = 8;
/** HubSpot's tokens live for 30 minutes, or six hours on old grants: this is beyond both. */
const LONG_AFTER_MS = 7 * 3_600_000;

process.once("disconnect", () => process.exit()); // Either all is told, or run.mjs is gone.

const settings = JSON.parse(process.argv[2]);
const builds = { ours: await load(settings.dist), ...(settings.against && { against: await load(settings.against) }) };
process.send({
  node: process.version,
  undici: (await import("undici/package.json", { with: { type: "json" } })).default.version,
  levels: await throughput(),
  tokens: await tokenCosts(builds.ours),
  herd: await herd(builds.ours),
});
process.disconnect();

async function throughput() {
  const { origin, warmUpMs } = settings;
  const contenders = {
    raw: rawRequest(origin),
    twin: rawRequest(origin),
    bare: bareDispatch(origin),
    ours: await hubSpotHttp(builds.ours, origin),
    ...(builds.against && { against: await hubSpotHttp(builds.against, origin) }),
  };
  await sameAnswers(contenders);
  for (const contender of Object.values(contenders)) await slice(contender, 10, warmUpMs);
  const levels = [];
  for (const concurrency of settings.concurrencies) levels.push({ concurrency, ...(await level(contenders, concurrency)) });
  for (const contender of Object.values(contenders)) await contender.close();
  return levels;
}

/** A contender that is fast because it does something else is found out here. */
async function sameAnswers(contenders) {
  const bodies = new Set();
  for (const { call } of Object.values(contenders)) bodies.add(JSON.stringify(await call(LIMIT)));
  if (bodies.size !== 1) throw new Error("The contenders do not answer the same.");
}

/** Rounds of one slice each, in random order: warmth, neighbours and garbage of others hit nobody in particular. */
async function level(contenders, concurrency) {
  const names = Object.keys(contenders);
  const perSecond = Object.fromEntries(names.map((name) => [name, []]));
  const cpuMicros = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = -1; round < settings.rounds; round++) {
    for (const name of shuffled(names)) {
      // Everybody begins with an empty nursery. Never a full collection: it throws away what the compiler has learnt, and costs 100 us a call.
      globalThis.gc({ type: "minor" });
      const result = await slice(contenders[name], concurrency, settings.sliceMs);
      if (round < 0) continue; // The round in which the sockets are opened.
      perSecond[name].push(result.perSecond);
      cpuMicros[name].push(result.cpuMicros);
    }
  }
  return { perSecond, cpuMicros };
}

async function slice({ call }, concurrency, forMs) {
  let calls = 0;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const caller = async () => {
    do {
      await call(LIMIT);
      calls++;
    } while (performance.now() < endMs);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: (calls / elapsedMs) * 1_000, cpuMicros: (user + system) / calls };
}

function shuffled(names) {
  const drawn = names.map((name) => ({ name, lot: Math.random() }));
  return drawn.sort((a, b) => a.lot - b.lot).map(({ name }) => name);
}

/** What a token costs while it is good, in nanoseconds per call. */
async function tokenCosts(build) {
  const contender = await hubSpotHttp(build, settings.origin);
  const { getAccessToken, authorize } = contender;
  const awaited = await perCall(async (times) => {
    for (let i = 0; i < times; i++) await getAccessToken();
  });
  const immediate = await perCall((times) => {
    for (let i = 0; i < times; i++) if (authorize() instanceof Promise) throw new Error("The token is not in the cache.");
  });
  await contender.close();
  return { getAccessTokenNs: awaited, authorizeNs: immediate };
}

async function perCall(run) {
  const batches = [];
  const end = performance.now() + settings.warmUpMs;
  while (batches.length < 5 || performance.now() < end) {
    const start = performance.now();
    await run(10_000);
    batches.push(((performance.now() - start) * 1e6) / 10_000);
  }
  // The first half warmed up.
  return summary(batches.slice(Math.floor(batches.length / 2)));
}

/** Everybody asks at once for a token that has just ended: how many requests HubSpot sees. */
async function herd({ HubSpotOAuthClient, MemoryTokenStore, startHubSpotEmulator }) {
  const emulator = await startHubSpotEmulator();
  const { app, origin } = emulator;
  const dispatcher = newAgent();
  const oauth = new HubSpotOAuthClient({
    clientId: app.clientId,
    clientSecret: app.clientSecret,
    redirectUri: app.redirectUris[0],
    scopes: app.requiredScopes,
    tokenStore: new MemoryTokenStore(),
    authorizeOrigin: origin,
    apiOrigin: origin,
    dispatcher,
    now: () => emulator.now(),
  });
  try {
    const { url, cookie } = await oauth.createAuthorization();
    const { accountId } = await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie.split(";")[0] });
    const elapsed = [];
    const posts = [];
    for (let round = 0; round < settings.herds; round++) {
      emulator.advance(LONG_AFTER_MS);
      const before = emulator.count({ route: "token", grantType: "refresh_token" });
      const start = performance.now();
      const tokens = await Promise.all(Array.from({ length: HERD }, () => oauth.getAccessToken(accountId)));
      elapsed.push(performance.now() - start);
      if (new Set(tokens).size !== 1) throw new Error("The herd did not get one token.");
      posts.push(emulator.count({ route: "token", grantType: "refresh_token" }) - before);
    }
    return { callers: HERD, posts: Math.max(...posts), medianMs: quantile(elapsed, 0.5) };
  } finally {
    await oauth.close();
    await dispatcher.close();
    await emulator.close();
  }
}
