/** The whole flow against a server that nobody here wrote: authorize, callback, exchange, call, expiry, refresh, call. */
import { describe, expect, test } from "vitest";
import { Browser, USER } from "./browser.js";
import { APP, REDIRECT_URI } from "./provider.js";
import { authorize, callbackOf, clientOf, connect, contactsOf, cookieOf, idsIn, LIFE_MS, ROTATIONS, serve } from "./setup.js";

describe.each(ROTATIONS)("rotation %s", (rotation) => {
  test.each(["v1", "2026-09"] as const)(
    "an account is connected, called, refreshed when its token ends, and called again (%s)",
    async (apiVersion) => {
      const server = await serve({ rotation });
      const { oauth, events, store } = clientOf(server, { apiVersion });
      const { url, cookie } = await authorize(oauth);
      expect(new URL(url).searchParams.get("iss")).toBe(server.origin);
      const done = await oauth.completeAuthorization({ url, cookie });
      expect(done).toMatchObject({
        accountId: "51234567",
        hubId: "51234567",
        userId: "1001",
        scopes: ["oauth", "crm.objects.contacts.read"],
        reconnected: false,
        context: { tenant: "t-42" },
        returnTo: "/settings",
      });
      const connected = store.get(done.accountId);
      expect(await contactsOf(oauth, done.accountId)).toBe(USER);

      server.advance(LIFE_MS);
      expect(await contactsOf(oauth, done.accountId)).toBe(USER);
      const refreshed = store.get(done.accountId);
      expect(refreshed?.accessToken).not.toBe(connected?.accessToken);
      expect(refreshed?.refreshToken === connected?.refreshToken).toBe(rotation === "none");
      expect(server.tokenForms().map((form) => form.get("grant_type"))).toEqual(["authorization_code", "refresh_token"]);
      const calls = server.requests.filter(({ headers }) => headers["user-agent"]?.startsWith("hubspot-oauth/"));
      const contacts = "GET /crm/v3/objects/contacts 200";
      const token = `POST /oauth/${apiVersion}/token 200`;
      expect(calls.map(({ method, path, status }) => `${method} ${path} ${status}`)).toEqual([token, contacts, token, contacts]);
      expect(events.map(({ type }) => type)).toEqual([
        "authorization.started",
        "authorization.completed",
        "refresh.started",
        "refresh.succeeded",
      ]);
    },
  );

  test("a token that ended before its time is refreshed on HubSpot's word, and the call is sent again", async () => {
    const server = await serve({ rotation });
    const { oauth } = clientOf(server);
    const id = await connect(oauth);
    server.expireAccessTokens();
    expect(await contactsOf(oauth, id)).toBe(USER);
    expect(server.tokenForms("refresh_token")).toHaveLength(1);
    const calls = server.requests.filter(({ path }) => path.startsWith("/crm/"));
    expect(calls.map(({ status }) => status)).toEqual([401, 200]);
  });

  test("the same account again replaces the grant, and the new one is refreshed", async () => {
    const server = await serve({ rotation });
    const { oauth, store } = clientOf(server);
    const id = await connect(oauth);
    const first = store.get(id);
    const again = await oauth.completeAuthorization(await callbackOf(oauth));
    expect(again).toMatchObject({ accountId: id, reconnected: true });
    expect(store.get(id)?.grantId).not.toBe(first?.grantId);
    server.advance(LIFE_MS);
    expect(await contactsOf(oauth, id)).toBe(USER);
    expect(server.tokenForms("refresh_token")[0]?.get("refresh_token")).toBe(again.tokens.refreshToken);
  });
});

test.each([20, 1_800, 21_600])(
  "TR-07 a token that lives %d seconds is used for half of them and replaced at their end",
  async (seconds) => {
    const server = await serve({ rotation: "strict", accessTokenSeconds: seconds });
    const { oauth } = clientOf(server);
    const id = await connect(oauth);
    const first = await oauth.getAccessToken(id);
    server.advance(seconds * 500);
    expect(await contactsOf(oauth, id)).toBe(USER);
    expect(await oauth.getAccessToken(id)).toBe(first);
    server.advance(seconds * 500);
    expect(await contactsOf(oauth, id)).toBe(USER);
    expect(await oauth.getAccessToken(id)).not.toBe(first);
    // Neither call was refused on the way.
    expect(server.requests.filter(({ path }) => path.startsWith("/crm/")).map(({ status }) => status)).toEqual([200, 200]);
  },
);

test("TE-01 TE-02 TE-03 OAuth requests are forms whose every parameter stands once, in the body, with one client authentication", async () => {
  const server = await serve();
  const { oauth, store } = clientOf(server);
  const id = await connect(oauth);
  server.advance(LIFE_MS);
  await oauth.getAccessToken(id);
  const refreshToken = store.get(id)?.refreshToken ?? "";
  await oauth.introspect(refreshToken, { hint: "refresh_token" });
  await oauth.revoke(refreshToken);
  const posts = server.requests.filter(({ method, path }) => method === "POST" && path.startsWith("/oauth/"));
  const app = ["client_id", "client_secret"];
  expect(posts.map(({ path, status, body }) => [path, status, [...new URLSearchParams(body).keys()].toSorted()])).toEqual([
    ["/oauth/2026-09/token", 200, [...app, "code", "code_verifier", "grant_type", "redirect_uri"]],
    ["/oauth/2026-09/token", 200, [...app, "grant_type", "refresh_token"]],
    ["/oauth/2026-09/token/introspect", 200, [...app, "token", "token_type_hint"]],
    ["/oauth/2026-09/token/revoke", 200, [...app, "token", "token_type_hint"]],
  ]);
  for (const { headers, body } of posts) {
    expect(headers).toMatchObject({ "content-type": "application/x-www-form-urlencoded" });
    expect(headers).not.toHaveProperty("authorization");
    expect(new URLSearchParams(body).get("client_secret")).toBe(APP.clientSecret);
  }
  expect(new URLSearchParams(posts[0]?.body).get("redirect_uri")).toBe(REDIRECT_URI);
});

test.each(["no user", "none"] as const)("a token response that lacks fields (%s) is completed by introspection, once", async (fields) => {
  const server = await serve({ fields });
  const { oauth } = clientOf(server, { accountId: ({ hubId, userId }) => `${hubId}/${String(userId)}` });
  const id = await connect(oauth);
  expect(id).toBe("51234567/1001");
  expect(server.requests.filter(({ path }) => path.endsWith("/introspect"))).toHaveLength(1);
  server.advance(LIFE_MS);
  expect(await contactsOf(oauth, id)).toBe(USER);
  expect(await oauth.getAccount(id)).toMatchObject({ scopes: ["oauth", "crm.objects.contacts.read"] });
});

test("TR-10 a scope that was asked for and not granted is reported, and no refresh is tried for it", async () => {
  const server = await serve();
  const { oauth } = clientOf(server, { scopes: ["oauth"], optionalScopes: ["crm.objects.contacts.read"] });
  const id = await connect(oauth);
  await expect(oauth.requireScopes(id, ["crm.objects.contacts.read"])).rejects.toMatchObject({ scopes: ["crm.objects.contacts.read"] });
  await expect(contactsOf(oauth, id)).rejects.toMatchObject({ code: "missing_scopes", scopes: ["crm.objects.contacts.read"] });
  expect(server.tokenForms("refresh_token")).toHaveLength(0);
});

test("v1 that is gone does not cost the code: it is sent to the dated endpoint, and so is every later refresh", async () => {
  const server = await serve({ v1: false });
  // The moment is fixed: from 2027-02-02 on v1 is not tried at all.
  const before = Date.UTC(2026, 11, 1) - server.now();
  const { oauth, events } = clientOf(server, { apiVersion: "auto", now: () => server.now() + before });
  const id = await connect(oauth);
  server.advance(LIFE_MS);
  await oauth.getAccessToken(id);
  const posts = server.requests.filter(({ path }) => path.endsWith("/token"));
  expect(posts.map(({ path, status }) => `${path} ${status}`)).toEqual([
    "/oauth/v1/token 404",
    "/oauth/2026-09/token 200",
    "/oauth/2026-09/token 200",
  ]);
  expect(events).toContainEqual({ type: "endpoint.moved", from: "/oauth/v1/token", to: "/oauth/2026-09/token", reason: "not-found" });
});

test("an account asked for by its hub id travels in the path, and another one that answers is not stored", async () => {
  const server = await serve();
  const { oauth, store } = clientOf(server);
  const callbackFrom = async (user: string): Promise<{ readonly url: string; readonly cookie: string | undefined }> => {
    const { url, cookie } = await oauth.createAuthorization({ hubId: "51234567" });
    expect(new URL(url).pathname).toBe("/oauth/51234567/authorize");
    return { url: await new Browser().visit(url, { user }), cookie: cookieOf(cookie) };
  };
  await expect(oauth.completeAuthorization(await callbackFrom("77777777-1001"))).rejects.toMatchObject({
    code: "state_mismatch",
    reason: "wrong-account",
  });
  expect(await idsIn(store)).toEqual([]);
  expect(await oauth.completeAuthorization(await callbackFrom(USER))).toMatchObject({ accountId: "51234567" });
});
