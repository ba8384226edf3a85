/** Opens a store by its address: in a worker, and in the test beside it. */
import { FileTokenStore } from "../../../src/stores/file.js";
import { PostgresTokenStore } from "../../../src/stores/postgres.js";
import { RedisTokenStore } from "../../../src/stores/redis.js";
import type { TokenStore } from "../../../src/stores/store.js";
import type { StoreAddress } from "./worker-protocol.js";

/** A store and its connection. */
export interface OpenStore {
  readonly store: TokenStore & Required<Pick<TokenStore, "lease">>;
  close(): Promise<void>;
}

/** Opens it. The driver is imported only where it is needed: a worker that starts fast is worth that. */
export async function openStore(address: StoreAddress): Promise<OpenStore> {
  switch (address.kind) {
    case "file":
      return { store: new FileTokenStore({ directory: address.directory }), close: async () => undefined };
    case "redis": {
      const { Redis } = await import("ioredis");
      const client = new Redis({ port: address.port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 3 });
      // Reconnecting is the driver's business; the store reports what did not work.
      client.on("error", () => undefined);
      return { store: new RedisTokenStore({ client, namespace: address.namespace }), close: async () => client.disconnect() };
    }
    case "postgres": {
      const { default: pg } = await import("pg");
      const pool = new pg.Pool({ connectionString: address.url, max: address.connections ?? 4 });
      // An idle connection that the server ended is replaced at the next query.
      pool.on("error", () => undefined);
      return { store: new PostgresTokenStore({ pool, namespace: address.namespace }), close: () => pool.end() };
    }
  }
}
