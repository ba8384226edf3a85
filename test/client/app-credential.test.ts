/** `clientCredentials`: the app's own token, got once, kept in memory, renewed ahead of its end. And `accountInfo`. */
import { describe, expect, it } from "vitest";
import { ConfigurationError, HubSpotHttp, MalformedResponseError, NetworkError, TokenRequestError } from "../../src/index.js";
import type { HubSpotOAuthClient } from "../../src/index.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";
import { rejection } from "../transport/ways.js";

const JOURNAL = "developer.webhooks_journal.read";
const TOKEN = { route: "token", grantType: "client_credentials" } as const;

async function scene(): Promise<{ readonly emulator: Emulator; readonly oauth: HubSpotOAuthClient }> {
  const emulator = await emulate();
  return { emulator, ...clientOf(emulator, {}) };
}

const tokenRequests = (emulator: Emulator) => emulator.requests.filter(({ route }) => route === "token");

describe("clientCredentials", () => {
  it("asks for the scopes with the app's id and secret, at a dated endpoint, in the body alone", async () => {
    const { emulator, oauth } = await scene();
    const { headers } = await oauth.clientCredentials([JOURNAL]).authorize();
    expect(headers?.["authorization"]).toMatch(/^Bearer \S+$/);
    const [request] = tokenRequests(emulator);
    expect(request).toMatchObject({ path: "/oauth/2026-09/token", form: { grant_type: "client_credentials", scope: JOURNAL } });
    expect(request?.query ?? {}).toEqual({});
  });

  it("one token for as many as ask: at the same time, one after the other, and by another call for the same scopes", async () => {
    const { emulator, oauth } = await scene();
    const scopes = [JOURNAL, "developer.webhooks_journal.subscriptions.read"];
    const credential = oauth.clientCredentials(scopes);
    const all = await Promise.all(Array.from({ length: 50 }, async () => credential.authorize()));
    expect(new Set(all).size).toBe(1);
    expect(await credential.authorize()).toBe(all[0]);
    expect(await oauth.clientCredentials(scopes.toReversed()).authorize()).toBe(all[0]);
    expect(tokenRequests(emulator)).toHaveLength(1);
    await oauth.clientCredentials([JOURNAL]).authorize();
    expect(tokenRequests(emulator)).toHaveLength(2);
  });

  it("a fresh token is handed out without a promise", async () => {
    const { oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    await credential.authorize();
    expect(credential.authorize()).not.toBeInstanceOf(Promise);
  });

  it("is renewed ahead of its end while the old one is used, and waited for once that is over", async () => {
    const { emulator, oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    const first = await credential.authorize();
    emulator.advance(26 * 60_000);
    expect(credential.authorize()).toBe(first);
    await expect.poll(() => tokenRequests(emulator).length).toBe(2);
    await expect.poll(() => credential.authorize()).not.toBe(first);
    const second = await credential.authorize();
    emulator.advance(40 * 60_000);
    expect(await credential.authorize()).not.toBe(second);
    expect(tokenRequests(emulator)).toHaveLength(3);
  });

  it("a token that HubSpot refuses is replaced, once for all who were refused", async () => {
    const { emulator, oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    const rejected = await credential.authorize();
    const next = await Promise.all(Array.from({ length: 10 }, async () => credential.authorize({ rejected })));
    expect(new Set(next).size).toBe(1);
    expect(next[0]).not.toBe(rejected);
    expect(tokenRequests(emulator)).toHaveLength(2);
  });

  it("scopes that the app may not have are the operator's to mend, and named", async () => {
    const { emulator, oauth } = await scene();
    emulator.respondOnce(TOKEN, { status: 400, body: { status: "BAD_SCOPES", message: "no" } });
    const error = await rejection(Promise.resolve(oauth.clientCredentials([JOURNAL]).authorize()));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(String(error)).toContain(JOURNAL);
  });

  it.each<[string, { readonly status: number; readonly body: Record<string, string> }, abstract new (...args: never) => Error]>([
    ["a wrong secret", { status: 400, body: { status: "BAD_CLIENT_SECRET" } }, ConfigurationError],
    ["an outage", { status: 503, body: {} }, TokenRequestError],
    ["a body without a token", { status: 200, body: {} }, MalformedResponseError],
  ])("%s is its own error, and the next call asks again", async (_, answer, kind) => {
    const { emulator, oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    emulator.respondOnce(TOKEN, answer);
    expect(await rejection(Promise.resolve(credential.authorize()))).toBeInstanceOf(kind);
    expect(await credential.authorize()).toHaveProperty("headers");
  });

  it("an endpoint that keeps failing is left alone for a while", async () => {
    const { emulator, oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    for (let i = 0; i < 2; i++) {
      emulator.respondOnce(TOKEN, { status: 503, body: {} });
      await rejection(Promise.resolve(credential.authorize()));
    }
    expect(await rejection(Promise.resolve(credential.authorize()))).toBeInstanceOf(TokenRequestError);
    expect(tokenRequests(emulator)).toHaveLength(2);
    emulator.advance(60_000);
    await credential.authorize();
    expect(tokenRequests(emulator)).toHaveLength(3);
  });

  it("a failed renewal does no harm while the token is good", async () => {
    const { emulator, oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    const first = await credential.authorize();
    emulator.advance(26 * 60_000);
    emulator.respondOnce(TOKEN, { status: 503, body: {} });
    expect(credential.authorize()).toBe(first);
    await expect.poll(() => tokenRequests(emulator).length).toBe(2);
    expect(credential.authorize()).toBe(first);
  });

  it("an abort ends one caller's wait and nobody else's", async () => {
    const { oauth } = await scene();
    const credential = oauth.clientCredentials([JOURNAL]);
    const abort = new AbortController();
    const [one, other] = [credential.authorize({ signal: abort.signal }), credential.authorize()];
    const refused = rejection(Promise.resolve(one));
    abort.abort(new Error("enough"));
    expect(await refused).toMatchObject({ message: "enough" });
    expect(await other).toHaveProperty("headers");
  });

  it("authorizes calls of HubSpotHttp, and is closed with its client", async () => {
    const { emulator, oauth } = await scene();
    const hubspot = new HubSpotHttp({ credential: oauth.clientCredentials([JOURNAL]) });
    await rejection(hubspot.get("/webhooks-journal/journal/2026-09/earliest"));
    expect(emulator.requests.at(-1)?.path).toBe("/webhooks-journal/journal/2026-09/earliest");
    await oauth.close();
    emulator.advance(3_600_000);
    expect(String(await rejection(hubspot.get("/a")))).toContain("closed");
  });

  it.each([[[]], [["a b"]], ["a"]])("%o as scopes is refused", async (scopes) => {
    const { oauth } = await scene();
    expect(() => oauth.clientCredentials(scopes as string[])).toThrow(TypeError);
  });

  it("its id tells app and scopes, and no secret", async () => {
    const { emulator, oauth } = await scene();
    expect(oauth.clientCredentials([JOURNAL]).id).toBe(`${emulator.app.clientId}:app:${JOURNAL}`);
  });
});

describe("accountInfo", () => {
  it("says what apps need to build links and show times", async () => {
    const { emulator, oauth } = await scene();
    const accountId = await connect(oauth, emulator);
    const info = await oauth.accountInfo(accountId);
    expect(info).toMatchObject({ hubId: accountId });
    expect(info.timeZone).toMatch(/^\w+\/\w+/);
    expect(info.uiDomain).toMatch(/^app[\w-]*\.hubspot\.com$/);
    expect(info.dataHostingLocation).toMatch(/^\w+$/);
    expect(emulator.requests.at(-1)?.path).toBe("/account-info/2026-09/details");
  });

  it.each<[string, unknown]>([
    ["no body", undefined],
    ["no portal", { timeZone: "Europe/Berlin" }],
    ["a portal that lost digits", { portalId: 2 ** 60 }],
    ["a list", []],
  ])("%s is a malformed response", async (_, body) => {
    const { emulator, oauth } = await scene();
    const accountId = await connect(oauth, emulator);
    emulator.respondOnce({ route: "account-info" }, { status: 200, body: body ?? "" });
    expect(await rejection(oauth.accountInfo(accountId))).toBeInstanceOf(MalformedResponseError);
  });

  it("what becomes part of a link is checked", async () => {
    const { emulator, oauth } = await scene();
    const accountId = await connect(oauth, emulator);
    const body = { portalId: 7, uiDomain: "evil.example/x?", dataHostingLocation: "eu 1", timeZone: 5 };
    emulator.respondOnce({ route: "account-info" }, { status: 200, body });
    expect(await oauth.accountInfo(accountId)).toEqual({
      hubId: "7",
      accountType: undefined,
      timeZone: undefined,
      utcOffset: undefined,
      uiDomain: undefined,
      dataHostingLocation: undefined,
      companyCurrency: undefined,
    });
  });

  it("fails as a call does", async () => {
    const { emulator, oauth } = await scene();
    const accountId = await connect(oauth, emulator);
    await emulator.close();
    expect(await rejection(oauth.accountInfo(accountId, { signal: AbortSignal.timeout(5_000) }))).toBeInstanceOf(NetworkError);
  });
});
