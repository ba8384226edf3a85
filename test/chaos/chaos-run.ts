/** One configuration for a while: accounts, a fleet that calls, a fault, and the count of what was lost, and whether anybody could have helped it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LostGrant } from "../processes/support/excuses.js";
import { ProcessWorld } from "../processes/support/process-world.js";
import { SHORT_TIMES } from "../processes/support/worker-bundle.js";
import type { WorkerProcess } from "../processes/support/worker-process.js";
import { type StoreAddress, systemMs } from "../processes/support/worker-protocol.js";
import type { RedisServer } from "../support/servers/redis.js";
import type { Configuration } from "./configurations.js";
import { Fleet } from "./fleet.js";

const ACCOUNTS = 4;
const PROCESSES = 4;
const CALLERS = 2;
const EVERY_MS = 250;
const LIFE_SECONDS = 3;

/** What a run takes place on. */
export interface Ground {
  readonly bundle: string;
  readonly redis: RedisServer | undefined;
  readonly postgresUrl: string;
  readonly store: "redis" | "postgres";
  readonly forMs: number;
  /** A name that no other run has. */
  readonly namespace: string;
}

/** What a run came to. */
export interface Result {
  readonly strikes: number;
  readonly calls: number;
  /** What calls failed with, and how often. */
  readonly failures: ReadonlyMap<string, number>;
  readonly refreshes: number;
  /** Refused refreshes. */
  readonly refusals: number;
  /** Grants that were lost although a client could have kept them, and accounts that were not served in the end. */
  readonly outages: readonly string[];
  /** Grants that no client could have kept. */
  readonly excused: readonly string[];
}

/** Runs it. */
export async function runConfiguration(configuration: Configuration, ground: Ground): Promise<Result> {
  const { redis, postgresUrl, namespace } = ground;
  const { storeMs, marginMs } = SHORT_TIMES;
  const requestMs = configuration.slow?.requestMs ?? SHORT_TIMES.requestMs;
  const world = await ProcessWorld.open({
    address:
      ground.store === "redis" ? { kind: "redis", port: redis?.port ?? 0, namespace } : { kind: "postgres", url: postgresUrl, namespace },
    provider: { accessTokenSeconds: configuration.slow?.lifeSeconds ?? LIFE_SECONDS },
    times: { storeMs, marginMs, requestMs, leaseMs: requestMs + storeMs + marginMs },
  });
  let faults: readonly Error[] = [];
  let result: Result;
  try {
    result = await runIn(world, configuration, ground);
  } finally {
    faults = await world.close();
  }
  if (faults.length > 0) throw new AggregateError(faults, "The servers of the run failed.");
  return result;
}

async function runIn(world: ProcessWorld, { fault, slow, skewMs = 0, connections }: Configuration, ground: Ground): Promise<Result> {
  const { address } = world;
  const accountIds: string[] = [];
  for (let index = 0; index < ACCOUNTS; index++) accountIds.push(await world.connect(String(51_000_001 + index)));
  // By their name the processes' connections can be told from everybody else's at the server.
  const store: StoreAddress =
    address.kind === "postgres"
      ? { ...address, url: `${address.url}?application_name=worker`, ...(connections !== undefined && { connections }) }
      : address;
  const fleet = new Fleet(world, ground.bundle, {
    ...{ size: PROCESSES, accountIds, callers: CALLERS, everyMs: EVERY_MS },
    settings: (index) => ({ store, cacheMs: 1_000, clockMs: (index % 2) * skewMs }),
  });
  try {
    await fleet.complete();
    world.door.delayMs = slow?.delayMs ?? 0;
    const [over, done] = [new AbortController(), new AbortController()];
    const watching = reconnectTheLost(world, done.signal);
    const breaking = fault?.({ ...ground, fleet, leaseMs: world.times.leaseMs, over: over.signal });
    await sleep(Math.max(ground.forMs, slow?.atLeastMs ?? 0));
    over.abort();
    const strikes = (await breaking) ?? 0;
    const unserved = await unservedIn(fleet, world, accountIds);
    done.abort();
    await watching;
    const lost = world.lostGrants();
    const stories = lost.filter(({ excuse }) => excuse === undefined).map((grant) => storyOf(grant, world));
    return {
      strikes,
      calls: fleet.served,
      failures: fleet.failures,
      refreshes: world.door.refreshes.filter(({ status }) => status === 200).length,
      refusals: world.door.refreshes.filter(({ status }) => status >= 400).length,
      outages: [...stories, ...unserved],
      excused: lost.flatMap(({ excuse }) => excuse ?? []),
    };
  } finally {
    await fleet.end();
  }
}

/** How a grant was lost, for whoever wants to know why. Tells no token. */
function storyOf({ accountId, by, after }: LostGrant, world: ProcessWorld): string {
  const told = world.workers.flatMap(({ name, events }) =>
    events
      .filter((event) => event.accountId === accountId && event.type !== "refresh.coalesced")
      .map(({ type, atMs }) => ({ atMs, text: `${name} ${type}` })),
  );
  const slept = world.workers.flatMap(({ interruptions }) =>
    interruptions.flatMap(({ name, kind, fromMs, toMs }) => [
      { atMs: fromMs, text: `${name} ${kind}` },
      { atMs: toMs, text: `${name} awake` },
    ]),
  );
  const sent = world.door.of(accountId).flatMap(({ by: name, arrivedAtMs, answeredAtMs, status }) => [
    { atMs: arrivedAtMs, text: `${name} asks` },
    { atMs: answeredAtMs, text: `${name} is answered ${status}` },
  ]);
  const from = (after ?? by).arrivedAtMs - 1_000;
  const moments = [...told, ...slept, ...sent]
    .filter(({ atMs }) => atMs >= from && atMs <= by.answeredAtMs + 100)
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ atMs, text }) => `      ${String(Math.round(atMs - from)).padStart(6)} ms  ${text}`);
  const isUnwritten = by.standing === by.refreshToken;
  return [`${accountId} lost its grant; the answer was ${isUnwritten ? "not " : ""}in the store`, ...moments].join("\n");
}

/** What the application's operator does: whoever lost a grant connects again. */
async function reconnectTheLost(world: ProcessWorld, over: AbortSignal): Promise<void> {
  for (let handled = 0; !over.aborted;) {
    await sleep(200, undefined, { signal: over }).catch(() => undefined);
    const lost = world.lostGrants();
    for (const { accountId } of lost.slice(handled)) await world.connect(accountId);
    handled = lost.length;
  }
}

/** Accounts that a process cannot call for when all faults are over, within the time that a dead holder's lease and a refresh take. */
async function unservedIn(fleet: Fleet, world: ProcessWorld, accountIds: readonly string[]): Promise<string[]> {
  const limitMs = world.times.leaseMs + world.times.requestMs + world.times.storeMs;
  const giveUpAtMs = systemMs() + limitMs;
  const check = async (worker: WorkerProcess, accountId: string): Promise<string[]> => {
    for (;;) {
      try {
        await worker.tell({ do: "contacts", accountId });
        return [];
      } catch (error) {
        if (systemMs() > giveUpAtMs) return [`${accountId} is not served by ${worker.name}: ${(error as Error).name}`];
        await sleep(200);
      }
    }
  };
  const checks = fleet.atWork.flatMap((worker) => accountIds.map((accountId) => check(worker, accountId)));
  return (await Promise.all(checks)).flat();
}
