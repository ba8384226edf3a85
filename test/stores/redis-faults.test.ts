/**
 * A Redis that answers with errors, and what becomes of them over each client: a rejection that names the error and holds no token, and
 * never "not connected" or "not written". Lost connections are in `redis-connections.test.ts`.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { TokenStoreError } from "../../src/index.js";
import { RedisStateStore, RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { hasRedis, type RedisServer, startRedis } from "../support/servers/redis.js";
import { type OpenClient, plainClients } from "./support/redis-clients.js";
import { listed } from "./support/redis-stores.js";
import { CANARY, leaks } from "./support/redis-leaks.js";

type Admin = ReturnType<typeof createClient>;
type Operation = "get" | "list" | "set" | "set with ifVersion" | "delete" | "delete with ifVersion" | "lease" | "release" | "consume";

const all: readonly Operation[] = [
  ...(["get", "list", "set", "set with ifVersion", "delete", "delete with ifVersion", "lease", "release", "consume"] as const),
];
/** What a server still does that takes no writes. */
const writes = all.filter((operation) => operation !== "get" && operation !== "list");
/** What needs more memory; deleting does not. */
const growing: readonly Operation[] = ["set", "set with ifVersion", "lease", "consume"];

interface Fault {
  readonly code: string;
  /** Where the server gives another reason. */
  readonly otherCodes?: Readonly<Partial<Record<Operation, string>>>;
  readonly fails: readonly Operation[];
  begin(admin: Admin, recordKey: string): Promise<unknown>;
  end(admin: Admin, recordKey: string): Promise<unknown>;
}

const configure = (admin: Admin, name: string, value: string): Promise<unknown> => admin.sendCommand(["CONFIG", "SET", name, value]);
/** Nobody listens on the discard port. */
const replicaOfNobody = (admin: Admin): Promise<unknown> => admin.sendCommand(["REPLICAOF", "127.0.0.1", "9"]);
const primaryAgain = (admin: Admin): Promise<unknown> => admin.sendCommand(["REPLICAOF", "NO", "ONE"]);

const faults: Readonly<Record<string, Fault>> = {
  "a replica that the client was left with after a failover": {
    code: "READONLY",
    fails: writes,
    begin: replicaOfNobody,
    end: primaryAgain,
  },
  "a replica without a primary that serves nothing stale": {
    code: "MASTERDOWN",
    // The plain writes.
    otherCodes: { set: "READONLY", delete: "READONLY" },
    fails: all,
    async begin(admin) {
      await configure(admin, "replica-serve-stale-data", "no");
      await replicaOfNobody(admin);
    },
    async end(admin) {
      await primaryAgain(admin);
      await configure(admin, "replica-serve-stale-data", "yes");
    },
  },
  "a full memory": {
    code: "OOM",
    fails: growing,
    begin: (admin) => configure(admin, "maxmemory", "1mb"),
    end: (admin) => configure(admin, "maxmemory", "0"),
  },
  "a primary without its replicas": {
    code: "NOREPLICAS",
    fails: writes,
    begin: (admin) => configure(admin, "min-replicas-to-write", "1"),
    end: (admin) => configure(admin, "min-replicas-to-write", "0"),
  },
  "a key of something else in the record's place": {
    code: "WRONGTYPE",
    fails: ["get", "set", "set with ifVersion", "delete with ifVersion"],
    async begin(admin, recordKey) {
      await admin.sendCommand(["COPY", recordKey, `${recordKey}:kept`]);
      await admin.sendCommand(["SET", recordKey, "a string"]);
    },
    end: (admin, recordKey) => admin.sendCommand(["RENAME", `${recordKey}:kept`, recordKey]),
  },
  "a script of somebody else that does not end": {
    code: "BUSY",
    fails: all,
    async begin(admin) {
      await configure(admin, "busy-reply-threshold", "1");
      await sendAside(admin, ["EVAL", "while true do end", "0"]);
      await untilRefused(admin, "BUSY");
    },
    async end(admin) {
      await admin.sendCommand(["SCRIPT", "KILL"]);
      await untilAccepted(admin);
    },
  },
  "a server that still reads its data": {
    code: "LOADING",
    fails: all,
    async begin(admin) {
      for (let index = 0; index < 32; index++) await admin.sendCommand(["SET", `ballast:${index}`, "x".repeat(4_096)]);
      await configure(admin, "key-load-delay", "20000");
      await sendAside(admin, ["DEBUG", "RELOAD"]);
      await untilRefused(admin, "LOADING");
    },
    async end(admin) {
      await untilAccepted(admin);
      await configure(admin, "key-load-delay", "0");
    },
  },
};

/** Sends a command that keeps the server busy over a connection of its own, and does not wait for its answer. */
async function sendAside(admin: Admin, command: string[]): Promise<void> {
  const aside = admin.duplicate();
  await aside.connect();
  const close = (): void => aside.destroy();
  aside.sendCommand(command).then(close, close);
}

async function untilRefused(admin: Admin, code: string): Promise<void> {
  await expect.poll(() => admin.sendCommand(["EXISTS", "x"]).catch(String), { timeout: 5_000, interval: 1 }).toContain(code);
}

async function untilAccepted(admin: Admin): Promise<void> {
  await expect.poll(() => admin.sendCommand(["EXISTS", "x"]).catch(String), { timeout: 15_000, interval: 5 }).toBe(0);
}

describe.skipIf(!hasRedis())("a Redis in trouble", () => {
  let server: RedisServer;
  let admin: Admin;
  const directory = mkdtempSync(join(tmpdir(), "redis-faults-"));
  beforeAll(async () => {
    const reloadable = ["--dir", directory, "--enable-debug-command", "yes", "--loading-process-events-interval-bytes", "1024"];
    server = await startRedis({ args: reloadable });
    admin = createClient({ url: `redis://127.0.0.1:${server.port}` });
    await admin.connect();
  });
  afterAll(async () => {
    admin.destroy();
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  describe.each(Object.entries(plainClients))("%s", (_, open) => {
    let opened: OpenClient;
    beforeAll(async () => {
      opened = await open(server.port);
    });
    afterAll(() => opened.close());

    it.each(Object.entries(faults))("%s: each call that cannot be done rejects with the reason and no token", async (__, fault) => {
      await admin.sendCommand(["FLUSHALL"]);
      const namespace = randomUUID();
      const store = new RedisTokenStore({ client: opened.client, namespace });
      const states = new RedisStateStore({ client: opened.client, namespace });
      const record = exampleRecord("1", { accessToken: CANARY, refreshToken: CANARY });
      const next = { ...record, version: "version-2" };
      await store.set("1", record);
      const lease = await store.lease("2", { ttlMs: 60_000 });
      const recordKey = `${namespace}:{1}:record`;
      const calls: Readonly<Record<Operation, () => Promise<unknown>>> = {
        get: () => store.get("1"),
        list: () => listed(store),
        set: () => store.set("1", next),
        "set with ifVersion": () => store.set("1", next, { ifVersion: "version-1" }),
        // Of an account that does not stand: what this server accepts all the same changes nothing.
        delete: () => store.delete("nobody"),
        "delete with ifVersion": () => store.delete(fault.code === "WRONGTYPE" ? "1" : "nobody", { ifVersion: "version-1" }),
        lease: () => store.lease("1", { ttlMs: 60_000 }),
        release: async () => lease?.release(),
        consume: () => states.consume("state", { ttlMs: 60_000 }),
      };

      const outcomes = new Map<Operation, unknown>();
      await fault.begin(admin, recordKey);
      try {
        const failures = await Promise.all(all.map((operation) => calls[operation]().catch((error: unknown) => error)));
        all.forEach((operation, index) => outcomes.set(operation, failures[index]));
      } finally {
        await fault.end(admin, recordKey);
      }

      for (const [operation, outcome] of outcomes) {
        if (!fault.fails.includes(operation)) {
          expect(outcome, operation).not.toBeInstanceOf(Error);
          continue;
        }
        expect(outcome, operation).toBeInstanceOf(TokenStoreError);
        const method = operation === "release" ? "lease" : operation.split(" ")[0];
        expect(outcome, operation).toMatchObject({ driverCode: fault.otherCodes?.[operation] ?? fault.code, operation: method });
        expect(leaks(outcome), operation).toBe(false);
      }
      // Nothing of what was refused was done.
      if (fault.fails.includes("set")) expect(await store.get("1")).toEqual(record);
      if (fault.fails.includes("lease")) expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
      if (fault.fails.includes("consume")) expect(await states.consume("state", { ttlMs: 60_000 })).toBe(true);
    });

    it("the scripts of the server are gone: each call works, and its script is known again", async () => {
      const store = new RedisTokenStore({ client: opened.client, namespace: randomUUID() });
      const states = new RedisStateStore({ client: opened.client, namespace: randomUUID() });
      const flush = (): Promise<unknown> => admin.sendCommand(["SCRIPT", "FLUSH", "SYNC"]);
      await flush();
      expect(await store.set("1", exampleRecord("1"), { ifVersion: null })).toBe(true);
      await flush();
      expect(await store.set("1", exampleRecord("1", { version: "2" }), { ifVersion: "1" })).toBe(false);
      await flush();
      const lease = await store.lease("1", { ttlMs: 60_000 });
      await flush();
      expect(await store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
      await flush();
      await lease?.release();
      await flush();
      expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
      await flush();
      expect(await store.delete("1", { ifVersion: "version-1" })).toBe(true);
      await flush();
      // All at once, as after a failover.
      const used = await Promise.all(Array.from({ length: 20 }, () => states.consume("one", { ttlMs: 60_000 })));
      expect(used.filter(Boolean)).toHaveLength(1);
      const before = await evalCalls();
      await states.consume("two", { ttlMs: 60_000 });
      expect(await evalCalls()).toBe(before);
    });
  });

  /** How often a script was sent as text. */
  async function evalCalls(): Promise<string> {
    const stats = await admin.info("commandstats");
    return /cmdstat_eval:calls=(\d+)/.exec(stats)?.[1] ?? "0";
  }

  it("what ioredis rejects with holds the token: the search would find it", async () => {
    const { client, close } = await (plainClients["ioredis 5"] as (port: number) => Promise<OpenClient>)(server.port);
    onTestFinished(close);
    const call = (client as { call(name: string, args: string[]): Promise<unknown> }).call("hset", ["key", "field", CANARY, "odd"]);
    expect(leaks(await call.catch((error: unknown) => error))).toBe(true);
  });
});
