// This package in a herd: the README's client over one of its stores, and `getAccessToken`.
import { HubSpotOAuthClient, MemoryTokenStore } from "../../dist/index.js";
import { PostgresTokenStore } from "../../dist/stores/postgres.js";
import { RedisTokenStore } from "../../dist/stores/redis.js";

const HUB_ID = "62515";
const SCOPES = ["crm.objects.contacts.read"];

export const ours = {
  label: "hubspot-oauth",
  sharing: "its own store",
  async create({ store, client, name, origin, clientId, clientSecret }) {
    const oauth = new HubSpotOAuthClient({
      clientId,
      clientSecret,
      redirectUri: "http://localhost:3000/oauth/callback",
      scopes: SCOPES,
      apiVersion: "2026-09",
      apiOrigin: origin,
      tokenStore: tokenStore(store, client, name),
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

function tokenStore(store, client, namespace) {
  if (store === "redis") return new RedisTokenStore({ client, namespace });
  return store === "postgres" ? new PostgresTokenStore({ pool: client, namespace }) : new MemoryTokenStore();
}
