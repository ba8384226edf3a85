/** The simulation's judge, on schedules whose verdict is known: what it excuses is really lost, and it excuses nothing else. */
import { describe, expect, test, vi } from "vitest";
import type { GrantedLease, Moment, Post } from "../support/simulation/history.js";
import { INVARIANT_NAMES, INVARIANTS } from "../support/simulation/invariants.js";
import { type Failpoint, FAILPOINT_NAMES, type Harm, type Plan } from "../support/simulation/plan.js";
import { type Run, runSchedule } from "../support/simulation/schedule.js";
import { whyLost } from "../support/simulation/unrecoverable.js";
import type { ServerGrant } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));
vi.mock("node:crypto", async (importOriginal) => {
  const { seededBytes } = await import("../support/simulation/seeded-random.js");
  return { ...(await importOriginal<typeof import("node:crypto")>()), randomBytes: seededBytes };
});

/** Two processes ask at once for an expired token, and once more later; one of them comes to harm. */
function plan(rotation: Plan["rotation"], at: Failpoint, does: Harm["does"], lands = true): Plan {
  return {
    rotation,
    clients: 2,
    store: "leasing",
    cacheMs: [60_000, 60_000, 60_000],
    skewMs: [0, 0, 0],
    expiresIn: 1800,
    silent: false,
    pace: "instant",
    age: 1.2,
    steps: [
      { host: 0, account: 0, act: { do: "ask", callers: 2, everywhere: true }, thenMs: 60_000 },
      { host: 0, account: 0, act: { do: "ask", callers: 1, everywhere: true }, thenMs: 31 * 60_000 },
    ],
    harms: [{ at, skip: 0, does, lands, ms: 70_000 }],
    luck: 1,
  };
}

function verdicts({ history, grants }: Run): (string | undefined)[] {
  return grants.filter(({ endedBy }) => endedBy === "reuse").map((grant) => whyLost(history, grant));
}

function broken(run: Run): string[] {
  return INVARIANT_NAMES.filter((name) => INVARIANTS[name](run).length > 0);
}

/** After HubSpot has replaced the refresh token, and before the store has the new one. */
const WINDOW_OF_U1: readonly Failpoint[] = ["F8", "F9", "F10", "F11"];

describe("under strict rotation", () => {
  test.each(FAILPOINT_NAMES)("a crash at %s loses the grant in the window of U1 only", async (at) => {
    const run = await runSchedule(plan("strict", at, "crash"));
    expect(run.done).toEqual([{ at, does: "crash" }]);
    expect(verdicts(run)).toEqual(WINDOW_OF_U1.includes(at) ? ["U1"] : []);
    expect(broken(run)).toEqual([]);
  });

  test.each(FAILPOINT_NAMES)("a pause of 70 s at %s loses the grant in the windows of U1 and U2 only", async (at) => {
    const all: (string | undefined)[] = [];
    // Who goes on first after a pause, the request or its deadline, is for the order of events to decide.
    for (let luck = 0; luck < 8; luck++) {
      const run = await runSchedule({ ...plan("strict", at, "pause"), luck });
      expect(run.done).toEqual([{ at, does: "pause" }]);
      expect(broken(run)).toEqual([]);
      all.push(...verdicts(run));
    }
    const expected = at === "F6" || at === "F7" ? ["U2"] : WINDOW_OF_U1.includes(at) ? ["U1"] : [];
    expect([...new Set(all)]).toEqual(expected);
  });

  test("a write that did not land is lost with its process, one that landed is not", async () => {
    expect(verdicts(await runSchedule(plan("strict", "F12", "crash", false)))).toEqual(["U1"]);
    expect(verdicts(await runSchedule(plan("strict", "F12", "crash", true)))).toEqual([]);
  });
});

describe.each(["none", "grace"] as const)("under rotation %s", (rotation) => {
  test.each(FAILPOINT_NAMES)("a crash at %s loses nothing, and a new process has a token", async (at) => {
    const run = await runSchedule(plan(rotation, at, "crash"));
    expect(verdicts(run)).toEqual([]);
    expect(run.recoveries.map(({ result }) => typeof result)).toEqual(["string", "string"]);
    expect(broken(run)).toEqual([]);
  });
});

describe("what is not excused", () => {
  /** A schedule that lost a grant to U1: the second request, and the record of the first that could have been written. */
  async function lostToCrash(): Promise<{ readonly run: Run; readonly first: Post; readonly second: Post; readonly grant: ServerGrant }> {
    const run = await runSchedule(plan("strict", "F10", "crash"));
    const grant = run.grants.find(({ endedBy }) => endedBy === "reuse");
    const [first, second] = run.history.posts.filter(({ refreshToken }) => refreshToken === run.history.posts[0]?.refreshToken);
    if (grant === undefined || first === undefined || second === undefined) throw new Error("nothing was lost");
    expect(whyLost(run.history, grant)).toBe("U1");
    return { run, first, second, grant };
  }

  test("a second use while the first one's process lived and its lease ran", async () => {
    const { run, first, second, grant } = await lostToCrash();
    run.history.crashes.clear();
    first.isOpen = true;
    expect(whyLost(run.history, grant)).toBe("U1");
    Object.assign(second.lease ?? {}, { granted: { ...second.lease?.granted, atMs: (first.lease?.granted.atMs ?? 0) + 29_999 } });
    expect(whyLost(run.history, grant)).toBeUndefined();
    expect(broken(run)).toContain("I2 no grant is lost to a second use of a refresh token, but by U1 and U2");
  });

  test("a second use without a lease", async () => {
    const { run, first, second, grant } = await lostToCrash();
    run.history.crashes.clear();
    first.isOpen = true;
    Object.assign(second, { lease: undefined });
    expect(whyLost(run.history, grant)).toBeUndefined();
  });

  test("a second use although the new refresh token stood in the store", async () => {
    const { run, first, second, grant } = await lostToCrash();
    const [write] = run.history.writes;
    const after = write?.after;
    if (write === undefined || after === undefined) throw new Error("nothing was written");
    run.history.writes.push({
      ...write,
      at: { atMs: 0, order: (second.read?.order ?? 0) - 1 },
      after: { ...after, refreshToken: first.given ?? "" },
    });
    expect(whyLost(run.history, grant)).toBeUndefined();
  });

  test("a request that was sent when the lease was no longer to be trusted", async () => {
    const { run, second, grant } = await lostToCrash();
    const lease = second.lease as GrantedLease;
    run.history.crashes.clear();
    run.history.posts.forEach((post) => (post.isOpen = true));
    const at = (atMs: number): Moment => ({ atMs: lease.granted.atMs + atMs, order: second.sent.order });
    Object.assign(second, {
      lease: { ...lease, granted: at(-31_000), askedAtMs: lease.granted.atMs - 31_000 },
      sent: at(-21_000),
      processed: at(0),
    });
    expect(whyLost(run.history, grant)).toBe("U2");
    Object.assign(second, { sent: at(-20_999) });
    expect(whyLost(run.history, grant)).toBeUndefined();
  });
});
