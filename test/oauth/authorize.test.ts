/** The authorize URL: what is in it, how it is written, and what it is refused for. */
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { AuthorizationDeniedError, type StateStore } from "../../src/index.js";
import { begin, failureOf, offline, queryOf } from "../client/flow.js";
import { clientOf, emulate } from "../support/setup.js";

const scope = fc.stringMatching(/^[!#-[\]-~]{1,20}$/);
const scopes = fc.uniqueArray(scope, { minLength: 1, maxLength: 8 });

test("A-01 each parameter stands once in the URL and comes back as it went in", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
  const awkward = fc.constantFrom("&state=evil", "a b", "#x", "%26", "+", "=", "é€", "?scope=x", ";");
  fc.assert(
    fc.property(fc.oneof(text, awkward), fc.oneof(text, awkward), scopes, (state, query, names) => {
      const redirectUri = `https://app.example.com/cb?q=${encodeURIComponent(query)}`;
      const url = offline({ redirectUri, scopes: names }).authorizationUrl({ state });
      const pairs = [...new URL(url).searchParams];
      expect(new Set(pairs.map(([name]) => name)).size).toBe(pairs.length);
      expect(Object.fromEntries(pairs)).toEqual({ client_id: "client-1", redirect_uri: redirectUri, scope: names.join(" "), state });
      expect(url).not.toContain("+");
    }),
  );
});

test("A-01 spaces are written as %20, as HubSpot's own clients do", () => {
  const url = offline({ scopes: ["a", "b"], optionalScopes: ["c", "d"] }).authorizationUrl({ state: "x y" });
  expect(url).toBe(
    "https://app.hubspot.com/oauth/authorize?client_id=client-1&redirect_uri=https%3A%2F%2Fapp.example.com%2Foauth%2Fcallback&scope=a%20b&optional_scope=c%20d&state=x%20y",
  );
});

test("A-02 no secret, verifier, browser secret or tenant data stands in the URL in any spelling", async () => {
  const emulator = await emulate({ app: { clientSecret: "CANARY-secret-%&=" } });
  const { oauth } = clientOf(emulator);
  const flow = await begin(oauth, emulator, { context: { tenant: "CANARY-tenant" }, returnTo: "/CANARY-return" });
  await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  const verifier = emulator.requests.find(({ route }) => route === "token")?.form?.["code_verifier"];
  const browserSecret = flow.cookie?.split("=")[1];
  for (const canary of [emulator.app.clientSecret, "CANARY-tenant", "/CANARY-return", verifier, browserSecret]) {
    if (canary === undefined) throw new Error("nothing to look for");
    for (const spelling of [canary, encodeURIComponent(canary), Buffer.from(canary).toString("base64url")]) {
      expect(flow.url).not.toContain(spelling.replace(/=+$/, ""));
    }
  }
});

test("A-05 required and optional scopes travel apart, each as a set", () => {
  fc.assert(
    fc.property(scopes, scopes, (first, second) => {
      const optional = second.filter((name) => !first.includes(name));
      const query = queryOf(offline({ scopes: first, optionalScopes: optional }).authorizationUrl({ state: "s" }));
      expect(query.get("scope")?.split(" ").toSorted()).toEqual(first.toSorted());
      expect(query.get("optional_scope")?.split(" ").toSorted()).toEqual(optional.length === 0 ? undefined : optional.toSorted());
    }),
  );
});

test("A-05 the scopes of one call are added to the configured ones, and required wins over optional", async () => {
  const oauth = offline({ scopes: ["a"], optionalScopes: ["b"] });
  for (const url of [
    oauth.authorizationUrl({ state: "s", scopes: ["c", "b"], optionalScopes: ["d", "c"] }),
    (await oauth.createAuthorization({ scopes: ["c", "b"], optionalScopes: ["d", "c"] })).url,
  ]) {
    expect(queryOf(url).get("scope")).toBe("a c b");
    expect(queryOf(url).get("optional_scope")).toBe("d");
  }
});

describe("A-05 scopes that are no list of single scopes are refused", () => {
  it.each([
    ["a string", "crm.objects.contacts.read"],
    ["an empty scope", [""]],
    ["a space inside", ["a b"]],
    ["a quote", ['a"b']],
    ["a backslash", ["a\\b"]],
    ["a line break", ["a\nb"]],
    ["a letter outside ASCII", ["ä"]],
    ["the same twice", ["a", "a"]],
    ["no string", [1]],
    ["null", null],
  ])("%s", async (_name, value) => {
    const wrong = value as readonly string[];
    expect(() => offline({ scopes: wrong })).toThrow(/^scopes /);
    expect(() => offline({ optionalScopes: wrong === null ? ([null] as never) : wrong })).toThrow(/^optionalScopes /);
    expect(() => offline().authorizationUrl({ state: "s", scopes: wrong === null ? ([null] as never) : wrong })).toThrow(TypeError);
    await expect(offline().createAuthorization({ optionalScopes: wrong === null ? ([null] as never) : wrong })).rejects.toThrow(TypeError);
  });
});

test("A-05 at least one scope is asked for, and none both as required and as optional", () => {
  expect(() => offline({ scopes: [] })).toThrow(/at least one scope/);
  expect(() => offline({ scopes: ["a"], optionalScopes: ["a"] })).toThrow(/scopes and optionalScopes both hold a/);
});

test.each([
  ["https://app-eu1.hubspot.com", undefined, "https://app-eu1.hubspot.com/oauth/authorize?"],
  ["https://app-na2.hubspot.com/", "24681012", "https://app-na2.hubspot.com/oauth/24681012/authorize?"],
  [undefined, "24681012", "https://app.hubspot.com/oauth/24681012/authorize?"],
])("a region host (%s) and a preselected account (%s) decide where the user goes", async (authorizeOrigin, hubId, start) => {
  const oauth = offline({ authorizeOrigin });
  expect(oauth.authorizationUrl({ state: "s", hubId }).startsWith(start)).toBe(true);
  expect((await oauth.createAuthorization({ hubId })).url.startsWith(start)).toBe(true);
});

test.each(["", "12a", "1/../2", "-1", " 1", "1".repeat(21), 12 as never, "１２"])("a hub id is digits only: %j", async (hubId) => {
  expect(() => offline().authorizationUrl({ state: "s", hubId })).toThrow(/^hubId must be/);
  await expect(offline().createAuthorization({ hubId })).rejects.toThrow(/^hubId must be/);
});

test("PK-05 a challenge is sent with PKCE on, and it is the S256 of the verifier that the exchange sends", async () => {
  const emulator = await emulate({ pkce: "enforced" });
  const { oauth } = clientOf(emulator);
  const flow = await begin(oauth, emulator);
  await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  const verifier = emulator.requests.find(({ route }) => route === "token")?.form?.["code_verifier"] ?? "";
  expect(verifier).toMatch(/^[A-Za-z0-9._~-]{43,128}$/);
  expect(queryOf(flow.url).get("code_challenge")).toBe(createHash("sha256").update(verifier).digest("base64url"));
  expect(queryOf(flow.url).get("code_challenge_method")).toBe("S256");
});

test("PK-05 with PKCE off neither challenge nor verifier is sent", async () => {
  const emulator = await emulate({ pkce: "rejected" });
  const { oauth } = clientOf(emulator, { pkce: false });
  const flow = await begin(oauth, emulator);
  await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  expect(flow.url).not.toContain("code_challenge");
  expect(emulator.requests.find(({ route }) => route === "token")?.form).not.toHaveProperty("code_verifier");
});

test("PK-04 the verifier travels sealed in the state, goes to the token endpoint once, and is nowhere else", async () => {
  const emulator = await emulate();
  const consumed: string[] = [];
  const stateStore: StateStore = { consume: (id) => consumed.push(id) > 0 };
  const { oauth, events, store } = clientOf(emulator, { stateStore });
  const flow = await begin(oauth, emulator);
  const done = await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  const refused = await begin(oauth, emulator);
  emulator.respondOnce("token", { status: 400, body: { error: "invalid_grant", error_description: "no" } });
  const error = await failureOf(oauth.completeAuthorization({ url: refused.callback, cookie: refused.cookie }));
  const verifiers = emulator.requests.filter(({ route }) => route === "token").map(({ form }) => form?.["code_verifier"] ?? "");
  expect(new Set(verifiers).size).toBe(2);
  const seen = inspect([flow, refused, consumed, events, done, error, store.get(done.accountId), oauth], {
    depth: Infinity,
    showHidden: true,
  });
  const states = [flow.state, refused.state].map((state) =>
    state.split(".").map((part) => Buffer.from(part, "base64url").toString("latin1")),
  );
  for (const verifier of verifiers) expect(seen + JSON.stringify([flow, done, error, states])).not.toContain(verifier);
});

test("an authorize page that refuses challenges ends in a denial that says so", async () => {
  const emulator = await emulate({ pkce: "rejected" });
  const { oauth } = clientOf(emulator);
  const flow = await begin(oauth, emulator);
  const error = await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie }));
  expect(error).toBeInstanceOf(AuthorizationDeniedError);
  expect(error).toMatchObject({ error: "invalid_request", errorDescription: "code_challenge is not supported" });
});

test("PK-02 there is no way to ask for the plain method", () => {
  // @ts-expect-error S256 is the only method
  expect(() => offline().authorizationUrl({ state: "s", codeChallengeMethod: "plain" })).toThrow(/no option "codeChallengeMethod"/);
  expect(() => offline().authorizationUrl({ state: "s", codeChallenge: "a-verifier-that-is-no-digest" })).toThrow(/codeChallenge/);
  const codeChallenge = createHash("sha256").update("v").digest("base64url");
  const query = queryOf(offline().authorizationUrl({ state: "s", codeChallenge }));
  expect([query.get("code_challenge"), query.get("code_challenge_method")]).toEqual([codeChallenge, "S256"]);
});

test("A-06 no call can name another host", async () => {
  // @ts-expect-error the host is configuration
  await expect(offline().createAuthorization({ authorizeOrigin: "https://evil.example" })).rejects.toThrow(/no option "authorizeOrigin"/);
  // @ts-expect-error the host is configuration
  expect(() => offline().authorizationUrl({ state: "s", origin: "https://evil.example" })).toThrow(/no option "origin"/);
  // @ts-expect-error the host is configuration
  await expect(offline().exchangeCode("code", { apiOrigin: "https://evil.example" })).rejects.toThrow(/no option "apiOrigin"/);
});

test("authorizationUrl needs a state, and a redirect URI by the same rules as the configured one", () => {
  expect(() => offline().authorizationUrl({ state: "" })).toThrow(/^state must be/);
  expect(() => offline().authorizationUrl({} as never)).toThrow(/^state must be/);
  expect(() => offline().authorizationUrl({ state: "s", redirectUri: "http://evil.example/cb" })).toThrow(/^redirectUri must be https/);
  const redirectUri = "https://other.example/cb";
  expect(queryOf(offline().authorizationUrl({ state: "s", redirectUri })).get("redirect_uri")).toBe(redirectUri);
});
