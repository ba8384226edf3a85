/** The Redis stores as the contracts want them: two connections of the application, a namespace for each case, and a backend that fails. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { StateStore, TokenStore } from "../../../src/index.js";
import { redisCommands } from "../../../src/stores/redis-client.js";
import { type RedisClient, RedisStateStore, RedisTokenStore } from "../../../src/stores/redis.js";
import type { ContractSubject } from "../../../src/testing/store-contract/run.js";
import type { OpenClient } from "./redis-clients.js";

/** Where the stores of a contract run. */
export interface Backend {
  /** Two connections; read when a case begins. */
  readonly clients: () => readonly [OpenClient, OpenClient];
  readonly breakBackend?: () => Promise<void>;
  readonly mend?: () => Promise<void>;
}

/** Until a client that lost its connection has another one. */
export async function untilAnswering({ client }: OpenClient): Promise<void> {
  const redis = redisCommands(client);
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      // As many at once as make every connection of a pool answer.
      await Promise.all(Array.from({ length: 32 }, () => redis.command("EXISTS", "anything")));
      return;
    } catch {
      await delay(10);
    }
  }
  throw new Error("The client did not connect again.");
}

function subject<Store extends object>(
  Store: new (options: { client: RedisClient; namespace: string }) => Store,
  { clients, breakBackend, mend }: Backend,
): Omit<ContractSubject<Store>, "lacks"> {
  const namespaces = new WeakMap<Store, string>();
  const make = (index: 0 | 1, namespace: string): Store => {
    const store = new Store({ client: clients()[index].client, namespace });
    namespaces.set(store, namespace);
    return store;
  };
  return {
    create: () => make(0, randomUUID()),
    second: (store) => make(1, namespaces.get(store) ?? ""),
    // Each is the beginning of the other's name, as far as it goes.
    createNamespace: (store) => make(0, `${namespaces.get(store) ?? ""}:`),
    ...(breakBackend !== undefined && { breakBackend }),
    ...(mend !== undefined && {
      mend: async () => {
        await mend();
        for (const client of clients()) await untilAnswering(client);
      },
    }),
  };
}

/** What the contract of a token store takes. */
export const tokenStores = (backend: Backend): Omit<ContractSubject<TokenStore>, "lacks"> => subject<TokenStore>(RedisTokenStore, backend);

/** What the contract of a state store takes. */
export const stateStores = (backend: Backend): Omit<ContractSubject<StateStore>, "lacks"> => subject<StateStore>(RedisStateStore, backend);

/** What a store lists, in order. */
export async function listed(store: RedisTokenStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of store.list()) ids.push(id);
  return ids.toSorted();
}
