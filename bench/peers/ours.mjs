// This package, as its README says: a connected account whose token is good.
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "../../dist/index.js";
import { newAgent } from "../throughput/contenders.mjs";
import { ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, EXPIRES_AT_MS, PATH } from "./page.mjs";

const refreshes = "yes: ahead, once for all processes";

export const ours = {
  plain: { label: "hubspot-oauth, rateLimit: false", refreshes, ours: true, create: ({ origin }) => reader(origin, false) },

  // Counts each call, and never holds one back: with HubSpot's numbers it would keep to them.
  limited: {
    label: "hubspot-oauth, with the limiter",
    refreshes,
    ours: true,
    create: ({ origin }) => reader(origin, { limit: 1_000_000, intervalMs: 100 }),
  },

  "bound-fetch": {
    label: "hubspot-oauth, its fetch",
    refreshes,
    ours: true,
    create: async ({ origin }) => {
      const { http, close } = await reader(origin, { limit: 1_000_000, intervalMs: 100 });
      return { call: async (limit) => (await http.fetch(`${PATH}?limit=${limit}`)).json(), close };
    },
  },
};

async function reader(origin, rateLimit) {
  const dispatcher = newAgent();
  const oauth = new HubSpotOAuthClient({
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    redirectUri: "http://localhost:3000/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
    apiOrigin: origin,
    dispatcher,
    rateLimit,
  });
  const { accountId } = await oauth.saveTokens({
    accessToken: ACCESS_TOKEN,
    refreshToken: "bench-refresh-token",
    expiresAtMs: EXPIRES_AT_MS,
    hubId: "62515",
    scopes: ["crm.objects.contacts.read"],
  });
  const http = new HubSpotHttp({ credential: oauth.account(accountId) });
  return {
    http,
    call: (limit) => http.get(PATH, { query: { limit } }),
    close: async () => {
      await oauth.close();
      await dispatcher.close();
    },
  };
}
