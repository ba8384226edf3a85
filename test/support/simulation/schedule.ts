/** One simulated schedule from its first connection to the last `close()`: what applications, users and clocks do, in an order drawn from a seed. */
import { vi } from "vitest";
import type { StoredTokens } from "../../../src/index.js";
import { startFakeTime } from "../fake-time.js";
import type { FaultyStore } from "../faulty-store.js";
import type { OfflineProcess } from "../offline-process.js";
import type { RefreshPost, ServerGrant } from "../token-server.js";
import type { History } from "./history.js";
import type { Scenario } from "./scenario.js";
import { seedBytes } from "./seeded-random.js";
import { SimulatedWorld } from "./simulated-world.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const ACCOUNTS = ["42", "43"];
const STEPS = 25;
/** How long a step may take; a part of it is drawn. */
const PAUSES_MS = [1, 20, 200, 2 * SECOND, 20 * SECOND, 5 * MINUTE, 26 * MINUTE, 31 * MINUTE];
const CALLERS = 5;

/** Everybody asks for one account's token at the same time, long after the last one has expired. */
export interface LastRound {
  readonly accountId: string;
  readonly callers: number;
  readonly answers: readonly unknown[];
  readonly posts: readonly RefreshPost[];
}

/** A schedule that is over. */
export interface SimulationRun {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly history: History;
  readonly processes: readonly OfflineProcess<FaultyStore>[];
  readonly grants: readonly ServerGrant[];
  /** What the store held when everything had settled, before the last round. */
  readonly settled: readonly { readonly record: StoredTokens; readonly grant: ServerGrant | undefined }[];
  readonly lastRounds: readonly LastRound[];
  readonly closed: number;
  readonly timersLeft: number;
  readonly unhandled: readonly unknown[];
}

/** Where an action happens. */
interface Place {
  readonly world: SimulatedWorld;
  readonly process: OfflineProcess<FaultyStore>;
  readonly accountId: string;
}

/** What happens in a step, and how often; the rest of the steps only let time pass. */
const ACTIONS: readonly { readonly weight: number; readonly act: (place: Place) => void }[] = [
  { weight: 0.45, act: askTogether },
  { weight: 0.15, act: askForAnother },
  { weight: 0.06, act: force },
  { weight: 0.08, act: connect },
  { weight: 0.04, act: disconnect },
  { weight: 0.03, act: uninstall },
  { weight: 0.03, act: reencrypt },
  { weight: 0.02, act: askAndAbort },
  { weight: 0.02, act: askForUnknown },
  { weight: 0.02, act: jump },
];

/** Plays the schedule of one seed under fake time. */
export async function runSchedule(seed: number): Promise<SimulationRun> {
  startFakeTime();
  seedBytes(seed);
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): number => unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const world = new SimulatedWorld(seed);
    await play(world);
    const settled = settledRecords(world);
    const lastRounds = await playLastRounds(world);
    const closed = await closeAll(world);
    const { scenario, history, processes, server } = world;
    return {
      seed,
      scenario,
      history,
      processes,
      grants: server.grants,
      settled,
      lastRounds,
      closed,
      timersLeft: vi.getTimerCount(),
      unhandled,
    };
  } finally {
    process.off("unhandledRejection", onUnhandled);
    vi.useRealTimers();
  }
}

async function play(world: SimulatedWorld): Promise<void> {
  const { random, processes } = world;
  for (const accountId of ACCOUNTS) connect({ world, process: processes[0] as OfflineProcess<FaultyStore>, accountId });
  await vi.advanceTimersByTimeAsync(20 * SECOND);
  for (let step = 0; step < STEPS; step++) {
    const place = { world, process: random.pick(processes), accountId: random.pick(ACCOUNTS) };
    random.weighted(ACTIONS)?.act(place);
    if (random.chance(0.6)) await vi.advanceTimersByTimeAsync(Math.floor(random.pick(PAUSES_MS) * random.next()));
  }
  world.calm = true;
  await vi.advanceTimersByTimeAsync(200 * SECOND);
}

function askTogether({ world: { history, random }, process: { name, oauth }, accountId }: Place): void {
  const callers = 1 + random.below(CALLERS);
  for (let caller = 0; caller < callers; caller++) history.called(`${name} get`, accountId, oauth.getAccessToken(accountId));
}

function askForAnother({ world: { history, memory }, process: { name, oauth }, accountId }: Place): void {
  const rejectedToken = memory.get(accountId)?.accessToken ?? "none";
  history.called(`${name} get`, accountId, oauth.getAccessToken(accountId, { rejectedToken }), rejectedToken);
}

function force({ world: { history }, process: { name, oauth }, accountId }: Place): void {
  history.called(`${name} force`, accountId, oauth.getAccessToken(accountId, { force: true }));
}

function connect({ world: { history, random, server, scenario }, process: { name, oauth }, accountId }: Place): void {
  const { accessToken, refreshToken } = server.connect(accountId);
  const lifeSeconds = typeof scenario.expiresIn === "number" ? Math.min(scenario.expiresIn, 86_400) : 1_800;
  // Some are migrated: they bring a refresh token only.
  const access = random.chance(0.2) ? {} : { accessToken, expiresAtMs: Date.now() + lifeSeconds * SECOND };
  history.called(
    `${name} connect ${refreshToken}`,
    accountId,
    oauth.saveTokens({ refreshToken, ...access, hubId: accountId, scopes: ["oauth"] }),
  );
}

function disconnect({ world: { history }, process: { name, oauth }, accountId }: Place): void {
  history.called(`${name} disconnect`, accountId, oauth.disconnect(accountId, { revoke: false }));
}

/** A user removes the app in HubSpot. */
function uninstall({ world: { history, memory, server }, accountId }: Place): void {
  const grant = server.grantOf(memory.get(accountId)?.refreshToken);
  if (grant === undefined) return;
  grant.endedBy ??= "uninstall";
  history.say(`uninstall ${accountId}`);
}

/** The one write that keeps the version. */
function reencrypt({ world: { memory }, accountId }: Place): void {
  const record = memory.get(accountId);
  if (record !== undefined) memory.set(accountId, record, { ifVersion: record.version });
}

function askAndAbort({ world: { history }, process: { name, oauth }, accountId }: Place): void {
  const abort = new AbortController();
  history.called(`${name} get, aborted,`, accountId, oauth.getAccessToken(accountId, { signal: abort.signal }));
  abort.abort();
}

function askForUnknown({ world: { history }, process: { name, oauth } }: Place): void {
  history.called(`${name} get`, "999", oauth.getAccessToken("999"));
}

function jump({ world: { history, random } }: Place): void {
  const jumpMs = Math.round((random.next() - 0.5) * 3 * HOUR);
  vi.setSystemTime(Date.now() + jumpMs);
  history.clockJumps++;
  history.say(`the clock jumps by ${jumpMs} ms`);
}

function settledRecords({ memory, server }: SimulatedWorld): SimulationRun["settled"] {
  return ACCOUNTS.flatMap((accountId) => {
    const record = memory.get(accountId);
    const grant = server.grantOf(record?.refreshToken);
    return record === undefined ? [] : [{ record, grant: grant && { ...grant } }];
  });
}

async function playLastRounds(world: SimulatedWorld): Promise<LastRound[]> {
  const { memory, processes, scenario, server } = world;
  const rounds: LastRound[] = [];
  // Without leases a server that rotates strictly sees a second use when two processes refresh: nothing to promise then.
  if (scenario.rotation === "strict" && !scenario.leases && processes.length > 1) return rounds;
  server.expiresIn = 1_800;
  await vi.advanceTimersByTimeAsync(100 * HOUR);
  for (const accountId of ACCOUNTS) {
    const record = memory.get(accountId);
    if (record?.status !== "active" || !server.honours(record.refreshToken)) continue;
    const answers: unknown[] = [];
    const before = server.posts.length;
    for (const { oauth } of processes)
      for (let caller = 0; caller < CALLERS; caller++)
        oauth.getAccessToken(accountId).then(
          (token) => answers.push(token),
          (error: unknown) => answers.push(error),
        );
    await vi.advanceTimersByTimeAsync(100 * SECOND);
    rounds.push({ accountId, callers: processes.length * CALLERS, answers, posts: server.posts.slice(before) });
  }
  return rounds;
}

async function closeAll({ processes }: SimulatedWorld): Promise<number> {
  let closed = 0;
  for (const { oauth } of processes)
    oauth.close().then(
      () => closed++,
      () => undefined,
    );
  await vi.advanceTimersByTimeAsync(100 * SECOND);
  return closed;
}
