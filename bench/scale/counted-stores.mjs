// The stores of a fleet over clients that count what is sent: each command and each statement is one round trip.
import pg from "pg";
import { Redis } from "ioredis";

/** `{ tokenStore, counts(), close() }`; `counts` is since the last time. */
export async function countedStore(kind, url, dist) {
  const counted = new Map();
  const count = (name) => counted.set(name, (counted.get(name) ?? 0) + 1);
  const counts = () => {
    const answer = Object.fromEntries(counted);
    counted.clear();
    return answer;
  };
  const { tokenStore, close } = kind === "redis" ? await onRedis(url, dist, count) : await onPostgres(url, dist, count);
  counts();
  return { tokenStore, counts, close };
}

async function onRedis(url, dist, count) {
  const { RedisTokenStore } = await import(`${dist}/stores/redis.js`);
  const client = new Redis(url, { lazyConnect: true });
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, ...rest) => {
    count(command.name);
    return send(command, ...rest);
  };
  await client.connect();
  return { tokenStore: new RedisTokenStore({ client }), close: async () => client.disconnect() };
}

async function onPostgres(url, dist, count) {
  const { PostgresTokenStore } = await import(`${dist}/stores/postgres.js`);
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  const query = (...args) => {
    count(/^\s*(?:with\b.*?\b)?(select|insert|update|delete)\b/is.exec(args[0].text ?? args[0])?.[1] ?? "other");
    return pool.query(...args);
  };
  const tokenStore = new PostgresTokenStore({ pool: { query } });
  await tokenStore.createTables();
  return { tokenStore, close: () => pool.end() };
}
