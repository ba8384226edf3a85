const { http, HttpResponse } = require("msw");
const { setupServer } = require("msw/node");
const { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } = require("hubspot-oauth");
const { HubSpotEmulator } = require("hubspot-oauth/testing");
const { hubspotHandlers } = require("hubspot-oauth/testing/msw");

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const settings = {
  clientId: "the-client",
  clientSecret: "the-secret",
  redirectUri: "https://app.example.com/oauth/callback",
  scopes: ["crm.objects.contacts.read"],
};

test("mocks of one's own", async () => {
  const tokens = { access_token: "new-access-token", refresh_token: "the-refresh-token", expires_in: 1800 };
  server.use(
    // Any version: the library goes from v1 to a dated one in 2027.
    http.post("https://api.hubapi.com/oauth/*/token", () => HttpResponse.json(tokens)),
    http.get("https://api.hubapi.com/crm/v3/objects/contacts", ({ request }) =>
      HttpResponse.json({ results: [{ id: request.headers.get("authorization") }] }),
    ),
  );
  const oauth = new HubSpotOAuthClient({ ...settings, tokenStore: new MemoryTokenStore() });
  const { accountId } = await oauth.saveTokens({ refreshToken: "the-refresh-token", hubId: "4242", scopes: settings.scopes });
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  expect(await hubspot.get("/crm/v3/objects/contacts")).toEqual({ results: [{ id: "Bearer new-access-token" }] });
});

test("the emulator behind msw", async () => {
  const { clientId, clientSecret, redirectUri } = settings;
  const emulator = new HubSpotEmulator({ app: { clientId, clientSecret, redirectUris: [redirectUri] } });
  server.use(...hubspotHandlers(emulator));
  const oauth = new HubSpotOAuthClient({ ...settings, tokenStore: new MemoryTokenStore() });
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  expect((await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 3 } })).results).toHaveLength(3);
});
