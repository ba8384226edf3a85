/** Opens a store by its address: in a worker, and in the test beside it. */
import { FileTokenStore } from "../../../src/stores/file.js";
import { PostgresStateStore, PostgresTokenStore } from "../../../src/stores/postgres.js";
import { RedisStateStore, RedisTokenStore } from "../../../src/stores/redis.js";
import type { StateStore, TokenStore } from "../../../src/stores/store.js";
import type { StoreAddress } from "./worker-protocol.js";

/** The stores of one address and their connection. */
export interface OpenStore {
  readonly store: TokenStore & Required<Pick<TokenStore, "lease">>;
  /** Used states, where processes can share them. */
  readonly stateStore: StateStore | undefined;
  /** Makes what the stores need, once. */
  createTables(): Promise<void>;
  close(): Promise<void>;
}

const NO_TABLES = { createTables: async (): Promise<void> => undefined };

/** Opens it. The driver is imported only where it is needed: a worker that starts fast is worth that. */
export async function openStore(address: StoreAddress): Promise<OpenStore> {
  switch (address.kind) {
    case "file":
      return {
        ...NO_TABLES,
        store: new FileTokenStore({ directory: address.directory }),
        stateStore: undefined,
        close: async () => undefined,
      };
    case "redis": {
      const { Redis } = await import("ioredis");
      const client = new Redis({ port: address.port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 3 });
      // Reconnecting is the driver's business; the store reports what did not work.
      client.on("error", () => undefined);
      const options = { client, namespace: address.namespace };
      return {
        ...NO_TABLES,
        store: new RedisTokenStore(options),
        stateStore: new RedisStateStore(options),
        close: async () => client.disconnect(),
      };
    }
    case "postgres": {
      const { default: pg } = await import("pg");
      const pool = new pg.Pool({ connectionString: address.url, max: address.connections ?? 4 });
      // An idle connection that the server ended is replaced at the next query.
      pool.on("error", () => undefined);
      const store = new PostgresTokenStore({ pool, namespace: address.namespace });
      const stateStore = new PostgresStateStore({ pool, namespace: address.namespace });
      const createTables = async (): Promise<void> => {
        await store.createTables();
        await stateStore.createTables();
      };
      return { store, stateStore, createTables, close: () => pool.end() };
    }
  }
}
