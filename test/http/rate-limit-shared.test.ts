/** The limiter over a store that processes share: what it asks and tells, and that a bad store never fails a call. */
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEmit, type HubSpotOAuthEvent } from "../../src/events.js";
import {
  RateLimiter,
  type RateLimitBucket,
  type RateLimitExchange,
  type RateLimitGrant,
  type RateLimitOptions,
} from "../../src/http/rate-limit.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import { rejection } from "../transport/ways.js";

const SPAN_MS = 1_006;
const GRACE_MS = 5_000;

interface Told extends RateLimitExchange {
  readonly key: string;
  readonly bucket: RateLimitBucket;
}

type Answer = Partial<RateLimitGrant> | Error | "never" | "nonsense";

/** A limiter over a store that answers as scripted: one answer per exchange, the last one for all that follow. */
function shared(answers: Answer[], options: RateLimitOptions = {}) {
  const told: Told[] = [];
  const events: HubSpotOAuthEvent[] = [];
  const store = {
    exchange: async (key: string, bucket: RateLimitBucket, exchange: RateLimitExchange): Promise<RateLimitGrant> => {
      told.push({ key, bucket, ...exchange });
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
      if (answer instanceof Error) throw answer;
      if (answer === "never") return new Promise<never>(() => undefined);
      if (answer === "nonsense") return { granted: 1_000_000, waitMs: 0, pausedMs: 0, free: 0 };
      return { granted: 0, waitMs: 0, pausedMs: 0, free: 0, ...answer };
    },
  };
  const limiter = new RateLimiter(
    { limit: 40, intervalMs: 1_000, store, ...options },
    { emit: createEmit((event) => void events.push(event)) },
  );
  limiters.push(limiter);
  return { limiter, told, events, answers };
}

function line(limiter: RateLimiter, count: number): number[] {
  const gone: number[] = [];
  for (let index = 0; index < count; index++) {
    const waiting = limiter.take("a", "api");
    if (waiting === undefined) gone.push(index);
    else waiting.then(() => gone.push(index), vi.fn());
  }
  return gone;
}

let limiters: RateLimiter[] = [];
const advance = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms);
};
beforeEach(() => {
  startFakeTime();
});
afterEach(async () => {
  const closing = Promise.all(limiters.map((limiter) => limiter.close()));
  if (vi.isFakeTimers()) await advance(2_000); // A store that never answers is given up.
  await closing;
  limiters = [];
  vi.useRealTimers();
});

describe("asking", () => {
  it("asks once for all calls of a turn, and again for the rest when more can be had", async () => {
    const { limiter, told } = shared([{ granted: 30, waitMs: 400 }, { granted: 10 }]);
    const gone = line(limiter, 40);
    await advance(0);
    expect(told).toEqual([
      {
        key: "a",
        bucket: "api",
        spanMs: SPAN_MS,
        limit: 40,
        graceMs: GRACE_MS,
        need: 40,
        spare: 0,
        answered: 0,
        unused: 0,
        refused: 0,
        remaining: undefined,
        remainingAgeMs: 0,
        pauseMs: 0,
      },
    ]);
    expect(gone).toHaveLength(30);
    await advance(399);
    expect(told).toHaveLength(1);
    await advance(1);
    expect(told[1]).toMatchObject({ need: 10 });
    expect(gone).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  it("asks for calls that come meanwhile with the next question, never two at a time", async () => {
    const open: ((grant: RateLimitGrant) => void)[] = [];
    const exchange = vi.fn<(key: string, bucket: RateLimitBucket, told: RateLimitExchange) => Promise<RateLimitGrant>>(
      () => new Promise((resolve) => open.push(resolve)),
    );
    const limiter = new RateLimiter({ store: { exchange } });
    limiters.push(limiter);
    const gone = line(limiter, 1);
    await Promise.resolve();
    line(limiter, 3);
    await Promise.resolve();
    expect(exchange).toHaveBeenCalledTimes(1);
    open[0]?.({ granted: 1, waitMs: 0, pausedMs: 0, free: 50 });
    await turn();
    expect(gone).toEqual([0]);
    expect(exchange).toHaveBeenCalledTimes(2);
    expect(exchange.mock.calls[1]?.[2].need).toBe(3);
  });

  it("asks for a few in advance where calls follow each other; those go at once", async () => {
    const { limiter, told } = shared([
      { granted: 1, free: 39 },
      { granted: 2, free: 37 },
    ]);
    await limiter.take("a", "api");
    await limiter.take("a", "api");
    expect(told.map(({ need, spare }) => [need, spare])).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(limiter.take("a", "api")).toBeUndefined();
    expect(told).toHaveLength(2);
  });

  it("counts a call that left the line while it was asked for as one in advance", async () => {
    const { limiter, told } = shared([{ granted: 1, free: 0 }]);
    const controller = new AbortController();
    const aborted = rejection(limiter.take("a", "api", { signal: controller.signal }) ?? Promise.resolve());
    await Promise.resolve();
    expect(told).toHaveLength(1);
    controller.abort(new Error("enough"));
    expect(await aborted).toEqual(new Error("enough"));
    await advance(0);
    expect(limiter.take("a", "api")).toBeUndefined();
  });

  it("is not forgotten while somebody waits, though none of our calls counts", async () => {
    const { limiter, told } = shared([{ waitMs: 30_000 }]);
    line(limiter, 1);
    await advance(20_000);
    line(limiter, 1);
    await advance(10_000);
    expect(told.map(({ need }) => need)).toEqual([1, 2]);
  });

  it("of a store that answers without a promise is possible", async () => {
    const limiter = new RateLimiter({ store: { exchange: () => ({ granted: 1, waitMs: 0, pausedMs: 0, free: 9 }) } });
    limiters.push(limiter);
    await expect(limiter.take("a", "api")).resolves.toBeUndefined();
  });
});

describe("telling", () => {
  it("tells with the next question how many were answered", async () => {
    const { limiter, told } = shared([
      { granted: 3, free: 30 },
      { granted: 1, free: 30 },
    ]);
    line(limiter, 3);
    await advance(0);
    for (let answer = 0; answer < 2; answer++) limiter.observe("a", "api", { "x-hubspot-ratelimit-remaining": "12" }, performance.now());
    await advance(50);
    expect(told).toHaveLength(1);
    line(limiter, 1);
    await advance(0);
    expect(told[1]).toMatchObject({ answered: 2, remaining: 12, remainingAgeMs: 50 });
  });

  it("tells by itself when others wait for it, soon and with a timer that keeps no process alive", async () => {
    const { limiter, told } = shared([{ granted: 3, free: 0 }]);
    line(limiter, 3);
    await advance(0);
    limiter.observe("a", "api", {}, performance.now());
    limiter.observe("a", "api", {}, performance.now());
    await advance(SPAN_MS / 40 + 1);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ need: 0, answered: 2 });
  });

  it("tells nothing that the store knows by itself by then", async () => {
    const { limiter, told } = shared([
      { granted: 2, free: 30 },
      { granted: 0, free: 30 },
      { granted: 1, free: 30 },
    ]);
    line(limiter, 2);
    await advance(0);
    const sentMs = performance.now();
    await advance(GRACE_MS / 2);
    limiter.observe("a", "api", { "x-hubspot-ratelimit-remaining": "1" }, sentMs);
    await advance(GRACE_MS / 4);
    expect(told[1]).toMatchObject({ answered: 1 });
    limiter.observe("a", "api", {}, sentMs);
    limiter.observe("a", "api", {}, performance.now());
    line(limiter, 1);
    await advance(0);
    expect(told[2]).toMatchObject({ answered: 1 });
    await advance(GRACE_MS / 2 + 1);
    line(limiter, 1);
    await advance(0);
    expect(told.at(-1)).toMatchObject({ remaining: undefined });
  });

  it("tells of a 429 at once, for both buckets, and that the call did not count", async () => {
    const { limiter, told } = shared([{ granted: 1, free: 30 }, {}]);
    line(limiter, 1);
    await advance(0);
    limiter.observe("a", "api", {}, performance.now());
    limiter.pause("a", "api", 700);
    await advance(0);
    expect(told.slice(1).map(({ bucket, pauseMs, refused, answered, unused }) => ({ bucket, pauseMs, refused, answered, unused }))).toEqual(
      [
        { bucket: "api", pauseMs: 700, refused: 1, answered: 0, unused: 1 },
        { bucket: "search", pauseMs: 700, refused: 0, answered: 0, unused: 0 },
      ],
    );
  });

  it("hears of another process's pause: who cannot wait so long fails, the others ask when it is over", async () => {
    const { limiter, told } = shared([{ waitMs: 5_000, pausedMs: 5_000 }, { granted: 1 }]);
    const short = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 1_000 }));
    const long = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 10_000 }));
    await advance(0);
    expect(short).toMatchObject({ status: "rejected" });
    expect(short.reason).toMatchObject({ policyName: "LOCAL_QUEUE", retryAfterMs: 5_000 });
    await advance(5_000);
    expect(told).toHaveLength(2);
    expect(long.status).toBe("fulfilled");
  });
});

describe("a store that fails", () => {
  it.each<[string, Answer, number]>([
    ["rejects", new Error("token-like-text"), 0],
    ["does not answer", "never", 500],
    ["answers nonsense", "nonsense", 0],
    ["answers something that is no number", { granted: "1" as unknown as number }, 0],
  ])("that %s costs no call: each process counts for itself, and one event says so", async (_, answer, afterMs) => {
    const { limiter, events } = shared([answer]);
    const gone = line(limiter, 50);
    await advance(afterMs);
    await turn();
    expect(gone).toHaveLength(40);
    limiter.take("b", "api")?.catch(vi.fn());
    await advance(20);
    expect(events.filter(({ type }) => type !== "rate-limit.waited")).toEqual([
      { type: "store.failed", accountId: "a", operation: "rate-limit" },
    ]);
    expect(JSON.stringify(events)).not.toContain("token-like-text");
    for (let call = 0; call < 40; call++) limiter.observe("a", "api", {}, performance.now());
    await advance(SPAN_MS);
    expect(gone).toHaveLength(50);
  });

  it("is asked again after a second, by a question nobody waits for", async () => {
    const { limiter, told, answers, events } = shared([new Error("down")]);
    await limiter.take("a", "api");
    expect(told).toHaveLength(1);
    await advance(999);
    expect(limiter.take("a", "api")).toBeUndefined();
    expect(told).toHaveLength(1);
    await advance(1);
    expect(limiter.take("a", "api")).toBeUndefined();
    expect(limiter.take("a", "api")).toBeUndefined();
    await advance(0);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ need: 0 });
    expect(events.filter(({ type }) => type === "store.failed")).toHaveLength(1);
    expect(limiter.take("a", "api")).toBeUndefined();
    answers[0] = { granted: 0, free: 5 };
    await advance(1_000);
    expect(limiter.take("a", "api")).toBeUndefined();
    await advance(0);
    answers[0] = { granted: 1, free: 5 };
    await limiter.take("a", "api");
    expect(told.at(-1)).toMatchObject({ need: 1 });
  });

  it("keeps the pause that it told of before", async () => {
    const { limiter, events } = shared([{ granted: 1 }, { waitMs: 5_000, pausedMs: 5_000 }, new Error("down")]);
    await limiter.take("a", "api");
    for (let answer = 0; answer < 2; answer++) {
      limiter.observe("a", "api", {}, performance.now());
      await advance(200);
    }
    expect(events).toContainEqual(expect.objectContaining({ type: "store.failed" }));
    expect(limiter.tryTake("a", "api")).toBe(false);
    expect(limiter.tryTake("b", "api")).toBe(true);
  });

  it("does not outlast anybody's deadline", async () => {
    const { limiter } = shared(["never"]);
    const waiting = outcomeOf(limiter.wait("a", "api", { maxWaitMs: 100 }));
    await advance(102);
    expect(waiting).toMatchObject({ status: "rejected", reason: { policyName: "LOCAL_QUEUE" } });
  });

  it("that answers while the event loop was busy has answered in time", async () => {
    vi.useRealTimers();
    const events: HubSpotOAuthEvent[] = [];
    // The answer takes a turn for I/O, as a socket's does; the timer is due before.
    const store = { exchange: () => turn().then(() => ({ granted: 1, waitMs: 0, pausedMs: 0, free: 9 })) };
    const limiter = new RateLimiter({ store }, { emit: createEmit((event) => void events.push(event)) });
    limiters.push(limiter);
    const waiting = limiter.take("a", "api");
    await Promise.resolve();
    const untilMs = performance.now() + 520;
    while (performance.now() < untilMs);
    await waiting;
    expect(events).toEqual([expect.objectContaining({ type: "rate-limit.waited" })]);
  });

  it("is not asked after close", async () => {
    const { limiter, told } = shared([{ granted: 1 }]);
    const waiting = rejection(limiter.wait("a", "api"));
    await limiter.close();
    expect(await waiting).toMatchObject({ code: "configuration" });
    await advance(1_000);
    expect(told).toEqual([]);
  });
});

describe("what others may wait for", () => {
  it("goes back when nobody here has used it for a part of the interval, and is not used any more", async () => {
    const { limiter, told } = shared([{ granted: 2, free: 38 }, { granted: 3, free: 35 }, { granted: 0 }]);
    line(limiter, 2);
    await advance(0);
    line(limiter, 1);
    await advance(Math.ceil(SPAN_MS / 10) - 1);
    expect(told).toHaveLength(2);
    await advance(2);
    expect(told[2]).toMatchObject({ need: 0, spare: 0, unused: 2 });
    expect(limiter.tryTake("a", "api")).toBe(false);
    await advance(GRACE_MS);
    expect(told).toHaveLength(3);
  });

  it("is told by close: calls that were answered, and granted ones that were not made", async () => {
    const { limiter, told } = shared([
      { granted: 2, free: 38 },
      { granted: 3, free: 35 },
    ]);
    line(limiter, 2);
    await advance(0);
    line(limiter, 1);
    await advance(0);
    limiter.observe("a", "api", {});
    await limiter.close();
    expect(told).toHaveLength(3);
    expect(told[2]).toMatchObject({ need: 0, spare: 0, answered: 1, unused: 2 });
  });

  it("is told by close after the exchange under way, which may grant more", async () => {
    let answer: ((grant: RateLimitGrant) => void) | undefined;
    const told: RateLimitExchange[] = [];
    const exchange = (_key: string, _bucket: RateLimitBucket, exchanged: RateLimitExchange): Promise<RateLimitGrant> => {
      told.push(exchanged);
      return new Promise((resolve) => (answer = resolve));
    };
    const limiter = new RateLimiter({ store: { exchange } });
    const waiting = rejection(limiter.wait("a", "api"));
    await advance(0);
    const closing = limiter.close();
    expect(await waiting).toMatchObject({ code: "configuration" });
    answer?.({ granted: 1, waitMs: 0, pausedMs: 0, free: 9 });
    await advance(0);
    expect(told[1]).toMatchObject({ need: 0, spare: 0, unused: 1 });
    answer?.({ granted: 0, waitMs: 0, pausedMs: 0, free: 10 });
    await closing;
  });

  it("is told by close for each bucket, and nothing is asked for that nobody will use", async () => {
    const { limiter, told } = shared([{ granted: 1, free: 39 }]);
    for (const bucket of ["api", "search"] as const) {
      expect(limiter.take("a", bucket)).toBeInstanceOf(Promise);
      await advance(0);
      limiter.observe("a", bucket, {});
    }
    const before = told.length;
    await limiter.close();
    expect(told.slice(before)).toEqual([
      expect.objectContaining({ bucket: "api", need: 0, spare: 0, answered: 1 }),
      expect.objectContaining({ bucket: "search", need: 0, spare: 0, answered: 1 }),
    ]);
  });

  it("is told by close: a 429 that came last", async () => {
    const { limiter, told } = shared([{ granted: 1, free: 39 }]);
    line(limiter, 1);
    await advance(0);
    limiter.pause("a", "api", 1_000);
    await limiter.close();
    expect(told.slice(1)).toEqual([expect.objectContaining({ bucket: "api", answered: 0, unused: 0, refused: 1, pauseMs: 1_000 })]);
  });

  it("is not told by close while the store is down: closing does not wait for it", async () => {
    const { limiter, told } = shared([new Error("down")]);
    line(limiter, 1);
    await advance(0);
    limiter.observe("a", "api", {});
    await limiter.close();
    expect(told).toHaveLength(1);
  });

  it("is not waited for by close when the store fails: the event says so", async () => {
    const { limiter, events } = shared([{ granted: 1, free: 9 }, new Error("down")]);
    line(limiter, 1);
    await advance(0);
    limiter.observe("a", "api", {});
    await limiter.close();
    expect(events).toContainEqual(expect.objectContaining({ type: "store.failed", operation: "rate-limit" }));
  });
});
