/** The Redis stores over each client on a real server: the contracts, with outages that the drivers really see. */
import { afterAll, beforeAll, describe, inject } from "vitest";
import { runStateStoreContract, runStoreContract } from "../../src/testing/store-contract/run.js";
import { vitest } from "./support/contract-runner.js";
import { type OpenClient, singleClients } from "./support/redis-clients.js";
import { type RedisGate, startRedisGate } from "./support/redis-gate.js";
import { type Backend, stateStores, tokenStores } from "./support/redis-stores.js";

const port = inject("redisPort");

describe.skipIf(port === undefined).each(Object.entries(singleClients))("%s", (_, open) => {
  let gate: RedisGate;
  let clients: readonly [OpenClient, OpenClient];
  beforeAll(async () => {
    gate = await startRedisGate(port ?? 0);
    clients = [await open(gate.port), await open(gate.port)];
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await gate.close();
  });
  const backend: Backend = { clients: () => clients, breakBackend: () => gate.cut(), mend: () => gate.open() };

  runStoreContract(vitest, tokenStores(backend));
  runStateStoreContract(vitest, stateStores(backend));
});
