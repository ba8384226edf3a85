// Where the tokens of the account are, for those who have no store of their own: a variable of the process, a key of Redis or a row of
// PostgreSQL, each with one JSON text that is read before and written after.
import pg from "pg";
import { Redis } from "ioredis";

/** `{ client, close() }` for Redis and PostgreSQL, `undefined` in memory. */
export async function connectStore(store, url) {
  if (store === "redis") {
    const client = new Redis(url, { lazyConnect: true });
    await client.connect();
    return { client, close: () => client.disconnect() };
  }
  if (store === "postgres") {
    const client = new pg.Pool({ connectionString: url });
    await client.query("SELECT 1");
    return { client, close: () => client.end() };
  }
  return undefined;
}

/** `{ read(), write(tokens) }`; tokens are `{ accessToken, refreshToken, expiresAtMs }`. */
export function sharedTokens(store, client, name) {
  if (store === "redis") {
    return {
      read: async () => JSON.parse(await client.get(name)),
      write: async (tokens) => void (await client.set(name, JSON.stringify(tokens))),
    };
  }
  if (store === "postgres") {
    return {
      read: async () => (await client.query("SELECT tokens FROM peers_tokens WHERE name = $1", [name])).rows[0].tokens,
      write: async (tokens) =>
        void (await client.query("INSERT INTO peers_tokens VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET tokens = EXCLUDED.tokens", [
          name,
          tokens,
        ])),
    };
  }
  let kept;
  return { read: async () => kept, write: async (tokens) => void (kept = tokens) };
}

/** Once, before anybody writes. */
export async function createPeersTable(pool) {
  await pool.query("CREATE TABLE peers_tokens (name text PRIMARY KEY, tokens jsonb NOT NULL)");
}
