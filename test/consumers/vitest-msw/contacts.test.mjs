import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { afterAll, beforeAll, expect, test } from "vitest";

const server = setupServer(
  // Any version: the library goes from v1 to a dated one in 2027.
  http.post("https://api.hubapi.com/oauth/*/token", async ({ request }) => {
    const form = new URLSearchParams(await request.text());
    expect(Object.fromEntries(form)).toMatchObject({ grant_type: "authorization_code", code: "the-code", client_id: "the-client" });
    return HttpResponse.json({
      token_type: "bearer",
      refresh_token: "the-refresh-token",
      access_token: "the-access-token",
      hub_id: 4242,
      scopes: ["oauth", "crm.objects.contacts.read"],
      expires_in: 1800,
    });
  }),
  http.get("https://api.hubapi.com/crm/v3/objects/contacts", ({ request }) => {
    expect(request.headers.get("authorization")).toBe("Bearer the-access-token");
    return HttpResponse.json({ results: [{ id: "1" }, { id: "2" }] });
  }),
);
// msw 2's name for it, and msw 3's.
beforeAll(() => server.listen({ onUnhandledRequest: "error", onUnhandledFrame: "error" }));
afterAll(() => server.close());

test("an account is connected and its contacts are read", async () => {
  const oauth = new HubSpotOAuthClient({
    clientId: "the-client",
    clientSecret: "the-secret",
    redirectUri: "https://app.example.com/oauth/callback",
    scopes: ["crm.objects.contacts.read"],
    tokenStore: new MemoryTokenStore(),
  });
  const { state } = await oauth.createAuthorization({ binding: "the session" });
  const { accountId } = await oauth.completeAuthorization({
    url: `/oauth/callback?code=the-code&state=${encodeURIComponent(state)}`,
    binding: "the session",
  });
  expect(accountId).toBe("4242");
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  expect(await hubspot.get("/crm/v3/objects/contacts")).toEqual({ results: [{ id: "1" }, { id: "2" }] });
  await oauth.close();
});
