/** One limit for several processes on a real Redis: the script's arithmetic, then limiters that share it. */
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from "vitest";
import { TokenStoreError } from "../../src/errors.js";
import { createEmit, type HubSpotOAuthEvent } from "../../src/events.js";
import { RateLimiter, type RateLimitExchange, type RateLimitGrant, type RateLimitOptions } from "../../src/http/rate-limit.js";
import { RedisRateLimitStore } from "../../src/stores/redis-rate-limit.js";
import { type RedisCluster, startRedisCluster } from "../support/servers/redis-cluster.js";
import { hasRedis } from "../support/servers/redis.js";
import { rejection } from "../transport/ways.js";
import { clusterClients, singleClients } from "./support/redis-clients.js";
import { startRedisGate } from "./support/redis-gate.js";

const port = inject("redisPort");
const KEY = "7fff6469-5b1b-4a8e-8d9c:customer@example.com";

/** One exchange, of which the test names what matters. */
const told = (exchange: Partial<RateLimitExchange>): RateLimitExchange => ({
  spanMs: 60_000,
  limit: 10,
  graceMs: 30_000,
  need: 0,
  spare: 0,
  answered: 0,
  unused: 0,
  refused: 0,
  remaining: undefined,
  remainingAgeMs: 0,
  pauseMs: 0,
  ...exchange,
});

describe.skipIf(port === undefined)("on one server", () => {
  let admin: Redis;
  let store: RedisRateLimitStore;
  let namespace: string;
  const limiters: RateLimiter[] = [];
  const newStore = (): RedisRateLimitStore => new RedisRateLimitStore({ client: admin, namespace });
  const ask = (exchange: Partial<RateLimitExchange>, key = KEY): Promise<RateLimitGrant> => store.exchange(key, "api", told(exchange));
  const keys = (): Promise<string[]> => admin.keys(`${namespace}:*`);
  const onlyKey = async (): Promise<string> => (await keys())[0] ?? "";

  beforeAll(() => {
    admin = new Redis(port ?? 0);
  });
  afterAll(() => admin.disconnect());
  const begin = (): void => {
    namespace = `test-${randomUUID()}`;
    store = newStore();
  };
  afterEach(async () => {
    await Promise.all(limiters.splice(0).map((limiter) => limiter.close()));
  });

  describe("the script", () => {
    it("grants up to the limit, then says when to come again", async () => {
      begin();
      expect(await ask({ need: 7 })).toEqual({ granted: 7, waitMs: 0, pausedMs: 0, free: 3 });
      expect(await ask({ need: 7 })).toEqual({ granted: 3, waitMs: 60_000, pausedMs: 0, free: 0 });
      expect(await ask({ need: 7 })).toMatchObject({ granted: 0, free: 0 });
      expect(await ask({ need: 1 }, "another account")).toMatchObject({ granted: 1, free: 9 });
    });

    it("grants exactly the limit to any number that ask at once", async () => {
      begin();
      const grants = await Promise.all(Array.from({ length: 50 }, () => newStore().exchange(KEY, "api", told({ need: 1 }))));
      expect(grants.filter(({ granted }) => granted === 1)).toHaveLength(10);
    });

    it("counts a call from its answer on", async () => {
      begin();
      await ask({ need: 10, spanMs: 200 });
      // Not told, it counts until the grace and the span are over.
      const { waitMs } = await ask({ answered: 4, spanMs: 200 });
      expect(waitMs).toBe(200);
      await vi.waitFor(async () => expect(await ask({ spanMs: 200 })).toMatchObject({ free: 4 }), { timeout: 5_000, interval: 20 });
    });

    it("counts a call by itself when its answer is not told within the grace", async () => {
      begin();
      await ask({ need: 10, spanMs: 100, graceMs: 100 });
      expect(await ask({ spanMs: 100, graceMs: 100 })).toMatchObject({ free: 0 });
      await vi.waitFor(async () => expect(await ask({ spanMs: 100, graceMs: 100 })).toMatchObject({ free: 10 }), { interval: 20 });
    });

    it("takes back what was not used", async () => {
      begin();
      await ask({ need: 10 });
      expect(await ask({ unused: 4 })).toMatchObject({ granted: 0, free: 4 });
    });

    it("grants calls in advance only while more than half of the window is free", async () => {
      begin();
      expect(await ask({ need: 2, spare: 2 })).toMatchObject({ granted: 4, free: 6 });
      expect(await ask({ need: 1, spare: 5 })).toMatchObject({ granted: 1, free: 5 });
      expect(await ask({ need: 1, spare: 5 })).toMatchObject({ granted: 1, free: 4 });
    });

    it("holds everybody during a pause, of which the longest counts", async () => {
      begin();
      await ask({ pauseMs: 5_000 });
      const { waitMs, pausedMs, granted } = await newStore().exchange(KEY, "api", told({ need: 5, pauseMs: 10 }));
      expect(granted).toBe(0);
      expect(pausedMs).toBeGreaterThan(4_000);
      expect(pausedMs).toBeLessThanOrEqual(5_000);
      expect(waitMs).toBe(pausedMs);
      expect(await store.exchange(KEY, "search", told({ need: 1 }))).toMatchObject({ granted: 1 });
    });

    it("keeps after a pause what was refused for the others, and lets one try at least", async () => {
      begin();
      await ask({ refused: 6, pauseMs: 20 });
      await vi.waitFor(async () => expect(await ask({})).toMatchObject({ pausedMs: 0 }), { interval: 10 });
      expect(await ask({ need: 10 })).toMatchObject({ granted: 4, free: 0 });
      expect(await ask({ refused: 600, pauseMs: 20 }, "b")).toMatchObject({ granted: 0 });
      await vi.waitFor(async () => expect(await ask({}, "b")).toMatchObject({ pausedMs: 0 }), { interval: 10 });
      expect(await ask({ need: 10 }, "b")).toMatchObject({ granted: 1 });
    });

    it("takes for the others' what is gone and was not granted here; it comes free evenly", async () => {
      begin();
      expect(await ask({ need: 3, remaining: 5, spanMs: 2_000 })).toMatchObject({ granted: 3, free: 2 });
      // Known by now: the three, and five of others.
      expect(await ask({ remaining: 2, spanMs: 2_000 })).toMatchObject({ free: 2 });
      await vi.waitFor(async () => expect((await ask({ spanMs: 2_000 })).free).toBeGreaterThanOrEqual(4), { timeout: 5_000 });
    });

    it("takes for ours what HubSpot may have counted when it said so, though it is over by now", async () => {
      begin();
      await ask({ need: 8, spanMs: 50, graceMs: 30_000 });
      await ask({ answered: 8, spanMs: 50 });
      await vi.waitFor(async () => expect(await ask({ spanMs: 50 })).toMatchObject({ free: 10 }), { interval: 10 });
      expect(await ask({ spanMs: 50, remaining: 2, remainingAgeMs: 10_000 })).toMatchObject({ free: 10 });
      expect(await ask({ spanMs: 60_000, limit: 20, remaining: 0, remainingAgeMs: 0 })).toMatchObject({ free: 0 });
    });

    it("is not stopped by a clock that was set back", async () => {
      begin();
      await ask({ need: 10 });
      const ahead = Date.now() + 3 * 86_400_000;
      await admin.zadd(await onlyKey(), ahead, "x:1", ahead, "x:2", -ahead, "pause");
      expect(await ask({ unused: 10, need: 10 })).toMatchObject({ granted: 10, pausedMs: 0 });
    });

    it("leaves keys that expire, are short, and name nobody", async () => {
      begin();
      await ask({ need: 10 });
      await store.exchange(KEY, "search", told({ need: 1, pauseMs: 500_000 }));
      await ask({ need: 1 }, "k".repeat(10_000));
      const names = await keys();
      expect(names).toHaveLength(3);
      for (const name of names) {
        expect(name).toMatch(/^test-[\w-]+:\{[\w-]{22}\}:rate-(?:api|search)$/);
        expect(await admin.pttl(name)).toBeGreaterThan(60_000);
        expect(await admin.pttl(name)).toBeLessThan(1_000_000);
      }
    });

    it("forgets calls that are over: the set does not grow", async () => {
      begin();
      await ask({ need: 1, spanMs: 10_000, graceMs: 1 });
      const key = await onlyKey();
      for (let round = 0; round < 30; round++) {
        await ask({ need: 10, spanMs: 1, graceMs: 1 });
        await vi.waitFor(async () => expect(await ask({ spanMs: 1, graceMs: 1 })).toMatchObject({ free: 10 }), { interval: 1 });
      }
      const left = async (): Promise<number> => {
        await ask({ spanMs: 1, graceMs: 1 });
        return admin.zcard(key);
      };
      await vi.waitFor(async () => expect(await left()).toBe(0), { interval: 1 });
    });

    it("keeps namespaces apart, and survives a flush of all scripts and keys", async () => {
      begin();
      await ask({ need: 10 });
      const other = new RedisRateLimitStore({ client: admin, namespace: `${namespace}-2` });
      expect(await other.exchange(KEY, "api", told({ need: 10 }))).toMatchObject({ granted: 10 });
      await admin.script("FLUSH");
      await admin.del(...(await keys()));
      expect(await ask({ need: 10 })).toMatchObject({ granted: 10 });
    });
  });

  describe("limiters of several processes", () => {
    const limiterOf = (options: RateLimitOptions = {}, events: HubSpotOAuthEvent[] = []): RateLimiter => {
      const emit = createEmit((event) => void events.push(event));
      const limiter = new RateLimiter({ limit: 20, intervalMs: 400, store: newStore(), ...options }, { emit });
      limiters.push(limiter);
      return limiter;
    };

    it("together never exceed the limit in any interval, however many calls they have", async () => {
      begin();
      const arrivals = new Map<string, number[]>();
      const call = async (limiter: RateLimiter, key: string): Promise<void> => {
        await limiter.take(key, "api");
        const sentMs = performance.now();
        // Some take a while to get there.
        if (Math.floor(sentMs) % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
        arrivals.set(key, [...(arrivals.get(key) ?? []), performance.now()]);
        limiter.observe(key, "api", {}, sentMs);
      };
      const calls: Promise<void>[] = [];
      for (const limiter of Array.from({ length: 4 }, () => limiterOf())) {
        for (let index = 0; index < 15; index++) for (const key of ["a", "b", "c"]) calls.push(call(limiter, key));
      }
      await Promise.all(calls);
      for (const times of arrivals.values()) {
        expect(times).toHaveLength(60);
        const sorted = times.toSorted((a, b) => a - b);
        for (let index = 20; index < 60; index++) expect((sorted[index] ?? 0) - (sorted[index - 20] ?? 0)).toBeGreaterThanOrEqual(400);
      }
    });

    it("pause together when one is told 429", async () => {
      begin();
      const [one, other] = [limiterOf(), limiterOf()];
      await one.take("a", "api");
      await other.take("a", "api");
      one.pause("a", "api", 60_000);
      await vi.waitFor(async () => {
        const error = await rejection(other.wait("a", "api", { maxWaitMs: 1_000 }));
        expect(error).toMatchObject({ policyName: "LOCAL_QUEUE" });
      });
      await expect(other.wait("a", "search", { maxWaitMs: 1_000 })).rejects.toMatchObject({ policyName: "LOCAL_QUEUE" });
      await expect(other.wait("b", "api", { maxWaitMs: 1_000 })).resolves.toBeUndefined();
    });

    it("go on when Redis goes, each for itself, and share again when it is back", async () => {
      begin();
      const gate = await startRedisGate(port ?? 0);
      const client = new Redis(gate.port, { enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: () => 20 });
      client.on("error", () => undefined);
      try {
        await new Promise<void>((resolve) => void client.once("ready", resolve));
        const events: HubSpotOAuthEvent[] = [];
        const limiter = limiterOf({ limit: 1_000, store: new RedisRateLimitStore({ client, namespace }) }, events);
        await limiter.take("a", "api");
        expect(await keys()).toHaveLength(1);
        await gate.cut();
        for (let call = 0; call < 20; call++) await limiter.take("a", "api");
        const failures = events.filter(({ type }) => type === "store.failed");
        expect(failures).toEqual([{ type: "store.failed", accountId: "a", operation: "rate-limit" }]);
        await gate.open();
        await admin.del(...(await keys()));
        await vi.waitFor(
          async () => {
            await limiter.take("a", "api");
            expect(await keys()).toHaveLength(1);
          },
          { timeout: 10_000, interval: 50 },
        );
      } finally {
        client.disconnect();
        await gate.close();
      }
    });
  });

  it("a driver's error says what happened and nothing of what was sent", async () => {
    begin();
    const client = new Redis({ port: port ?? 0, enableOfflineQueue: false, lazyConnect: true });
    const asked = new RedisRateLimitStore({ client, namespace }).exchange(KEY, "api", told({ need: 1 }));
    const error = (await rejection(asked)) as Error;
    expect(error).toBeInstanceOf(TokenStoreError);
    expect(JSON.stringify([error, String(error), error.cause])).not.toContain("7fff");
    client.disconnect();
  });

  it.each(Object.entries(singleClients))("works over %s", async (_, open) => {
    begin();
    const { client, close } = await open(port ?? 0);
    const over = new RedisRateLimitStore({ client, namespace });
    expect(await over.exchange(KEY, "api", told({ need: 7 }))).toEqual({ granted: 7, waitMs: 0, pausedMs: 0, free: 3 });
    expect(await over.exchange(KEY, "api", told({ need: 7, remaining: 3 }))).toMatchObject({ granted: 3, free: 0 });
    await close();
  });
});

describe.skipIf(!hasRedis())("on a cluster", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  it.each(Object.entries(clusterClients))("works over %s, whichever server an account lives on", async (_, open) => {
    const { client, close } = await open(cluster.ports);
    const store = new RedisRateLimitStore({ client, namespace: randomUUID() });
    for (let account = 0; account < 12; account++) {
      for (const bucket of ["api", "search"] as const) {
        expect(await store.exchange(`${account}{}`, bucket, told({ need: 20 }))).toMatchObject({ granted: 10, free: 0 });
      }
    }
    await close();
  });
});

describe("a client that is none, and options that are wrong", () => {
  it.each([
    [{}, "client"],
    [{ client: {} }, "client"],
    [{ client: new Redis({ lazyConnect: true }), namespace: "a b" }, "namespace"],
    [{ client: new Redis({ lazyConnect: true }), prefix: "a" }, "prefix"],
  ])("are refused by name: %#", (options, name) => {
    expect(() => new RedisRateLimitStore(options as never)).toThrow(TypeError);
    expect(() => new RedisRateLimitStore(options as never)).toThrow(name);
  });

  it("whose answer is no answer is an error", async () => {
    const client = { call: async () => "OK", disconnect: () => undefined, options: {}, status: "ready" };
    await expect(new RedisRateLimitStore({ client }).exchange(KEY, "api", told({ need: 1 }))).rejects.toThrow("unexpected answer");
  });
});
