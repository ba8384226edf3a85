// One Node binary's measurements of all contenders, in a process of their own. Started by run.mjs with its settings as JSON; answers over IPC.
import process from "node:process";
import { quantile } from "../statistics.mjs";
import { checkContenders } from "./check.mjs";
import { contenders } from "./contenders.mjs";
import { limitedHubSpotClient } from "./oauth-clients.mjs";
import { LIMIT } from "./page.mjs";

process.once("disconnect", () => process.exit()); // Either all is told, or run.mjs is gone.

const settings = JSON.parse(process.argv[2]);
const page = await (await fetch(`${settings.origin}/`)).json();
const checks = await checkContenders(contenders, { page, atOnce: Math.min(...settings.concurrencies) });
process.send({
  node: process.version,
  contenders: Object.fromEntries(
    Object.entries(contenders).map(([name, { label, refreshes, ours = false }]) => [name, { label, refreshes, ours }]),
  ),
  checks,
  levels: await measureLevels(),
  ...(settings.limitedCalls > 0 && { limited: await measureLimited() }),
});
process.disconnect();

async function measureLevels() {
  const { origin, warmUpMs, concurrencies } = settings;
  const running = {};
  for (const [name, { create }] of Object.entries(contenders)) running[name] = await create({ origin });
  for (const contender of Object.values(running)) await slice(contender, Math.min(...concurrencies), warmUpMs);
  const levels = [];
  for (const concurrency of concurrencies) levels.push({ concurrency, measured: await measureLevel(running, concurrency) });
  for (const contender of Object.values(running)) await contender.close();
  return levels;
}

/**
 * Rounds of several short slices each, in random order: warmth, neighbours and garbage of others hit nobody in particular, and what is compared
 * with each other was measured close together.
 */
async function measureLevel(running, concurrency) {
  const measured = Object.fromEntries(Object.keys(running).map((name) => [name, { perSecond: [], cpuMicros: [], latencies: [] }]));
  for (let round = -1; round < settings.rounds; round++) {
    for (const [name, { calls, elapsedMs, cpuMicros, latencies }] of Object.entries(await measureRound(running, concurrency))) {
      if (round < 0) continue; // The round in which the sockets are opened.
      measured[name].perSecond.push((calls / elapsedMs) * 1_000);
      measured[name].cpuMicros.push(cpuMicros / calls);
      measured[name].latencies.push(...latencies);
    }
  }
  const told = ({ perSecond, cpuMicros, latencies }) => ({
    perSecond: perSecond.map((value) => Math.round(value)),
    cpuMicros: cpuMicros.map((value) => Number(value.toFixed(2))),
    calls: [latencies.length],
    p50Ms: [Number(quantile(latencies, 0.5).toFixed(3))],
    p99Ms: [Number(quantile(latencies, 0.99).toFixed(3))],
  });
  return Object.fromEntries(Object.entries(measured).map(([name, values]) => [name, told(values)]));
}

async function measureRound(running, concurrency) {
  const names = Object.keys(running);
  const sums = Object.fromEntries(names.map((name) => [name, { calls: 0, elapsedMs: 0, cpuMicros: 0, latencies: [] }]));
  for (let pass = 0; pass < settings.passes; pass++) {
    for (const name of shuffled(names)) {
      globalThis.gc({ type: "minor" }); // Everybody begins with an empty nursery. Never a full collection: it throws away compiled code.
      const { elapsedMs, cpuMicros, latencies } = await slice(running[name], concurrency, settings.sliceMs);
      sums[name].calls += latencies.length;
      sums[name].elapsedMs += elapsedMs;
      sums[name].cpuMicros += cpuMicros;
      sums[name].latencies.push(...latencies);
    }
  }
  return sums;
}

async function slice({ call }, concurrency, forMs) {
  const latencies = [];
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + forMs;
  const caller = async () => {
    let beganMs = performance.now();
    do {
      await call(LIMIT);
      const now = performance.now();
      latencies.push(now - beganMs);
      beganMs = now;
    } while (beganMs < endMs);
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const { user, system } = process.cpuUsage(cpu);
  return { elapsedMs: performance.now() - startMs, cpuMicros: user + system, latencies };
}

/** HubSpot's SDK when its limiter is on: what decides is the limiter's own pace. Last, because it stays on for the whole process. */
async function measureLimited() {
  const { call } = limitedHubSpotClient(settings.origin);
  const startMs = performance.now();
  await Promise.all(Array.from({ length: settings.limitedCalls }, () => call(LIMIT)));
  return { calls: settings.limitedCalls, perSecond: (settings.limitedCalls / (performance.now() - startMs)) * 1_000 };
}

function shuffled(names) {
  const drawn = names.map((name) => ({ name, lot: Math.random() }));
  return drawn.sort((a, b) => a.lot - b.lot).map(({ name }) => name);
}
