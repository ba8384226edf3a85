/** What a failed refresh does: to the token that still lives, to the account, and to the rest of the app. */
import { describe, expect, test } from "vitest";
import {
  ConfigurationError,
  HubSpotOAuthError,
  MalformedResponseError,
  NetworkError,
  RateLimitError,
  ReauthorizationRequiredError,
  TokenRequestError,
} from "../../src/index.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const MINUTE = 60_000;
const ALIVE = 29.5 * MINUTE;
const EXPIRED = 31 * MINUTE;

const DEAD: [string, number, object][] = [
  ["BAD_REFRESH_TOKEN", 400, { status: "BAD_REFRESH_TOKEN", message: "missing or invalid refresh token" }],
  ["BAD_REFRESH_TOKEN", 400, { error: "invalid_grant", error_description: "expired", status: "BAD_REFRESH_TOKEN", message: "expired" }],
  ["invalid_grant", 400, { error: "invalid_grant" }],
  ["BAD_HUB", 400, { status: "BAD_HUB", error: "access_denied", message: "missing or unknown hub id" }],
  ["access_denied", 403, { error: "access_denied" }],
];

const NOT_DEAD: [string, number, unknown, typeof HubSpotOAuthError | (abstract new (...args: never) => HubSpotOAuthError)][] = [
  ["an outage that says BAD_HUB", 500, { status: "BAD_HUB", error: "access_denied" }, TokenRequestError],
  ["an outage that says invalid_grant", 503, { error: "invalid_grant" }, TokenRequestError],
  ["a 502 of HTML", 502, "<html>bad gateway</html>", TokenRequestError],
  ["a lock (423) that says invalid_grant", 423, { error: "invalid_grant" }, TokenRequestError],
  ["a migration (477)", 477, { message: "migrating" }, TokenRequestError],
  ["an unknown 400", 400, { error: "something_new" }, TokenRequestError],
  ["a 400 of HTML", 400, "<html>invalid_grant BAD_REFRESH_TOKEN</html>", TokenRequestError],
  ["an empty 401", 401, "", TokenRequestError],
  ["a 404", 404, { message: "not found" }, TokenRequestError],
  ["a redirect", 302, "", TokenRequestError],
  ["a wrong secret", 400, { error: "invalid_client", status: "BAD_CLIENT_SECRET" }, ConfigurationError],
  ["a wrong client id", 401, { error: "invalid_client", status: "BAD_CLIENT_ID" }, ConfigurationError],
  ["a limit", 429, { status: "error", errorType: "RATE_LIMIT", error: "invalid_grant" }, RateLimitError],
  ["200 with an error", 200, { error: "invalid_grant" }, MalformedResponseError],
  ["200 of HTML", 200, "<html>log in</html>", MalformedResponseError],
  ["200 without a token", 200, { token_type: "bearer" }, MalformedResponseError],
  ["200 with null", 200, "null", MalformedResponseError],
];

describe("a dead grant", () => {
  test.each(DEAD)("%s (%d) marks the account dead, keeps its record and is not asked again", async (reason, status, body) => {
    const emulator = await emulate();
    const { oauth, store, events } = clientOf(emulator, { apiVersion: "2026-09" });
    const id = await connect(oauth, emulator);
    const refreshToken = store.get(id)?.refreshToken;
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { status, body });
    const error = await oauth.getAccessToken(id).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ReauthorizationRequiredError);
    expect(error).toMatchObject({ accountId: id, reason, retryable: false });
    expect(store.get(id)).toMatchObject({ status: "dead", reason, refreshToken });
    expect(events.filter(({ type }) => type === "grant.dead")).toEqual([{ type: "grant.dead", accountId: id, reason }]);
    for (let call = 0; call < 3; call++) await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    expect(emulator.count(REFRESH)).toBe(1);
    expect(await oauth.getAccount(id)).toMatchObject({ status: "dead", reason });
  });

  test("a call on a dead account costs one store read and no request", async () => {
    const emulator = await emulate();
    const store = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const id = await connect(oauth, emulator);
    emulator.revokeGrant(id);
    emulator.advance(EXPIRED);
    await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    store.calls.length = 0;
    emulator.clearRequests();
    await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    expect(store.calls).toEqual(["get"]);
    expect(emulator.requests).toHaveLength(0);
  });

  test("force asks HubSpot about a dead grant, and success makes it active", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { status: 400, body: { error: "invalid_grant" } });
    await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    const token = await oauth.getAccessToken(id, { force: true });
    expect(store.get(id)).toMatchObject({ status: "active", accessToken: token });
    expect(store.get(id)).not.toHaveProperty("reason");
    expect(await oauth.getAccessToken(id)).toBe(token);
  });

  test("a reconnect makes a dead account active again, with a new grant", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const grantId = store.get(id)?.grantId;
    emulator.revokeGrant(id);
    emulator.advance(EXPIRED);
    await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    await connect(oauth, emulator);
    expect(store.get(id)).toMatchObject({ status: "active" });
    expect(store.get(id)?.grantId).not.toBe(grantId);
    expect(await oauth.getAccessToken(id)).toBe(store.get(id)?.accessToken);
  });

  test("an account without a refresh token must be connected again, and is not marked", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    emulator.settings.tokenResponse = ({ refresh_token: _dropped, ...body }) => body;
    const id = await connect(oauth, emulator);
    expect(await oauth.getAccessToken(id)).toBeTypeOf("string");
    emulator.advance(EXPIRED);
    await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ code: "reauthorization_required", reason: "no_refresh_token" });
    expect(store.get(id)?.status).toBe("active");
  });
});

describe("TR-12 a doubt never costs a connection", () => {
  test.each(NOT_DEAD)("%s (%d): the living token is used, the account stays active", async (_, status, body) => {
    const emulator = await emulate();
    const { oauth, store, events } = clientOf(emulator, { apiVersion: "2026-09" });
    const id = await connect(oauth, emulator);
    const old = await oauth.getAccessToken(id);
    emulator.advance(ALIVE);
    emulator.respondOnce(REFRESH, { status, body });
    expect(await oauth.getAccessToken(id)).toBe(old);
    expect(store.get(id)?.status).toBe("active");
    expect(events.map(({ type }) => type)).toContain("refresh.failed");
    expect(events.map(({ type }) => type)).not.toContain("grant.dead");
  });

  test.each(NOT_DEAD)(
    "%s (%d): without a living token its own error comes, the account stays active",
    async (_, status, body, expected) => {
      const emulator = await emulate();
      const { oauth, store } = clientOf(emulator, { apiVersion: "2026-09" });
      const id = await connect(oauth, emulator);
      emulator.advance(EXPIRED);
      emulator.respondOnce(REFRESH, { status, body });
      await expect(oauth.getAccessToken(id)).rejects.toBeInstanceOf(expected);
      expect(store.get(id)?.status).toBe("active");
      expect((await oauth.getAccount(id))?.lastError).toBeInstanceOf(expected);
    },
  );

  test("a connection that breaks after the request was sent leaves the account active", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { destroy: true, process: true });
    await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ code: "network", sent: true, retryable: true });
    expect(store.get(id)?.status).toBe("active");
    expect(await oauth.getAccessToken(id)).toBe(store.get(id)?.accessToken);
  });

  test("nobody listening is a network error, and the living token is used", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const old = await oauth.getAccessToken(id);
    await emulator.close();
    emulator.advance(ALIVE);
    expect(await oauth.getAccessToken(id)).toBe(old);
    await expect(oauth.getAccessToken(id, { force: true })).rejects.toThrow(NetworkError);
  });
});

test("the first failure may be tried again at once, from the second on HubSpot is left alone for a while", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.advance(EXPIRED);
  for (let failure = 0; failure < 2; failure++) emulator.respondOnce(REFRESH, { status: 503, body: "" });
  for (let call = 0; call < 10; call++) await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ retryable: true, status: 503 });
  expect(emulator.count(REFRESH)).toBe(2);
  emulator.advance(1_000);
  await oauth.getAccessToken(id);
  expect(emulator.count(REFRESH)).toBe(3);
  expect((await oauth.getAccount(id))?.lastError).toBeUndefined();
});

test("a wrong secret is the operator's fault: ConfigurationError, and no account is marked", async () => {
  const emulator = await emulate();
  const { store, oauth: right } = clientOf(emulator);
  const id = await connect(right, emulator);
  const { oauth: wrong } = clientOf(emulator, { tokenStore: store, clientSecret: "wrong-secret" });
  emulator.advance(EXPIRED);
  await expect(wrong.getAccessToken(id)).rejects.toThrow(ConfigurationError);
  expect(store.get(id)?.status).toBe("active");
  expect(await right.getAccessToken(id)).toBeTypeOf("string");
});

test("the token endpoint's 429 pauses every account of the app, for as long as HubSpot asks", async () => {
  const emulator = await emulate();
  const { oauth, events } = clientOf(emulator);
  const [first, second] = emulator.accounts;
  const one = await connect(oauth, emulator, { hubId: first!.hubId });
  const two = await connect(oauth, emulator, { hubId: second!.hubId });
  emulator.advance(EXPIRED);
  emulator.respondOnce(REFRESH, { status: 429, headers: { "retry-after": "7" }, body: { message: "You have reached your rate limit." } });
  await expect(oauth.getAccessToken(one)).rejects.toMatchObject({
    code: "rate_limited",
    policyName: "TOKEN_ENDPOINT",
    retryAfterMs: 7_000,
  });
  await expect(oauth.getAccessToken(two)).rejects.toMatchObject({ code: "rate_limited", retryable: true });
  await expect(oauth.getAccessToken(two, { force: true })).rejects.toThrow(RateLimitError);
  expect(emulator.count(REFRESH)).toBe(1);
  expect(events).toContainEqual({ type: "rate-limit.waited", policyName: "TOKEN_ENDPOINT", waitMs: 7_000 });
  emulator.advance(7_000);
  expect(await oauth.getAccessToken(two)).toBeTypeOf("string");
  expect(await oauth.getAccessToken(one)).toBeTypeOf("string");
});

describe("an answer's tokens are taken whole", () => {
  test("TR-09 a response without a refresh token keeps the old one, in one write", async () => {
    const emulator = await emulate();
    const store = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const id = await connect(oauth, emulator);
    const before = store.inner.get(id);
    emulator.settings.tokenResponse = ({ refresh_token: _dropped, ...body }) => body;
    emulator.advance(EXPIRED);
    store.calls.length = 0;
    const token = await oauth.getAccessToken(id);
    expect(store.inner.get(id)).toMatchObject({ accessToken: token, refreshToken: before?.refreshToken });
    expect(store.count("set")).toBe(1);
    emulator.advance(EXPIRED);
    expect(await oauth.getAccessToken(id)).not.toBe(token);
  });

  test("TR-09 a response with a refresh token replaces the old one, in one write", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const store = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const id = await connect(oauth, emulator);
    for (let round = 0; round < 3; round++) {
      const before = store.inner.get(id);
      emulator.advance(EXPIRED);
      store.calls.length = 0;
      const token = await oauth.getAccessToken(id);
      const after = store.inner.get(id);
      expect(after).toMatchObject({ accessToken: token, grantId: before?.grantId, refreshToken: emulator.grants[0]?.refreshToken });
      expect(after?.refreshToken).not.toBe(before?.refreshToken);
      expect(after?.version).not.toBe(before?.version);
      expect(store.count("set")).toBe(1);
    }
  });

  test.each([
    ["a token type that is not bearer", { token_type: "mac" }],
    ["no access token", { access_token: undefined }],
    ["an access token that could not travel in a header", { access_token: "a\r\nx: y" }],
    ["an unsafe hub_id", { hub_id: 2 ** 53 + 2 }],
    ["an error beside the tokens", { error: "invalid_grant" }],
  ])("a new refresh token is saved beside %s, and used next", async (_, odd) => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.settings.tokenResponse = (body) => ({ ...body, ...odd });
    await expect(oauth.getAccessToken(id)).rejects.toThrow(MalformedResponseError);
    expect(store.get(id)).toMatchObject({ status: "active", refreshToken: emulator.grants[0]?.refreshToken });
    emulator.settings.tokenResponse = undefined;
    expect(await oauth.getAccessToken(id)).toBe(store.get(id)?.accessToken);
  });

  test("AB-03 tokens of another account are never stored nor used", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const before = store.get(id);
    emulator.advance(EXPIRED);
    emulator.settings.tokenResponse = (body) => ({ ...body, hub_id: 999 });
    await expect(oauth.getAccessToken(id)).rejects.toThrow(/another account/);
    expect(store.get(id)).toEqual(before);
  });
});
