/**
 * Several processes, users, clocks, a store and HubSpot, in thousands of orders that nobody would think of. Each schedule is drawn, put in
 * order and, when it breaks an invariant, shrunk by fast-check, under virtual time: `SCHEDULES=10000 SEED=7 npx vitest run --project
 * library test/refresh/simulation.test.ts` plays more or others, `SEED=7 SCHEDULE=123` one of them again. What must hold stands in
 * `test/support/simulation/invariants.ts`.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { type Invariant, INVARIANT_NAMES, INVARIANTS } from "../support/simulation/invariants.js";
import { describePlan, FAILPOINT_NAMES, HARMS, plans } from "../support/simulation/plan.js";
import { type Run, runSchedule } from "../support/simulation/schedule.js";
import { whyLost } from "../support/simulation/unrecoverable.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));
vi.mock("node:crypto", async (importOriginal) => {
  const { seededBytes } = await import("../support/simulation/seeded-random.js");
  return { ...(await importOriginal<typeof import("node:crypto")>()), randomBytes: seededBytes };
});

/** As many as fit in twenty seconds of one core. */
const USUAL = 2_000;
const SEED = Number(process.env["SEED"] ?? 1);
const ONE = process.env["SCHEDULE"];
const SCHEDULES = ONE === undefined ? Number(process.env["SCHEDULES"] ?? USUAL) : 1;
/** More broken schedules than this tell nothing new. */
const ENOUGH_BROKEN = 20;

/** What the usual number of schedules must have met at least this often; otherwise they have proved little. */
const MET_AT_LEAST: Readonly<Record<string, number>> = {
  "event refresh.succeeded": 5_000,
  "event refresh.coalesced": 800,
  "event refresh.failed": 300,
  "event refresh.lost-race": 50,
  "event refresh.persist-pending": 100,
  "event grant.dead": 150,
  "event rate-limit.waited": 50,
  "event store.failed": 50,
  "event store.unsafe": 50,
  "event disconnected": 150,
  "a reconnect": 300,
  "a crash": 300,
  "a store fault": 2_000,
  "a request fault": 1_000,
  "a clock jump": 200,
  "a last round": 1_500,
  "a process that recovered": 2_500,
  "a grant lost to U1": 50,
};

describe(`${ONE ?? SCHEDULES} of the schedules of seed ${SEED}`, () => {
  /** For each invariant the schedules that broke it. */
  const broken = new Map<Invariant, number[]>();
  const met = new Map<string, number>();
  const cells = new Map<string, number>();
  let played = 0;

  beforeAll(
    async () => {
      const property = fc.asyncProperty(plans, async (plan) => {
        const run = await runSchedule(plan);
        for (const name of INVARIANT_NAMES) if (INVARIANTS[name](run).length > 0) broken.set(name, [...(broken.get(name) ?? []), played]);
        for (const name of encounters(run)) count(met, name);
        for (const name of cellsOf(run)) count(cells, name);
        played++;
        return [...broken.values()].flat().length < ENOUGH_BROKEN;
      });
      await fc.check(property, { seed: SEED, numRuns: SCHEDULES, endOnFailure: true, ...(ONE !== undefined && { path: ONE }) });
      console.info(summary(played, cells, met));
    },
    60_000 + SCHEDULES * 150,
  );

  test.each(INVARIANT_NAMES)(
    "%s",
    async (name) => {
      const [first, ...others] = broken.get(name) ?? [];
      const report = first === undefined ? "" : await smallest(name, ONE ?? String(first));
      expect(report, `schedule ${first} and ${others.length} others of ${played}`).toBe("");
    },
    300_000,
  );

  test.runIf(SCHEDULES >= USUAL)("every failpoint was met under every rotation by 1, 2 and 3 clients", () => {
    const least = Math.max(1, Math.floor(SCHEDULES / 1_000));
    const wanted = FAILPOINT_NAMES.flatMap((at) =>
      ["none", "strict", "grace"].flatMap((rotation) => [1, 2, 3].map((clients) => `${at} x ${rotation} x ${clients}`)),
    );
    expect(wanted).toHaveLength(126);
    expect(wanted.filter((name) => (cells.get(name) ?? 0) < least)).toEqual([]);
  });

  test.runIf(SCHEDULES >= USUAL)("every harm was done at every failpoint", () => {
    const wanted = FAILPOINT_NAMES.flatMap((at) => HARMS.map((does) => `${does} at ${at}`));
    expect(wanted.filter((name) => (met.get(name) ?? 0) === 0)).toEqual([]);
  });

  test.runIf(SCHEDULES >= USUAL)("the schedules meet what they are meant to survive", () => {
    const short = Object.entries(MET_AT_LEAST).filter(([name, least]) => (met.get(name) ?? 0) < least);
    expect(short.map(([name, least]) => `${name}: ${met.get(name) ?? 0} of ${least}`)).toEqual([]);
  });
});

test("a plan always gives the same run", async () => {
  for (const plan of fc.sample(plans, { seed: SEED, numRuns: 20 })) {
    const { trace } = (await runSchedule(plan)).history;
    expect((await runSchedule(plan)).history.trace).toEqual(trace);
  }
});

/** The smallest schedule that breaks an invariant, found from one that does: what it was, what happened, and how to see it again. */
async function smallest(name: Invariant, path: string): Promise<string> {
  const holds = fc.asyncProperty(plans, async (plan) => INVARIANTS[name](await runSchedule(plan)).length === 0);
  const { counterexample, counterexamplePath } = await fc.check(holds, { seed: SEED, path, numRuns: 1 });
  if (counterexample === null) return "did not happen again";
  const run = await runSchedule(counterexample[0]);
  return [
    `SEED=${SEED} SCHEDULE=${path} (smallest: SCHEDULE=${counterexamplePath})`,
    ...INVARIANTS[name](run).map((line) => `  ${line}`),
    describePlan(run.plan),
    ...run.history.trace,
  ].join("\n");
}

/** What a run met: a name for each time. */
function* encounters({ history, clients, done, grants, recoveries, lastRounds }: Run): Generator<string> {
  for (const { events } of clients) for (const { type } of events) yield `event ${type}`;
  for (const { at, does } of done) yield `${does} at ${at}`;
  for (const { before, after } of history.writes) if (before && after && before.grantId !== after.grantId) yield "a reconnect";
  for (const { result } of recoveries) if (typeof result === "string") yield "a process that recovered";
  for (const grant of grants) if (grant.endedBy === "reuse") yield `a grant lost to ${whyLost(history, grant) ?? "no leases"}`;
  yield* Array.from(history.crashes, () => "a crash");
  yield* Array.from({ length: history.storeFaults }, () => "a store fault");
  yield* Array.from({ length: history.requestFaults }, () => "a request fault");
  yield* Array.from({ length: history.clockJumps }, () => "a clock jump");
  yield* lastRounds.map(() => "a last round");
}

function cellsOf({ done, plan }: Run): string[] {
  return done.map(({ at }) => `${at} x ${plan.rotation} x ${plan.clients}`);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function summary(played: number, cells: ReadonlyMap<string, number>, met: ReadonlyMap<string, number>): string {
  const times = [...cells.values()].toSorted((a, b) => a - b);
  const lost = ["U1", "U2"].map((why) => `${met.get(`a grant lost to ${why}`) ?? 0} to ${why}`).join(", ");
  return (
    `${played} schedules, SEED=${SEED}: ${cells.size} of 126 cells of failpoint x rotation x clients met, ` +
    `each ${times[0] ?? 0} to ${times.at(-1) ?? 0} times; grants lost: ${lost}.`
  );
}
