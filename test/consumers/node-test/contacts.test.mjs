import assert from "node:assert/strict";
import { after, test } from "node:test";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore, MissingScopesError } from "hubspot-oauth";
import { HubSpotEmulator } from "hubspot-oauth/testing";

const emulator = new HubSpotEmulator();
const oauth = new HubSpotOAuthClient({ ...emulator.clientOptions(), tokenStore: new MemoryTokenStore() });
after(async () => {
  await oauth.close();
  await emulator.close();
});

test("parallel calls share one refresh", async () => {
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  emulator.expireTokens(); // HubSpot refuses the token although it should live on
  const pages = await Promise.all([1, 2, 3].map((limit) => hubspot.get("/crm/v3/objects/contacts", { query: { limit } })));
  assert.deepEqual(
    pages.map(({ results }) => results.length),
    [1, 2, 3],
  );
  assert.equal(emulator.count({ route: "token", grantType: "refresh_token" }), 1);
});

test("a call that HubSpot cannot answer now is tried again", async () => {
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  emulator.clearRequests();
  const fault = emulator.faults.add({ match: "objects-list", fault: { kind: "server-error", status: 503 } });
  await hubspot.get("/crm/v3/objects/contacts");
  assert.equal(fault.hits, 1);
  assert.deepEqual(
    emulator.requests.map(({ status }) => status),
    [503, 200],
  );
});

test("a scope that is missing names itself", async () => {
  const { accountId } = await emulator.connect(oauth, { account: emulator.accounts[1].hubId });
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  await assert.rejects(hubspot.get("/crm/v3/objects/deals"), (error) => {
    assert.ok(error instanceof MissingScopesError);
    assert.deepEqual(error.scopes, ["crm.objects.deals.read"]);
    return true;
  });
});
