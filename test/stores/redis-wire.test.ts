/** What goes over the wire: one round trip for each operation, and the round trips that a client of HubSpot costs. */
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { RedisStateStore, RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { hasRedis, type RedisServer, startRedis } from "../support/servers/redis.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { type OpenClient, plainClients } from "./support/redis-clients.js";

const long = { ttlMs: 60_000 };

describe.skipIf(!hasRedis())("on the wire", () => {
  let server: RedisServer;
  let watcher: Redis;
  const seen: string[][] = [];
  let marked: (marker: string) => void = () => undefined;
  beforeAll(async () => {
    server = await startRedis();
    const admin = new Redis({ host: "127.0.0.1", port: server.port });
    watcher = await admin.monitor();
    watcher.on("monitor", (_: string, command: string[], source: string) => {
      // What a script does on the server is no round trip.
      if (source === "lua") return;
      if (command[0] === "echo") marked(command[1] ?? "");
      else seen.push(command);
    });
    admin.disconnect();
  });
  afterAll(async () => {
    watcher.disconnect();
    await server.stop();
  });

  /** The commands that the server got while `work` ran, in order. */
  async function commandsOf(client: Redis, work: () => Promise<unknown>): Promise<string[]> {
    const reach = async (): Promise<void> => {
      const marker = randomUUID();
      const passed = new Promise<void>((resolve) => {
        marked = (found) => found === marker && resolve();
      });
      await client.echo(marker);
      await passed;
    };
    await reach();
    seen.length = 0;
    await work();
    await reach();
    return seen.map(([name = ""]) => name.toLowerCase());
  }

  function marking(): Redis {
    const client = new Redis({ host: "127.0.0.1", port: server.port });
    onTestFinished(() => client.disconnect());
    return client;
  }

  describe.each(Object.entries(plainClients))("%s", (_, open) => {
    let opened: OpenClient;
    beforeEach(async () => {
      opened = await open(server.port);
    });

    it("each operation is one round trip; a script that the server does not know yet is two, once", async () => {
      const marker = marking();
      onTestFinished(() => opened.close());
      const store = new RedisTokenStore({ client: opened.client, namespace: randomUUID() });
      const states = new RedisStateStore({ client: opened.client, namespace: randomUUID() });
      await marker.script("FLUSH");
      const first = () => store.set("1", exampleRecord("1"), { ifVersion: null });
      expect(await commandsOf(marker, first)).toEqual(["evalsha", "eval"]);
      expect(await commandsOf(marker, first)).toEqual(["evalsha"]);
      expect(await commandsOf(marker, () => store.set("1", exampleRecord("1")))).toEqual(["hset"]);
      expect(await commandsOf(marker, () => store.get("1"))).toEqual(["hmget"]);
      expect(await commandsOf(marker, () => store.get("nobody"))).toEqual(["hmget"]);
      // The script of leases and states, and the one that gives a lease back.
      await (await store.lease("2", long))?.release();
      let lease: Awaited<ReturnType<RedisTokenStore["lease"]>>;
      expect(await commandsOf(marker, async () => (lease = await store.lease("1", long)))).toEqual(["evalsha"]);
      expect(await commandsOf(marker, async () => expect(await store.lease("1", long)).toBeUndefined())).toEqual(["evalsha"]);
      expect(await commandsOf(marker, async () => lease?.release())).toEqual(["evalsha"]);
      expect(await commandsOf(marker, () => states.consume("s", long))).toEqual(["evalsha"]);
      expect(await commandsOf(marker, () => store.delete("1", { ifVersion: "version-1" }))).toEqual(["evalsha", "eval"]);
      expect(await commandsOf(marker, () => store.delete("1", { ifVersion: "version-1" }))).toEqual(["evalsha"]);
      expect(await commandsOf(marker, () => store.delete("1"))).toEqual(["del"]);
    });
  });

  it("a cold refresh costs five round trips, a warm one four, a cached token none", async () => {
    const client = marking();
    const store = new RedisTokenStore({ client, namespace: randomUUID() });
    const stateStore = new RedisStateStore({ client, namespace: randomUUID() });
    const emulator = await emulate();
    const options = { tokenStore: store, stateStore };
    const id = await connect(clientOf(emulator, options).oauth, emulator);
    // So that each script is known.
    await clientOf(emulator, options).oauth.getAccessToken(id, { force: true });

    const { oauth } = clientOf(emulator, options);
    const token = () => oauth.getAccessToken(id);
    emulator.advance(3_600_000);
    expect(await commandsOf(client, token)).toEqual(["hmget", "evalsha", "hmget", "evalsha", "evalsha"]);
    expect(await commandsOf(client, token)).toEqual([]);
    expect(await commandsOf(client, () => Promise.all(Array.from({ length: 100 }, token)))).toEqual([]);
    // Beyond `cacheMs`: one read.
    emulator.advance(61_000);
    expect(await commandsOf(client, token)).toEqual(["hmget"]);
    expect(await commandsOf(client, token)).toEqual([]);
    // Expired again, in a process that knows the account.
    emulator.advance(3_600_000);
    expect(await commandsOf(client, token)).toEqual(["evalsha", "hmget", "evalsha", "evalsha"]);
  });

  it("a sign-in costs one round trip for its state, and a read and a write for its tokens", async () => {
    const client = marking();
    const store = new RedisTokenStore({ client, namespace: randomUUID() });
    const stateStore = new RedisStateStore({ client, namespace: randomUUID() });
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { tokenStore: store, stateStore });
    await connect(oauth, emulator);
    const { url, cookie } = await oauth.createAuthorization();
    const callback = await emulator.authorize(url);
    const complete = () => oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] });
    expect(await commandsOf(client, complete)).toEqual(["evalsha", "hmget", "evalsha"]);
  });

  it("an account takes about as much memory as its tokens are long", async () => {
    const client = marking();
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    const bytes: Record<string, number> = {};
    for (const length of [64, 512, 2_048]) {
      const id = `${length}`;
      const record = exampleRecord(id, { version: "A".repeat(22), accessToken: "a".repeat(length), refreshToken: "r".repeat(length) });
      await store.set(id, record, { ifVersion: null });
      bytes[id] = (await client.memory("USAGE", `${namespace}:{${id}}:record`)) ?? 0;
      expect(bytes[id]).toBeLessThan(JSON.stringify(record).length * 1.3 + 400);
    }
    expect(bytes["64"]).toBeLessThan(1_200);
  });
});
