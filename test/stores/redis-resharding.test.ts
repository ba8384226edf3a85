/** A cluster whose slots move while it is used, servers that come later, and replicas that lag behind, over each cluster client. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { TokenStoreError } from "../../src/index.js";
import { type RedisClient, RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { beginMove, type ClusterNode, endMove, moveKeys, type RedisCluster, startRedisCluster } from "../support/servers/redis-cluster.js";
import { hasRedis } from "../support/servers/redis.js";
import { clusterClients, type OpenClient, replicaReaders } from "./support/redis-clients.js";
import { CANARY } from "./support/redis-leaks.js";
import { listed } from "./support/redis-stores.js";

const long = { ttlMs: 60_000 };
const version = (name: string) => exampleRecord("1", { version: name, accessToken: CANARY });
const movers = Object.entries(clusterClients).filter(([name]) => !name.includes("prefix"));

describe.skipIf(!hasRedis())("a cluster that changes", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  async function connected(open: (ports: readonly number[]) => Promise<OpenClient>): Promise<OpenClient> {
    const opened = await open(cluster.ports);
    onTestFinished(() => opened.close());
    return opened;
  }

  async function move(slot: number, from: ClusterNode, to: ClusterNode): Promise<void> {
    await beginMove(slot, from, to);
    await moveKeys(slot, from, to);
    await endMove(slot, from, to);
  }

  const slotOf = async (key: string): Promise<number> => Number(await cluster.masters[0]?.send("CLUSTER", "KEYSLOT", key));

  /** Who owns a slot, by its own word, and somebody who does not. */
  async function ownerOf(slot: number): Promise<{ owner: ClusterNode; other: ClusterNode }> {
    let owner: ClusterNode | undefined;
    for (const node of cluster.masters) {
      const mine = String(await node.send("CLUSTER", "NODES"))
        .split("\n")
        .find((line) => line.includes("myself"));
      const ranges =
        mine
          ?.split(" ")
          .slice(8)
          .map((range) => range.split("-").map(Number)) ?? [];
      if (ranges.some(([first = -1, last = first]) => first <= slot && slot <= last)) owner = node;
    }
    const other = cluster.masters.find((node) => node !== owner);
    if (owner === undefined || other === undefined) throw new Error(`Nobody owns the slot ${slot}.`);
    return { owner, other };
  }

  it("the record and the lease of an account are in one slot", async () => {
    for (const id of ["1", "a%7bb", "x"]) expect(await slotOf(`n:{${id}}:record`)).toBe(await slotOf(`n:{${id}}:lease`));
  });

  it.each(movers)("%s: an account works before, while and after its slot moves", async (_, open) => {
    const { client } = await connected(open);
    const namespace = randomUUID();
    const id = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    const slot = await slotOf(`${namespace}:{${id}}:record`);
    const { owner, other } = await ownerOf(slot);
    await other.send("SCRIPT", "FLUSH");
    const write = (from: string | null, to: string) => store.set(id, version(to), { ifVersion: from });
    const standing = async () => (await store.get(id))?.version;

    expect(await write(null, "1")).toBe(true);
    await beginMove(slot, owner, other);
    // The record is still here; the lease would be there (ASK), where the script is not known.
    expect(await standing()).toBe("1");
    expect(await write("1", "2")).toBe(true);
    const lease = await store.lease(id, long);
    expect(lease).toBeDefined();
    expect(await store.lease(id, long)).toBeUndefined();
    // An account that nobody knows is looked for in both places.
    await moveKeys(slot, owner, other);
    expect(await standing()).toBe("2");
    expect(await write("1", "stale")).toBe(false);
    expect(await write("2", "3")).toBe(true);
    await endMove(slot, owner, other);
    expect(await standing()).toBe("3");
    expect(await write("3", "4")).toBe(true);
    await lease?.release();
    expect(await store.lease(id, long)).toBeDefined();
    expect(await store.delete(id, { ifVersion: "4" })).toBe(true);
    expect(await standing()).toBeUndefined();
  });

  it.each(movers)("%s: a list while keys are on the move rejects, and is complete afterwards", async (_, open) => {
    const { client } = await connected(open);
    const namespace = randomUUID();
    const store = new RedisTokenStore({ client, namespace });
    const ids = Array.from({ length: 30 }, (__, index) => `account-${index}`).toSorted();
    for (const id of ids) await store.set(id, exampleRecord(id, { accessToken: CANARY }));
    const slot = await slotOf(`${namespace}:{${ids[0] ?? ""}}:record`);
    const { owner, other } = await ownerOf(slot);
    expect(await listed(store)).toEqual(ids);

    await beginMove(slot, owner, other);
    const during = await listed(store).catch((error: unknown) => error);
    expect(during).toBeInstanceOf(TokenStoreError);
    expect(during).toMatchObject({ operation: "list", retryable: true });
    await moveKeys(slot, owner, other);
    await endMove(slot, owner, other);
    expect(await listed(store)).toEqual(ids);

    // A whole move between the first id and the last one.
    const back = store.list();
    await back.next();
    await move(slot, other, owner);
    const rest = (async () => {
      for await (const id of back) expect(ids).toContain(id);
    })();
    await expect(rest).rejects.toThrow(/moved keys/);
    expect(await listed(store)).toEqual(ids);
  });

  it("a list without a server that the client does not know is refused, not cut short", async () => {
    const namespace = randomUUID();
    const id = randomUUID();
    const stores: RedisTokenStore[] = [];
    for (const [, open] of movers) stores.push(new RedisTokenStore({ client: (await connected(open)).client, namespace }));
    await stores[0]?.set(id, version("1"));
    for (const store of stores) expect(await listed(store)).toEqual([id]);

    const added = await cluster.addNode();
    const slot = await slotOf(`${namespace}:{${id}}:record`);
    await move(slot, (await ownerOf(slot)).owner, added);
    const refusals = [];
    for (const store of stores) {
      const answer = await listed(store).catch((error: unknown) => error);
      if (answer instanceof Error) refusals.push(answer);
      else expect(answer).toEqual([id]);
      // The account itself leads the client there (MOVED), and from then on the list is whole.
      expect((await store.get(id))?.version).toBe("1");
      await expect.poll(() => listed(store).catch(String), { timeout: 10_000 }).toEqual([id]);
    }
    expect(refusals).not.toEqual([]);
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: "token_store", operation: "list", retryable: true });
  }, 40_000);

  it("a token is never read from a replica, also where the client sends its reads to replicas", async () => {
    const [master] = cluster.masters;
    if (master === undefined) throw new Error("no master");
    const replica = await cluster.addNode({ replicaOf: master });
    for (const [name, open] of Object.entries(replicaReaders)) {
      const { client } = await connected(open);
      const namespace = randomUUID();
      const store = new RedisTokenStore({ client, namespace });
      await replica.send("CONFIG", "RESETSTAT");
      for (let index = 0; index < 40; index++) {
        const id = `${index}`;
        await store.set(id, exampleRecord(id), { ifVersion: null });
        expect(await store.get(id)).toEqual(exampleRecord(id));
        await readAsApplication(client, `${namespace}:{${id}}:other`);
      }
      expect(await listed(store)).toHaveLength(40);
      const stats = await replica.send("INFO", "commandstats");
      expect(stats, name).toMatch(/cmdstat_get:calls=[1-9]/);
      expect(stats, name).not.toMatch(/cmdstat_(?:hmget|scan)/);
    }
  }, 60_000);
});

/** A read of the application's own, which may go to a replica. */
function readAsApplication(client: RedisClient, key: string): Promise<unknown> {
  if ("call" in client) return client.call("get", [key]);
  if ("masters" in client) return client.sendCommand(key, true, ["GET", key]);
  throw new TypeError("no cluster client");
}
