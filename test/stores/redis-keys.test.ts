/** What the Redis stores keep under which keys, whom they keep apart, and which options they refuse. */
import { randomUUID } from "node:crypto";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis";
import { Cluster as Cluster6, Redis as Redis6 } from "ioredis-6";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import * as redis5 from "redis-5";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { ConfigurationError, HubSpotOAuthClient, TokenStoreError } from "../../src/index.js";
import { EncryptedTokenStore } from "../../src/stores/encrypted.js";
import { type RedisClient, RedisStateStore, RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { runStoreContract } from "../../src/testing/store-contract/run.js";
import { hasRedis, type RedisServer, startRedis } from "../support/servers/redis.js";
import { vitest } from "./support/contract-runner.js";
import { CANARY, leaks } from "./support/redis-leaks.js";
import { listed } from "./support/redis-stores.js";

const long = { ttlMs: 60_000 };

describe.skipIf(!hasRedis())("on a server of its own", () => {
  let server: RedisServer;
  let client: Redis5;
  beforeAll(async () => {
    server = await startRedis();
    client = new Redis5({ host: "127.0.0.1", port: server.port });
  });
  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  const fresh = (): RedisTokenStore => new RedisTokenStore({ client, namespace: randomUUID() });
  const keys = async (): Promise<string[]> => (await client.keys("*")).toSorted();

  it("a plain id is readable in its keys, and each key says what it is", async () => {
    await client.flushall();
    const store = new RedisTokenStore({ client });
    await store.set("62515", exampleRecord("62515"));
    await store.set("tenant-7/ü", exampleRecord("tenant-7/ü"));
    await store.lease("62515", long);
    await new RedisStateStore({ client }).consume("a_state-id", long);
    expect(await keys()).toEqual([
      "hubspot-oauth:{62515}:lease",
      "hubspot-oauth:{62515}:record",
      "hubspot-oauth:{a_state-id}:state",
      "hubspot-oauth:{tenant-7%2f%c3%bc}:record",
    ]);
  });

  it("a record has no end; a lease and a state have theirs", async () => {
    await client.flushall();
    const store = new RedisTokenStore({ client, namespace: "n" });
    await store.set("1", exampleRecord("1"), { ifVersion: null });
    await store.set("1", exampleRecord("1"), { ifVersion: "version-1" });
    await store.set("2", exampleRecord("2"));
    await store.lease("1", { ttlMs: 30_000 });
    await new RedisStateStore({ client, namespace: "n" }).consume("s", { ttlMs: 1_200_000.5 });
    expect(await client.pttl("n:{1}:record")).toBe(-1);
    expect(await client.pttl("n:{2}:record")).toBe(-1);
    expect(await client.pttl("n:{1}:lease")).toSatisfy((ms: number) => ms > 25_000 && ms <= 30_000);
    expect(await client.pttl("n:{s}:state")).toSatisfy((ms: number) => ms > 1_195_000 && ms <= 1_200_001);
  });

  it("after a delete nothing of the account is left", async () => {
    await client.flushall();
    const store = fresh();
    await store.set("1", exampleRecord("1"));
    await (await store.lease("1", long))?.release();
    await store.delete("1", { ifVersion: "version-1" });
    expect(await keys()).toEqual([]);
  });

  it("TN-03 no two pairs of namespace and id share a record, a lease or a state", async () => {
    const namespaces = ["a", "a:", "a:b", ":a", "A", "a:record", "record", "a:lease", "a:state"];
    const ids = ["c", "b:c", "}:record", "{c}", "c}:record", "c}:lease", "*", "c\u0000", "\u0000", "%00", "\ud800", "\udfff", "\ufffd", ""];
    const pairs = namespaces.flatMap((namespace) =>
      ids.map((id) => ({ namespace, id, store: new RedisTokenStore({ client, namespace }) })),
    );
    await client.flushall();
    for (const { namespace, id, store } of pairs) {
      const pair = JSON.stringify([namespace, id]);
      expect(await store.set(id, exampleRecord(id, { reason: pair }), { ifVersion: null }), pair).toBe(true);
      expect(await store.lease(id, long), pair).toBeDefined();
      expect(await new RedisStateStore({ client, namespace }).consume(id, long), pair).toBe(true);
    }
    for (const { namespace, id, store } of pairs) expect((await store.get(id))?.reason).toBe(JSON.stringify([namespace, id]));
    for (const namespace of namespaces) expect(await listed(new RedisTokenStore({ client, namespace }))).toEqual(ids.toSorted());
  });

  it("a list is complete beside a hundred thousand other keys, and looks at a thousand at a time", async () => {
    await client.flushall();
    await client.eval(`for i = 1, 100000 do redis.call("SET", "other:" .. i, i) end`, 0);
    const store = fresh();
    for (let index = 0; index < 50; index++) await store.set(`${index}`, exampleRecord(`${index}`));
    await client.config("RESETSTAT");
    expect(await listed(store)).toEqual(Array.from({ length: 50 }, (_, index) => `${index}`).toSorted());
    const stats = await client.info("commandstats");
    expect(stats).not.toContain("cmdstat_keys");
    // A thousand keys at a time: many short looks, and not too many of them.
    expect(Number(/cmdstat_scan:calls=(\d+)/.exec(stats)?.[1])).toSatisfy((calls: number) => calls >= 100 && calls <= 250);
  });

  it("two apps in one namespace by mistake: the second is told so, and changes nothing", async () => {
    const store = fresh();
    const app = (clientId: string): HubSpotOAuthClient =>
      new HubSpotOAuthClient({
        clientId,
        clientSecret: "secret",
        redirectUri: "https://app.example.com/callback",
        scopes: ["oauth"],
        tokenStore: store,
        fetch: () => Promise.reject(new TypeError("no network here")),
      });
    const [first, second] = [app("production"), app("staging")];
    onTestFinished(async () => {
      await first.close();
      await second.close();
    });
    await first.saveTokens({
      accessToken: CANARY,
      refreshToken: CANARY,
      expiresAtMs: Date.now() + 1_800_000,
      hubId: "1",
      scopes: ["oauth"],
    });
    const before = await store.get("1");
    const calls = [
      () => second.getAccessToken("1"),
      () => second.getAccessToken("1", { force: true }),
      () => second.saveTokens({ refreshToken: "other", hubId: "1", scopes: ["oauth"] }),
      () => second.disconnect("1"),
    ];
    for (const call of calls) {
      const failure = await call().then(String, (error: unknown) => error);
      expect(failure).toBeInstanceOf(ConfigurationError);
      expect(leaks(failure)).toBe(false);
    }
    expect(await store.get("1")).toEqual(before);
    expect(await first.getAccessToken("1")).toBe(CANARY);
  });

  it.each<[string, (key: string) => Promise<unknown>]>([
    ["not JSON", (key) => client.hset(key, "d", `{"accessToken":"${CANARY}"`)],
    ["null", (key) => client.hset(key, "d", "null")],
    ["a record of another version than its field says", (key) => client.hset(key, "v", "other")],
    ["without its version", (key) => client.hdel(key, "v")],
    ["without its data", (key) => client.hdel(key, "d")],
  ])("a record that is damaged (%s) is an error without its content, and stays", async (_, damage) => {
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    await store.set("1", exampleRecord("1", { accessToken: CANARY }));
    await damage(`${namespace}:{1}:record`);
    const failure = await store.get("1").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TokenStoreError);
    expect(leaks(failure)).toBe(false);
    expect(await client.exists(`${namespace}:{1}:record`)).toBe(1);
  });

  it("tokens of 8 KB pass", async () => {
    const store = fresh();
    const record = exampleRecord("1", { accessToken: "a".repeat(8_192), refreshToken: "r".repeat(8_192) });
    expect(await store.set("1", record, { ifVersion: null })).toBe(true);
    expect(await store.get("1")).toEqual(record);
  });

  it("ST-04 of 50 concurrent uses of one state over three connections, one is the first", async () => {
    const clients = Array.from({ length: 3 }, () => new Redis5({ host: "127.0.0.1", port: server.port }));
    onTestFinished(() => clients.forEach((one) => one.disconnect()));
    const stores = clients.map((one) => new RedisStateStore({ client: one }));
    const answers = await Promise.all(Array.from({ length: 50 }, async (_, index) => stores[index % 3]?.consume("once", long)));
    expect(answers.filter((answer) => answer === true)).toHaveLength(1);
    expect(answers.filter((answer) => answer === false)).toHaveLength(49);
  });

  it("a user with the commands and keys that the documentation lists can do everything, and nothing else", async () => {
    const rules = [
      "on",
      ">password",
      "resetkeys",
      "~n:*",
      "-@all",
      "+hmget",
      "+hget",
      "+hset",
      "+del",
      "+get",
      "+set",
      "+evalsha",
      "+eval",
      "+scan",
    ];
    await client.call("acl", "setuser", "tokens", ...rules);
    const limited = createClient({ url: `redis://tokens:password@127.0.0.1:${server.port}`, disableClientInfo: true });
    onTestFinished(() => limited.destroy());
    await limited.connect();
    await client.flushall();
    await client.script("FLUSH");
    const store = new RedisTokenStore({ client: limited, namespace: "n" });
    expect(await store.set("1", exampleRecord("1"), { ifVersion: null })).toBe(true);
    await store.set("1", exampleRecord("1"));
    expect(await store.get("1")).toEqual(exampleRecord("1"));
    await (await store.lease("1", long))?.release();
    expect(await listed(store)).toEqual(["1"]);
    expect(await store.delete("1", { ifVersion: "version-1" })).toBe(true);
    expect(await store.delete("1")).toBe(true);
    expect(await new RedisStateStore({ client: limited, namespace: "n" }).consume("s", long)).toBe(true);
    const elsewhere = new RedisTokenStore({ client: limited, namespace: "m" });
    await expect(elsewhere.get("1")).rejects.toMatchObject({ driverCode: "NOPERM" });
    await expect(elsewhere.lease("1", long)).rejects.toMatchObject({ driverCode: "NOPERM" });
  });

  describe("under an EncryptedTokenStore", () => {
    const encrypted = new WeakMap<EncryptedTokenStore, string>();
    const keyRing = [{ id: "k1", key: new Uint8Array(32).fill(7) }];
    const over = (namespace: string): EncryptedTokenStore => {
      const store = new EncryptedTokenStore({ store: new RedisTokenStore({ client, namespace }), keys: keyRing });
      encrypted.set(store, namespace);
      return store;
    };
    runStoreContract(vitest, {
      create: () => over(randomUUID()),
      second: (store) => over(encrypted.get(store as EncryptedTokenStore) ?? ""),
      createNamespace: () => over(randomUUID()),
      breakBackend: () =>
        client
          .call("replicaof", "127.0.0.1", "9")
          .then(() => client.config("SET", "replica-serve-stale-data", "no"))
          .then(() => undefined),
      mend: () => client.call("replicaof", "no", "one").then(() => undefined),
    });

    it("Redis holds no token in the clear", async () => {
      await client.flushall();
      await over("n").set("1", exampleRecord("1", { accessToken: CANARY, refreshToken: CANARY }));
      const { v, d } = await client.hgetall("n:{1}:record");
      expect(v).toBe("version-1");
      expect(d).toContain('"sealed":');
      expect(d).not.toContain(CANARY);
    });
  });
});

describe("options", () => {
  const idle = createClient();

  it.each<[string, () => unknown]>([
    ["nothing", () => undefined],
    ["a URL", () => "redis://localhost"],
    ["a function", () => createClient],
    ["an empty object", () => ({})],
    ["an ioredis pipeline", () => new Redis5({ lazyConnect: true }).pipeline()],
    ["a node-redis transaction", () => createClient().multi()],
    ["a node-redis sentinel", () => createSentinel({ name: "main", sentinelRootNodes: [{ host: "127.0.0.1", port: 1 }] })],
    ["a node-redis client with a key prefix", () => createClient({ keyPrefix: "app:" })],
    ["a node-redis pool with a key prefix", () => createClientPool({ keyPrefix: "app:" })],
    ["a node-redis cluster with a key prefix", () => createCluster({ rootNodes: [], keyPrefix: "app:" })],
    ["the client of node_redis 3", () => ({ send_command: () => true, sendCommand: () => true, connected: true })],
    ["a Map", () => new Map()],
  ])("client: %s is refused by name", (_, client) => {
    expect(() => new RedisTokenStore({ client: client() as RedisClient })).toThrow(/^client must be /);
    expect(() => new RedisStateStore({ client: client() as RedisClient })).toThrow(TypeError);
  });

  it.each([
    "",
    "a b",
    "a{b",
    "a}b",
    "a*",
    "a?",
    "a[b]",
    "a\\b",
    "a\u0000",
    "ü",
    "a\nb",
    "x".repeat(101),
    7 as unknown as string,
    null as unknown as string,
  ])("namespace: %j is refused by name", (namespace) => {
    expect(() => new RedisTokenStore({ client: idle, namespace })).toThrow(/^namespace must be /);
    expect(() => new RedisStateStore({ client: idle, namespace })).toThrow(/^namespace must be /);
  });

  it("an option that does not exist is refused by name", () => {
    expect(() => new RedisTokenStore({ client: idle, prefix: "app:" } as { client: RedisClient })).toThrow(/"prefix"/);
  });

  it("a store connects nothing, and an idle client is left as it is", () => {
    const waiting = new Redis5({ lazyConnect: true });
    new RedisTokenStore({ client: waiting });
    new RedisStateStore({ client: idle });
    expect(waiting.status).toBe("wait");
    expect(idle.isOpen).toBe(false);
  });

  const lazy = { lazyConnect: true };
  const rootNodes: [] = [];

  it.each<[string, () => RedisClient]>([
    ["ioredis 5", () => new Redis5(lazy)],
    ["ioredis 5 Cluster", () => new Cluster5([], lazy)],
    ["ioredis 6", () => new Redis6(lazy)],
    ["ioredis 6 Cluster", () => new Cluster6([], lazy)],
    ["node-redis 5", () => redis5.createClient()],
    ["node-redis 5 with RESP 3", () => redis5.createClient({ RESP: 3 })],
    ["node-redis 5 pool", () => redis5.createClientPool()],
    ["node-redis 5 cluster", () => redis5.createCluster({ rootNodes })],
    ["node-redis 6", () => createClient()],
    ["node-redis 6 with RESP 2", () => createClient({ RESP: 2 })],
    ["node-redis 6 pool", () => createClientPool()],
    ["node-redis 6 cluster", () => createCluster({ rootNodes })],
  ])("client: %s fits without a cast", (_, client) => {
    expect(() => new RedisTokenStore({ client: client() })).not.toThrow();
    expectTypeOf<ReturnType<Redis5["pipeline"]>>().not.toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createSentinel>>().not.toExtend<RedisClient>();
    expectTypeOf<Map<string, string>>().not.toExtend<RedisClient>();
    expectTypeOf<string>().not.toExtend<RedisClient>();
  });
});
