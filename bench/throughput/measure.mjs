// One process's share of the measurements of one Node binary. Started by run.mjs with its settings as JSON; answers over IPC, and says when a
// level begins and ends, so that the server's own cost is known for just that time.
import process from "node:process";
import { quantile } from "../statistics.mjs";
import { bareDispatch, hubSpotHttp, load, rawRequest } from "./contenders.mjs";
import { herds, tokenCosts } from "./tokens.mjs";

/** Contacts per page, as many as the server's page has. */
const LIMIT = 8;
const WARM_UP_CONCURRENCY = 10;
/** Where each call of a slice leaves how long it took: made once, and far larger than any slice, so that recording allocates nothing. */
const tookMs = new Float64Array(1 << 20);

process.once("disconnect", () => process.exit()); // Either all is told, or run.mjs is gone.

const settings = JSON.parse(process.argv[2]);
const builds = { ours: await load(settings.dist), ...(settings.against && { against: await load(settings.against) }) };
const levels = await throughput();
process.send({
  node: process.version,
  levels,
  tokens: await tokenCosts(builds.ours, { origin: settings.origin, batchesForMs: settings.warmUpMs }),
  herd: await herds(builds.ours, settings.herds),
});
process.disconnect();

async function throughput() {
  const contenders = await chosen();
  await sameAnswers(contenders);
  for (const contender of Object.values(contenders)) await slice(contender, WARM_UP_CONCURRENCY, settings.warmUpMs);
  const measured = [];
  for (const concurrency of settings.concurrencies) {
    process.send({ level: concurrency, now: "begins" });
    measured.push({ concurrency, contenders: await level(contenders, concurrency) });
    process.send({ level: concurrency, now: "ends" });
  }
  for (const contender of Object.values(contenders)) await contender.close();
  return measured;
}

/** Whoever ours is compared with, and for each kind of comparison a twin: the same contender once more, whose difference is noise. */
async function chosen() {
  const { origin, compared } = settings;
  const undici = compared.includes("raw") || compared.includes("bare");
  return {
    ...(undici && { raw: rawRequest(origin), rawTwin: rawRequest(origin) }),
    ...(compared.includes("bare") && { bare: bareDispatch(origin) }),
    ours: await hubSpotHttp(builds.ours, origin),
    ...(builds.against && { oursTwin: await hubSpotHttp(builds.ours, origin), against: await hubSpotHttp(builds.against, origin) }),
  };
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
  const results = Object.fromEntries(names.map((name) => [name, { cpuMicros: [], perSecond: [], p50Ms: [], p99Ms: [] }]));
  for (let round = -1; round < settings.rounds; round++) {
    for (const name of shuffled(names)) {
      // Everybody begins with an empty nursery. Never a full collection: it throws away what the compiler has learnt, and costs 100 us a call.
      globalThis.gc({ type: "minor" });
      const result = await slice(contenders[name], concurrency, settings.sliceMs);
      if (round < 0) continue; // The round in which the sockets are opened.
      for (const [measure, value] of Object.entries(result)) results[name][measure].push(value);
    }
  }
  return results;
}

/** The clock is read once per call, by everybody: it ends the slice, and it is the end of one call and the beginning of the next. */
async function slice({ call }, concurrency, forMs) {
  let calls = 0;
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const caller = async () => {
    let beganMs = performance.now();
    do {
      await call(LIMIT);
      const nowMs = performance.now();
      tookMs[calls++] = nowMs - beganMs;
      beganMs = nowMs;
    } while (beganMs < endMs);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  if (calls > tookMs.length) throw new RangeError(`More than ${tookMs.length} calls in a slice: a shorter --slice or --warm-up.`);
  const sorted = tookMs.subarray(0, calls).sort();
  return {
    cpuMicros: (user + system) / calls,
    perSecond: (calls / elapsedMs) * 1_000,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  };
}

function shuffled(names) {
  const drawn = names.map((name) => ({ name, lot: Math.random() }));
  return drawn.sort((a, b) => a.lot - b.lot).map(({ name }) => name);
}
