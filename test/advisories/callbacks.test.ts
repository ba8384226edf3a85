/**
 * Published vulnerabilities of other OAuth clients in state, callback and redirect URI, replayed against this one. Above each, what the bug was.
 */
import { describe, expect, it, test } from "vitest";
import {
  HubSpotOAuthClient,
  type HubSpotOAuthClientOptions,
  MalformedResponseError,
  MemoryStateStore,
  MemoryTokenStore,
  StateMismatchError,
  type StateStore,
  TokenRequestError,
} from "../../src/index.js";
import { EncryptedTokenStore } from "../../src/stores/encrypted.js";
import { begin, failureOf, type FlowAtCallback, offline } from "../client/flow.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";

/** An attacker and a victim, each with a flow that HubSpot has answered. */
async function attack(
  options: Partial<HubSpotOAuthClientOptions> = {},
): Promise<{ emulator: Emulator; oauth: HubSpotOAuthClient; store: MemoryTokenStore; attacker: FlowAtCallback; victim: FlowAtCallback }> {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator, options);
  const attacker = await begin(oauth, emulator);
  const victim = await begin(oauth, emulator);
  return { emulator, oauth, store, attacker, victim };
}

async function accountsIn(store: MemoryTokenStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of store.list()) ids.push(id);
  return ids;
}

describe("a state that is valid, but of another browser", () => {
  // Both: state kept in a shared cache was looked up by its value alone, so that an attacker's callback worked in any browser.
  test.each(["CVE-2025-68158", "CVE-2026-41425"])("%s: a shared state store lets no other browser in", async () => {
    const { emulator, oauth, store, attacker, victim } = await attack({ stateStore: new MemoryStateStore() });
    for (const cookie of [victim.cookie, undefined, "session=victim"]) {
      await expect(oauth.completeAuthorization({ url: attacker.callback, cookie })).rejects.toMatchObject({ reason: "unbound" });
    }
    expect(emulator.count()).toBe(0);
    expect(await accountsIn(store)).toEqual([]);
    // The victim's own flow is untouched.
    await oauth.completeAuthorization({ url: victim.callback, cookie: victim.cookie });
  });

  // The state was a signed token of constants: one that anybody got was good in every browser.
  test("CVE-2025-68481: two states have nothing in common, and a sound one alone is not enough", async () => {
    const { oauth, attacker, victim } = await attack();
    expect(attacker.state).not.toBe(victim.state);
    await expect(oauth.completeAuthorization({ url: attacker.callback, binding: "the victim's session" })).rejects.toThrow(
      StateMismatchError,
    );
  });

  // The state was made once, when the server started: everybody's flow had the same.
  test("CVE-2023-31999: no state fits two flows", async () => {
    const oauth = offline();
    const states = await Promise.all(Array.from({ length: 200 }, async () => (await oauth.createAuthorization()).state));
    expect(new Set(states).size).toBe(200);
  });

  // A browser kept the session that an attacker had planted before the victim signed in.
  test("CVE-2022-25896: a secret planted before the flow begins does not become the flow's", async () => {
    const { emulator, oauth, attacker } = await attack();
    // The victim's browser has the attacker's cookie, and begins a flow: that takes nothing from the request.
    const victim = await begin(oauth, emulator);
    expect(victim.cookie?.split("=")[0]).not.toBe(attacker.cookie?.split("=")[0]);
    await expect(oauth.completeAuthorization({ url: victim.callback, cookie: attacker.cookie })).rejects.toMatchObject({
      reason: "unbound",
    });
    const renamed = `${victim.cookie?.split("=")[0]}=${attacker.cookie?.split("=")[1]}`;
    await expect(oauth.completeAuthorization({ url: victim.callback, cookie: renamed })).rejects.toMatchObject({ reason: "wrong-browser" });
    // On https a sub-domain cannot plant one at all: browsers take a __Host- cookie from its own host only.
    expect((await offline().createAuthorization()).cookie).toMatch(/^__Host-/);
  });
});

describe("a state that was not checked", () => {
  // Whatever stood in the parameter was taken, since nothing was kept to compare it with.
  test.each(["", "1", "attacker-chosen", "null", "undefined", "e30.e30.e30", "eyJhbGciOiJub25lIn0..e30."])(
    "CVE-2025-14546: a state of somebody's own making is none: %j",
    async (state) => {
      const { emulator, oauth, store, victim } = await attack();
      const url = `/cb?code=c&state=${state}`;
      await expect(oauth.completeAuthorization({ url, cookie: victim.cookie })).rejects.toThrow(StateMismatchError);
      expect(emulator.count()).toBe(0);
      expect(await accountsIn(store)).toEqual([]);
    },
  );

  // Which checks ran was configured for each provider, and for some of them none did.
  test("CVE-2025-65107: no option turns the state off, and PKCE off leaves it on", async () => {
    for (const option of ["checks", "state", "skipStateCheck", "ignoreState"]) {
      expect(() => offline({ [option]: false })).toThrow(new RegExp(`no option "${option}"`));
    }
    const { emulator, oauth, attacker, victim } = await attack({ pkce: false });
    await expect(oauth.completeAuthorization({ url: attacker.callback, cookie: victim.cookie })).rejects.toThrow(StateMismatchError);
    expect(emulator.count()).toBe(0);
  });

  // The authorize URL was stripped of state and challenge on its way; the callback failed, and its code was still good elsewhere.
  test("CVE-2023-27490: a code of a stripped authorize URL is never exchanged, nor may its thief bring the state along", async () => {
    const { emulator, oauth, store } = await attack();
    const { url, state, cookie } = await oauth.createAuthorization();
    const stripped = new URL(url);
    for (const name of ["state", "code_challenge", "code_challenge_method"]) stripped.searchParams.delete(name);
    const callback = await emulator.authorize(stripped.href);
    await expect(oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] })).rejects.toMatchObject({
      reason: "missing",
    });
    await expect(oauth.completeAuthorization({ url: `${callback}&state=${state}`, cookie: undefined })).rejects.toMatchObject({
      reason: "unbound",
    });
    expect(emulator.count()).toBe(0);
    expect(await accountsIn(store)).toEqual([]);
  });
});

// Reading whether a code was used, and marking it, were two steps: two requests could pass between them.
test("CVE-2026-47386: between looking and marking nobody slips through, however slow the state store is", async () => {
  const emulator = await emulate();
  const inner = new MemoryStateStore();
  const both = gate();
  let asked = 0;
  const stateStore: StateStore = {
    consume: async (id, options) => {
      if (++asked === 2) both.open();
      await both.opened;
      return inner.consume(id, options);
    },
  };
  const clients = [clientOf(emulator, { stateStore }).oauth, clientOf(emulator, { stateStore }).oauth] as const;
  const { callback: url, cookie } = await begin(clients[0], emulator);
  const outcomes = await Promise.allSettled(clients.map((oauth) => oauth.completeAuthorization({ url, cookie })));
  expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(emulator.count("token")).toBe(1);
});

// What protected a flow was sealed with the same key, and in the same form, as a session: the one was taken for the other.
test("CVE-2023-48309: a state is no token record, and a sealed record no state, under one secret", async () => {
  const key = new Uint8Array(32).fill(7);
  const inner = new MemoryTokenStore();
  const tokenStore = new EncryptedTokenStore({ store: inner, keys: [{ id: "one", key }] });
  const emulator = await emulate();
  const { oauth } = clientOf(emulator, { tokenStore, stateSecret: Buffer.from(key).toString("latin1") });
  const accountId = await connect(oauth, emulator);
  const record = inner.get(accountId) as unknown as { readonly sealed: string };
  const { callback, state, cookie } = await begin(oauth, emulator);
  emulator.clearRequests();

  const withRecord = callback.replace(state, encodeURIComponent(record.sealed));
  await expect(oauth.completeAuthorization({ url: withRecord, cookie })).rejects.toMatchObject({ reason: "malformed" });
  inner.set(accountId, { ...record, sealed: state } as never);
  await expect(clientOf(emulator, { tokenStore }).oauth.getAccessToken(accountId)).rejects.toMatchObject({ code: "decryption" });
  expect(emulator.count()).toBe(0);
});

// An answer of 200 without a token in it counted as a success.
describe("CVE-2021-41580: a 200 without an access token connects nobody", () => {
  it.each([
    ["an error", { error: "invalid_grant", error_description: "expired" }],
    ["nothing", {}],
    ["an empty token", { access_token: "", refresh_token: "r", expires_in: 1800 }],
    ["a token that is null", { access_token: null, refresh_token: "r", expires_in: 1800 }],
    ["a token that is a list", { access_token: ["a"], refresh_token: "r", expires_in: 1800 }],
    ["a page", "<html>signed in</html>"],
    ["a form", "access_token=a&refresh_token=r"],
  ])("%s", async (_, body) => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const { callback: url, cookie } = await begin(oauth, emulator);
    emulator.respondOnce("token", { status: 200, body });
    const error = await failureOf(oauth.completeAuthorization({ url, cookie }));
    expect(error instanceof MalformedResponseError || error instanceof TokenRequestError).toBe(true);
    expect(await accountsIn(store)).toEqual([]);
  });
});

describe("where the user is sent", () => {
  // The callback URL was compared by its beginning, or not at all, and a browser went elsewhere.
  it.each([
    ["CVE-2022-24858", "https://app.example.com.evil.example/"],
    ["CVE-2022-24858", "https://evil.example/?https://app.example.com"],
    ["CVE-2022-29214", "//evil.example"],
    ["CVE-2022-29214", "https://app.example.com@evil.example/"],
    ["CVE-2022-29214", "/\\evil.example"],
  ])("%s: %s is no place to return to", async (_, returnTo) => {
    await expect(offline().createAuthorization({ returnTo })).rejects.toThrow(/^returnTo must be a path on your own origin/);
  });

  // A callback URL that is no URL threw where nobody caught it, and the process ended.
  it.each(["http://[", "%", "//", "https://", "\u0000", "/cb?%", "/cb?state=%&code=%zz", "cb?state", "?", "", "/cb?__proto__=1&state[]=a"])(
    "CVE-2022-31093: %j is a rejection, and no crash",
    async (text) => {
      expect(await failureOf(offline().completeAuthorization({ url: text, cookie: "a=b" }))).toBeInstanceOf(StateMismatchError);
      const started = await offline()
        .createAuthorization({ returnTo: text })
        .catch((error: unknown) => error);
      expect(started instanceof TypeError || (started as { readonly url?: string }).url?.startsWith("https://app.hubspot.com/")).toBe(true);
    },
  );

  // A redirect URI of javascript: was registered, and the consent page ran it.
  it.each([
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)//https://app.example.com",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
  ])("CVE-2026-67333: %j is no redirect URI", (redirectUri) => {
    expect(() => offline({ redirectUri })).toThrow(/^redirectUri must be/);
    expect(() => offline().authorizationUrl({ state: "s", redirectUri })).toThrow(/^redirectUri must be/);
  });
});

// A call that named no tenant was served with the credential of the process.
describe("CVE-2026-45707: who names no account gets nobody's token", () => {
  it.each([undefined, null, "", 0, Number.NaN, {}, ["24681012"], "\u0000"])("%j", async (accountId) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    await connect(oauth, emulator);
    emulator.clearRequests();
    await expect(oauth.getAccessToken(accountId as never)).rejects.toThrow(TypeError);
    expect(() => oauth.account(accountId as never)).toThrow(TypeError);
    expect(emulator.count()).toBe(0);
  });

  test("an account that is not connected is not served by the only one that is", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    await connect(oauth, emulator);
    await expect(oauth.getAccessToken("1")).rejects.toMatchObject({ code: "account_not_connected" });
  });
});
