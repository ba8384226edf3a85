/**
 * Several processes, users, clocks, a store and HubSpot, in hundreds of orders that nobody would think of. A seed decides everything, so
 * that a failure can be played again: `SEEDS=1 FROM=<seed> npx vitest run test/refresh/simulation.test.ts`. What must hold comes first.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { describeScenario } from "../support/simulation/scenario.js";
import { runSchedule, type SimulationRun } from "../support/simulation/schedule.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));
vi.mock("node:crypto", async (importOriginal) => {
  const { seededBytes } = await import("../support/simulation/seeded-random.js");
  return { ...(await importOriginal<typeof import("node:crypto")>()), randomBytes: seededBytes };
});

/** Each names what is wrong with a run; nothing is, when it holds. */
const INVARIANTS = {
  "I2 no grant is lost to a second use of a refresh token, while leases hold": ({ scenario, history, grants }) =>
    scenario.leases && history.faults.store === 0
      ? grants.filter(({ endedBy }) => endedBy === "reuse").map(({ number }) => `grant ${number} was revoked`)
      : [],

  "I3 a version is written once": (run) =>
    storeIsReliable(run)
      ? repeated(run.history.writes.flatMap(({ after }) => after?.version ?? [])).map((version) => `${version} came twice`)
      : [],

  "I3 the two tokens of a record are of one grant": ({ history }) =>
    history.writes
      .filter(({ after }) => after?.accessToken !== undefined && grantIn(after.accessToken) !== grantIn(after.refreshToken))
      .map(({ after }) => `${after?.accessToken} with ${after?.refreshToken}`),

  "the newest refresh token reaches the store": ({ history, settled }) =>
    history.faults["lost-answer"] > 0
      ? []
      : settled
          .filter(
            ({ record, grant }) =>
              record.status === "active" && grant?.endedBy === undefined && grant?.refreshToken !== record.refreshToken,
          )
          .map(({ record, grant }) => `the store holds ${record.refreshToken}, HubSpot honours ${grant?.refreshToken}`),

  "I5 a grant is marked dead only when HubSpot refused the refresh token that stands": ({ history }) =>
    history.writes
      .filter(({ after }) => after?.status === "dead")
      .filter(
        ({ atMs, before, after }) =>
          before?.refreshToken !== after?.refreshToken ||
          !history.posts.some(
            (post) => post.refreshToken === after?.refreshToken && post.atMs <= atMs && /refused|reused/.test(post.outcome),
          ),
      )
      .map(({ atMs, after }) => `at ${atMs} ${after?.refreshToken} was marked`),

  "I5 no grant is dead that HubSpot honours": ({ history, settled }) => [
    ...history.writes
      .filter(({ after, honoured }) => after?.status === "dead" && honoured)
      .map(({ atMs, after }) => `at ${atMs} ${after?.refreshToken} was marked`),
    ...settled
      .filter(({ record, grant }) => record.status === "dead" && grant?.endedBy === undefined)
      .map(({ record }) => `${record.refreshToken} stayed dead`),
  ],

  "I6 when a token has expired, one refresh serves all who ask": ({ scenario, processes, lastRounds }) =>
    lastRounds.flatMap(({ accountId, callers, answers, posts }) => [
      ...(answers.length === callers ? [] : [`${accountId}: ${answers.length} of ${callers} were answered`]),
      ...answers.filter((answer) => typeof answer !== "string").map((answer) => `${accountId}: ${String(answer)}`),
      ...(posts.length === 1 || (processes.length > 1 && !scenario.leases) ? [] : [`${accountId}: ${posts.length} requests`]),
    ]),

  "I7 a rejected token is never handed back, nor an error in its place": ({ history }) =>
    history.calls
      .filter(
        ({ rejectedToken, value, error }) =>
          (rejectedToken !== undefined && value === rejectedToken) || /just refused/.test(error?.message ?? ""),
      )
      .map(({ startedAtMs, rejectedToken }) => `the call at ${startedAtMs} got ${rejectedToken}`),

  "I8 nobody gets or stores the tokens of another account": ({ history }) => [
    ...history.calls
      .filter(({ accountId, value }) => typeof value === "string" && !value.startsWith(`at-${accountId}-`))
      .map(({ accountId, value }) => `${accountId} got ${String(value)}`),
    ...history.writes
      .filter(({ accountId, after }) =>
        [after?.accessToken, after?.refreshToken].some((token) => token && token.split("-")[1] !== accountId),
      )
      .map(({ accountId, after }) => `${accountId} holds ${after?.accessToken} and ${after?.refreshToken}`),
  ],

  "I9 no grant comes back once another has replaced it or the account was disconnected": (run) =>
    storeIsReliable(run)
      ? run.history.writes
          .filter(
            ({ accountId, before, after }, index) =>
              after !== undefined &&
              before?.grantId !== after.grantId &&
              run.history.writes
                .slice(0, index)
                .some((earlier) => earlier.accountId === accountId && earlier.after?.grantId === after.grantId),
          )
          .map(({ atMs, by, after }) => `at ${atMs} ${by} brought ${after?.refreshToken} back`)
      : [],

  "a record never gives way to an older one of the same grant": (run) =>
    storeIsReliable(run) && run.history.clockJumps === 0
      ? run.history.writes
          .filter(({ before, after }) => after?.grantId === before?.grantId && Number(after?.obtainedAtMs) < Number(before?.obtainedAtMs))
          .map(({ atMs, by, before, after }) => `at ${atMs} ${by} wrote ${after?.accessToken} over ${before?.accessToken}`)
      : [],

  "every call ends, within two flights": ({ history }) =>
    history.calls
      .filter(({ startedAtMs, endedAtMs }) => endedAtMs === undefined || endedAtMs - startedAtMs > LONGEST_CALL_MS)
      .map(({ name, accountId, startedAtMs, endedAtMs }) => `${name} ${accountId} from ${startedAtMs} to ${endedAtMs}`),

  "every error is one that the application can act on, and the store's only when the store failed": ({ history }) =>
    history.calls
      .filter(({ name, error }) => {
        if (error === undefined) return false;
        if (error.name === "TokenStoreError") return history.faults.store + history.faults["refused-write"] === 0;
        return error.name === "AbortError" ? !name.includes("aborted") : !EXPECTED_ERRORS.has(error.name);
      })
      .map(({ name, accountId, error }) => `${name} ${accountId}: ${error?.stack}`),

  "I10 close() ends, and leaves no timer and no unhandled rejection": ({ processes, closed, timersLeft, unhandled }) => [
    ...(closed === processes.length ? [] : [`${closed} of ${processes.length} closed`]),
    ...(timersLeft === 0 ? [] : [`${timersLeft} timers left`]),
    ...unhandled.map((reason) => `unhandled: ${String(reason)}`),
  ],
} satisfies Record<string, (run: SimulationRun) => readonly string[]>;

/** A forced call may wait for a flight that began before it, and then for its own; a flight gives up after a minute. */
const LONGEST_CALL_MS = 2 * 60_000 + 15_000;

const EXPECTED_ERRORS = new Set([
  "AccountNotConnectedError",
  "ConfigurationError",
  "NetworkError",
  "RateLimitError",
  "ReauthorizationRequiredError",
  "TimeoutError",
  "TokenRequestError",
]);

/** What all schedules together must have met at least this often; otherwise they have proved little. */
const MET_AT_LEAST = {
  "refresh.succeeded": 800,
  "refresh.coalesced": 3_000,
  "refresh.failed": 80,
  "refresh.lost-race": 40,
  "refresh.persist-pending": 20,
  "grant.dead": 50,
  "rate-limit.waited": 20,
  "store.failed": 40,
  "store.unsafe": 25,
  disconnected: 100,
  "a reconnect": 200,
  "a second use of a refresh token": 4,
  "a store fault": 250,
  "a refused write": 30,
  "a request fault": 80,
  "a lost answer": 2,
  "a clock jump": 70,
  "a last round": 150,
};

const ALL_SEEDS = 300;
const SEEDS = Number(process.env["SEEDS"] ?? ALL_SEEDS);
const FROM = Number(process.env["FROM"] ?? 1);

type Invariant = keyof typeof INVARIANTS;
const INVARIANT_NAMES = Object.keys(INVARIANTS) as Invariant[];

describe(`${SEEDS} schedules from seed ${FROM} on`, () => {
  const reports = new Map<Invariant, string[]>();
  const met = new Map<string, number>();

  beforeAll(
    async () => {
      for (let seed = FROM; seed < FROM + SEEDS; seed++) {
        const run = await runSchedule(seed);
        for (const [name, count] of encounters(run)) met.set(name, (met.get(name) ?? 0) + count);
        for (const name of INVARIANT_NAMES) {
          const wrong = INVARIANTS[name](run);
          if (wrong.length > 0) reports.set(name, [...(reports.get(name) ?? []), report(run, wrong)]);
        }
      }
    },
    60_000 + SEEDS * 200,
  );

  test.each(INVARIANT_NAMES)("%s", (name) => {
    const broken = reports.get(name) ?? [];
    expect(broken.slice(0, 2).join("\n\n"), `${broken.length} of ${SEEDS} seeds`).toBe("");
  });

  test.runIf(SEEDS >= ALL_SEEDS)("they meet what they are meant to survive", () => {
    const short = Object.entries(MET_AT_LEAST).filter(([name, least]) => (met.get(name) ?? 0) < least);
    expect(short.map(([name, least]) => `${name}: ${met.get(name) ?? 0} of ${least}`)).toEqual([]);
  });
});

test("a seed replays the same schedule", async () => {
  for (let seed = FROM; seed < FROM + 5; seed++) {
    const first = (await runSchedule(seed)).history.trace;
    expect((await runSchedule(seed)).history.trace).toEqual(first);
  }
});

/** A store that does not compare promises nothing about writes that it failed. */
function storeIsReliable({ scenario, history }: SimulationRun): boolean {
  return scenario.compares || history.faults.store + history.faults["refused-write"] === 0;
}

/** The grant that a token is of: tokens are named `at-<account>-<grant>-<number>`. */
function grantIn(token: string | undefined): string | undefined {
  return token?.split("-")[2];
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}

/** What a run met, and how often. */
function encounters({ history, processes, lastRounds }: SimulationRun): [string, number][] {
  const { writes, posts, faults, clockJumps } = history;
  return [
    ...processes.flatMap(({ events }) => events.map(({ type }): [string, number] => [type, 1])),
    ["a reconnect", writes.filter(({ before, after }) => before && after && before.grantId !== after.grantId).length],
    ["a second use of a refresh token", posts.filter(({ outcome }) => outcome === "reused").length],
    ["a store fault", faults.store],
    ["a refused write", faults["refused-write"]],
    ["a request fault", faults.request],
    ["a lost answer", faults["lost-answer"]],
    ["a clock jump", clockJumps],
    ["a last round", lastRounds.length],
  ];
}

function report({ seed, scenario, history }: SimulationRun, wrong: readonly string[]): string {
  return [`seed ${seed}: ${describeScenario(scenario)}`, ...wrong.map((line) => `  ${line}`), ...history.trace].join("\n");
}
