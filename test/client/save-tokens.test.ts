/** `saveTokens`: tokens from elsewhere, what is looked up for them, whose they are, and under which key they are kept. */
import { describe, expect, it, test } from "vitest";
import { ConfigurationError, MalformedResponseError, type StoredTokens, TokenRequestError, TokenSet } from "../../src/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { begin, failureOf, queryOf } from "./flow.js";

const HUB = "24681012";

test("a full import asks nobody and is used until it ends", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const expiresAtMs = emulator.now() + 1_000_000;
  const tokens = { accessToken: "a", refreshToken: "r", expiresAtMs, hubId: HUB, userId: "7", scopes: ["oauth", "x"] };
  expect(await oauth.saveTokens(tokens)).toEqual({ accountId: HUB, hubId: HUB, userId: "7", scopes: ["oauth", "x"], reconnected: false });
  expect(await oauth.getAccessToken(HUB)).toBe("a");
  expect(emulator.count()).toBe(0);
  expect(store.get(HUB)).toMatchObject({ accessToken: "a", refreshToken: "r", userId: "7", status: "active" });
});

test("a refresh token alone is enough: the account is looked up, the access token fetched at first use", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  await connect(oauth, emulator);
  const refreshToken = emulator.grants[0]?.refreshToken ?? "";
  const importer = clientOf(emulator);
  emulator.clearRequests();
  expect(await importer.oauth.saveTokens({ refreshToken })).toEqual({
    accountId: HUB,
    hubId: HUB,
    userId: "70001",
    scopes: ["oauth", "crm.objects.contacts.read"],
    reconnected: false,
  });
  expect(emulator.requests.map(({ path, form }) => [path, form?.["token"], form?.["token_type_hint"]])).toEqual([
    ["/oauth/2026-09/token/introspect", refreshToken, "refresh_token"],
  ]);
  const token = await importer.oauth.getAccessToken(HUB);
  expect(token).toBe(emulator.accessTokens.at(-1)?.token);
  expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(1);
});

test("an access token without its end is refreshed at first use, not trusted", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  await connect(oauth, emulator);
  const refreshToken = emulator.grants[0]?.refreshToken ?? "";
  const { oauth: importer } = clientOf(emulator);
  await importer.saveTokens({ accessToken: "of unknown age".replaceAll(" ", "-"), refreshToken, hubId: HUB, scopes: [] });
  expect(await importer.getAccessToken(HUB)).toBe(emulator.accessTokens.at(-1)?.token);
});

test("a TokenSet, and what its reveal() was stored as, come to the same record", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const { callback, url } = await begin(clientOf(emulator, { pkce: false }).oauth, emulator);
  expect(url).not.toContain("code_challenge");
  const tokens = await oauth.exchangeCode(queryOf(callback).get("code") ?? "");
  expect(tokens).toBeInstanceOf(TokenSet);
  await oauth.saveTokens(tokens);
  const first = store.get(HUB);
  const revealed = JSON.parse(JSON.stringify(tokens.reveal())) as ReturnType<TokenSet["reveal"]>;
  expect((await oauth.saveTokens(revealed)).reconnected).toBe(true);
  const second = store.get(HUB);
  const lifeOf = (record: StoredTokens | undefined): number => (record?.obtainedAtMs ?? 0) + (record?.expiresInMs ?? 0);
  expect(second).toMatchObject({ accessToken: first?.accessToken, refreshToken: first?.refreshToken, scopes: first?.scopes });
  expect(lifeOf(second)).toBe(lifeOf(first));
  expect(second?.grantId).not.toBe(first?.grantId);
  expect(second?.version).not.toBe(first?.version);
});

test("a redacted copy, such as JSON.stringify(tokens) makes, is refused and overwrites nothing", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const { callback: url, cookie } = await begin(oauth, emulator);
  const { tokens } = await oauth.completeAuthorization({ url, cookie });
  const before = store.get(HUB);
  const redacted = JSON.parse(JSON.stringify(tokens)) as ReturnType<TokenSet["reveal"]>;
  expect(await failureOf(oauth.saveTokens(redacted))).toBeInstanceOf(TypeError);
  expect(store.get(HUB)).toEqual(before);
});

describe("what a token response does not say is introspected", () => {
  it.each([
    ["hub_id", ({ hub_id: _hub, ...body }: { hub_id?: number }) => body],
    ["scopes", ({ scopes: _scopes, ...body }: { scopes?: string[] }) => body],
  ])("%s", async (field, without) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    emulator.settings.tokenResponse = (body) => without(body);
    expect(await connect(oauth, emulator)).toBe(HUB);
    expect(emulator.requests.map(({ route }) => route)).toEqual(["token", "introspect"]);
    expect(store.get(HUB)).toMatchObject({ hubId: HUB, scopes: ["oauth", "crm.objects.contacts.read"] });
    expect(field).not.toBe("");
  });

  it("user_id, which only an accountId option makes worth a request", async () => {
    const emulator = await emulate();
    const { store } = clientOf(emulator);
    await connect(clientOf(emulator, { tokenStore: store }).oauth, emulator);
    expect(emulator.count("introspect")).toBe(0);
    const { oauth } = clientOf(emulator, { tokenStore: store, accountId: ({ hubId, userId }) => `${hubId}/${userId}` });
    expect(await connect(oauth, emulator)).toBe(`${HUB}/70001`);
    expect(emulator.count("introspect")).toBe(1);
    emulator.settings.userIdInTokenResponse = true;
    expect(await connect(oauth, emulator)).toBe(`${HUB}/70001`);
    expect(emulator.count("introspect")).toBe(1);
  });

  it("the oldest documented body, of three fields, connects", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    emulator.settings.tokenResponse = ({ access_token, refresh_token, expires_in }) => ({ access_token, refresh_token, expires_in });
    expect(await connect(oauth, emulator)).toBe(HUB);
  });

  it("its failure names the endpoint that a test would have to mock, and nothing is stored", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const tokens = { accessToken: "a", refreshToken: "r" };
    const failures: [object, new (...args: never) => Error][] = [
      [{ status: 500 }, TokenRequestError],
      [{ status: 404, body: { message: "no such route" } }, TokenRequestError],
      [{ status: 400, body: { error: "invalid_client" } }, ConfigurationError],
      [{ status: 200, body: "<html>" }, MalformedResponseError],
      [{ status: 200, body: { active: false } }, TokenRequestError],
      [{ destroy: true }, Error],
    ];
    for (const [answer, expected] of failures) {
      emulator.respondOnce("introspect", answer);
      const error = await failureOf(oauth.saveTokens(tokens));
      expect(error).toBeInstanceOf(expected);
      expect(error.message).toContain("POST /oauth/2026-09/token/introspect was asked");
      expect(error.message).toContain("do not say their hub_id");
    }
    expect(store.get(HUB)).toBeUndefined();
  });

  it("scopes that nobody can name now do not cost the connection: they are asked for when they matter", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    emulator.settings.tokenResponse = ({ scopes: _scopes, ...body }) => body;
    emulator.respondOnce("introspect", { status: 503 });
    const id = await connect(oauth, emulator);
    expect(store.get(id)).not.toHaveProperty("scopes");
    expect((await oauth.getAccount(id))?.scopes).toEqual([]);
    expect(await oauth.requireScopes(id, ["crm.objects.contacts.read"])).toBeUndefined();
    await expect(oauth.requireScopes(id, ["tickets"])).rejects.toMatchObject({ code: "missing_scopes", scopes: ["tickets"] });
  });

  it("answers that contradict the response, or still name no account, are malformed", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    for (const hub of [{ hub_id: 999 }, {}]) {
      emulator.respondOnce("introspect", { status: 200, body: { active: true, ...hub, scopes: ["oauth"] } });
      const grant = { accessToken: "a", ...("hub_id" in hub && { hubId: HUB }) };
      await expect(oauth.saveTokens(grant)).rejects.toThrow(/which account these tokens belong to/);
    }
  });
});

test("another app's tokens are refused by what HubSpot says of them, and not stored", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const body = { active: true, hub_id: Number(HUB), scopes: ["oauth"], client_id: "another-app" };
  emulator.respondOnce("introspect", { status: 200, body });
  const error = await failureOf(oauth.saveTokens({ accessToken: "a" }));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error.message).toContain("another HubSpot app");
  expect(store.get(HUB)).toBeUndefined();
});

test("another app's record is refused by every method, never overwritten, marked or deleted", async () => {
  const emulator = await emulate({ apps: [{}, {}] });
  const [production, staging] = emulator.apps;
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const before = store.get(id);
  const { oauth: other } = clientOf(emulator, {
    clientId: staging?.clientId ?? "",
    clientSecret: staging?.clientSecret ?? "",
    tokenStore: store,
  });
  const flow = await begin(other, emulator);
  emulator.clearRequests();
  const calls: (() => Promise<unknown>)[] = [
    () => other.getAccessToken(id),
    () => other.getAccessToken(id, { force: true }),
    () => other.getAccount(id),
    () => other.requireScopes(id, []),
    () => other.createAuthorization({ accountId: id }),
    () => other.saveTokens({ accessToken: "a", hubId: id, scopes: [] }),
    () => other.uninstall(id),
    () => other.disconnect(id, { uninstall: true }),
    () => other.accounts().next(),
  ];
  for (const call of calls) {
    const error = await failureOf(call());
    expect(error, String(call)).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain("another HubSpot app");
  }
  expect(emulator.count()).toBe(0);
  await expect(other.completeAuthorization({ url: flow.callback, cookie: flow.cookie })).rejects.toBeInstanceOf(ConfigurationError);
  expect(store.get(id)).toEqual(before);
  expect(before?.clientId).toBe(production?.clientId);
});

test("the accountId option sees hub, user and context, and keeps two users of a portal apart", async () => {
  const users = [
    { userId: 1, email: "a@x.example" },
    { userId: 2, email: "b@x.example" },
  ];
  const emulator = await emulate({ accounts: [{ hubId: 99, users }] });
  const seen: unknown[] = [];
  const { oauth, store } = clientOf(emulator, {
    accountId: (grant) => {
      seen.push(grant);
      return `${(grant.context as { tenant: string } | undefined)?.tenant}:${grant.userId}`;
    },
  });
  for (const userId of [1, 2]) {
    const { callback: url, cookie } = await begin(oauth, emulator, { context: { tenant: "t" } }, { userId });
    expect((await oauth.completeAuthorization({ url, cookie })).accountId).toBe(`t:${userId}`);
  }
  expect(seen).toEqual([
    { hubId: "99", userId: "1", context: { tenant: "t" } },
    { hubId: "99", userId: "2", context: { tenant: "t" } },
  ]);
  expect(store.get("t:1")?.grantId).not.toBe(store.get("t:2")?.grantId);
  const grant = { accessToken: "a", hubId: "99", userId: "3", scopes: [] };
  expect((await oauth.saveTokens(grant, { context: { tenant: "u" } })).accountId).toBe("u:3");
});

describe("what is no token is a TypeError and is not quoted", () => {
  it.each([
    [{}, /refreshToken, an accessToken, or both/],
    [{ accessToken: "CANARY\r\n" }, /^accessToken must be/],
    [{ refreshToken: "CANARY token" }, /^refreshToken must be/],
    [{ accessToken: "" }, /^accessToken must be/],
    [{ accessToken: 1 }, /^accessToken must be/],
    [{ accessToken: "CANARY", expiresAtMs: "soon" }, /^expiresAtMs must be/],
    [{ accessToken: "CANARY", expiresAtMs: Number.POSITIVE_INFINITY }, /^expiresAtMs must be/],
    [{ accessToken: "CANARY", hubId: 1 }, /^hubId must be/],
    [{ accessToken: "CANARY", userId: 1 }, /^userId must be/],
    [{ accessToken: "CANARY", scopes: "a b" }, /^scopes must be/],
    [null, /./],
    ["CANARY", /./],
  ])("%j", async (tokens, message) => {
    const emulator = await emulate();
    const error = await failureOf(clientOf(emulator).oauth.saveTokens(tokens as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(message);
    expect(error.stack).not.toContain("CANARY");
    expect(emulator.count()).toBe(0);
  });
});
