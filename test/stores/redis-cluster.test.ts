/** The Redis stores on a real cluster of three masters, over each cluster client. */
import { randomUUID } from "node:crypto";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisTokenStore } from "../../src/stores/redis.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { runStateStoreContract, runStoreContract } from "../../src/testing/store-contract/run.js";
import { type RedisCluster, startRedisCluster } from "../support/servers/redis-cluster.js";
import { hasRedis } from "../support/servers/redis.js";
import { vitest } from "./support/contract-runner.js";
import { clusterClients, type OpenClient } from "./support/redis-clients.js";
import { type Backend, listed, stateStores, tokenStores } from "./support/redis-stores.js";

describe.skipIf(!hasRedis())("on a cluster", () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  }, 60_000);
  afterAll(() => cluster.stop());

  describe.each(Object.entries(clusterClients))("%s", (_, open) => {
    let clients: readonly [OpenClient, OpenClient];
    beforeAll(async () => {
      clients = [await open(cluster.ports), await open(cluster.ports)];
    });
    afterAll(async () => {
      for (const client of clients) await client.close();
    });

    const backend: Backend = { clients: () => clients, breakBackend: () => cluster.takeDown(), mend: () => cluster.bringUp() };

    runStoreContract(vitest, tokenStores(backend));
    runStateStoreContract(vitest, stateStores(backend));
  });

  it("a client that is still connecting lists everything, and one that is closed rejects", async () => {
    const namespace = randomUUID();
    const nodes = cluster.ports.map((port) => ({ host: "127.0.0.1", port }));
    const first = new Cluster(nodes);
    const ids = Array.from({ length: 20 }, (_, index) => `account-${index}`).toSorted();
    for (const id of ids) await new RedisTokenStore({ client: first, namespace }).set(id, exampleRecord(id));
    first.disconnect();

    const connecting = new Cluster(nodes);
    const store = new RedisTokenStore({ client: connecting, namespace });
    expect(await listed(store)).toEqual(ids);
    connecting.disconnect();
    await expect(listed(store)).rejects.toMatchObject({ code: "token_store", operation: "list" });
    const never = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${cluster.ports[0] ?? 0}` }] });
    await expect(listed(new RedisTokenStore({ client: never, namespace }))).rejects.toMatchObject({ operation: "list" });
    await expect(new RedisTokenStore({ client: never, namespace }).get("account-1")).rejects.toMatchObject({ operation: "get" });
  });
});
