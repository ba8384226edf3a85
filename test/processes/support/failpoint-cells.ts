/**
 * The same fault at each failpoint, each with an account of its own: a victim refreshes, stands, and is killed, or stopped for longer than
 * its lease, while a survivor works on; then the survivor and another process go on. Answers what happened, for the tests to judge.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { StoredTokens } from "../../../src/index.js";
import type { LostGrant } from "./excuses.js";
import { LIFE_MS, type ProcessWorld } from "./process-world.js";
import type { Refresh } from "./token-door.js";
import { bounded, type WorkerProcess } from "./worker-process.js";
import { type Failpoint, FAILPOINTS, type Standstill, systemMs } from "./worker-protocol.js";

/** When the survivor is asked for a token: while the victim is still at work, or only after the fault. */
export const SURVIVORS = ["waits already", "comes later"] as const;

/** What a call came to. */
export interface Outcome {
  readonly token?: string;
  readonly code?: string | undefined;
  readonly afterMs: number;
}

/** All there is to know about one failpoint. */
export interface Cell {
  readonly accountId: string;
  /** Whether the store's reply had been read where the victim stood: must not be at F12 and F14. */
  readonly replied: boolean;
  readonly survivor: Outcome;
  /** What a stopped victim's own call came to in the end. */
  readonly victim: Outcome | undefined;
  /** The record before the victim woke up, and after its call had ended. */
  readonly before: StoredTokens | undefined;
  readonly after: StoredTokens | undefined;
  /** Whether a lease that was taken while the victim slept outlived its waking up. */
  readonly leaseStood: boolean;
  /** The refreshes up to here. */
  readonly refreshes: readonly Refresh[];
  /** One for each grant that was lost. */
  readonly excuses: readonly LostGrant["excuse"][];
  /** At the next expiry: whose contacts the survivor and the other process got, and how many refreshes that took. */
  readonly goneOn: readonly unknown[];
  readonly refreshesToGoOn: number;
}

export type Cells = Readonly<Record<Failpoint, Cell>>;

const NAMES = Object.keys(FAILPOINTS) as Failpoint[];

async function outcomeOf(call: Promise<unknown>, sinceMs = systemMs()): Promise<Outcome> {
  try {
    return { token: (await call) as string, afterMs: systemMs() - sinceMs };
  } catch (error) {
    return { code: (error as { readonly code?: string }).code ?? String(error), afterMs: systemMs() - sinceMs };
  }
}

/** An account and its victim, standing at a failpoint. */
interface Standing {
  readonly at: Failpoint;
  readonly accountId: string;
  readonly victim: WorkerProcess;
  readonly replied: boolean;
  readonly call: Promise<Outcome>;
  /** For F8: lets the server answer. */
  readonly open: () => void;
}

/** Sends a victim into a refresh and answers when it has come to a failpoint. */
async function sendInto(
  world: ProcessWorld,
  victim: WorkerProcess,
  at: Failpoint,
  accountId: string,
  standstill: Standstill,
): Promise<Standing> {
  const hold = at === "F8" ? world.door.holdNext(accountId) : undefined;
  if (hold === undefined) await victim.tell({ do: "arm", accountId, at, standstill });
  const stands = hold === undefined ? victim.stands(accountId) : bounded(hold.arrived, `the request of ${accountId}`);
  const call = outcomeOf(victim.tell({ do: "token", accountId }));
  const stand = await stands;
  return { at, accountId, victim, call, replied: stand?.replied ?? false, open: () => hold?.open() };
}

async function connectAll(world: ProcessWorld): Promise<Map<Failpoint, string>> {
  const accounts = new Map<Failpoint, string>();
  for (const [index, at] of NAMES.entries()) accounts.set(at, await world.connect(String(51_000_001 + index)));
  return accounts;
}

/** Asks the survivor for the token of every account. */
function askSurvivor(survivor: WorkerProcess, accountIds: readonly string[], sinceMs: number): Promise<Outcome>[] {
  return accountIds.map((accountId) => outcomeOf(survivor.tell({ do: "token", accountId }), sinceMs));
}

/** Kills one victim with fourteen accounts, each at a failpoint of its own. */
export async function killAtEachFailpoint(world: ProcessWorld, mode: (typeof SURVIVORS)[number]): Promise<Cells> {
  const [victim, survivor, newcomer] = world.workers as [WorkerProcess, WorkerProcess, WorkerProcess];
  const accounts = await connectAll(world);
  const ids = [...accounts.values()];
  await world.advance(LIFE_MS);
  // Nobody wakes up from this one: it is enough that each account stands still.
  const standing = await Promise.all([...accounts].map(([at, accountId]) => sendInto(world, victim, at, accountId, "account")));
  const faultAtMs = systemMs();
  const early = mode === "waits already" ? askSurvivor(survivor, ids, faultAtMs) : undefined;
  if (early !== undefined) await survivor.tell({ do: "clock", clockMs: world.server.now() - Date.now() });
  await victim.kill();
  for (const { open } of standing) open();
  const outcomes = await Promise.all(early ?? askSurvivor(survivor, ids, faultAtMs));
  const seen = await Promise.all(
    standing.map(async ({ at, accountId, replied }, index) => {
      const record = await world.record(accountId);
      return {
        at,
        accountId,
        replied,
        survivor: outcomes[index] as Outcome,
        victim: undefined,
        before: record,
        after: record,
        leaseStood: true,
      };
    }),
  );
  return goOn(world, seen, () => [survivor, newcomer]);
}

/** Stops fourteen victims, each with one account, for longer than the lease, and wakes them up again. */
export async function stopAtEachFailpoint(world: ProcessWorld, mode: (typeof SURVIVORS)[number]): Promise<Cells> {
  const [survivor, ...victims] = world.workers as [WorkerProcess, ...WorkerProcess[]];
  const accounts = await connectAll(world);
  const ids = [...accounts.values()];
  await world.advance(LIFE_MS);
  const versions = new Map(await Promise.all(ids.map(async (id) => [id, (await world.record(id))?.version] as const)));
  const standing = await Promise.all(
    [...accounts].map(async ([at, accountId], index) => {
      const stand = await sendInto(world, victims[index] as WorkerProcess, at, accountId, "thread");
      if (mode === "comes later") stand.victim.stop();
      return stand;
    }),
  );
  const faultAtMs = systemMs();
  const early = mode === "waits already" ? askSurvivor(survivor, ids, faultAtMs) : undefined;
  if (early !== undefined) {
    await survivor.tell({ do: "clock", clockMs: world.server.now() - Date.now() });
    for (const { victim } of standing) victim.stop();
  }
  for (const { open } of standing) open();
  const outcomes = await Promise.all(early ?? askSurvivor(survivor, ids, faultAtMs));
  // Longer than the lease by the clock, also where the survivor did not have to wait for its end.
  await sleep(Math.max(0, faultAtMs + world.times.leaseMs + 100 - systemMs()));
  const seen = await Promise.all(
    standing.map(async ({ at, accountId, replied, victim, call }, index) => {
      const before = await world.record(accountId);
      if (at === "F12" && before?.version === versions.get(accountId)) throw new Error("What was sent at F12 never came.");
      const lease = await world.store.lease(accountId, { ttlMs: 60_000 });
      if (lease === undefined) throw new Error(`The lease of ${accountId} outlived its time.`);
      victim.resume();
      victim.release();
      const woken = await call;
      const leaseStood = (await world.store.lease(accountId, { ttlMs: 1 })) === undefined;
      await lease.release();
      const after = await world.record(accountId);
      return { at, accountId, replied, survivor: outcomes[index] as Outcome, victim: woken, before, after, leaseStood };
    }),
  );
  return goOn(world, seen, (index) => [survivor, victims[index] as WorkerProcess]);
}

type Seen = Omit<Cell, "refreshes" | "excuses" | "goneOn" | "refreshesToGoOn"> & { readonly at: Failpoint };

/** The rest of the accounts' lives: who lost a grant connects again, and at the next expiry two processes call. */
async function goOn(world: ProcessWorld, seen: readonly Seen[], processes: (index: number) => readonly WorkerProcess[]): Promise<Cells> {
  const lost = world.lostGrants();
  const refreshes = new Map(seen.map(({ accountId }) => [accountId, [...world.door.of(accountId)]]));
  for (const { accountId } of seen) {
    if (lost.some((grant) => grant.accountId === accountId)) await world.connect(accountId);
  }
  await world.advance(LIFE_MS);
  const cells: [Failpoint, Cell][] = [];
  // Two processes race for each account; the accounts take turns.
  for (const [index, { at, ...cell }] of seen.entries()) {
    const { accountId } = cell;
    const until = refreshes.get(accountId) ?? [];
    const calls = await Promise.all(
      processes(index).map((process) => process.tell({ do: "contacts", accountId }).catch((error: unknown) => String(error))),
    );
    cells.push([
      at,
      {
        ...cell,
        refreshes: until,
        excuses: lost.filter((grant) => grant.accountId === accountId).map(({ excuse }) => excuse),
        goneOn: calls,
        refreshesToGoOn: world.door.of(accountId).length - until.length,
      },
    ]);
  }
  return Object.fromEntries(cells) as Cells;
}
