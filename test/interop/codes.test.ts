/** Codes: used once, by the flow they were issued to, with its redirect URI and its verifier. What else is tried, the server refuses. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type HubSpotOAuthClient, MemoryTokenStore, ReauthorizationRequiredError } from "../../src/index.js";
import { Browser } from "./browser.js";
import { type InteropServer, OTHER_APP, REDIRECT_URI } from "./provider.js";
import { authorize, callbackOf, clientOf, contactsOf, cookieOf, idsIn, ROTATIONS, serve } from "./setup.js";

const VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const INVALID_GRANT = { name: "TokenRequestError", status: 400, error: "invalid_grant", retryable: false };

/** A code of a flow whose state and verifier are the test's own. */
async function codeFor(oauth: HubSpotOAuthClient, codeChallenge?: string): Promise<string> {
  const callback = await new Browser().visit(oauth.authorizationUrl({ state: "mine", codeChallenge }));
  return new URL(callback).searchParams.get("code") ?? "";
}

describe("PKCE", () => {
  test("the verifier of RFC 7636's challenge is accepted", async () => {
    const { oauth } = clientOf(await serve());
    const code = await codeFor(oauth, CHALLENGE);
    await expect(oauth.exchangeCode(code, { codeVerifier: VERIFIER })).resolves.toMatchObject({ hubId: "51234567" });
  });

  test.each<[string, string | undefined, string | undefined]>([
    ["another verifier", CHALLENGE, VERIFIER.replace("d", "e")],
    ["a verifier that was dropped", CHALLENGE, undefined],
    ["a verifier where the challenge was taken out of the request", undefined, VERIFIER],
    ["the challenge in place of the verifier", CHALLENGE, CHALLENGE],
  ])("%s is refused", async (_, challenge, codeVerifier) => {
    const { oauth } = clientOf(await serve());
    const code = await codeFor(oauth, challenge);
    await expect(oauth.exchangeCode(code, { codeVerifier })).rejects.toMatchObject(INVALID_GRANT);
  });

  test("PK-05 a challenge that somebody removes on the way to the server ends the flow, and nothing is stored", async () => {
    const { oauth, store } = clientOf(await serve());
    const { url, cookie } = await oauth.createAuthorization();
    const downgraded = url.replace(/&code_challenge(?:_method)?=[^&]*/g, "");
    const callback = { url: await new Browser().visit(downgraded), cookie: cookieOf(cookie) };
    await expect(oauth.completeAuthorization(callback)).rejects.toMatchObject(INVALID_GRANT);
    expect(await idsIn(store)).toEqual([]);
  });

  test("PK-01 PK-05 challenge and verifier go together, new in each flow, and pkce: false sends neither", async () => {
    const server = await serve();
    const { oauth } = clientOf(server);
    await oauth.completeAuthorization(await callbackOf(oauth));
    await oauth.completeAuthorization(await callbackOf(oauth));
    const without = clientOf(server, { pkce: false }).oauth;
    await without.completeAuthorization(await callbackOf(without));
    const asked = server.requests.filter(({ path }) => path.startsWith("/oauth/authorize?"));
    const challenges = asked.map(({ path }) => new URL(path, server.origin).searchParams.get("code_challenge"));
    const verifiers = server.tokenForms("authorization_code").map((form) => form.get("code_verifier"));
    expect(challenges).toEqual(verifiers.map((verifier) => verifier && createHash("sha256").update(verifier).digest("base64url")));
    expect(verifiers[2]).toBeNull();
    expect(new Set(verifiers).size).toBe(3);
  });
});

describe.each(ROTATIONS)("a code that is replayed (rotation %s)", (rotation) => {
  // State stores of their own, as two processes without a shared one have: the second callback is not recognised as the first.
  async function replay(server: InteropServer): Promise<{ readonly first: HubSpotOAuthClient; readonly store: MemoryTokenStore }> {
    const tokenStore = new MemoryTokenStore();
    const { oauth: first, store } = clientOf(server, { tokenStore });
    const callback = await callbackOf(first);
    await first.completeAuthorization(callback);
    const connected = store.get("51234567");
    await expect(clientOf(server, { tokenStore }).oauth.completeAuthorization(callback)).rejects.toMatchObject(INVALID_GRANT);
    expect(store.get("51234567")).toEqual(connected);
    return { first, store };
  }

  test("is an error that leaves the stored connection alone, and is sent no third time", async () => {
    const server = await serve({ rotation });
    await replay(server);
    expect(server.tokenForms("authorization_code")).toHaveLength(2);
  });

  test("has its tokens revoked by the server, and the next call says that the account must be connected again", async () => {
    const server = await serve({ rotation });
    const { first, store } = await replay(server);
    await expect(contactsOf(first, "51234567")).rejects.toMatchObject({ code: "reauthorization_required", reason: "invalid_grant" });
    expect(store.get("51234567")).toMatchObject({ status: "dead", reason: "invalid_grant" });
    const refreshes = server.tokenForms("refresh_token").length;
    await expect(contactsOf(first, "51234567")).rejects.toMatchObject({ code: "reauthorization_required" });
    expect(server.tokenForms("refresh_token")).toHaveLength(refreshes);
  });

  test("costs no more than a new connection", async () => {
    const server = await serve({ rotation });
    const { first, store } = await replay(server);
    await expect(contactsOf(first, "51234567")).rejects.toThrow(ReauthorizationRequiredError);
    await expect(first.completeAuthorization(await callbackOf(first))).resolves.toMatchObject({ reconnected: true });
    expect(store.get("51234567")).toMatchObject({ status: "active" });
    await expect(contactsOf(first, "51234567")).resolves.toBe("51234567-1001");
  });
});

test("ST-04 a callback that one process gets fifty times is exchanged once, and its tokens live", async () => {
  const server = await serve({ rotation: "strict" });
  const { oauth } = clientOf(server);
  const callback = await callbackOf(oauth);
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => oauth.completeAuthorization(callback)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(server.tokenForms("authorization_code")).toHaveLength(1);
  await expect(contactsOf(oauth, "51234567")).resolves.toBe("51234567-1001");
});

test("CI-01 an attacker's code in the victim's callback is refused, and nothing is stored", async () => {
  const server = await serve();
  const { oauth, store } = clientOf(server);
  const attacker = await authorize(oauth, { user: "66666666-1" });
  const victim = await authorize(oauth);
  const injected = new URL(victim.url);
  injected.searchParams.set("code", attacker.code ?? "");
  await expect(oauth.completeAuthorization({ url: injected, cookie: victim.cookie })).rejects.toMatchObject(INVALID_GRANT);
  expect(await idsIn(store)).toEqual([]);
});

test("MX-04 a code of one app is refused to another, and a callback of one app is not taken by another's client", async () => {
  const server = await serve();
  const { oauth } = clientOf(server);
  const other = clientOf(server, { ...OTHER_APP, stateSecret: "a state secret that both apps share, wrongly" }).oauth;
  const shared = clientOf(server, { stateSecret: "a state secret that both apps share, wrongly" }).oauth;
  await expect(other.exchangeCode(await codeFor(oauth))).rejects.toMatchObject(INVALID_GRANT);
  const sent = server.tokenForms().length;
  await expect(other.completeAuthorization(await callbackOf(shared))).rejects.toMatchObject({ reason: "other-client" });
  expect(server.tokenForms()).toHaveLength(sent);
});

test("a code that is older than the server allows is refused", async () => {
  const server = await serve();
  const { oauth, store } = clientOf(server);
  const callback = await callbackOf(oauth);
  server.advance(61_000);
  await expect(oauth.completeAuthorization(callback)).rejects.toMatchObject(INVALID_GRANT);
  expect(await idsIn(store)).toEqual([]);
});

test.each([
  ["a slash more", `${REDIRECT_URI}/`],
  ["one letter in upper case", REDIRECT_URI.replace("oauth", "oautH")],
  ["one letter escaped", REDIRECT_URI.replace("callback", "c%61llback")],
  ["a query", `${REDIRECT_URI}?`],
  ["another registered one", "https://app.example.com/second"],
])("A-04 a redirect URI with %s at the exchange is refused", async (_, redirectUri) => {
  const server = await serve({ redirectUris: [REDIRECT_URI, "https://app.example.com/second"] });
  const { oauth } = clientOf(server);
  const code = await codeFor(oauth);
  await expect(oauth.exchangeCode(code, { redirectUri })).rejects.toMatchObject(INVALID_GRANT);
  await expect(oauth.exchangeCode(code, { redirectUri: REDIRECT_URI })).resolves.toBeDefined();
});
