import assert from "node:assert/strict";
import { after, test } from "node:test";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore, RateLimitError } from "hubspot-oauth";
import nock from "nock";

nock.disableNetConnect();
after(() => nock.restore());

test("a token is refreshed, and a 429 is an error of its own class", async () => {
  nock("https://api.hubapi.com")
    // Any version: the library goes from v1 to a dated one in 2027.
    .post(/^\/oauth\/[^/]+\/token$/, (form) => form.refresh_token === "the-refresh-token")
    .reply(200, { access_token: "the-access-token", refresh_token: "the-refresh-token", expires_in: 1800 })
    .get("/crm/v3/objects/contacts?limit=2")
    .matchHeader("authorization", "Bearer the-access-token")
    .reply(200, { results: [{ id: "1" }, { id: "2" }] })
    .get("/crm/v3/objects/contacts?limit=3")
    .reply(429, { policyName: "DAILY", message: "You have reached your daily limit." });

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
  await assert.rejects(hubspot.get("/crm/v3/objects/contacts", { query: { limit: 3 } }), RateLimitError);
  assert.deepEqual(nock.pendingMocks(), []);
  await oauth.close();
});
