import assert from "node:assert/strict";
import { after, test } from "node:test";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { getGlobalDispatcher, MockAgent, setGlobalDispatcher } from "undici";

const before = getGlobalDispatcher();
const mock = new MockAgent();
mock.disableNetConnect();
setGlobalDispatcher(mock); // or new HubSpotOAuthClient({ dispatcher: mock })
after(async () => {
  setGlobalDispatcher(before);
  await mock.close();
});

test("a token is refreshed, and contacts are read with it", async () => {
  const headers = { "content-type": "application/json" };
  const tokens = { access_token: "the-access-token", refresh_token: "the-refresh-token", expires_in: 1800 };
  const hubapi = mock.get("https://api.hubapi.com");
  // Any version: the library goes from v1 to a dated one in 2027.
  hubapi.intercept({ method: "POST", path: (path) => /^\/oauth\/[^/]+\/token$/.test(path) }).reply(200, tokens, { headers });
  hubapi
    .intercept({ path: "/crm/v3/objects/contacts?limit=2", headers: { authorization: "Bearer the-access-token" } })
    .reply(200, { results: [{ id: "1" }, { id: "2" }] }, { headers });

  const oauth = new HubSpotOAuthClient({
    clientId: "the-client",
    clientSecret: "the-secret",
    redirectUri: "https://app.example.com/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
  });
  const { accountId } = await oauth.saveTokens({ refreshToken: "the-refresh-token", hubId: "4242", scopes: ["crm.objects.contacts.read"] });
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  const page = await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 2 } });
  assert.deepEqual(page, { results: [{ id: "1" }, { id: "2" }] });
  mock.assertNoPendingInterceptors();
  await oauth.close();
});
