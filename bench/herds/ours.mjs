// This package in a herd: the README's client over one of its stores, and `getAccessToken`.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const HUB_ID = "62515";
const SCOPES = ["crm.objects.contacts.read"];

/** That build, as a contender. */
export async function loadOurs(dist) {
  const load = (file) => import(pathToFileURL(join(dist, file)).href);
  const [{ HubSpotOAuthClient, MemoryTokenStore }, { PostgresTokenStore }, { RedisTokenStore }] = await Promise.all(
    ["index.js", "stores/postgres.js", "stores/redis.js"].map((file) => load(file)),
  );
  const tokenStores = {
    memory: () => new MemoryTokenStore(),
    redis: (client, namespace) => new RedisTokenStore({ client, namespace }),
    postgres: (pool, namespace) => new PostgresTokenStore({ pool, namespace }),
  };
  return {
    createTables: (pool) => tokenStores.postgres(pool).createTables(),
    async create({ store, client, name, origin, clientId, clientSecret }) {
      const oauth = new HubSpotOAuthClient({
        clientId,
        clientSecret,
        redirectUri: "http://localhost:3000/oauth/callback",
        scopes: SCOPES,
        apiVersion: "2026-09",
        apiOrigin: origin,
        tokenStore: tokenStores[store](client, name),
      });
      return {
        save: async ({ accessToken, refreshToken, expiresAtMs }) => {
          await oauth.saveTokens({ accessToken, refreshToken, expiresAtMs, hubId: HUB_ID, scopes: SCOPES });
        },
        getToken: () => oauth.getAccessToken(HUB_ID),
        close: () => oauth.close(),
      };
    },
  };
}
