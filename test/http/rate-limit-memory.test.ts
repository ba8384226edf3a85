/** What the limiter keeps and for how long, how it ends, and what it is made with. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../../src/errors.js";
import { RateLimiter, type RateLimitOptions } from "../../src/http/rate-limit.js";
import { startFakeTime } from "../support/fake-time.js";
import { rejection } from "../transport/ways.js";

let limiters: RateLimiter[] = [];
beforeEach(() => {
  startFakeTime();
});
afterEach(() => {
  for (const limiter of limiters) void limiter.close();
  limiters = [];
  vi.useRealTimers();
});

function limiterOf(options: RateLimitOptions = {}): RateLimiter {
  const limiter = new RateLimiter(options);
  limiters.push(limiter);
  return limiter;
}

/** How many calls may go at once; each is answered at once. */
function goingAtOnce(limiter: RateLimiter, key: string): number {
  for (let count = 0; count < 300; count++) {
    if (!limiter.tryTake(key, "api")) return count;
    limiter.observe(key, "api", {}, performance.now());
  }
  return 300;
}

const advance = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("memory", () => {
  it("forgets accounts that were quiet for a window, by one timer for all that keeps no process alive", async () => {
    const limiter = limiterOf();
    for (let account = 0; account < 1_000; account++) limiter.tryTake(`a${account}`, "api");
    expect(vi.getTimerCount()).toBe(1);
    limiter.pause("paused", "api", 80_000);
    expect(limiter.size).toBe(1_001);
    await advance(20_000);
    expect(limiter.size).toBe(1);
    limiter.tryTake("b", "api");
    await advance(20_000);
    await advance(20_000);
    expect(limiter.size).toBe(1);
    // The pause, and the time until all of the limit is tried again.
    await advance(80_000);
    expect(limiter.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps through an hour of silence what HubSpot has lowered: the next burst must not find out by a 429", async () => {
    const limiter = limiterOf();
    limiter.observe("lowered", "api", { "x-hubspot-ratelimit-max": "100" });
    limiter.observe("raised", "api", { "x-hubspot-ratelimit-max": "190" });
    limiter.tryTake("lowered", "api");
    await advance(3_600_000);
    expect(limiter.size).toBe(1);
    expect(goingAtOnce(limiter, "lowered")).toBe(100);
    await advance(3_700_000);
    expect(limiter.size).toBe(0);
  });

  it("forgets nobody who is paused, though nothing of it counts", async () => {
    const limiter = limiterOf({ limit: 1 });
    limiter.pause("a", "api", 100_000);
    await advance(90_000);
    expect(limiter.tryTake("a", "api")).toBe(false);
  });

  it("forgets nobody who waits or whose calls still count", async () => {
    const limiter = limiterOf({ limit: 1, intervalMs: 100_000 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const gone: number[] = [];
    for (const number of [0, 1]) limiter.wait("a", "api").then(() => gone.push(number), vi.fn());
    await advance(200_000);
    expect(gone).toEqual([0]);
    expect(limiter.size).toBe(1);
    expect(goingAtOnce(limiter, "a")).toBe(0);
  });
});

describe("close", () => {
  it("fails what waits and what comes, and leaves no timer", async () => {
    const limiter = limiterOf({ limit: 1 });
    expect(goingAtOnce(limiter, "a")).toBe(1);
    const waiting = rejection(limiter.wait("a", "api"));
    void limiter.close();
    expect(await waiting).toBeInstanceOf(ConfigurationError);
    await expect(limiter.take("b", "api")).rejects.toThrow("closed");
    limiter.observe("a", "api", {});
    limiter.pause("a", "api", 5);
    expect(limiter.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("options", () => {
  it.each([
    [{ limit: 0 }, "rateLimit.limit"],
    [{ intervalMs: 1.5 }, "rateLimit.intervalMs"],
    [{ searchLimit: -1 }, "rateLimit.searchLimit"],
    [{ searchIntervalMs: Number.NaN }, "rateLimit.searchIntervalMs"],
    [{ maxQueue: -1 }, "rateLimit.maxQueue"],
    [{ store: {} }, "rateLimit.store"],
    [{ max: 5 }, 'no option "max"'],
  ])("%o is refused by name", (options, name) => {
    expect(() => new RateLimiter(options as unknown as RateLimitOptions)).toThrow(TypeError);
    expect(() => new RateLimiter(options as unknown as RateLimitOptions)).toThrow(name);
  });

  it("undefined is left out, and making one starts nothing", () => {
    const limiter = limiterOf({ limit: undefined, store: undefined });
    expect(vi.getTimerCount()).toBe(0);
    expect(goingAtOnce(limiter, "a")).toBe(110);
  });
});
