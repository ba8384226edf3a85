const { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore, ReauthorizationRequiredError } = require("hubspot-oauth");
const { startHubSpotEmulator } = require("hubspot-oauth/testing");

let emulator, oauth;
beforeEach(async () => {
  emulator = await startHubSpotEmulator();
  oauth = new HubSpotOAuthClient({ ...emulator.clientOptions(), tokenStore: new MemoryTokenStore() });
});
afterEach(async () => {
  await oauth.close();
  await emulator.close();
});

test("an account is connected, and a call long afterwards refreshes", async () => {
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  emulator.advance(3_600_000);
  expect((await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 3 } })).results).toHaveLength(3);
  expect(emulator.count("token")).toBe(2);
});

test("a customer who removed the app has to connect again", async () => {
  const { accountId } = await emulator.connect(oauth);
  emulator.uninstall(accountId);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  emulator.advance(3_600_000);
  await expect(hubspot.get("/crm/v3/objects/contacts")).rejects.toThrow(ReauthorizationRequiredError);
});
