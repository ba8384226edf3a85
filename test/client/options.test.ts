/** What the constructor, `fromEnv` and every method that takes an account refuse, and that the error names it. */
import { describe, expect, it, onTestFinished, test, vi } from "vitest";
import { HubSpotHttp, HubSpotOAuthClient, type HubSpotOAuthClientOptions, MemoryTokenStore } from "../../src/index.js";
import { resolveOptions } from "../../src/client-options.js";
import { failureOf, offline, queryOf } from "./flow.js";

type Options = HubSpotOAuthClientOptions;

const REQUIRED: Options = {
  clientId: "client-1",
  clientSecret: "secret",
  redirectUri: "https://app.example.com/cb",
  scopes: ["oauth"],
  tokenStore: new MemoryTokenStore(),
};

describe("a wrong option is a TypeError that names it", () => {
  it.each<[string, unknown]>([
    ["clientId", undefined],
    ["clientId", ""],
    ["clientId", "a b"],
    ["clientId", 1],
    ["clientSecret", undefined],
    ["clientSecret", "line\nbreak"],
    ["redirectUri", undefined],
    ["scopes", undefined],
    ["tokenStore", undefined],
    ["tokenStore", {}],
    ["tokenStore", { get: () => undefined, set: () => undefined }],
    ["stateStore", {}],
    ["stateSecret", "too short"],
    ["stateSecret", new Uint8Array(31)],
    ["stateSecret", 1],
    ["pkce", "S256"],
    ["apiVersion", "v2"],
    ["apiVersion", "2026-10"],
    ["apiVersion", null],
    ["authorizeOrigin", "http://app.hubspot.com"],
    ["authorizeOrigin", "app.hubspot.com"],
    ["apiOrigin", "https://api.hubapi.com/oauth"],
    ["apiOrigin", "https://user@api.hubapi.com"],
    ["apiOrigin", "https://api.hubapi.com?x=1"],
    ["apiOrigin", "https://api.hubapi.com."],
    ["apiOrigin", "ftp://api.hubapi.com"],
    ["accountId", "a string"],
    ["cacheMs", -1],
    ["cacheMs", Number.NaN],
    ["timeoutMs", 0],
    ["timeoutMs", 60_001],
    ["timeoutMs", "15"],
    ["dispatcher", {}],
    ["fetch", "global"],
    ["now", 1],
    ["userAgent", "line\r\nbreak"],
    ["userAgent", ""],
    ["onEvent", {}],
  ])("%s: %j", (name, value) => {
    const wrong = { ...REQUIRED, [name]: value } as Options;
    expect(() => new HubSpotOAuthClient(wrong)).toThrow(TypeError);
    expect(() => new HubSpotOAuthClient(wrong)).toThrow(new RegExp(`\\b${name}\\b`));
  });

  it("one that does not exist", () => {
    expect(() => new HubSpotOAuthClient({ ...REQUIRED, scope: ["a"] } as Options)).toThrow(/no option "scope"/);
    expect(() => new HubSpotOAuthClient(undefined as never)).toThrow(TypeError);
  });

  it("dispatcher and fetch together", () => {
    const both = { ...REQUIRED, dispatcher: { dispatch: () => true }, fetch } as Options;
    expect(() => new HubSpotOAuthClient(both)).toThrow(/dispatcher or fetch, not both/);
  });
});

describe("A-03 the redirect URI is absolute, without fragment or user name, https, and http on localhost only", () => {
  it.each([
    "/cb",
    "cb",
    "https://x.example/cb#f",
    "https://x.example/cb#",
    "http://x.example/cb",
    "http://localhost.evil.example/cb",
    "https://user@x.example/cb",
    "https://user:pass@x.example/cb",
    "javascript:alert(1)",
    "custom-scheme:/cb",
    "ftp://x.example/cb",
    "https://",
    "",
    1,
  ])("%s is refused", (redirectUri) => {
    expect(() => offline({ redirectUri: redirectUri as string })).toThrow(/^redirectUri must/);
  });

  it.each([
    "https://x.example/cb",
    "https://x.example/cb?a=b%20c",
    "http://localhost:3000/cb",
    "http://localhost/",
    "https://xn--bcher-kva.example/",
  ])("%s is accepted and kept byte for byte", async (redirectUri) => {
    expect(queryOf((await offline({ redirectUri }).createAuthorization()).url).get("redirect_uri")).toBe(redirectUri);
  });

  it.each(["http://127.0.0.1:1/cb", "https://10.0.0.1/cb", "http://[::1]:1/cb", "https://2130706433/cb", "https://0x7f.1/cb"])(
    "%s is an IP address, which HubSpot refuses; another authorize host may take it",
    (redirectUri) => {
      expect(() => offline({ redirectUri })).toThrow(/^redirectUri must not be an IP address/);
      expect(() => offline({ redirectUri, authorizeOrigin: "https://app-eu1.hubspot.com" })).toThrow(/IP address/);
      expect(() => offline({ redirectUri, authorizeOrigin: "https://app.hubspotqa.com" })).toThrow(/IP address/);
      expect(offline({ redirectUri, authorizeOrigin: "http://127.0.0.1:9" })).toBeInstanceOf(HubSpotOAuthClient);
    },
  );

  it("on an authorize host of one's own http is for loopback only", () => {
    expect(() => offline({ redirectUri: "http://10.0.0.1/cb", authorizeOrigin: "http://127.0.0.1:9" })).toThrow(/must be https/);
  });
});

test("the constructor asks no store, sends nothing and starts no timer", () => {
  const timers = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "setInterval")];
  const untouched = (): never => expect.fail("touched");
  offline({ tokenStore: { get: untouched, set: untouched, delete: untouched, list: untouched }, stateStore: { consume: untouched } });
  for (const timer of timers) expect(timer).not.toHaveBeenCalled();
});

test("defaults: HubSpot's hosts, PKCE, auto, a minute of cache, the client secret for states", () => {
  expect(resolveOptions(REQUIRED)).toMatchObject({
    authorizeOrigin: "https://app.hubspot.com",
    apiOrigin: "https://api.hubapi.com",
    pkce: true,
    apiVersion: "auto",
    cacheMs: 60_000,
    timeoutMs: 15_000,
    optionalScopes: [],
    stateSecret: "secret",
    now: Date.now,
  });
});

describe("fromEnv", () => {
  const ENVIRONMENT = {
    HUBSPOT_CLIENT_ID: "env-client",
    HUBSPOT_CLIENT_SECRET: "env-secret",
    HUBSPOT_REDIRECT_URI: "https://env.example/cb",
    HUBSPOT_SCOPES: "a  b",
    HUBSPOT_OPTIONAL_SCOPES: "c d",
  };
  const setAll = (changes: Partial<Record<keyof typeof ENVIRONMENT, string | undefined>> = {}): void => {
    for (const [name, value] of Object.entries({ ...ENVIRONMENT, ...changes })) vi.stubEnv(name, value);
  };
  const tokenStore = new MemoryTokenStore();

  it("reads who the app is", async () => {
    setAll();
    const query = queryOf((await HubSpotOAuthClient.fromEnv({ tokenStore }).createAuthorization()).url);
    expect(Object.fromEntries(query)).toMatchObject({
      client_id: "env-client",
      redirect_uri: "https://env.example/cb",
      scope: "a b",
      optional_scope: "c d",
    });
  });

  it("reads where HubSpot is, for an emulator or a region: https, or http on loopback", async () => {
    setAll();
    vi.stubEnv("HUBSPOT_AUTHORIZE_ORIGIN", "http://127.0.0.1:4110");
    vi.stubEnv("HUBSPOT_API_ORIGIN", "http://localhost:4110");
    const asked: unknown[] = [];
    const oauth = HubSpotOAuthClient.fromEnv({
      tokenStore,
      fetch: (input) => (asked.push(input), Promise.resolve(new Response("{}", { status: 400 }))),
    });
    expect((await oauth.createAuthorization()).url).toMatch(/^http:\/\/127\.0\.0\.1:4110\/oauth\/authorize\?/);
    await failureOf(oauth.refresh("r"));
    expect(asked.map(String)).toEqual([expect.stringMatching(/^http:\/\/localhost:4110\/oauth\//)]);
    vi.stubEnv("HUBSPOT_API_ORIGIN", "http://api.example");
    expect(() => HubSpotOAuthClient.fromEnv({ tokenStore })).toThrow(/^apiOrigin must be an https origin/);
  });

  it("sends the secret of the environment", async () => {
    setAll();
    const sent: unknown[] = [];
    const oauth = HubSpotOAuthClient.fromEnv({
      tokenStore,
      fetch: (_input, { body }) => {
        sent.push(body);
        return Promise.resolve(new Response("{}", { status: 400 }));
      },
    });
    await failureOf(oauth.refresh("r"));
    expect(sent).toEqual([expect.stringContaining("client_secret=env-secret")]);
  });

  it("options that are passed in win", async () => {
    setAll();
    const given = { clientId: "given", redirectUri: "https://given.example/cb", scopes: ["x"], optionalScopes: [] };
    const query = queryOf((await HubSpotOAuthClient.fromEnv({ tokenStore, ...given }).createAuthorization()).url);
    expect(Object.fromEntries(query)).toMatchObject({ client_id: "given", redirect_uri: "https://given.example/cb", scope: "x" });
    expect(query.has("optional_scope")).toBe(false);
  });

  it.each(["HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REDIRECT_URI", "HUBSPOT_SCOPES"] as const)("%s must be set", (name) => {
    for (const missing of [undefined, ""]) {
      setAll({ [name]: missing });
      expect(() => HubSpotOAuthClient.fromEnv({ tokenStore })).toThrow(TypeError);
      expect(() => HubSpotOAuthClient.fromEnv({ tokenStore })).toThrow(new RegExp(`^${name} is not set`));
    }
  });

  it("optional scopes are optional, and a wrong option is still named", () => {
    setAll({ HUBSPOT_OPTIONAL_SCOPES: undefined });
    expect(HubSpotOAuthClient.fromEnv({ tokenStore })).toBeInstanceOf(HubSpotOAuthClient);
    expect(() => HubSpotOAuthClient.fromEnv({ tokenStore, scope: ["a"] } as never)).toThrow(/no option "scope"/);
    expect(() => HubSpotOAuthClient.fromEnv(undefined as never)).toThrow(TypeError);
  });
});

describe("TN-01 there is no default account: what is no account id is a TypeError", () => {
  it.each([undefined, null, "", Number.NaN, 0, 24681012, {}, [], "a\nb", "a\u0000", "\ud800", "x".repeat(256)])("%j", async (value) => {
    const oauth = offline();
    const accountId = value as string;
    expect(() => oauth.account(accountId)).toThrow(/^accountId must be/);
    const calls = [
      oauth.getAccessToken(accountId),
      oauth.getAccessToken(accountId, { force: true }),
      oauth.getAccount(accountId),
      oauth.requireScopes(accountId, []),
      oauth.disconnect(accountId),
      oauth.uninstall(accountId),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(/^accountId must be/);
    if (value !== undefined) await expect(oauth.createAuthorization({ accountId })).rejects.toThrow(/^accountId must be/);
  });

  it("nor does an id of several lines come out of the accountId option", async () => {
    const grant = { accessToken: "a", hubId: "1", userId: "2", scopes: [] };
    for (const made of ["", "a\nb", undefined, Promise.resolve("x")]) {
      await expect(offline({ accountId: () => made as string }).saveTokens(grant)).rejects.toThrow(/^accountId must be/);
    }
  });
});

test("misspelt options of a call are refused, not ignored", async () => {
  const oauth = offline();
  const misspelt = { acountId: "1" } as never;
  await expect(oauth.createAuthorization(misspelt)).rejects.toThrow(/no option "acountId"/);
  await expect(oauth.completeAuthorization(misspelt)).rejects.toThrow(/no option "acountId"/);
  await expect(oauth.exchangeCode("c", misspelt)).rejects.toThrow(/no option "acountId"/);
  await expect(oauth.saveTokens({ accessToken: "a", hub_id: 1 } as never)).rejects.toThrow(/no option "hub_id"/);
  await expect(oauth.disconnect("1", { uninstal: true } as never)).rejects.toThrow(/no option "uninstal"/);
  await expect(oauth.exchangeCode("")).rejects.toThrow(/^code must be/);
  await expect(oauth.refresh("")).rejects.toThrow(/^refreshToken must be/);
  await expect(oauth.introspect("a b")).rejects.toThrow(/^token must be/);
  await expect(oauth.revoke("a\nb")).rejects.toThrow(/^refreshToken must be/);
});

test("what is no AbortSignal fails the call that was given it, and nothing else", async () => {
  const http = new HubSpotHttp({ credential: offline().account("1") });
  // A mistake that no caller could catch would be an unhandled rejection, which ends a process.
  const unheard = vi.fn<(reason: unknown) => void>();
  process.on("unhandledRejection", unheard);
  onTestFinished(() => void process.off("unhandledRejection", unheard));
  for (const signal of [new AbortController(), {}, 1]) {
    expect(await failureOf(http.get("/crm/v3/objects/contacts", { signal: signal as never }))).toBeInstanceOf(TypeError);
    expect(await failureOf(http.fetch("/crm/v3/objects/contacts", { signal: signal as never }))).toBeInstanceOf(TypeError);
  }
  await new Promise(setImmediate);
  expect(unheard).not.toHaveBeenCalled();
});
