/** The limiter of one process: who goes at once, who waits and for how long, and what a waiting call leaves behind. */
import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RateLimitError } from "../../src/errors.js";
import type { HubSpotOAuthEvent } from "../../src/events.js";
import { createEmit } from "../../src/events.js";
import { RateLimiter, type RateLimitBucket, type RateLimitOptions } from "../../src/http/rate-limit.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import { rejection } from "../transport/ways.js";

/** The longest that a call counts after its answer: the interval, and what clocks may differ by. */
const spanOf = (intervalMs: number): number => Math.ceil(intervalMs * 1.005) + 1;
const GRACE_MS = 5_000;

let limiters: RateLimiter[] = [];
beforeEach(() => {
  startFakeTime();
});
afterEach(() => {
  for (const limiter of limiters) void limiter.close();
  limiters = [];
  vi.useRealTimers();
});

function limiterOf(options: RateLimitOptions = {}, events: HubSpotOAuthEvent[] = []): RateLimiter {
  const limiter = new RateLimiter(options, { emit: createEmit((event) => void events.push(event)) });
  limiters.push(limiter);
  return limiter;
}

/** How many calls may go at once; each is answered at once. */
function goingAtOnce(limiter: RateLimiter, key: string, bucket: RateLimitBucket = "api", most = 300): number {
  for (let count = 0; count < most; count++) {
    if (!limiter.tryTake(key, bucket)) return count;
    limiter.observe(key, bucket, {}, performance.now());
  }
  return most;
}

/** `count` calls that wait, and the order in which they go. */
function line(limiter: RateLimiter, key: string, count: number, limits: Parameters<RateLimiter["wait"]>[2] = {}): number[] {
  const gone: number[] = [];
  for (let index = 0; index < count; index++) limiter.wait(key, "api", limits).then(() => gone.push(index), vi.fn());
  return gone;
}

const advance = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("a free limiter", () => {
  it("lets HubSpot's 110 calls in 10 seconds go at once, and 5 searches in one, counted apart", () => {
    const limiter = limiterOf();
    expect(limiter.take("a", "api")).toBeUndefined();
    expect(goingAtOnce(limiter, "a")).toBe(109);
    expect(goingAtOnce(limiter, "a", "search")).toBe(5);
  });

  it("counts every account for itself", async () => {
    const limiter = limiterOf({ limit: 2 });
    expect(goingAtOnce(limiter, "a")).toBe(2);
    const waiting = line(limiter, "a", 500);
    expect(goingAtOnce(limiter, "b")).toBe(2);
    await advance(spanOf(10_000));
    expect(waiting).toEqual([0, 1]);
  });

  it("counts a call from its answer on, for the whole interval", async () => {
    const limiter = limiterOf({ limit: 1 });
    expect(limiter.tryTake("a", "api")).toBe(true);
    await advance(700);
    limiter.observe("a", "api", {}, performance.now() - 700);
    await advance(spanOf(10_000) - 1);
    expect(limiter.tryTake("a", "api")).toBe(false);
    await advance(1);
    expect(limiter.tryTake("a", "api")).toBe(true);
  });

  it.each([
    ["api", GRACE_MS, 10_000],
    ["search", 100, 1_000],
  ] as const)("counts a call of %s without an answer from %i ms after it went", async (bucket, graceMs, intervalMs) => {
    const limiter = limiterOf({ limit: 1, searchLimit: 1 });
    const sentMs = performance.now();
    expect(limiter.tryTake("a", bucket)).toBe(true);
    await advance(graceMs + 5);
    // Later than anybody waits for: nothing changes.
    limiter.observe("a", bucket, {}, sentMs);
    await advance(spanOf(intervalMs) - 6);
    expect(limiter.tryTake("a", bucket)).toBe(false);
    await advance(1);
    expect(limiter.tryTake("a", bucket)).toBe(true);
  });

  it("does not let two limits into one interval, whenever they come", async () => {
    const limiter = limiterOf({ limit: 10, intervalMs: 1_000 });
    await advance(995);
    expect(goingAtOnce(limiter, "a")).toBe(10);
    await advance(10);
    expect(goingAtOnce(limiter, "a")).toBe(0);
  });
});

describe("a line", () => {
  it("goes first come, first served, each as soon as it may", async () => {
    const limiter = limiterOf({ limit: 3, intervalMs: 1_000 });
    for (const pauseMs of [100, 100, 0]) {
      expect(goingAtOnce(limiter, "a", "api", 1)).toBe(1);
      await advance(pauseMs);
    }
    const gone = line(limiter, "a", 4);
    const span = spanOf(1_000);
    await advance(span - 201);
    expect(gone).toEqual([]);
    await advance(1);
    expect(gone).toEqual([0]);
    await advance(100);
    expect(gone).toEqual([0, 1]);
    await advance(100);
    expect(gone).toEqual([0, 1, 2]);
  });

  it("lets nobody overtake, not even when a place is free", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const gone = line(limiter, "a", 1);
    // The timer is late: the event loop was busy.
    const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 5_000);
    expect(limiter.tryTake("a", "api")).toBe(false);
    await Promise.resolve();
    expect(gone).toEqual([0]);
    now.mockRestore();
  });

  it("lets calls that HubSpot sent back go before the others, however long it is", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000, maxQueue: 2 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const gone: string[] = [];
    for (const name of ["first", "second"]) limiter.wait("a", "api").then(() => gone.push(name), vi.fn());
    for (const name of ["again", "and again"]) limiter.wait("a", "api", { again: true }).then(() => gone.push(name), vi.fn());
    await advance(10 * (spanOf(1_000) + GRACE_MS));
    expect(gone).toEqual(["again", "and again", "first", "second"]);
  });

  it("is bounded: one more is an error at once, which says when to come again", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000, maxQueue: 2 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const gone = line(limiter, "a", 2);
    const error = await rejection(limiter.wait("a", "api"));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ policyName: "LOCAL_QUEUE", retryable: true, retryAfterMs: 3 * spanOf(1_000) });
    expect(String(error)).toContain("too many calls wait already (2)");
    expect(limiter.take("b", "api")).toBeUndefined();
    await advance(spanOf(1_000));
    expect(gone).toEqual([0]);
    expect(outcomeOf(limiter.wait("a", "api")).status).toBe("pending");
  });

  it("of length 0 is allowed: whoever cannot go at once is refused", async () => {
    const limiter = limiterOf({ limit: 1, maxQueue: 0 });
    expect(limiter.take("a", "api")).toBeUndefined();
    await expect(limiter.take("a", "api")).rejects.toThrow(RateLimitError);
  });

  it("tells how long each waited", async () => {
    const events: HubSpotOAuthEvent[] = [];
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000 }, events);
    expect(goingAtOnce(limiter, "a")).toBe(1);
    line(limiter, "a", 1);
    await advance(spanOf(1_000));
    expect(events).toEqual([{ type: "rate-limit.waited", policyName: "LOCAL_QUEUE", waitMs: spanOf(1_000) }]);
  });

  it("keeps the process alive, and an empty one does not", async () => {
    vi.useRealTimers();
    const limiter = limiterOf({ limit: 1 });
    // Those with a reference only.
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    limiter.tryTake("a", "api");
    expect(timers()).toBe(before);
    const controller = new AbortController();
    const waiting = limiter.wait("a", "api", { signal: controller.signal });
    expect(timers()).toBe(before + 1);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(timers()).toBe(before);
  });
});

describe("a deadline", () => {
  it("that the turn would outlast is an error at once", async () => {
    const limiter = limiterOf({ limit: 2, intervalMs: 1_000 });
    expect(goingAtOnce(limiter, "a")).toBe(2);
    const span = spanOf(1_000);
    const gone = line(limiter, "a", 2);
    const error = await rejection(limiter.wait("a", "api", { maxWaitMs: 2 * span - 1 }));
    expect(error).toMatchObject({ code: "rate_limited", policyName: "LOCAL_QUEUE", retryAfterMs: 2 * span });
    expect(String(error)).toContain("after its deadline");
    const inTime = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 2 * span }));
    await advance(span);
    expect(gone).toEqual([0, 1]);
    for (let calls = 0; calls < 2; calls++) limiter.observe("a", "api", {}, performance.now());
    await advance(span);
    expect(inTime.status).toBe("fulfilled");
  });

  it("is kept in line, when answers come later than was to be hoped", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000 });
    expect(limiter.tryTake("a", "api")).toBe(true);
    const sentMs = performance.now();
    const late = outcomeOf(limiter.wait("a", "api", { maxWaitMs: spanOf(1_000) + 10 }));
    const patient = outcomeOf(limiter.wait("a", "api"));
    await advance(500);
    limiter.observe("a", "api", {}, sentMs);
    await advance(spanOf(1_000) + 10 - 500);
    expect(late).toMatchObject({ status: "rejected", reason: { policyName: "LOCAL_QUEUE" } });
    await advance(490);
    expect(patient.status).toBe("fulfilled");
  });
});

describe("an abort", () => {
  const reason = new Error("enough");

  it("before the call is its reason, and nothing is counted", async () => {
    const limiter = limiterOf({ limit: 1 });
    const signal = AbortSignal.abort(reason);
    expect(await rejection(limiter.take("a", "api", { signal }) ?? Promise.resolve())).toBe(reason);
    expect(await rejection(limiter.wait("a", "api", { signal }))).toBe(reason);
    expect(goingAtOnce(limiter, "a")).toBe(1);
  });

  it("in line frees the place at once, and the others keep their order", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000, maxQueue: 3 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const gone: string[] = [];
    const controller = new AbortController();
    limiter.wait("a", "api").then(() => gone.push("first"), vi.fn());
    const aborted = rejection(limiter.wait("a", "api", { signal: controller.signal }));
    limiter.wait("a", "api").then(() => gone.push("third"), vi.fn());
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    limiter.wait("a", "api").then(() => gone.push("fourth"), vi.fn());
    await advance(10 * (spanOf(1_000) + GRACE_MS));
    expect(gone).toEqual(["first", "third", "fourth"]);
  });

  it("of ten thousand calls leaves no listener, no timer and no place taken", async () => {
    const limiter = limiterOf({ limit: 1, maxQueue: 10_000 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const timers = vi.getTimerCount();
    const warnings = vi.spyOn(process, "emitWarning");
    const controllers = Array.from({ length: 20 }, () => new AbortController());
    const waiting = controllers.flatMap(({ signal }) => Array.from({ length: 500 }, () => rejection(limiter.wait("a", "api", { signal }))));
    const listeners = (): number[] => controllers.map(({ signal }) => getEventListeners(signal, "abort").length);
    expect(new Set(listeners())).toEqual(new Set([500]));
    for (const controller of controllers) controller.abort(reason);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([reason]));
    expect(new Set(listeners())).toEqual(new Set([0]));
    expect(vi.getTimerCount()).toBe(timers);
    expect(warnings).not.toHaveBeenCalled();
    expect(line(limiter, "a", 1)).toEqual([]);
  });

  it("is not listened for any more once the call goes", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const { signal } = new AbortController();
    line(limiter, "a", 1, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await advance(spanOf(1_000));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("a pause", () => {
  it("of the API holds the whole account, searches as well, and no other account", async () => {
    const limiter = limiterOf();
    limiter.pause("a", "api", 3_000);
    expect(goingAtOnce(limiter, "a")).toBe(0);
    expect(goingAtOnce(limiter, "a", "search")).toBe(0);
    expect(goingAtOnce(limiter, "b")).toBe(110);
    const gone = line(limiter, "a", 1);
    await advance(2_999);
    expect(gone).toEqual([]);
    await advance(1);
    expect(gone).toEqual([0]);
    expect(goingAtOnce(limiter, "a", "search")).toBe(5);
  });

  it("of searches holds searches only", () => {
    const limiter = limiterOf();
    limiter.pause("a", "search", 1_000);
    expect(goingAtOnce(limiter, "a", "search")).toBe(0);
    expect(goingAtOnce(limiter, "a")).toBe(110);
  });

  it("is as long as the longest, never cut short by a later one", async () => {
    const limiter = limiterOf();
    limiter.pause("a", "api", 3_000);
    limiter.pause("a", "api", 10);
    await advance(2_999);
    expect(limiter.tryTake("a", "api")).toBe(false);
    await advance(1);
    expect(limiter.tryTake("a", "api")).toBe(true);
  });

  it("fails at once who would wait in vain, in line and new, and nobody else", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 1_000 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const short = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 30_000 }));
    const long = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 300_000 }));
    limiter.pause("a", "api", 60_000);
    await Promise.resolve();
    expect(short).toMatchObject({ status: "rejected", reason: { policyName: "LOCAL_QUEUE", retryAfterMs: 60_000 } });
    await expect(limiter.wait("a", "api", { maxWaitMs: 30_000 })).rejects.toMatchObject({ retryAfterMs: 60_000 });
    expect(long.status).toBe("pending");
    await advance(62_000);
    expect(long.status).toBe("fulfilled");
  });

  it("of nonsense is none, and none is longer than a day", async () => {
    const limiter = limiterOf();
    for (const ms of [0, -5, Number.NaN]) limiter.pause("a", "api", ms);
    expect(limiter.tryTake("a", "api")).toBe(true);
    limiter.pause("a", "api", Number.POSITIVE_INFINITY);
    await advance(86_400_000 - 1);
    expect(limiter.tryTake("a", "api")).toBe(false);
    await advance(1);
    expect(limiter.tryTake("a", "api")).toBe(true);
  });

  it("ends slowly where others use the same limit: what they were given is not asked for at once", async () => {
    const limiter = limiterOf({ limit: 10, intervalMs: 1_000 });
    expect(goingAtOnce(limiter, "a")).toBe(10);
    // Six of the ten were refused.
    for (let refused = 0; refused < 6; refused++) limiter.pause("a", "api", 1_100);
    await advance(1_100);
    expect(goingAtOnce(limiter, "a")).toBe(4);
    // Tried again bit by bit: half of the six after half of the time, all of them after all of it.
    const recoveryMs = 4 * spanOf(1_000);
    await advance(recoveryMs / 2 + 5);
    expect(goingAtOnce(limiter, "a")).toBe(7);
    await advance(recoveryMs / 2);
    expect(goingAtOnce(limiter, "a")).toBe(10);
  });
});
