/** What can be asked about accounts: never a token, and never a guess. */
import { describe, expect, it, test } from "vitest";
import {
  AccountNotConnectedError,
  type AccountSummary,
  ConfigurationError,
  HubSpotHttp,
  type HubSpotOAuthClient,
  type ImportedTokens,
  MissingScopesError,
  ReauthorizationRequiredError,
} from "../../src/index.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { failureOf } from "./flow.js";

const HUB = "24681012";
const OTHER_HUB = "135791113";

async function all(oauth: HubSpotOAuthClient, options?: Parameters<HubSpotOAuthClient["accounts"]>[0]): Promise<AccountSummary[]> {
  const found: AccountSummary[] = [];
  for await (const account of oauth.accounts(options)) found.push(account);
  return found;
}

describe("getAccount", () => {
  it("says everything but the tokens", async () => {
    const nowMs = Date.UTC(2026, 10, 22);
    const emulator = await emulate({ now: () => nowMs });
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(60_000);
    await oauth.getAccessToken(id, { force: true });
    const account = await oauth.getAccount(id);
    expect(account).toEqual({
      accountId: HUB,
      hubId: HUB,
      userId: undefined,
      scopes: ["oauth", "crm.objects.contacts.read"],
      status: "active",
      reason: undefined,
      connectedAtMs: nowMs,
      refreshedAtMs: nowMs + 60_000,
      expiresAtMs: nowMs + 60_000 + 1_800_000,
      lastError: undefined,
    });
    const text = JSON.stringify(account);
    for (const { token } of emulator.accessTokens) expect(text).not.toContain(token);
    expect(text).not.toContain(emulator.grants[0]?.refreshToken);
  });

  it("is undefined for an account that is not connected, whatever its name", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    for (const id of ["1", "__proto__", "constructor", "toString", "hasOwnProperty"]) expect(await oauth.getAccount(id)).toBeUndefined();
  });

  it("costs one store read and no request", async () => {
    const emulator = await emulate();
    const tokenStore = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore });
    const id = await connect(oauth, emulator);
    tokenStore.calls.length = 0;
    emulator.clearRequests();
    await oauth.getAccount(id);
    expect(tokenStore.calls).toEqual(["get"]);
    expect(emulator.count()).toBe(0);
  });

  it("shows a dead account, why, and the last failure of a living one", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.respondOnce("token", { status: 503 });
    const failure = await failureOf(oauth.getAccessToken(id, { force: true }));
    expect(await oauth.getAccount(id)).toMatchObject({ status: "active", lastError: failure });
    emulator.revokeGrant(id);
    expect(await failureOf(oauth.getAccessToken(id, { force: true }))).toBeInstanceOf(ReauthorizationRequiredError);
    expect(await oauth.getAccount(id)).toMatchObject({ status: "dead", reason: "BAD_REFRESH_TOKEN" });
  });

  it("keeps the grant's own data: an import without access token ends when it began", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    await oauth.saveTokens({ refreshToken: "r", hubId: "1", scopes: ["x"] });
    const account = await oauth.getAccount("1");
    expect(account?.expiresAtMs).toBe(account?.refreshedAtMs);
  });
});

describe("accounts", () => {
  it("lists all, or those of a status, one read each", async () => {
    const emulator = await emulate();
    const tokenStore = new ScriptedStore();
    const { oauth } = clientOf(emulator, { tokenStore });
    expect(await all(oauth)).toEqual([]);
    await connect(oauth, emulator);
    await connect(oauth, emulator, { hubId: OTHER_HUB });
    emulator.revokeGrant(OTHER_HUB);
    await failureOf(oauth.getAccessToken(OTHER_HUB, { force: true }));
    tokenStore.calls.length = 0;
    expect((await all(oauth)).map(({ accountId }) => accountId)).toEqual([HUB, OTHER_HUB]);
    expect(tokenStore.calls).toEqual(["get", "get"]);
    expect((await all(oauth, { status: "active" })).map(({ accountId }) => accountId)).toEqual([HUB]);
    expect((await all(oauth, { status: "dead" })).map(({ accountId }) => accountId)).toEqual([OTHER_HUB]);
  });

  it("passes over an account that goes while the list is walked", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    await connect(oauth, emulator);
    await connect(oauth, emulator, { hubId: OTHER_HUB });
    const walk = oauth.accounts();
    await walk.next();
    store.delete(OTHER_HUB);
    expect(await walk.next()).toEqual({ done: true, value: undefined });
  });

  it("is a configuration error on a store that has no list", async () => {
    const emulator = await emulate();
    const { store } = clientOf(emulator);
    const tokenStore = { get: store.get.bind(store), set: store.set.bind(store), delete: store.delete.bind(store) };
    const { oauth } = clientOf(emulator, { tokenStore });
    const id = await connect(oauth, emulator);
    const error = await failureOf(all(oauth));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain("no list()");
    expect((await oauth.getAccount(id))?.status).toBe("active");
  });
});

describe("requireScopes", () => {
  it("names what is missing, which createAuthorization can then ask for", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const wanted = ["crm.objects.contacts.read", "crm.objects.deals.read", "oauth"];
    expect(await oauth.requireScopes(id, ["crm.objects.contacts.read", "oauth"])).toBeUndefined();
    expect(await oauth.requireScopes(id, [])).toBeUndefined();
    const error = (await failureOf(oauth.requireScopes(id, wanted))) as MissingScopesError;
    expect(error).toBeInstanceOf(MissingScopesError);
    expect(error).toMatchObject({ accountId: id, scopes: ["crm.objects.deals.read"], anyOf: false, retryable: false });
    const { url, cookie } = await oauth.createAuthorization({ accountId: id, scopes: error.scopes });
    await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie?.split(";")[0] });
    expect(await oauth.requireScopes(id, wanted)).toBeUndefined();
  });

  it("knows at once what another process was granted by a reconnect", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const { oauth: other } = clientOf(emulator, { tokenStore: store });
    const wanted = ["crm.objects.deals.read"];
    await other.getAccessToken(id);
    await expect(other.requireScopes(id, wanted)).rejects.toBeInstanceOf(MissingScopesError);
    const { url, cookie } = await oauth.createAuthorization({ accountId: id, scopes: wanted });
    await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie?.split(";")[0] });
    expect(await other.requireScopes(id, wanted)).toBeUndefined();
    const page = await new HubSpotHttp({ credential: other.account(id) }).get("/crm/v3/objects/deals");
    expect(page).toMatchObject({ results: [{}, {}, {}] });
  });

  it("goes by what an account has granted, whatever becomes of the list that its connection answered with", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const tokens = (hubId: string): ImportedTokens => ({
      accessToken: `token-${hubId}`,
      expiresAtMs: emulator.now() + 1_000_000,
      hubId,
      scopes: ["oauth", "crm.objects.contacts.read"],
    });
    const { scopes } = await oauth.saveTokens(tokens(HUB));
    await oauth.saveTokens(tokens(OTHER_HUB));
    (scopes as string[]).push("crm.objects.deals.read");
    for (const id of [HUB, OTHER_HUB]) {
      await expect(oauth.requireScopes(id, ["crm.objects.deals.read"])).rejects.toBeInstanceOf(MissingScopesError);
    }
  });

  it("rejects for an account that is not connected, and for what is no scope", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    await expect(oauth.requireScopes("1", ["a"])).rejects.toBeInstanceOf(AccountNotConnectedError);
    const id = await connect(oauth, emulator);
    await expect(oauth.requireScopes(id, "crm.objects.contacts.read" as never)).rejects.toThrow(/^scopes must be an array/);
    await expect(oauth.requireScopes(id, ["a b"])).rejects.toThrow(TypeError);
    expect(emulator.count("token")).toBe(1);
  });
});

test("introspect says whose token it is, in this library's words", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  expect(await oauth.introspect(token)).toEqual({
    active: true,
    hubId: HUB,
    userId: "70001",
    appId: String(emulator.app.appId),
    clientId: emulator.app.clientId,
    user: "owner@harbour-bakery.example",
    hubDomain: "harbour-bakery.example",
    scopes: ["oauth", "crm.objects.contacts.read"],
    expiresInMs: expect.closeTo(1_800_000, -4),
    tokenUse: "access_token",
    isPrivateDistribution: false,
  });
  const refreshToken = emulator.grants[0]?.refreshToken ?? "";
  expect(await oauth.introspect(refreshToken, { hint: "refresh_token" })).toMatchObject({ active: true, tokenUse: "refresh_token" });
  await oauth.revoke(refreshToken);
  expect(await oauth.introspect(refreshToken, { hint: "refresh_token" })).toEqual({ active: false });
});

test("introspect takes the answer field by field: an odd one is dropped, not the whole", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const body = { active: true, hub_id: "x1", user_id: 1.5, user: 7, scopes: "oauth a", expires_in: "soon", __proto__: null };
  emulator.respondOnce("introspect", { status: 200, body });
  expect(await oauth.introspect("t")).toMatchObject({ hubId: undefined, userId: undefined, user: undefined, scopes: ["oauth", "a"] });
});
