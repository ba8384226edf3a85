/** What the chaos run tries: which store, and what happens to it, to the processes and to the authorization server meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";
import type { WorkerProcess } from "../processes/support/worker-process.js";
import type { RedisServer } from "../support/servers/redis.js";
import type { Fleet } from "./fleet.js";

/** What a configuration may break. */
export interface Breakable {
  readonly fleet: Fleet;
  readonly redis: RedisServer | undefined;
  readonly postgresUrl: string;
  readonly leaseMs: number;
  /** Aborted when the time of the configuration is over. */
  readonly over: AbortSignal;
}

/** One row of the table. */
export interface Configuration {
  readonly name: string;
  readonly stores: readonly ("redis" | "postgres")[];
  /** Breaks things until its time is over, then leaves them whole. Answers how often it did. */
  readonly fault?: (world: Breakable) => Promise<number>;
  /** A server of its own, that writes every command to disk before it answers: what it has promised survives its restart. */
  readonly durable?: boolean;
  readonly connections?: number;
  /** How far the clock of every second process is ahead. */
  readonly skewMs?: number;
  /** How long each token request takes, the client's deadline for it, and a life of tokens that goes with that. */
  readonly slow?: { readonly delayMs: number; readonly requestMs: number; readonly lifeSeconds: number; readonly atLeastMs: number };
}

/** Does something again and again until time is over. */
async function every(ms: number, over: AbortSignal, strike: () => Promise<boolean>): Promise<number> {
  let strikes = 0;
  while (!over.aborted) {
    await sleep(ms, undefined, { signal: over }).catch(() => undefined);
    if (!over.aborted && (await strike())) strikes++;
  }
  return strikes;
}

async function kill({ fleet, over }: Breakable): Promise<number> {
  const strikes = await every(150, over, async () => {
    // Somebody who has been at work for a while: a process that is killed at birth proves nothing.
    const victim = fleet.anyOf((worker) => fleet.hasWorkedMs(worker) > 300);
    if (victim === undefined) return false;
    await fleet.replace(victim);
    return true;
  });
  await fleet.complete();
  return strikes;
}

async function stop({ fleet, over, leaseMs }: Breakable): Promise<number> {
  const asleep = new Set<WorkerProcess>();
  const naps: Promise<void>[] = [];
  const strikes = await every(700, over, async () => {
    // Somebody stays awake, as the others' survivor.
    const victim = asleep.size < fleet.size - 1 ? fleet.anyOf((worker) => !asleep.has(worker)) : undefined;
    if (victim === undefined) return false;
    asleep.add(victim);
    victim.stop();
    naps.push(
      sleep(leaseMs + 500).then(() => {
        victim.resume();
        asleep.delete(victim);
      }),
    );
    return true;
  });
  await Promise.all(naps);
  return strikes;
}

/** Says something to Redis again and again. */
async function sayToRedis({ redis, over }: Breakable, everyMs: number, command: string, ...args: string[]): Promise<number> {
  const client = new Redis({ port: redis?.port ?? 0, host: "127.0.0.1" });
  try {
    return await every(everyMs, over, async () => {
      await client.call(command, ...args);
      return true;
    });
  } finally {
    client.disconnect();
  }
}

async function endBackends({ postgresUrl, over }: Breakable): Promise<number> {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    return await every(300, over, async () => {
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'worker'");
      return true;
    });
  } finally {
    await client.end();
  }
}

export const CONFIGURATIONS: readonly Configuration[] = [
  { name: "no fault", stores: ["redis", "postgres"] },
  { name: "SIGKILL every 150 ms", stores: ["redis", "postgres"], fault: kill },
  { name: "SIGSTOP longer than the lease", stores: ["redis", "postgres"], fault: stop },
  {
    name: "Redis killed and restarted",
    stores: ["redis"],
    durable: true,
    fault: ({ redis, over }) => every(2_000, over, async () => redis?.restart().then(() => true) ?? false),
  },
  { name: "CLIENT PAUSE 1.2 s", stores: ["redis"], fault: (world) => sayToRedis(world, 2_500, "CLIENT", "PAUSE", "1200", "ALL") },
  { name: "SCRIPT FLUSH", stores: ["redis"], fault: (world) => sayToRedis(world, 50, "SCRIPT", "FLUSH") },
  { name: "pg_terminate_backend", stores: ["postgres"], fault: endBackends },
  { name: "a pool of one connection", stores: ["postgres"], connections: 1 },
  { name: "clocks five minutes apart", stores: ["redis", "postgres"], skewMs: 300_000 },
  {
    name: "a token endpoint of 4 s",
    stores: ["redis", "postgres"],
    slow: { delayMs: 4_000, requestMs: 15_000, lifeSeconds: 6, atLeastMs: 11_000 },
  },
];
