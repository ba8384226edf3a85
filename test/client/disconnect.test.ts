/** A customer leaves, and a process ends: what is told to HubSpot, in which order, and what holds when HubSpot does not answer. */
import { describe, expect, it, test } from "vitest";
import {
  AccountNotConnectedError,
  ConfigurationError,
  HubSpotOAuthClient,
  NetworkError,
  ReauthorizationRequiredError,
  TokenStoreError,
} from "../../src/index.js";
import { gate, ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { begin, failureOf } from "./flow.js";

test("disconnect revokes the refresh token and then deletes the record", async () => {
  const emulator = await emulate();
  const tokenStore = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore });
  const id = await connect(oauth, emulator);
  const refreshToken = emulator.grants[0]?.refreshToken;
  const held = gate();
  const { arrived } = emulator.respondOnce("revoke", { until: held.opened });
  const work = oauth.disconnect(id);
  expect((await arrived).form).toMatchObject({ token: refreshToken, token_type_hint: "refresh_token" });
  expect(tokenStore.inner.get(id)).toBeDefined();
  held.open();
  expect(await work).toEqual({ uninstalled: false, revoked: true, errors: [] });
  expect(tokenStore.inner.get(id)).toBeUndefined();
  expect(emulator.count("uninstall")).toBe(0);
  expect(events.at(-1)).toEqual({ type: "disconnected", accountId: id, revoked: true, uninstalled: false });
  await expect(oauth.getAccessToken(id)).rejects.toBeInstanceOf(AccountNotConnectedError);
});

test("with uninstall the order is uninstall, revoke, delete, and the app is gone from the portal", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  emulator.clearRequests();
  const whileRevoking: unknown[] = [];
  emulator.respondOnce(({ route }) => route === "revoke" && whileRevoking.push(store.get(id)) > 0, { process: true, status: 200 });
  expect(await oauth.disconnect(id, { uninstall: true })).toEqual({ uninstalled: true, revoked: true, errors: [] });
  expect(emulator.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "DELETE /appinstalls/2026-09/external-install",
    "POST /oauth/2026-09/token/revoke",
  ]);
  expect(whileRevoking).toHaveLength(1);
  expect(whileRevoking[0]).toBeDefined();
  expect(store.get(id)).toBeUndefined();
  expect(await oauth.introspect(token)).toEqual({ active: false });
});

describe("revoke defaults to true under the default key, and to false where an accountId option may share one token", () => {
  it.each([
    [undefined, undefined, true],
    [undefined, false, false],
    [({ hubId }: { hubId: string }) => `key-${hubId}`, undefined, false],
    [({ hubId }: { hubId: string }) => `key-${hubId}`, true, true],
  ])("accountId %s, revoke %s", async (accountId, revoke, revoked) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator, { ...(accountId && { accountId }) });
    const id = await connect(oauth, emulator);
    expect(await oauth.disconnect(id, { revoke })).toEqual({ uninstalled: false, revoked, errors: [] });
    expect(emulator.count("revoke")).toBe(revoked ? 1 : 0);
    expect(store.get(id)).toBeUndefined();
  });
});

test("the record goes even when HubSpot is down, and the result says what did not happen", async () => {
  const emulator = await emulate();
  const { oauth, store, events } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  await emulator.close();
  const result = await oauth.disconnect(id, { uninstall: true });
  expect(result).toMatchObject({ uninstalled: false, revoked: false });
  expect(result.errors).toHaveLength(2);
  for (const error of result.errors) expect(error).toBeInstanceOf(NetworkError);
  expect(store.get(id)).toBeUndefined();
  expect(events.at(-1)).toEqual({ type: "disconnected", accountId: id, revoked: false, uninstalled: false });
});

test("a step that fails does not keep the next from being taken", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.respondOnce("uninstall", { status: 403, body: { status: "error", category: "MISSING_SCOPES" } });
  const result = await oauth.disconnect(id, { uninstall: true });
  expect(result).toMatchObject({ uninstalled: false, revoked: true, errors: [{ code: "missing_scopes" }] });
  expect(store.get(id)).toBeUndefined();
});

test("a dead account disconnects, and one without a refresh token says so", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.revokeGrant(id);
  await failureOf(oauth.getAccessToken(id, { force: true }));
  expect(await oauth.disconnect(id)).toMatchObject({ revoked: true, errors: [] });
  await oauth.saveTokens({ accessToken: "a", hubId: "1", scopes: [] });
  const result = await oauth.disconnect("1");
  expect(result.revoked).toBe(false);
  expect(result.errors).toEqual([expect.any(ReauthorizationRequiredError)]);
  expect(store.get("1")).toBeUndefined();
});

test("disconnecting what is not connected is quiet: no request, no event", async () => {
  const emulator = await emulate();
  const { oauth, events } = clientOf(emulator);
  expect(await oauth.disconnect("unknown", { uninstall: true })).toEqual({ uninstalled: false, revoked: false, errors: [] });
  expect(emulator.count()).toBe(0);
  expect(events).toEqual([]);
});

test("a signal that was aborted before leaves the connection as it is", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const reason = new Error("the user went away");
  expect(await failureOf(oauth.disconnect(id, { signal: AbortSignal.abort(reason) }))).toBe(reason);
  expect(store.get(id)?.status).toBe("active");
  expect(emulator.count("revoke")).toBe(0);
});

test("a store that cannot delete is an error: the account is not reported as gone", async () => {
  const emulator = await emulate();
  const tokenStore = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore });
  const id = await connect(oauth, emulator);
  tokenStore.next("delete", () => Promise.reject(Object.assign(new Error("read only"), { code: "EROFS" })));
  await expect(oauth.disconnect(id, { revoke: false })).rejects.toMatchObject({
    code: "token_store",
    operation: "delete",
    driverCode: "EROFS",
  });
  expect(events.map(({ type }) => type)).not.toContain("disconnected");
  tokenStore.down = new Error("down");
  await expect(oauth.disconnect(id)).rejects.toBeInstanceOf(TokenStoreError);
  expect(emulator.count("revoke")).toBe(0);
});

test("uninstall alone leaves the record, and revoke alone leaves the access token alive", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  await oauth.revoke(store.get(id)?.refreshToken ?? "");
  expect(await oauth.introspect(await oauth.getAccessToken(id))).toMatchObject({ active: true });
  await oauth.uninstall(id);
  expect(store.get(id)).toBeDefined();
  await expect(oauth.uninstall("unknown")).rejects.toBeInstanceOf(AccountNotConnectedError);
});

test("revoke takes any success for one: HubSpot documents none", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  for (const answer of [{ status: 200 }, { status: 200, body: "ok" }, { status: 204 }, { status: 202, body: {} }]) {
    emulator.respondOnce("revoke", answer);
    expect(await oauth.revoke("r")).toBeUndefined();
  }
});

describe("close", () => {
  it("refuses new work and can be called again", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    await oauth.close();
    await oauth.close();
    await expect(oauth.getAccessToken(id)).rejects.toBeInstanceOf(ConfigurationError);
    await expect(oauth.saveTokens({ accessToken: "a", hubId: "1", scopes: [] })).rejects.toThrow(/client is closed/);
  });

  it("does not spend a code that it could not store", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const { callback: url, cookie } = await begin(oauth, emulator);
    await oauth.close();
    await expect(oauth.completeAuthorization({ url, cookie })).rejects.toBeInstanceOf(ConfigurationError);
    expect(emulator.count("token")).toBe(0);
  });

  it("happens at the end of an await using block", async () => {
    const emulator = await emulate();
    const { store } = clientOf(emulator);
    let outside: HubSpotOAuthClient;
    {
      await using oauth = new HubSpotOAuthClient({
        clientId: emulator.app.clientId,
        clientSecret: emulator.app.clientSecret,
        redirectUri: emulator.app.redirectUris[0] ?? "",
        scopes: emulator.app.requiredScopes,
        tokenStore: store,
        apiOrigin: emulator.origin,
        authorizeOrigin: emulator.origin,
        fetch: (input, init) => fetch(input, init),
      });
      outside = oauth;
      await connect(oauth, emulator);
    }
    await expect(outside.getAccessToken("24681012")).rejects.toThrow(/client is closed/);
  });
});
