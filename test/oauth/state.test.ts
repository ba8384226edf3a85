/** The state: sealed, bound to one browser, used once. */
import { createHash, hkdfSync } from "node:crypto";
import { CompactEncrypt } from "jose";
import { describe, expect, it, test, vi } from "vitest";
import { MemoryStateStore, StateMismatchError, type StateStore, TokenStoreError } from "../../src/index.js";
import { bindingDigest, codeChallenge, type Flow, isBoundTo, randomSecret, StateSeal } from "../../src/oauth/state.js";
import { begin, failureOf, offline, queryOf } from "../client/flow.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, emulate } from "../support/setup.js";

const SECRET = "a secret of thirty-two characters";
const FLOW: Flow = {
  id: "id",
  clientId: "client-1",
  redirectUri: "https://app.example.com/cb",
  binding: bindingDigest("browser"),
  expiresAtMs: 1_000,
};

/** A state store that notes what it is asked. */
class RecordingStateStore implements StateStore {
  readonly asked: { readonly id: string; readonly ttlMs: number }[] = [];
  readonly #inner = new MemoryStateStore();

  consume(id: string, options: { readonly ttlMs: number }): boolean {
    this.asked.push({ id, ...options });
    return this.#inner.consume(id, options);
  }
}

test("ST-01 PK-01 secrets are 256 random bits: 43 base64url characters, never twice", () => {
  const made = new Set(Array.from({ length: 100_000 }, randomSecret));
  expect(made.size).toBe(100_000);
  expect([...made].filter((secret) => !/^[\w-]{43}$/.test(secret))).toEqual([]);
});

test("ST-02 each flow has a state, a verifier and a browser secret of its own", async () => {
  const oauth = offline();
  const first = await oauth.createAuthorization();
  const second = await oauth.createAuthorization();
  expect(first.state).not.toBe(second.state);
  expect(first.cookie).not.toBe(second.cookie);
  expect(queryOf(first.url).get("code_challenge")).not.toBe(queryOf(second.url).get("code_challenge"));
  expect(queryOf(first.url).get("state")).toBe(first.state);
});

test("PK-03 the challenge is that of RFC 7636 appendix B", () => {
  expect(codeChallenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

describe("ST-03 only the browser that began a flow ends it", () => {
  test("another jar: unbound without the cookie, wrong-browser with another secret in it, and no request", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const jarA = await begin(oauth, emulator);
    const jarB = await begin(oauth, emulator);
    const name = jarA.cookie?.split("=")[0] ?? "";
    const cases = [
      [undefined, "unbound"],
      [null, "unbound"],
      ["", "unbound"],
      [jarB.cookie, "unbound"],
      [`${name}=`, "unbound"],
      [`x${jarA.cookie}`, "unbound"],
      [`${name}=${jarB.cookie?.split("=")[1]}`, "wrong-browser"],
      [`${jarA.cookie}x`, "wrong-browser"],
    ] as const;
    for (const [cookie, reason] of cases) {
      await expect(oauth.completeAuthorization({ url: jarA.callback, cookie }), String(cookie)).rejects.toMatchObject({ reason });
    }
    expect(emulator.count()).toBe(0);
    await oauth.completeAuthorization({ url: jarA.callback, cookie: `a=b; ${jarB.cookie}; ${jarA.cookie}; c=d` });
  });

  test("a binding of the application's own: the same value ends the flow, any other does not, and no cookie is made", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const flow = await begin(oauth, emulator, { binding: "session-1" });
    expect(flow.cookie).toBeUndefined();
    await expect(oauth.completeAuthorization({ url: flow.callback, binding: "session-2" })).rejects.toMatchObject({
      reason: "wrong-browser",
    });
    await expect(oauth.completeAuthorization({ url: flow.callback, cookie: "session-1" })).rejects.toMatchObject({ reason: "unbound" });
    expect(emulator.count()).toBe(0);
    expect((await oauth.completeAuthorization({ url: flow.callback, binding: "session-1" })).clearCookie).toBeUndefined();
  });

  test("exactly one proof is required, in types and at run time", async () => {
    const oauth = offline();
    const { state } = await oauth.createAuthorization();
    const url = `/cb?code=c&state=${state}`;
    // @ts-expect-error one of cookie and binding is required
    await expect(oauth.completeAuthorization({ url })).rejects.toThrow(/exactly one of cookie .* and binding/);
    await expect(oauth.completeAuthorization({ url, cookie: "a=b", binding: "b" })).rejects.toThrow(TypeError);
    await expect(oauth.completeAuthorization({ url, binding: "" })).rejects.toThrow(/^binding must be/);
    await expect(oauth.completeAuthorization({ url, binding: undefined as never })).rejects.toMatchObject({ reason: "unbound" });
    await expect(oauth.completeAuthorization({ url, cookie: 1 as never })).rejects.toThrow(/^cookie must be/);
    await expect(oauth.createAuthorization({ binding: "" })).rejects.toThrow(/^binding must be/);
  });
});

test("ST-04 a state is used once under 50 concurrent callbacks", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const { callback: url, cookie } = await begin(oauth, emulator);
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => oauth.completeAuthorization({ url, cookie })));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [(outcome.reason as StateMismatchError).reason] : []));
  expect(reasons).toEqual(Array.from({ length: 49 }, () => "used"));
  expect(emulator.count("token")).toBe(1);
});

test("ST-04 two processes on one state store handle a callback once, and either may handle it", async () => {
  const emulator = await emulate();
  const stateStore = new MemoryStateStore();
  const here = clientOf(emulator, { stateStore }).oauth;
  const there = clientOf(emulator, { stateStore }).oauth;
  const { callback: url, cookie } = await begin(here, emulator);
  await there.completeAuthorization({ url, cookie });
  await expect(here.completeAuthorization({ url, cookie })).rejects.toMatchObject({ reason: "used" });
  expect(emulator.count("token")).toBe(1);
});

test("ST-04 the same state in another spelling is the same state", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const { callback, state, cookie } = await begin(oauth, emulator);
  await oauth.completeAuthorization({ url: callback, cookie });
  const respelt = callback.replace(state, `${state}%0A`);
  expect(respelt).not.toBe(callback);
  const error = await failureOf(oauth.completeAuthorization({ url: respelt, cookie }));
  expect(["used", "malformed"]).toContain((error as StateMismatchError).reason);
  expect(emulator.count("token")).toBe(1);
});

test("ST-05 a state is used up before HubSpot is asked: after a 500 it is not taken again", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const { callback: url, cookie } = await begin(oauth, emulator);
  emulator.respondOnce("token", { status: 500, body: "down" });
  await expect(oauth.completeAuthorization({ url, cookie })).rejects.toMatchObject({ code: "token_request_failed", status: 500 });
  await expect(oauth.completeAuthorization({ url, cookie })).rejects.toMatchObject({ reason: "used" });
  expect(emulator.count("token")).toBe(1);
});

test("ST-05 a callback with an error uses the state up as well", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const { callback: url, cookie, state } = await begin(oauth, emulator, {}, { decision: "deny" });
  await expect(oauth.completeAuthorization({ url, cookie })).rejects.toMatchObject({ code: "authorization_denied" });
  await expect(oauth.completeAuthorization({ url: `/cb?code=c&state=${state}`, cookie })).rejects.toMatchObject({ reason: "used" });
  expect(emulator.count("token")).toBe(0);
});

test.each([
  [0, undefined],
  [599_999, undefined],
  [600_000, "expired"],
  [601_000, "expired"],
  [-3_600_000, undefined],
])("ST-06 a state lives ten minutes: after %i ms the reason is %s", async (ms, reason) => {
  const emulator = await emulate({ codeLifetimeMs: 3_600_000, now: () => Date.UTC(2026, 10, 22) });
  const { oauth } = clientOf(emulator);
  const { callback: url, cookie } = await begin(oauth, emulator);
  emulator.advance(ms);
  const work = oauth.completeAuthorization({ url, cookie });
  if (reason === undefined) await work;
  else await expect(work).rejects.toMatchObject({ reason });
  // Also when the clock has jumped: still one-time.
  await expect(oauth.completeAuthorization({ url, cookie })).rejects.toBeInstanceOf(StateMismatchError);
  expect(emulator.count("token")).toBe(reason === undefined ? 1 : 0);
});

test("ST-06 the state store remembers for twice the life of a state, by its own clock", async () => {
  const emulator = await emulate();
  const stateStore = new RecordingStateStore();
  const { oauth } = clientOf(emulator, { stateStore });
  const flow = await begin(oauth, emulator);
  await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  expect(stateStore.asked).toEqual([{ id: expect.stringMatching(/^[\w-]{43}$/), ttlMs: 1_200_000 }]);
});

describe("ST-07 a state that is none is one typed error, and nothing is sent", () => {
  it.each([
    ["missing", "", "missing"],
    ["empty", "state=", "missing"],
    ["an array", "state[]=a", "missing"],
    ["twice", "state=a&state=b", "malformed"],
    ["twice the same", "state=a&state=a", "malformed"],
    ["__proto__", "state=__proto__", "malformed"],
    ["10 KB", `state=${"a".repeat(10_240)}`, "malformed"],
    ["dots", "state=....", "malformed"],
    ["no UTF-8", "state=%ff%fe", "malformed"],
    ["a NUL", "state=%00", "malformed"],
    ["broken percent-encoding", "state=%", "malformed"],
    ["a JWE of another make", "state=eyJhbGciOiJub25lIn0..AAAA.AAAA.AAAA", "malformed"],
  ])("%s", async (_name, query, reason) => {
    const error = await failureOf(offline().completeAuthorization({ url: `/cb?code=c&${query}`, cookie: "a=b" }));
    expect(error).toBeInstanceOf(StateMismatchError);
    expect(error).toMatchObject({ code: "state_mismatch", reason, retryable: false });
  });
});

test("ST-08 browser secrets of any length are compared without an exception", () => {
  for (const secret of ["x", "browser ", "Browser", "b".repeat(10_000), "\ud800", "ä"]) expect(isBoundTo(FLOW, secret)).toBe(false);
  expect(isBoundTo({ ...FLOW, binding: "short" }, "browser")).toBe(false);
  expect(isBoundTo(FLOW, "browser")).toBe(true);
});

test("ST-09 no character of a state can be changed", async () => {
  const seal = new StateSeal(SECRET, "client-1", () => 0);
  const flow = { ...FLOW, context: { tenant: "t-42" }, returnTo: "/settings" };
  const state = await seal.seal(flow);
  const opened = await Promise.all(
    Array.from(state, async (character, index) => {
      const changed = state.slice(0, index) + (character === "A" ? "B" : "A") + state.slice(index + 1);
      return seal.open(changed).catch((error: unknown) => (error as StateMismatchError).reason);
    }),
  );
  // The last character of a part has bits that mean nothing: then the very same flow comes out.
  for (const outcome of opened) expect([flow, "malformed"]).toContainEqual(outcome);
  expect(opened.filter((outcome) => outcome !== "malformed").length).toBeLessThan(4);
});

test("ST-09 the context of one user cannot be put into the flow of another", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const alice = await begin(oauth, emulator, { context: { tenant: "alice" } });
  const mallory = await begin(oauth, emulator, { context: { tenant: "mallory" } });
  const swapped = alice.callback.replace(alice.state, mallory.state);
  await expect(oauth.completeAuthorization({ url: swapped, cookie: alice.cookie })).rejects.toMatchObject({ reason: "unbound" });
  const parts = alice.state.split(".").with(3, mallory.state.split(".")[3] ?? "");
  const spliced = alice.callback.replace(alice.state, parts.join("."));
  await expect(oauth.completeAuthorization({ url: spliced, cookie: alice.cookie })).rejects.toMatchObject({ reason: "malformed" });
  expect(emulator.count()).toBe(0);
});

test("ST-10 nothing is stored when a flow begins, however many begin, and the newest works", async () => {
  const emulator = await emulate();
  const stateStore = new RecordingStateStore();
  const { oauth } = clientOf(emulator, { stateStore });
  for (let batch = 0; batch < 20; batch++) await Promise.all(Array.from({ length: 100 }, () => oauth.createAuthorization()));
  expect(stateStore.asked).toEqual([]);
  const flow = await begin(oauth, emulator);
  await oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie });
  expect(stateStore.asked).toHaveLength(1);
});

test("ST-10 with all it may carry the cookie stays short and the URL below 8 KB", async () => {
  const { url, cookie } = await offline({ redirectUri: `https://app.example.com/${"p".repeat(500)}` }).createAuthorization({
    context: "c".repeat(1_022),
    returnTo: `/${"r".repeat(1_023)}`,
  });
  expect(cookie?.length).toBeLessThan(200);
  expect(url.length).toBeLessThan(8_192);
});

test("ST-11 a wrong callback does not end another flow", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const first = await begin(oauth, emulator);
  const second = await begin(oauth, emulator);
  await expect(oauth.completeAuthorization({ url: first.callback, cookie: second.cookie })).rejects.toThrow(StateMismatchError);
  await expect(oauth.completeAuthorization({ url: "/cb?code=c&state=nonsense", cookie: first.cookie })).rejects.toThrow(StateMismatchError);
  await oauth.completeAuthorization({ url: first.callback, cookie: `${first.cookie}; ${second.cookie}` });
  await oauth.completeAuthorization({ url: second.callback, cookie: second.cookie });
});

test("ST-12 what is sealed for another purpose is no state, though the secret is the same", async () => {
  const seal = new StateSeal(SECRET, "client-1", () => 0);
  const text = new TextEncoder().encode(JSON.stringify(FLOW));
  const sealedWith = (key: Uint8Array, enc = "A256GCM") => new CompactEncrypt(text).setProtectedHeader({ alg: "dir", enc }).encrypt(key);
  const derive = (label: string, bytes = 32) => new Uint8Array(hkdfSync("sha256", SECRET, "", label, bytes));
  expect(await seal.open(await sealedWith(derive("hubspot-oauth/state/v1")))).toEqual(FLOW);
  const others = [
    sealedWith(derive("hubspot-oauth/token-store/v1")),
    sealedWith(derive("")),
    sealedWith(new Uint8Array(createHash("sha256").update(SECRET).digest())),
    sealedWith(derive("hubspot-oauth/state/v1", 16), "A128GCM"),
    sealedWith(derive("hubspot-oauth/state/v1", 64), "A256CBC-HS512"),
  ];
  for (const other of await Promise.all(others)) await expect(seal.open(other)).rejects.toMatchObject({ reason: "malformed" });
});

test.each([
  ["https://app.example.com/cb", /^__Host-hubspot-oauth-[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/],
  ["HTTPS://App.Example.com/cb", /^__Host-hubspot-oauth-[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/],
  ["http://localhost:3000/cb", /^hubspot-oauth-[\w-]{8}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/],
])("ST-13 the cookie for %s has the flags a browser needs to protect it", async (redirectUri, pattern) => {
  const { cookie } = await offline({ redirectUri }).createAuthorization();
  expect(cookie).toMatch(pattern);
});

test("ST-13 the cookie is removed by the same name and attributes", async () => {
  const emulator = await emulate({ app: { redirectUris: ["https://app.example.com/cb"] } });
  const { oauth } = clientOf(emulator);
  const { url, cookie } = await oauth.createAuthorization();
  const { clearCookie } = await oauth.completeAuthorization({ url: await emulator.authorize(url), cookie: cookie?.split(";")[0] });
  expect(clearCookie).toBe(cookie?.replace(/=[\w-]{43};/, "=;").replace("Max-Age=600", "Max-Age=0"));
});

describe("a state store that fails stops the flow before the code is sent", () => {
  it.each([
    ["throws", () => Promise.reject(Object.assign(new Error("SECRET"), { code: "ECONNREFUSED", command: { args: ["SECRET"] } }))],
    [
      "throws at once",
      () => {
        throw Object.assign(new Error("SECRET"), { code: "ECONNREFUSED" });
      },
    ],
  ] as const)("%s", async (_name, consume) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { stateStore: { consume } });
    const flow = await begin(oauth, emulator, { returnTo: "/back" });
    const error = await failureOf(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie }));
    expect(error).toBeInstanceOf(TokenStoreError);
    expect(error).toMatchObject({ operation: "consume", driverCode: "ECONNREFUSED", returnTo: "/back" });
    expect(error.stack).not.toContain("SECRET");
    expect(emulator.count()).toBe(0);
  });

  test("does not answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const asked = gate();
      const consume = (): Promise<boolean> => {
        asked.open();
        return new Promise(() => undefined);
      };
      const oauth = offline({ stateStore: { consume } });
      const { state, cookie } = await oauth.createAuthorization();
      const failure = failureOf(oauth.completeAuthorization({ url: `/cb?code=c&state=${state}`, cookie: cookie?.split(";")[0] }));
      await asked.opened;
      await vi.advanceTimersByTimeAsync(5_000);
      expect(await failure).toBeInstanceOf(TokenStoreError);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([false, undefined, "OK", 1])("answers %s, which is not true", async (answer) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { stateStore: { consume: () => answer as boolean } });
    const flow = await begin(oauth, emulator);
    await expect(oauth.completeAuthorization({ url: flow.callback, cookie: flow.cookie })).rejects.toMatchObject({ reason: "used" });
    expect(emulator.count()).toBe(0);
  });
});
