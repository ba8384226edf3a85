/**
 * Random traffic against a server that counts arrivals in a rolling window, as HubSpot does: it must never have to refuse, nobody may wait
 * for nothing, and everybody's wait must end.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RateLimitError } from "../../src/errors.js";
import { RateLimiter } from "../../src/http/rate-limit.js";
import { startFakeTime } from "../support/fake-time.js";

const INTERVAL_MS = 1_000;
const SPAN_MS = 1_006;
const GRACE_MS = 5_000;

interface PlannedCall {
  readonly key: string;
  /** When it is made. */
  readonly atMs: number;
  /** From the limiter's leave to HubSpot. */
  readonly wayMs: number;
  /** From there to the answer; undefined: it is lost. */
  readonly answerMs: number | undefined;
  /** When its caller gives up, if it waits then. */
  readonly abortMs?: number | undefined;
  readonly maxWaitMs?: number | undefined;
}

interface CallRecord extends PlannedCall {
  goneMs?: number;
  ended?: "gone" | "aborted" | "refused";
}

/** Runs a plan to its end, on fake time. */
async function run(plan: readonly PlannedCall[], limit: number): Promise<CallRecord[]> {
  const limiter = new RateLimiter({ limit, intervalMs: INTERVAL_MS, maxQueue: 1_000 });
  const startMs = performance.now();
  const records: CallRecord[] = [];
  for (const planned of plan) {
    setTimeout(() => {
      const record: CallRecord = { ...planned };
      records.push(record);
      const controller = new AbortController();
      const go = (): void => {
        const sentMs = performance.now();
        record.goneMs = sentMs - startMs;
        record.ended = "gone";
        if (record.answerMs === undefined) return;
        setTimeout(() => limiter.observe(record.key, "api", {}, sentMs), record.wayMs + record.answerMs);
      };
      const turn = limiter.take(record.key, "api", { signal: controller.signal, maxWaitMs: record.maxWaitMs });
      if (turn === undefined) return go();
      if (record.abortMs !== undefined) setTimeout(() => controller.abort(new Error("aborted")), record.abortMs);
      turn.then(go, (error: unknown) => {
        record.ended = error instanceof RateLimitError ? "refused" : "aborted";
      });
    }, planned.atMs);
  }
  // Longer than any line of this test, whatever happens in it.
  await vi.advanceTimersByTimeAsync(20_000 + (plan.length + 1) * (SPAN_MS + GRACE_MS));
  void limiter.close();
  return records;
}

/** The most arrivals of an account in any interval. */
function busiest(records: readonly CallRecord[], key: string): number {
  const arrivals = records.filter((call) => call.key === key && call.goneMs !== undefined);
  const times = arrivals.map((call) => (call.goneMs ?? 0) + call.wayMs).toSorted((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [index, time] of times.entries()) {
    while ((times[first] ?? 0) <= time - INTERVAL_MS) first++;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

const atMs = fc.oneof(fc.integer({ min: 0, max: 4_000 }), fc.constantFrom(0, 0, 990, 1_000, 1_010, 2_013));
const giveUp = fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 2 });
const limits = fc.integer({ min: 1, max: 12 });

/** Plans in the order of time: timers of the same moment fire in the order in which they were set. */
function plans(call: Record<"wayMs" | "answerMs", fc.Arbitrary<number | undefined>>, keys: readonly string[] = ["a", "b"]) {
  const fields = { key: fc.constantFrom(...keys), atMs, abortMs: giveUp, maxWaitMs: giveUp, ...call };
  return fc
    .array(fc.record(fields), { minLength: 1, maxLength: 60 })
    .map((plan) => plan.toSorted((a, b) => a.atMs - b.atMs) as readonly PlannedCall[]);
}

const constantLatency = fc
  .tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }))
  .chain(([wayMs, answerMs]) => plans({ wayMs: fc.constant(wayMs), answerMs: fc.constant(answerMs) }));
const anyLatency = plans({
  wayMs: fc.integer({ min: 0, max: GRACE_MS - 1 }),
  answerMs: fc.option(fc.integer({ min: 0, max: 6_000 }), { nil: undefined }),
});

beforeEach(() => {
  startFakeTime();
});
afterEach(() => {
  vi.useRealTimers();
});

const runs = { numRuns: 60 };

describe("against a rolling window", () => {
  it.each([
    ["constant", constantLatency],
    ["any that is within the grace on the way there", anyLatency],
  ])("the server never sees more than the limit in any interval, with a latency that is %s", async (_, latencies) => {
    await fc.assert(
      fc.asyncProperty(latencies, limits, async (plan, limit) => {
        const records = await run(plan, limit);
        for (const key of ["a", "b"]) expect(busiest(records, key)).toBeLessThanOrEqual(limit);
      }),
      runs,
    );
  });

  it("every wait ends: the call goes, or its caller gives up", async () => {
    await fc.assert(
      fc.asyncProperty(anyLatency, limits, async (plan, limit) => {
        const records = await run(plan, limit);
        expect(records).toHaveLength(plan.length);
        for (const call of records) {
          expect(call.ended).toBeDefined();
          if (call.abortMs === undefined) expect(call.ended).not.toBe("aborted");
          if (call.maxWaitMs === undefined) expect(call.ended).not.toBe("refused");
          if (call.goneMs !== undefined)
            expect(call.goneMs - call.atMs).toBeLessThanOrEqual((call.maxWaitMs ?? Number.POSITIVE_INFINITY) + 1);
        }
      }),
      runs,
    );
  });

  it("the calls of an account go in the order in which they came", async () => {
    await fc.assert(
      fc.asyncProperty(anyLatency, limits, async (plan, limit) => {
        const records = await run(plan, limit);
        for (const key of ["a", "b"]) {
          const gone = records.filter((call) => call.key === key && call.goneMs !== undefined).map((call) => call.goneMs ?? 0);
          expect(gone).toEqual(gone.toSorted((a, b) => a - b));
        }
      }),
      runs,
    );
  });

  it("nobody waits while there is room", async () => {
    await fc.assert(
      fc.asyncProperty(constantLatency, limits, async (plan, limit) => {
        const records = await run(plan, limit);
        for (const call of records) {
          // Timers are whole milliseconds.
          const beforeMs = (call.goneMs ?? 0) - 2;
          if (call.goneMs === undefined || beforeMs < call.atMs) continue;
          const counted = records.filter(({ key, goneMs, wayMs, answerMs = GRACE_MS }) => {
            const latencyMs = Math.min(wayMs + answerMs, GRACE_MS);
            return key === call.key && goneMs !== undefined && goneMs <= beforeMs && goneMs + latencyMs + SPAN_MS > beforeMs;
          });
          expect(counted.length).toBeGreaterThanOrEqual(limit);
        }
      }),
      runs,
    );
  });

  it("an account goes as if it were alone, whatever another one does", async () => {
    await fc.assert(
      fc.asyncProperty(constantLatency, limits, async (plan, limit) => {
        const only = (records: readonly CallRecord[]): (number | undefined)[] =>
          records.filter(({ key }) => key === "a").map(({ goneMs }) => goneMs);
        const together = only(await run(plan, limit));
        expect(together).toEqual(
          only(
            await run(
              plan.filter(({ key }) => key === "a"),
              limit,
            ),
          ),
        );
      }),
      runs,
    );
  });

  it.each([
    [20, 0.95],
    [200, 0.8],
  ])("with latencies of %i ms a full line gets at least %d of what the limit allows", async (latencyMs, share) => {
    const plan = Array.from({ length: 400 }, () => ({ key: "a", atMs: 0, wayMs: latencyMs / 2, answerMs: latencyMs / 2 }));
    const records = await run(plan, 20);
    const lastMs = Math.max(...records.map((call) => call.goneMs ?? Number.POSITIVE_INFINITY));
    // The first 20 need no time: 19 intervals for the rest.
    expect((19 * INTERVAL_MS) / lastMs).toBeGreaterThanOrEqual(share);
  });
});
