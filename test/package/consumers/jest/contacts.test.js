const { HubSpotHttp, HubSpotOAuthClient, HubSpotOAuthError, MemoryTokenStore, StateMismatchError } = require("hubspot-oauth");
const { startHubSpotEmulator } = require("hubspot-oauth/testing");

let emulator, oauth;
beforeEach(async () => {
  emulator = await startHubSpotEmulator();
  oauth = new HubSpotOAuthClient({
    clientId: emulator.app.clientId,
    clientSecret: emulator.app.clientSecret,
    redirectUri: emulator.app.redirectUris[0],
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
    authorizeOrigin: emulator.origin,
    apiOrigin: emulator.origin,
    now: () => emulator.now(),
  });
});
afterEach(async () => {
  await oauth.close();
  await emulator.close();
});

test("an account is connected, and a call long afterwards refreshes", async () => {
  const { url, cookie } = await oauth.createAuthorization();
  const { accountId } = await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie.split(";")[0] });
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  emulator.advance(3_600_000);
  expect((await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 3 } })).results).toHaveLength(3);
  expect(emulator.count("token")).toBe(2);
});

test("errors are told apart by class", async () => {
  const failure = oauth.completeAuthorization({ url: "/oauth/callback?code=x&state=forged", cookie: "a=b" });
  await expect(failure).rejects.toThrow(StateMismatchError);
  await expect(failure).rejects.toBeInstanceOf(HubSpotOAuthError);
});
