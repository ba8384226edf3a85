/** The app's own credentials, and tokens that are taken back: the operator's mistakes kill no account, a revocation does. */
import { describe, expect, test } from "vitest";
import { ConfigurationError, type HubSpotOAuthClient } from "../../src/index.js";
import { USER } from "./browser.js";
import { APP, OTHER_APP } from "./provider.js";
import { callbackOf, clientOf, connect, contactsOf, idsIn, LIFE_MS, ROTATIONS, serve } from "./setup.js";

const WRONG_SECRET = { clientSecret: "not-the-secret" };
const STATE_SECRET = { stateSecret: "one state secret for both of the clients" };

describe("a wrong secret", () => {
  test("at the exchange is a ConfigurationError, and nothing is stored", async () => {
    const server = await serve();
    const right = clientOf(server, STATE_SECRET);
    const wrong = clientOf(server, { ...STATE_SECRET, ...WRONG_SECRET });
    await expect(wrong.oauth.completeAuthorization(await callbackOf(right.oauth))).rejects.toThrow(ConfigurationError);
    expect(server.requests.at(-1)).toMatchObject({ path: "/oauth/2026-09/token", status: 401 });
    expect(await idsIn(wrong.store)).toEqual([]);
  });

  test.each(ROTATIONS)("at a refresh marks no account dead: with the right one it goes on (rotation %s)", async (rotation) => {
    const server = await serve({ rotation });
    const right = clientOf(server);
    const ids = [await connect(right.oauth), await connect(right.oauth, { user: "62345678-1002" })];
    const wrong = clientOf(server, { tokenStore: right.store, ...WRONG_SECRET });
    server.advance(LIFE_MS);
    const before = ids.map((id) => right.store.get(id));
    for (const id of ids) await expect(contactsOf(wrong.oauth, id)).rejects.toThrow(ConfigurationError);
    expect(ids.map((id) => right.store.get(id))).toEqual(before);
    expect(wrong.events.map(({ type }) => type)).not.toContain("grant.dead");
    expect(await Promise.all(ids.map((id) => contactsOf(right.oauth, id)))).toEqual([USER, "62345678-1002"]);
  });

  test.each<[string, (oauth: HubSpotOAuthClient, token: string) => Promise<unknown>]>([
    ["refresh", (oauth, token) => oauth.refresh(token)],
    ["introspection", (oauth, token) => oauth.introspect(token, { hint: "refresh_token" })],
    ["revocation", (oauth, token) => oauth.revoke(token)],
  ])("at %s is a ConfigurationError that does not name it, and the token stays good", async (_, call) => {
    const server = await serve();
    const { oauth, store } = clientOf(server);
    const refreshToken = store.get(await connect(oauth))?.refreshToken ?? "";
    for (const options of [WRONG_SECRET, { clientId: "nobody" }]) {
      const error: unknown = await call(clientOf(server, options).oauth, refreshToken).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(server.requests.at(-1)?.status).toBe(401);
      expect(String(error)).not.toMatch(/not-the-secret/);
      expect(String(error)).not.toContain(refreshToken);
    }
    await expect(oauth.refresh(refreshToken)).resolves.toBeDefined();
  });

  test("does not keep disconnect from deleting the record; the result says what was not revoked", async () => {
    const server = await serve();
    const right = clientOf(server);
    const id = await connect(right.oauth);
    const refreshToken = right.store.get(id)?.refreshToken ?? "";
    const wrong = clientOf(server, { tokenStore: right.store, ...WRONG_SECRET });
    const { revoked, errors } = await wrong.oauth.disconnect(id);
    expect(revoked).toBe(false);
    expect(errors).toEqual([expect.any(ConfigurationError)]);
    expect(right.store.get(id)).toBeUndefined();
    await expect(right.oauth.introspect(refreshToken, { hint: "refresh_token" })).resolves.toMatchObject({ active: true });
  });
});

describe.each(ROTATIONS)("rotation %s", (rotation) => {
  test("a revoked refresh token ends the account at the next refresh, and is not sent again", async () => {
    const server = await serve({ rotation });
    const { oauth, events, store } = clientOf(server);
    const id = await connect(oauth);
    await oauth.revoke(store.get(id)?.refreshToken ?? "");
    server.advance(LIFE_MS);
    await expect(contactsOf(oauth, id)).rejects.toMatchObject({ code: "reauthorization_required", accountId: id, reason: "invalid_grant" });
    await expect(contactsOf(oauth, id)).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(server.tokenForms("refresh_token")).toHaveLength(1);
    expect(events).toContainEqual({ type: "grant.dead", accountId: id, reason: "invalid_grant" });
    expect(await oauth.getAccount(id)).toMatchObject({ status: "dead" });
  });

  test("introspection knows a token's account while it lives, and nothing of it once it is revoked", async () => {
    const server = await serve({ rotation });
    const { oauth, store } = clientOf(server);
    const { accessToken = "", refreshToken = "" } = store.get(await connect(oauth)) ?? {};
    const known = { active: true, hubId: "51234567", userId: "1001", clientId: APP.clientId };
    expect(await oauth.introspect(accessToken)).toMatchObject({ ...known, tokenUse: "access_token" });
    expect(await oauth.introspect(refreshToken, { hint: "refresh_token" })).toMatchObject({ ...known, tokenUse: "refresh_token" });
    await oauth.revoke(refreshToken);
    expect(await oauth.introspect(refreshToken, { hint: "refresh_token" })).toEqual({ active: false });
    expect(await oauth.introspect(accessToken)).toEqual({ active: false });
  });

  test("disconnect revokes the refresh token that stands by then, at the server", async () => {
    const server = await serve({ rotation });
    const { oauth, store } = clientOf(server);
    const id = await connect(oauth);
    server.advance(LIFE_MS);
    await oauth.getAccessToken(id);
    const refreshToken = store.get(id)?.refreshToken ?? "";
    expect(await oauth.disconnect(id)).toEqual({ uninstalled: false, revoked: true, errors: [] });
    const posted = new URLSearchParams(server.requests.find(({ path }) => path.endsWith("/revoke"))?.body);
    expect(Object.fromEntries(posted)).toMatchObject({ token: refreshToken, token_type_hint: "refresh_token" });
    expect(await oauth.introspect(refreshToken, { hint: "refresh_token" })).toEqual({ active: false });
    await expect(oauth.refresh(refreshToken)).rejects.toMatchObject({ code: "token_request_failed", error: "invalid_grant" });
    await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ code: "account_not_connected" });
  });

  test("disconnect with a refresh on the wire waits for it, and revokes what it brought", async () => {
    const server = await serve({ rotation });
    const { oauth, store } = clientOf(server);
    const id = await connect(oauth);
    server.advance(LIFE_MS);
    const { arrived, release } = server.holdNextTokenRequest();
    const refreshing = oauth.getAccessToken(id);
    await arrived;
    const before = store.get(id)?.refreshToken;
    const leaving = oauth.disconnect(id);
    release();
    const accessToken = await refreshing;
    expect(await leaving).toMatchObject({ revoked: true });
    const oauthRequests = server.requests.filter(({ path }) => path.startsWith("/oauth/2026-09/")).slice(1, 3);
    expect(oauthRequests.map(({ path }) => path)).toEqual(["/oauth/2026-09/token", "/oauth/2026-09/token/revoke"]);
    expect(new URLSearchParams(oauthRequests[1]?.body).get("token") === before).toBe(rotation === "none");
    expect(await oauth.introspect(accessToken)).toEqual({ active: false });
    expect(store.get(id)).toBeUndefined();
  });
});

test("tokens of another app are inactive to this one, and revoking them does nothing", async () => {
  const server = await serve();
  const { oauth, store } = clientOf(server);
  const other = clientOf(server, OTHER_APP).oauth;
  const { accessToken = "", refreshToken = "" } = store.get(await connect(oauth)) ?? {};
  expect(await other.introspect(accessToken)).toEqual({ active: false });
  await other.revoke(refreshToken);
  await expect(other.refresh(refreshToken)).rejects.toMatchObject({ code: "token_request_failed", error: "invalid_grant" });
  await expect(oauth.refresh(refreshToken)).resolves.toBeDefined();
});
