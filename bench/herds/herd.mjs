// One herd: processes of one contender on one store, whose token ends while everybody wants it; and once more half an hour later.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { ask } from "./questions.mjs";

/** Longer than an access token lives. */
const LONG_AFTER_MS = 31 * 60_000;
const CREDENTIALS = { clientId: "herd", clientSecret: "herd-secret" };
const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** Processes with the contender loaded, connected to their store. */
export async function startWorkers({ contender, store, url, processes, execPath, dist }) {
  const workers = Array.from({ length: processes }, () => fork(WORKER, [contender, store, dist, url ?? ""], { execPath, execArgv: [] }));
  await Promise.all(
    workers.map(async (worker) => {
      const exit = once(worker, "exit").then(([code]) => Promise.reject(new Error(`A process of ${contender} ended with ${code}.`)));
      await Promise.race([once(worker, "message"), exit]);
      exit.catch(() => undefined); // Later on, whoever is asked tells.
    }),
  );
  return workers;
}

/** Ends them; their connections are gone when this resolves. */
export async function stopWorkers(workers) {
  await Promise.all(
    workers.map(async (worker) => {
      if (worker.exitCode !== null) return;
      const exit = once(worker, "exit");
      worker.disconnect();
      await exit;
    }),
  );
}

/**
 * What the server counted and what the callers got. All processes begin warm, with the same good token in the store; then half an hour
 * passes, and all callers ask at once; then it passes again, and one caller of each process asks, one after the other.
 */
export async function runHerd({ server, workers, origin, name, replaces, latencyMs, callers }) {
  const { issued, offsetMs } = await ask(server, "begin", { replaces, latencyMs });
  const tokens = {
    accessToken: issued.access_token,
    refreshToken: issued.refresh_token,
    expiresAtMs: Date.now() + offsetMs + issued.expires_in * 1_000,
  };
  const [first, ...others] = workers;
  const task = { ...CREDENTIALS, name, origin, offsetMs };
  await ask(first, "prepare", { ...task, tokens });
  await Promise.all(others.map((worker) => ask(worker, "prepare", task)));
  const warm = await Promise.all(workers.map((worker) => ask(worker, "warm")));
  if (warm.some((token) => token !== issued.access_token)) throw new Error("A contender does not use the token that it was given.");
  await forward([server, ...workers], offsetMs + LONG_AFTER_MS);

  await ask(server, "calls");
  const startMs = performance.timeOrigin + performance.now();
  const answers = await Promise.all(workers.map((worker) => ask(worker, "herd", callers)));
  const calls = await ask(server, "calls");
  if (calls.wrongClient > 0) throw new Error("A contender does not send the client id and secret that it was given.");
  const handed = sum(answers.map((answer) => answer.tokens));
  const stale = await ask(server, "stale", Object.keys(handed));
  const reasons = sum(answers.map((answer) => answer.reasons));

  await forward([server, ...workers], offsetMs + 2 * LONG_AFTER_MS);
  const later = [];
  for (const worker of workers) later.push(await ask(worker, "next"));
  const laterTokens = later.map(({ token }) => token).filter((token) => token !== undefined);
  const staleLater = await ask(server, "stale", [...new Set(laterTokens)]);
  const laterCalls = await ask(server, "calls");
  await Promise.all(workers.map((worker) => ask(worker, "finish")));
  const lastMs = Math.max(...answers.map((answer) => answer.lastMs));
  return {
    tokenCalls: calls.accepted + calls.refused,
    refusedCalls: calls.refused,
    served: total(handed),
    rejected: total(reasons),
    stale: stale.reduce((count, token) => count + handed[token], 0),
    tokens: Object.keys(handed).length,
    lastServedMs: lastMs === 0 ? null : lastMs - startMs,
    reasons,
    warnings: [...new Set(answers.flatMap((answer) => answer.warnings))],
    next: {
      tokenCalls: laterCalls.accepted + laterCalls.refused,
      failedProcesses: later.length - laterTokens.filter((token) => !staleLater.includes(token)).length,
      reasons: sum(later.map(({ reason }) => (reason === undefined ? {} : { [reason]: 1 }))),
    },
  };
}

/** The same half hour for everybody. */
async function forward(children, toMs) {
  await Promise.all(children.map((child) => ask(child, "forward", toMs)));
}

function sum(counts) {
  const all = {};
  for (const [key, count] of counts.flatMap((each) => Object.entries(each))) all[key] = (all[key] ?? 0) + count;
  return all;
}

function total(counts) {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
