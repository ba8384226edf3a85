/**
 * Connections that are lost, refused or silent, over each client: what was not answered rejects or is settled, and what was done is not
 * done twice. A client that repeats a command after a reconnect (ioredis, by default) must not be told that somebody else was faster.
 */
import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { TokenStoreError } from "../../src/index.js";
import { AccountRecords } from "../../src/account-records.js";
import { RedisStateStore, RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { hasRedis, type RedisServer, startRedis } from "../support/servers/redis.js";
import { type OpenClient, type Patience, plainClients } from "./support/redis-clients.js";
import { type RedisGate, startRedisGate } from "./support/redis-gate.js";
import { CANARY, leaks } from "./support/redis-leaks.js";
import { listed, untilAnswering } from "./support/redis-stores.js";

type Admin = ReturnType<typeof createClient>;

const long = { ttlMs: 60_000 };
const record = exampleRecord("1", { accessToken: CANARY, refreshToken: CANARY, clientId: "app" });
const next = { ...record, version: "version-2" };

const failureOf = (call: Promise<unknown>): Promise<unknown> => call.then(String, (error: unknown) => error);

describe.skipIf(!hasRedis()).each(Object.entries(plainClients))("%s", (name, open) => {
  const repeats = name.startsWith("ioredis");
  let server: RedisServer;
  let gate: RedisGate;
  beforeAll(async () => {
    server = await startRedis();
    gate = await startRedisGate(server.port);
  });
  afterAll(async () => {
    await gate.close();
    await server.stop();
  });

  async function connected(patience?: Patience): Promise<OpenClient> {
    const opened = await open(gate.port, patience);
    onTestFinished(() => opened.close());
    return opened;
  }

  async function admin(): Promise<Admin> {
    const client: Admin = createClient({ url: `redis://127.0.0.1:${server.port}` });
    onTestFinished(() => client.destroy());
    await client.connect();
    return client;
  }

  function expectRefusal(error: unknown, operation: string): void {
    expect(error).toBeInstanceOf(TokenStoreError);
    expect(error).toMatchObject({ operation });
    expect(leaks(error)).toBe(false);
  }

  it("a closed client rejects each call", async () => {
    const { client, close } = await connected();
    const store = new RedisTokenStore({ client });
    const lease = await store.lease(randomUUID(), long);
    await close();
    expectRefusal(await failureOf(store.get("1")), "get");
    expectRefusal(await failureOf(store.set("1", record)), "set");
    expectRefusal(await failureOf(store.set("1", record, { ifVersion: null })), "set");
    expectRefusal(await failureOf(store.delete("1")), "delete");
    expectRefusal(await failureOf(store.lease("1", long)), "lease");
    expectRefusal(await failureOf((async () => lease?.release())()), "lease");
    expectRefusal(await failureOf(listed(store)), "list");
    expectRefusal(await failureOf(new RedisStateStore({ client }).consume("1", long)), "consume");
    expect(await failureOf(store.get("nobody"))).not.toBe("undefined");
  });

  it("a server that was restarted empty is used again, scripts and all", async () => {
    const opened = await connected();
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client: opened.client, namespace });
    const states = new RedisStateStore({ client: opened.client, namespace });
    await store.set("1", record, { ifVersion: null });
    await store.lease("1", long);
    await states.consume("one", long);
    await server.restart();
    await untilAnswering(opened);
    expect(await store.get("1")).toBeUndefined();
    expect(await store.set("1", next, { ifVersion: record.version })).toBe(false);
    expect(await store.set("1", record, { ifVersion: null })).toBe(true);
    expect(await store.lease("1", long)).toBeDefined();
    expect(await states.consume("one", long)).toBe(true);
    expect(await store.delete("1", { ifVersion: record.version })).toBe(true);
  });

  it("a write whose answer is lost is settled by reading it back", async () => {
    const { client } = await connected({ patient: true });
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    const records = new AccountRecords(store, "app", () => undefined);
    await store.set("1", record, { ifVersion: null });
    gate.loseAnswerTo(`${namespace}:{1}:record`);
    // By itself the store cannot know: its driver gave up, or wrote again and found its own first try.
    const answer = await store.set("1", next, { ifVersion: record.version }).catch((error: unknown) => error);
    if (repeats) expect(answer).toBe(false);
    else expectRefusal(answer, "set");
    expect((await store.get("1"))?.version).toBe(next.version);
    const third = { ...record, version: "version-3" };
    gate.loseAnswerTo(`${namespace}:{1}:record`);
    expect(await records.write("1", third, next.version)).toBe(true);
    expect(await store.get("1")).toEqual(third);
  });

  it("a lease and a state whose answer is lost are ours when the driver asks again", async () => {
    const { client } = await connected({ patient: true });
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    const states = new RedisStateStore({ client, namespace });
    // So that the scripts are known, and the answer that is lost is the one to the claim.
    await store.lease("other", long);
    gate.loseAnswerTo(`${namespace}:{1}:lease`);
    const lease = await store.lease("1", long).catch((error: unknown) => error);
    gate.loseAnswerTo(`${namespace}:{one}:state`);
    const isNew = await states.consume("one", long).catch((error: unknown) => error);
    if (repeats) {
      await (lease as { release(): Promise<void> }).release();
      expect(await store.lease("1", long)).toBeDefined();
      expect(isNew).toBe(true);
    } else {
      expectRefusal(lease, "lease");
      expectRefusal(isNew, "consume");
    }
    // Nobody else was let in, and nobody is now.
    expect(await states.consume("one", long)).toBe(false);
    expect(await store.lease("1", long)).toBeUndefined();
  });

  it("a client killed while the server holds its command back: true means written, a rejection means not", async () => {
    const { client } = await connected({ patient: true });
    const store = new RedisTokenStore({ client, namespace: randomUUID() });
    const operator = await admin();
    await store.set("1", record, { ifVersion: null });
    // The last command of the connection, to be told from the write.
    await store.get("1");
    await operator.sendCommand(["CLIENT", "PAUSE", "60000", "WRITE"]);
    const written = store.set("1", next, { ifVersion: record.version }).catch((error: unknown) => error);
    await expect.poll(() => operator.sendCommand(["CLIENT", "LIST"]), { timeout: 5_000, interval: 5 }).toContain("cmd=evalsha");
    await operator.sendCommand(["CLIENT", "KILL", "TYPE", "normal"]);
    await operator.sendCommand(["CLIENT", "UNPAUSE"]);
    const answer = await written;
    if (answer !== true) expectRefusal(answer, "set");
    expect((await store.get("1"))?.version).toBe(answer === true ? next.version : record.version);
  });

  it("a server that pauses answers late, and what it was asked to do is done", async () => {
    const { client } = await connected();
    const store = new RedisTokenStore({ client, namespace: randomUUID() });
    const operator = await admin();
    await operator.sendCommand(["CLIENT", "PAUSE", "100", "ALL"]);
    expect(await store.set("1", record, { ifVersion: null })).toBe(true);
    expect(await store.get("1")).toEqual(record);
  });

  it("a server that is silent is given up on after five seconds, and a lease that it grants late is given back", async () => {
    const { client } = await connected({ patient: true });
    const store = new RedisTokenStore({ client, namespace: randomUUID() });
    const records = new AccountRecords(store, "app", () => undefined);
    await records.write("1", record, null);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    process.kill(server.pid, "SIGSTOP");
    onTestFinished(() => void process.kill(server.pid, "SIGCONT"));
    const read = failureOf(records.read("1"));
    const lease = failureOf(records.lease("1", 60_000));
    await vi.advanceTimersByTimeAsync(5_000);
    expectRefusal(await read, "get");
    expectRefusal(await lease, "lease");
    process.kill(server.pid, "SIGCONT");
    vi.useRealTimers();
    await vi.waitFor(async () => expect(await store.lease("1", long)).toBeDefined());
    expect(await records.read("1")).toMatchObject({ version: record.version });
  });

  it("commands that wait for a connection are done once it is back", async () => {
    const opened = await connected({ patient: true });
    const store = new RedisTokenStore({ client: opened.client, namespace: randomUUID() });
    await store.set("1", record);
    await gate.cut();
    const read = store.get("1");
    const write = store.set("1", next, { ifVersion: record.version });
    await gate.open();
    const [before, written] = await Promise.all([read.catch((error: unknown) => error), write.catch((error: unknown) => error)]);
    // Sent into the dying connection, it rejects; queued behind it, it is answered. Never "not there".
    if (before instanceof Error) expectRefusal(before, "get");
    else expect(before).toEqual(record);
    if (written instanceof Error) expectRefusal(written, "set");
    await untilAnswering(opened);
    expect((await store.get("1"))?.version).toBe(written === true ? next.version : record.version);
  });
});

it.skipIf(!hasRedis())("a node-redis client that was never connected rejects, and says so", async () => {
  const store = new RedisTokenStore({ client: createClient() });
  const failure = await failureOf(store.get("1"));
  expect(failure).toBeInstanceOf(TokenStoreError);
  expect(failure).toMatchObject({ message: "RedisTokenStore could not get: ClientClosedError." });
});
