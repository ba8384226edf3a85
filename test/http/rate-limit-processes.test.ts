/**
 * Several processes call for the same accounts, on fake time, against a server that counts arrivals in a rolling window and refuses: with a
 * shared store they use the limit and are not refused; without one they find their shares, and every call gets through.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  RateLimiter,
  type RateLimitBucket,
  type RateLimitExchange,
  type RateLimitGrant,
  type RateLimitStore,
} from "../../src/http/rate-limit.js";
import { startFakeTime } from "../support/fake-time.js";

const INTERVAL_MS = 1_000;
const PROCESSES = 4;

/** What `RedisRateLimitStore` does, without pauses and without others. */
class MemoryStore implements RateLimitStore {
  exchanges = 0;
  readonly #calls = new Map<string, number[]>();

  async exchange(key: string, bucket: RateLimitBucket, told: RateLimitExchange): Promise<RateLimitGrant> {
    this.exchanges++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    const nowMs = performance.now();
    const name = `${bucket} ${key}`;
    let calls = (this.#calls.get(name) ?? []).filter((sinceMs) => sinceMs > nowMs - told.spanMs);
    const underWay = (count: number): number[] => calls.filter((sinceMs) => sinceMs > nowMs).slice(0, count);
    const answered = underWay(told.answered);
    calls = [...calls.filter((sinceMs) => !answered.includes(sinceMs)), ...answered.map(() => nowMs)].toSorted((a, b) => a - b);
    const unused = underWay(told.unused);
    calls = calls.filter((sinceMs) => !unused.includes(sinceMs));
    const free = told.limit - calls.length;
    const needed = Math.max(0, Math.min(told.need, free));
    const granted = needed + Math.max(0, Math.min(told.spare, free - needed - Math.floor(told.limit / 2)));
    // A different number for each, so that it names its call.
    for (let index = 0; index < granted; index++) calls.push(nowMs + told.graceMs + (this.exchanges + index / 1_000) / 1e6);
    this.#calls.set(name, calls);
    const next = calls.find((sinceMs) => sinceMs <= nowMs) ?? nowMs;
    return { granted, waitMs: free > granted ? 0 : next + told.spanMs - nowMs, pausedMs: 0, free: free - granted };
  }
}

interface Server {
  readonly arrivals: Map<string, number[]>;
  refused: number;
  total: number;
}

/** Every process makes its calls at once; a refused one pauses its account and goes again. Answers the attempts of each call. */
async function run(
  limiters: readonly RateLimiter[],
  { accounts, calls, limit, latencyMs }: Record<"accounts" | "calls" | "limit" | "latencyMs", number>,
): Promise<{ readonly server: Server; readonly attempts: readonly number[]; readonly lastMs: number }> {
  const startMs = performance.now();
  const server: Server = { arrivals: new Map(), refused: 0, total: 0 };
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  let lastMs = 0;
  const call = async (limiter: RateLimiter, key: string, number: number): Promise<number> => {
    for (let attempt = 1; ; attempt++) {
      await limiter.take(key, "api", { again: attempt > 1 });
      const sentMs = performance.now();
      await sleep(latencyMs / 2 + (number % 7));
      const nowMs = performance.now();
      const seen = (server.arrivals.get(key) ?? []).filter((time) => time > nowMs - INTERVAL_MS);
      const accepted = seen.length < limit;
      server.total++;
      if (accepted) server.arrivals.set(key, [...seen, nowMs]);
      else server.refused++;
      await sleep(latencyMs / 2 + (number % 5));
      const remaining = `${Math.max(0, limit - seen.length - 1)}`;
      limiter.observe(key, "api", { "x-hubspot-ratelimit-remaining": remaining }, sentMs);
      lastMs = performance.now() - startMs;
      if (accepted) return attempt;
      limiter.pause(key, "api", INTERVAL_MS + 13 * (number % 8));
    }
  };
  const all: Promise<number>[] = [];
  for (const [process, limiter] of limiters.entries()) {
    for (let number = 0; number < calls; number++) {
      for (let account = 0; account < accounts; account++) all.push(call(limiter, `account ${account}`, number + process));
    }
  }
  let attempts: readonly number[] | undefined;
  const done = Promise.all(all).then((each) => (attempts = each));
  for (let second = 0; attempts === undefined && second < 300; second++) await vi.advanceTimersByTimeAsync(1_000);
  for (const limiter of limiters) void limiter.close();
  return { server, attempts: await done, lastMs };
}

beforeEach(() => {
  startFakeTime();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("four processes", () => {
  it.each([20, 100])(
    "that share a store are never refused, and use at least 90 percent of the limit (latency %i ms)",
    async (latencyMs) => {
      const [limit, calls, accounts] = [22, 44, 3];
      const store = new MemoryStore();
      const limiters = Array.from({ length: PROCESSES }, () => new RateLimiter({ limit, intervalMs: INTERVAL_MS, store }));
      const { server, lastMs } = await run(limiters, { accounts, calls, limit, latencyMs });
      expect(server.refused).toBe(0);
      expect(server.total).toBe(PROCESSES * calls * accounts);
      // 8 times the limit for each account: the first goes at once, and the last need not be waited for.
      const rate = (PROCESSES * calls) / (lastMs / INTERVAL_MS) / limit;
      expect(rate).toBeGreaterThanOrEqual(0.9);
      expect(store.exchanges).toBeLessThan(server.total);
    },
  );

  it("that share nothing are refused at first, and then find their shares: no call has to go more than five times", async () => {
    const [limit, calls] = [110, 100];
    const limiters = Array.from({ length: PROCESSES }, () => new RateLimiter({ limit, intervalMs: INTERVAL_MS }));
    const { server, attempts, lastMs } = await run(limiters, { accounts: 1, calls, limit, latencyMs: 40 });
    expect(server.refused).toBeGreaterThan(0);
    expect(attempts).toHaveLength(PROCESSES * calls);
    expect(Math.max(...attempts)).toBeLessThanOrEqual(5);
    expect(attempts.filter((count) => count > 3).length).toBeLessThan(attempts.length / 50);
    expect(lastMs).toBeLessThan(8 * INTERVAL_MS);
  });
});
