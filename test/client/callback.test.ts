/** The callback: what is refused before anything is sent, and what an accepted one makes of the code. */
import { inspect } from "node:util";
import { describe, expect, it, test } from "vitest";
import {
  AuthorizationDeniedError,
  type HubSpotOAuthClient,
  MemoryTokenStore,
  NetworkError,
  StateMismatchError,
  TimeoutError,
  TokenRequestError,
  TokenStoreError,
} from "../../src/index.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, type Emulator, emulate } from "../support/setup.js";
import { begin, failureOf, offline, queryOf } from "./flow.js";

/** A flow at its callback; `complete` ends it with another query. */
async function flowOf(
  emulator: Emulator,
  oauth: HubSpotOAuthClient,
): Promise<{ readonly state: string; readonly code: string; readonly complete: (query: string) => Promise<unknown> }> {
  const { callback, state, cookie } = await begin(oauth, emulator, { context: { tenant: "t-42" }, returnTo: "/back" });
  const complete = (query: string): Promise<unknown> => oauth.completeAuthorization({ url: `/oauth/callback?${query}`, cookie });
  return { state, code: queryOf(callback).get("code") ?? "", complete };
}

test("a callback is accepted as absolute URL, as path with query, as query, and as URL object", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const spellings: ((callback: string) => string | URL)[] = [
    (callback) => callback,
    (callback) => callback.slice(callback.indexOf("/oauth")),
    (callback) => callback.slice(callback.indexOf("?")),
    (callback) => new URL(callback),
    (callback) => `${callback}#_=_`,
    (callback) => `//evil.example${callback.slice(callback.indexOf("/oauth"))}`,
  ];
  for (const spell of spellings) {
    const { callback, cookie } = await begin(oauth, emulator);
    expect((await oauth.completeAuthorization({ url: spell(callback), cookie })).accountId).toBe("24681012");
  }
  await expect(oauth.completeAuthorization({ url: undefined as never, cookie: "" })).rejects.toThrow(/^url must be/);
  await expect(oauth.completeAuthorization({ url: { query: {} } as never, cookie: "" })).rejects.toThrow(/^url must be/);
});

describe("CB-01 CB-02 CB-05 contradictory callbacks are malformed, send nothing and do not use the state up", () => {
  it.each([
    ["code twice", "code={code}&code=b&state={state}"],
    ["the same code twice", "code={code}&code={code}&state={state}"],
    ["state twice", "code={code}&state={state}&state={state}"],
    ["error twice", "error=a&error=b&state={state}"],
    ["error_description twice", "error=a&error_description=b&error_description=c&state={state}"],
    ["error_uri twice", "error=a&error_uri=b&error_uri=c&state={state}"],
    ["iss twice", "code={code}&state={state}&iss=a&iss=b"],
    ["code and error", "code={code}&error=access_denied&state={state}"],
    ["an empty code", "code=&state={state}"],
    ["neither code nor error", "state={state}"],
    ["a code of 8,193 characters", `code=${"c".repeat(8_193)}&state={state}`],
    ["a code with a line break", "code=a%0d%0ab&state={state}"],
    ["a code with a NUL", "code=a%00&state={state}"],
    ["a code outside ASCII", "code=%C3%A4&state={state}"],
    ["a parameter in two spellings", "code={code}&c%6fde=b&state={state}"],
  ])("%s", async (_name, template) => {
    const emulator = await emulate();
    const { state, code, complete } = await flowOf(emulator, clientOf(emulator).oauth);
    const fill = (text: string): string => text.replaceAll("{code}", code).replaceAll("{state}", state);
    await expect(complete(fill(template))).rejects.toMatchObject({ code: "state_mismatch", reason: "malformed" });
    expect(emulator.count()).toBe(0);
    await complete(fill("code={code}&state={state}"));
  });
});

test.each([
  ["one character", "c"],
  ["2 KB", "c".repeat(2_048)],
  ["8,192 characters", "c".repeat(8_192)],
  ["spaces and signs", " !\"#%&'+,~"],
])("CB-05 a code is opaque: %s is sent as it came", async (_name, code) => {
  const emulator = await emulate();
  const { state, complete } = await flowOf(emulator, clientOf(emulator).oauth);
  await expect(complete(`code=${encodeURIComponent(code)}&state=${state}`)).rejects.toMatchObject({ hubspotStatus: "BAD_AUTH_CODE" });
  expect(emulator.requests[0]?.form?.["code"]).toBe(code);
});

test("CB-03 the state is checked before an error is believed", async () => {
  const emulator = await emulate();
  const { oauth, events } = clientOf(emulator);
  const flow = await begin(oauth, emulator, {}, { decision: "deny" });
  await expect(oauth.completeAuthorization({ url: flow.callback, cookie: undefined })).rejects.toMatchObject({ reason: "unbound" });
  const forged = flow.callback.replace(flow.state, `${flow.state}x`);
  await expect(oauth.completeAuthorization({ url: forged, cookie: flow.cookie })).rejects.toBeInstanceOf(StateMismatchError);
  expect(events.map(({ type }) => type)).toEqual(["authorization.started"]);
  await expect(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie })).rejects.toMatchObject({
    error: "access_denied",
    errorDescription: "The user denied access to the app",
  });
  expect(events.at(-1)).toEqual({ type: "authorization.denied", error: "access_denied" });
});

test("CB-03 an error that HubSpot sends without the state is a denial: it harms nobody", async () => {
  const emulator = await emulate({ denial: "redirect-without-state" });
  const { oauth } = clientOf(emulator);
  const flow = await begin(oauth, emulator, {}, { decision: "deny" });
  const error = await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie }));
  expect(error).toBeInstanceOf(AuthorizationDeniedError);
  expect(emulator.count()).toBe(0);
});

test.each([
  ["error", `error=${"e".repeat(5_000)}`],
  ["a line break in error", "error=access%0d%0a[ERROR]%20forged"],
  ["markup", "error=access_denied&error_description=%3Cscript%3E%0a[ERROR]"],
  ["control characters", "error=a%1b[31m&error_description=%00%1b[2J%e2%80%a8%e2%80%ae%c2%85x"],
  ["a long description", `error=a&error_description=${"d".repeat(5_000)}`],
  ["an empty error", "error="],
])("CB-03 %s cannot break a line or flood a log", async (_name, query) => {
  const error = (await failureOf(offline().completeAuthorization({ url: `/cb?${query}`, cookie: "" }))) as AuthorizationDeniedError;
  expect(error).toBeInstanceOf(AuthorizationDeniedError);
  for (const text of [error.message, error.error, error.errorDescription ?? ""]) {
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    expect(text.length).toBeLessThan(400);
  }
  expect(error.error).not.toBe("");
  expect(error.message).not.toContain("<script>");
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: "authorization_denied", error: error.error });
});

test("CB-04 parameters nobody knows are ignored, an iss among them", async () => {
  const emulator = await emulate();
  const { state, code, complete } = await flowOf(emulator, clientOf(emulator).oauth);
  const query = `hs_x=1&hs_x=2&__proto__=1&code=${code}&iss=https%3A%2F%2Fanywhere.example&state=${state}&utm_source=a`;
  expect(await complete(query)).toMatchObject({ accountId: "24681012" });
});

describe("CB-06 a code is sent at most once, whatever happens to the answer", () => {
  it.each([
    ["the connection drops before the answer", { destroy: true, process: true }, NetworkError],
    ["a 500", { status: 500 }, TokenRequestError],
    ["a 503 with Retry-After", { status: 503, headers: { "retry-after": "0" } }, TokenRequestError],
    ["half an answer", { status: 200, body: '{"access_to', headers: { "content-type": "application/json" } }, Error],
  ] as const)("%s", async (_name, override, expected) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const { state, code, complete } = await flowOf(emulator, oauth);
    emulator.respondOnce("token", override);
    const error = await failureOf(complete(`code=${code}&state=${state}`));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ context: { tenant: "t-42" }, returnTo: "/back" });
    await expect(complete(`code=${code}&state=${state}`)).rejects.toMatchObject({ reason: "used" });
    expect(emulator.count("token")).toBe(1);
    expect(store.get("24681012")).toBeUndefined();
  });

  test("no answer in time", async () => {
    const emulator = await emulate();
    const { state, code, complete } = await flowOf(emulator, clientOf(emulator, { timeoutMs: 100 }).oauth);
    const held = gate();
    emulator.respondOnce("token", { until: held.opened });
    expect(await failureOf(complete(`code=${code}&state=${state}`))).toBeInstanceOf(TimeoutError);
    held.open();
    await expect(complete(`code=${code}&state=${state}`)).rejects.toMatchObject({ reason: "used" });
    expect(emulator.count("token")).toBe(1);
  });
});

test("CB-08 a code without a state is never exchanged: the app did not begin that flow", async () => {
  await expect(offline().completeAuthorization({ url: "/cb?code=na1-0000", cookie: "a=b" })).rejects.toMatchObject({
    code: "state_mismatch",
    reason: "missing",
    message: expect.stringContaining("begin one"),
  });
});

test("CB-10 a thousand callbacks without a valid state cause no request", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const { cookie, state } = await begin(oauth, emulator);
  const random = (length: number): string => Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString("base64url");
  const work = Array.from({ length: 1_000 }, (_value, index) => {
    const [header, , iv, , tag] = state.split(".");
    const forged = index % 2 === 0 ? random(index % 200) : [header, "", iv, random(300), tag].join(".");
    return failureOf(oauth.completeAuthorization({ url: `/cb?code=${random(20)}&state=${forged}`, cookie }));
  });
  for (const error of await Promise.all(work)) expect(error).toBeInstanceOf(StateMismatchError);
  expect(emulator.count()).toBe(0);
});

test("PK-06 the state is checked with PKCE on and off alike", async () => {
  const emulator = await emulate();
  for (const pkce of [true, false]) {
    const { oauth } = clientOf(emulator, { pkce });
    const { callback: url } = await begin(oauth, emulator);
    await expect(oauth.completeAuthorization({ url, cookie: undefined })).rejects.toMatchObject({ reason: "unbound" });
  }
  expect(emulator.count()).toBe(0);
});

test("CI-01 an attacker's code in a victim's callback connects nothing where PKCE holds", async () => {
  const emulator = await emulate({ pkce: "enforced" });
  const { oauth, store } = clientOf(emulator);
  const attacker = await flowOf(emulator, oauth);
  const victim = await flowOf(emulator, oauth);
  await expect(victim.complete(`code=${attacker.code}&state=${victim.state}`)).rejects.toMatchObject({
    code: "token_request_failed",
    error: "invalid_grant",
    hubspotStatus: "BAD_CODE_VERIFIER",
  });
  for await (const id of store.list()) expect.fail(`stored ${id}`);
});

describe("MX-04 two apps in one process do not mix", () => {
  it.each([
    ["with the client secrets as state secrets", undefined, "malformed"],
    ["with one state secret for both", "the very same state secret for both", "other-client"],
  ])("%s", async (_name, stateSecret, reason) => {
    const emulator = await emulate({ apps: [{}, {}] });
    const [first, second] = emulator.apps;
    if (first === undefined || second === undefined) throw new Error("two apps");
    const of = ({ clientId, clientSecret }: typeof first): HubSpotOAuthClient =>
      clientOf(emulator, { clientId, clientSecret, ...(stateSecret !== undefined && { stateSecret }) }).oauth;
    const { callback: url, cookie } = await begin(of(first), emulator);
    await expect(of(second).completeAuthorization({ url, cookie })).rejects.toMatchObject({ reason });
    expect(emulator.count()).toBe(0);
    await of(first).completeAuthorization({ url, cookie });
    expect(emulator.requests[0]?.form).toMatchObject({ client_id: first.clientId, client_secret: first.clientSecret });
  });
});

test("A-04 MX-01 the redirect URI of the exchange is the one the flow began with, byte for byte", async () => {
  const uris = ["https://app.example.com/cb?x=a%20b&y=%C3%A9", "https://App.Example.com/CB/", "https://app.example.com:443/a/../cb?"];
  const emulator = await emulate({ app: { redirectUris: uris } });
  for (const redirectUri of uris) {
    const { callback, cookie } = await begin(clientOf(emulator, { redirectUri }).oauth, emulator);
    // The configuration changed while the user was at HubSpot.
    const { oauth } = clientOf(emulator, { redirectUri: uris[0] ?? "" });
    await oauth.completeAuthorization({ url: callback, cookie });
    expect(emulator.requests.at(-1)?.form?.["redirect_uri"]).toBe(redirectUri);
  }
});

test("AB-01 the account comes from HubSpot's answer, never from the query", async () => {
  const emulator = await emulate();
  const { state, code, complete } = await flowOf(emulator, clientOf(emulator).oauth);
  const forged = `hub_id=666&hubId=666&portalId=666&accountId=666&user_id=666&code=${code}&state=${state}`;
  expect(await complete(forged)).toMatchObject({ accountId: "24681012", hubId: "24681012" });
});

test("the answer carries what the flow began with, and only after the tokens are stored", async () => {
  const emulator = await emulate();
  const { oauth, store, events } = clientOf(emulator);
  const context = { tenant: "t-42", nested: [1, null, "é"] };
  const { callback, cookie } = await begin(oauth, emulator, { context, returnTo: "/back?x=1" });
  const done = await oauth.completeAuthorization({ url: callback, cookie });
  expect(done).toMatchObject({
    accountId: "24681012",
    hubId: "24681012",
    userId: undefined,
    reconnected: false,
    scopes: ["oauth", "crm.objects.contacts.read"],
    context,
    returnTo: "/back?x=1",
  });
  expect(store.get("24681012")).toMatchObject({
    format: 1,
    accountId: "24681012",
    clientId: emulator.app.clientId,
    accessToken: done.tokens.accessToken,
    refreshToken: done.tokens.refreshToken,
    status: "active",
  });
  expect(events.map(({ type }) => type)).toEqual(["authorization.started", "authorization.completed"]);
});

test("success is reported only once the tokens are stored: a store that fails fails the callback", async () => {
  const emulator = await emulate();
  const tokenStore = new MemoryTokenStore();
  tokenStore.set = () => {
    throw Object.assign(new Error("disk full"), { code: "ENOSPC" });
  };
  const { oauth, events } = clientOf(emulator, { tokenStore });
  const { callback: url, cookie } = await begin(oauth, emulator, { returnTo: "/back" });
  const error = await failureOf(oauth.completeAuthorization({ url, cookie }));
  expect(error).toBeInstanceOf(TokenStoreError);
  expect(error).toMatchObject({ operation: "set", driverCode: "ENOSPC", returnTo: "/back" });
  // Where the user came from is for the app, not for its logs.
  expect(JSON.stringify(error) + inspect(error, { depth: Infinity })).not.toContain("/back");
  expect(events.map(({ type }) => type)).not.toContain("authorization.completed");
});

test.each([
  [
    "a cycle",
    (() => {
      const loop: Record<string, unknown> = {};
      return (loop["self"] = loop);
    })(),
  ],
  ["a BigInt", { id: 1n }],
  ["a function", () => 1],
  ["a symbol", Symbol("x")],
  ["1,025 bytes", "x".repeat(1_023)],
  ["1,025 bytes of UTF-8", "é".repeat(512)],
])("a context that is no small JSON value is a TypeError: %s", async (_name, context) => {
  await expect(offline().createAuthorization({ context })).rejects.toThrow(/^context must be/);
});

test("an error of one flow never carries what another began with, though both end for one reason", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const shutdown = new AbortController();
  const held = gate();
  const failures = await Promise.all(
    ["/alice", "/mallory"].map(async (returnTo) => {
      const { callback: url, cookie } = await begin(oauth, emulator, { returnTo });
      const { arrived } = emulator.respondOnce("token", { until: held.opened });
      const failure = failureOf(oauth.completeAuthorization({ url, cookie, signal: shutdown.signal }));
      await arrived;
      return { returnTo, failure };
    }),
  );
  shutdown.abort(new Error("the process ends"));
  for (const { returnTo, failure } of failures)
    expect([undefined, returnTo]).toContain(((await failure) as { returnTo?: string }).returnTo);
  held.open();
});
