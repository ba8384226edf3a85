/** One simulated schedule from its first connection to the last `close()`. */
import fc from "fast-check";
import type { StoredTokens } from "../../../src/index.js";
import type { ServerGrant } from "../token-server.js";
import { ACCOUNTS, connect, perform } from "./acts.js";
import type { Failpoints } from "./failpoints.js";
import type { History, Post } from "./history.js";
import { lifeMs, type Plan } from "./plan.js";
import { seedBytes } from "./seeded-random.js";
import { type Client, SimulatedWorld } from "./simulated-world.js";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
/** How long a lease may stand in the way, and then a request and a write take (I4). */
export const RECOVERY_MS = 50 * SECOND;
const CALLERS = 3;
/** What clocks may differ by without a token of half an hour being refreshed twice. */
const LARGEST_SKEW_MS = 300 * SECOND;

/** A new process asks for a token when nothing fails any more, and asks again while it is told to. */
export interface Recovery {
  readonly accountId: string;
  tookMs?: number;
  /** The token, or the last error. */
  result?: unknown;
  /** What stood when that call began and when it ended. */
  standing?: readonly (StoredTokens | undefined)[];
}

/** Everybody asks for one account's token at the same time, long after the last one has expired. */
export interface LastRound {
  readonly accountId: string;
  readonly callers: number;
  readonly answers: readonly unknown[];
  readonly posts: readonly Post[];
}

/** A schedule that is over. */
export interface Run {
  readonly plan: Plan;
  readonly history: History;
  readonly clients: readonly Client[];
  readonly done: Failpoints["done"];
  readonly grants: readonly ServerGrant[];
  readonly recoveries: readonly Recovery[];
  /** What the store held when everything had settled, before the last round. */
  readonly settled: readonly { readonly record: StoredTokens; readonly grant: ServerGrant | undefined }[];
  readonly lastRounds: readonly LastRound[];
  readonly closed: number;
  readonly running: number;
  readonly timersLeft: number;
  readonly unhandled: readonly unknown[];
  /** Set when the schedule did not come to its end. */
  readonly endless: Error | undefined;
}

/** Plays a plan. The same plan always gives the same run. */
export async function runSchedule(plan: Plan): Promise<Run> {
  seedBytes(plan.luck);
  // A new one each time: fast-check's copies of a scheduler share their state, so that a copy would not play the same order again.
  const [order] = fc.sample(fc.scheduler(), { seed: plan.luck, numRuns: 1 }) as [fc.Scheduler];
  const world = new SimulatedWorld(plan, order);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): number => unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const uninstall = world.time.install();
  let endless: Error | undefined;
  const over = { recoveries: [] as Recovery[], settled: [] as Run["settled"], lastRounds: [] as LastRound[], closed: 0 };
  try {
    await play(world);
    over.recoveries = await recover(world);
    over.settled = settledRecords(world);
    over.lastRounds = await playLastRounds(world);
    over.closed = await closeAll(world);
  } catch (error) {
    endless = error as Error;
  } finally {
    uninstall();
    process.off("unhandledRejection", onUnhandled);
  }
  const { history, everyone: clients, clients: running, server, failpoints, time } = world;
  const { timersLeft } = time;
  return {
    plan,
    history,
    clients,
    done: failpoints.done,
    grants: server.grants,
    ...over,
    running: running.length,
    timersLeft,
    unhandled,
    endless,
  };
}

async function play(world: SimulatedWorld): Promise<void> {
  const { plan, time, failpoints } = world;
  failpoints.isArmed = false;
  const importer = world.start("import");
  for (const accountId of ACCOUNTS) world.act(importer, () => connect(world, importer, accountId, true));
  await time.advance(20 * SECOND);
  importer.host.isGone = true;
  await time.advance(plan.age * lifeMs(plan));
  failpoints.isArmed = true;
  for (const step of plan.steps) {
    perform(world, step);
    if (step.thenMs > 0) await time.advance(step.thenMs);
  }
}

/** Nothing fails from now on. A new process, which knows nothing of what failed before, must get a token; then everything settles. */
async function recover(world: SimulatedWorld): Promise<Recovery[]> {
  const { plan, time, failpoints, history } = world;
  failpoints.isArmed = false;
  world.troubles.length = 0;
  world.outages.length = 0;
  history.say("calm");
  const recoveries = ACCOUNTS.map((accountId): Recovery => ({ accountId }));
  // A store that does not compare is for one process.
  if (plan.store === "simple") recoveries.length = 0;
  else world.clients.push(world.start("witness"));
  for (const recovery of recoveries) askUntil(world, world.clients.at(-1) as Client, recovery, time.nowMs);
  await time.advance(RECOVERY_MS);
  await time.advance(200 * SECOND);
  return recoveries;
}

function askUntil(world: SimulatedWorld, witness: Client, recovery: Recovery, startMs: number): void {
  const { time } = world;
  world.act(witness, () => {
    const { accountId } = recovery;
    const before = world.backend.get(accountId);
    const work = witness.oauth.getAccessToken(accountId);
    world.follow(witness, "asks", accountId, work);
    const end = (result: unknown): void => {
      Object.assign(recovery, { result, tookMs: time.nowMs - startMs, standing: [before, world.backend.get(accountId)] });
    };
    work.then(end, (error: Error & { readonly retryable?: boolean }) => {
      end(error);
      if (error.retryable === true && time.nowMs < startMs + RECOVERY_MS)
        time.on(witness.host, SECOND, () => askUntil(world, witness, recovery, startMs));
    });
  });
}

function settledRecords({ backend, server }: SimulatedWorld): Run["settled"] {
  return ACCOUNTS.flatMap((accountId) => {
    const record = backend.get(accountId);
    const grant = server.grantOf(record?.refreshToken);
    return record === undefined ? [] : [{ record, grant: grant && { ...grant } }];
  });
}

async function playLastRounds(world: SimulatedWorld): Promise<LastRound[]> {
  const { backend, clients, plan, server, time, history } = world;
  const rounds: LastRound[] = [];
  // Without leases a server that rotates strictly sees a second use when two processes refresh: nothing to promise then.
  if (plan.rotation === "strict" && plan.store !== "leasing") return rounds;
  server.expiresIn = 1_800;
  for (const { host } of clients) host.skewMs = Math.max(-LARGEST_SKEW_MS, Math.min(host.skewMs, LARGEST_SKEW_MS));
  await time.advance(100 * HOUR);
  history.say("last round");
  for (const accountId of ACCOUNTS) {
    const record = backend.get(accountId);
    if (record?.status !== "active" || !server.honours(record.refreshToken)) continue;
    const answers: unknown[] = [];
    const before = history.posts.length;
    for (const client of clients)
      world.act(client, () => {
        for (let caller = 0; caller < CALLERS; caller++)
          client.oauth.getAccessToken(accountId).then(
            (token) => answers.push(token),
            (error: unknown) => answers.push(error),
          );
      });
    await time.advance(100 * SECOND);
    rounds.push({ accountId, callers: clients.length * CALLERS, answers, posts: history.posts.slice(before) });
  }
  return rounds;
}

async function closeAll({ clients, time }: SimulatedWorld): Promise<number> {
  let closed = 0;
  for (const { host, oauth } of clients)
    time.on(host, 0, () => {
      oauth.close().then(
        () => closed++,
        () => undefined,
      );
    });
  await time.advance(100 * SECOND);
  return closed;
}
