import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { HubSpotEmulator } from "hubspot-oauth/testing";
import { hubspotHandlers } from "hubspot-oauth/testing/msw";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

// The application's own settings, as in production: msw answers for HubSpot's real addresses.
const settings = { clientId: "the-client", clientSecret: "the-secret", redirectUri: "https://app.example.com/oauth/callback" };
const emulator = new HubSpotEmulator({
  app: { clientId: settings.clientId, clientSecret: settings.clientSecret, redirectUris: [settings.redirectUri] },
  accounts: [{ hubId: 4242, contacts: [{ firstname: "Ada" }, { firstname: "Grace" }] }],
});
const server = setupServer(...hubspotHandlers(emulator));
beforeAll(() => server.listen({ onUnhandledRequest: "error", onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(async () => {
  server.close();
  await emulator.close();
});

const oauth = new HubSpotOAuthClient({
  ...settings,
  scopes: ["crm.objects.contacts.read"],
  tokenStore: new MemoryTokenStore(),
  now: () => emulator.now(),
});

test("half an hour after connecting, a call refreshes first", async () => {
  const { accountId } = await emulator.connect(oauth);
  emulator.advance(31 * 60_000);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  const { results } = await hubspot.get("/crm/v3/objects/contacts", { query: { properties: "firstname" } });
  expect(results.map(({ properties }) => properties.firstname)).toEqual(["Ada", "Grace"]);
  expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(1);
});

test("one call is answered by a handler of the test's own", async () => {
  server.use(http.get("https://api.hubapi.com/crm/v3/objects/contacts", () => HttpResponse.json({ results: [] })));
  const { accountId } = await emulator.connect(oauth);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  expect(await hubspot.get("/crm/v3/objects/contacts")).toEqual({ results: [] });
});
