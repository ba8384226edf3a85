/** PP-01, PP-02: a polluted `Object.prototype` changes nothing, and no account id is special. */
import { afterEach, describe, expect, it, test } from "vitest";
import { resolveOptions } from "../src/client-options.js";
import { MemoryTokenStore } from "../src/index.js";
import { parseTokenResponse } from "../src/oauth/token-response.js";
import { begin } from "./client/flow.js";
import { clientOf, emulate } from "./support/setup.js";

const POLLUTION: Readonly<Record<string, unknown>> = {
  headers: { authorization: "Bearer evil", "x-evil": "1" },
  baseUrl: "https://evil.example",
  origin: "https://evil.example",
  access_token: "evil",
  refresh_token: "evil",
  refreshToken: "evil",
  hub_id: 666,
  scopes: ["evil"],
  expires_in: 1,
  user_id: 666,
  status: "evil",
};

const added: string[] = [];
function pollute(members: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: false, writable: true });
    added.push(name);
  }
}
function clean(): void {
  for (const name of added.splice(0)) Reflect.deleteProperty(Object.prototype, name);
}
afterEach(clean);

test("PP-01 a response is read by its own members only", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const { callback: url, cookie } = await begin(oauth, emulator);
  const body = JSON.stringify({ access_token: "good", hub_id: 1, scopes: ["a"] });
  emulator.respondOnce("token", { status: 200, body, headers: { "content-type": "application/json" } });
  // oxlint-disable-next-line unicorn/no-thenable -- a polluted prototype is what is tested
  pollute({ ...POLLUTION, then: "evil" });
  const done = await oauth.completeAuthorization({ url, cookie }).finally(clean);
  expect(done).toMatchObject({ accountId: "1", userId: undefined, scopes: ["a"] });
  expect(done.tokens.reveal()).toEqual({
    accessToken: "good",
    expiresAtMs: done.tokens.obtainedAtMs + 1_800_000,
    hubId: "1",
    scopes: ["a"],
  });
  expect(store.get("1")).not.toHaveProperty("refreshToken", "evil");
  const [request] = emulator.requests;
  expect(request?.headers).not.toHaveProperty("x-evil");
  expect(request?.headers).not.toHaveProperty("authorization");
  expect(request?.body).not.toContain("evil");
});

test("PP-01 a member that only Object.prototype has is no error of HubSpot's", () => {
  const body: unknown = JSON.parse('{"access_token":"good"}');
  pollute({ ...POLLUTION, error: "evil", token_type: "mac", scope: "evil" });
  const { expiresInMs, ...response } = parseTokenResponse(body);
  clean();
  expect(expiresInMs).toBe(1_800_000);
  expect(response).toEqual({ accessToken: "good" });
});

describe("PP-01 an option that was not given is not read from Object.prototype", () => {
  it.each<[string, unknown]>([
    ["dispatcher", { dispatch: () => expect.fail("an evil dispatcher saw a request") }],
    ["apiOrigin", "http://127.0.0.1:9"],
    ["authorizeOrigin", "https://evil.example"],
    ["stateSecret", "an evil secret of thirty-two characters"],
    ["accountId", () => "evil"],
    ["pkce", false],
    ["apiVersion", "v1"],
  ])("%s", (name, value) => {
    const plain = {
      clientId: "client-1",
      clientSecret: "secret",
      redirectUri: "https://app.example.com/cb",
      scopes: ["crm.objects.contacts.read"],
      tokenStore: new MemoryTokenStore(),
    };
    pollute({ [name]: value });
    const seen: unknown = resolveOptions(plain)[name as "pkce"];
    clean();
    expect(seen).not.toBe(value);
  });
});

test.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"])(
  "PP-02 %s is an account id like any other",
  async (accountId) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { accountId: () => accountId });
    expect(await oauth.getAccount(accountId)).toBeUndefined();
    const tokens = { accessToken: "a", expiresAtMs: emulator.now() + 1_000_000, hubId: "1", userId: "2", scopes: [] };
    expect((await oauth.saveTokens(tokens)).accountId).toBe(accountId);
    expect(await oauth.getAccessToken(accountId)).toBe("a");
    expect((await oauth.getAccount(accountId))?.accountId).toBe(accountId);
    await oauth.disconnect(accountId);
    expect(await oauth.getAccount(accountId)).toBeUndefined();
    expect(({} as Record<string, unknown>)["accessToken"]).toBeUndefined();
  },
);
