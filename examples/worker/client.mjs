// @ts-check
/** The client, as every process of the app makes it: the same app, the same store. */
import { HubSpotOAuthClient } from "hubspot-oauth";

/**
 * @param {Record<string, string | undefined>} env
 * @param {import("hubspot-oauth").EventListener} [onEvent]
 */
export async function openClient(env, onEvent) {
  const { tokenStore, disconnect } = await openStore(env);
  const oauth = new HubSpotOAuthClient({
    clientId: env["HUBSPOT_CLIENT_ID"] ?? "",
    clientSecret: env["HUBSPOT_CLIENT_SECRET"] ?? "",
    redirectUri: env["HUBSPOT_REDIRECT_URI"] ?? "",
    scopes: env["HUBSPOT_SCOPES"]?.split(" ") ?? [],
    apiVersion: "2026-09",
    tokenStore,
    onEvent,
    // Your app leaves these two out, and talks to HubSpot.
    authorizeOrigin: env["HUBSPOT_ORIGIN"],
    apiOrigin: env["HUBSPOT_ORIGIN"],
  });
  return {
    oauth,
    async close() {
      await oauth.close(); // waits for refreshes under way, so it comes before the store's connection
      await disconnect();
    },
  };
}

/**
 * All that the processes share. Two environments or two apps on one server get a namespace each.
 * @param {Record<string, string | undefined>} env
 */
async function openStore({ DATABASE_URL, REDIS_URL, NAMESPACE }) {
  if (DATABASE_URL !== undefined) {
    const { default: pg } = await import("pg");
    const { PostgresTokenStore } = await import("hubspot-oauth/stores/postgres");
    const pool = new pg.Pool({ connectionString: DATABASE_URL });
    const tokenStore = new PostgresTokenStore({ pool, namespace: NAMESPACE });
    await tokenStore.createTables(); // quiet when they are there; or run it once, when you deploy
    return { tokenStore, disconnect: () => pool.end() };
  }
  const { Redis } = await import("ioredis");
  const { RedisTokenStore } = await import("hubspot-oauth/stores/redis");
  const client = new Redis(REDIS_URL ?? "redis://127.0.0.1:6379");
  return { tokenStore: new RedisTokenStore({ client, namespace: NAMESPACE }), disconnect: async () => void (await client.quit()) };
}
