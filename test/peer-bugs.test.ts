/**
 * Bugs that other OAuth clients had and their users reported, replayed here: each test is named for the rule that was broken. The letters
 * and numbers (B-01, A-13, ...) are those of the project's list of such reports.
 */
import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  ConfigurationError,
  HubSpotHttp,
  MemoryTokenStore,
  ReauthorizationRequiredError,
  StateMismatchError,
  TimeoutError,
  TokenStoreError,
} from "../src/index.js";
import { EncryptedTokenStore } from "../src/stores/encrypted.js";
import { FaultyStore, type StoreFault } from "./support/faulty-store.js";
import { gate } from "./support/scripted-store.js";
import { clientOf, connect, emulate } from "./support/setup.js";

const EXPIRED = 31 * 60_000;
const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const CONTACTS = "/crm/v3/objects/contacts";

describe("refresh tokens", () => {
  test("B-01 a response without a refresh token keeps the old one", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const before = store.get(id)?.refreshToken;
    emulator.settings.tokenResponse = (body) => ({ ...body, refresh_token: undefined });
    emulator.advance(EXPIRED);
    await oauth.getAccessToken(id);
    expect(store.get(id)?.refreshToken).toBe(before);
  });

  test("B-02 a response with another refresh token replaces the old one, and the next refresh sends it", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    for (let round = 0; round < 3; round++) {
      emulator.advance(EXPIRED);
      await oauth.getAccessToken(id);
      expect(store.get(id)?.refreshToken).toBe(emulator.grants[0]?.refreshToken);
    }
  });

  test("B-05 B-07 a process that loses the race to a refresh uses the winner's tokens: nothing is marked dead, nothing wiped", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const backend = new MemoryTokenStore();
    const loser = clientOf(emulator, { tokenStore: new FaultyStore(backend, { leases: false }) });
    const id = await connect(loser.oauth, emulator);
    const { opened, open } = gate();
    emulator.advance(EXPIRED);
    const { arrived } = emulator.respondOnce(REFRESH, {
      until: opened,
      process: false,
      status: 400,
      body: { status: "BAD_REFRESH_TOKEN" },
    });
    const losing = loser.oauth.getAccessToken(id);
    await arrived;
    const winning = await clientOf(emulator, { tokenStore: backend }).oauth.getAccessToken(id);
    open();
    expect(await losing).toBe(winning);
    expect(backend.get(id)).toMatchObject({ status: "active", accessToken: winning });
  });

  test("B-06 a caller who leaves between HubSpot's answer and the write does not lose the tokens", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const backend = new MemoryTokenStore();
    const slow = new FaultyStore(backend);
    const { oauth } = clientOf(emulator, { tokenStore: slow });
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const { opened, open } = gate();
    const writing = gate();
    slow.fault = async (operation): Promise<StoreFault> => {
      if (operation === "set") {
        writing.open();
        await opened;
      }
      return "none";
    };
    const abort = new AbortController();
    const left = expect(oauth.getAccessToken(id, { signal: abort.signal })).rejects.toThrow("left");
    await writing.opened;
    abort.abort(new Error("left"));
    await left;
    open();
    const token = await oauth.getAccessToken(id);
    expect(backend.get(id)).toMatchObject({ accessToken: token, refreshToken: emulator.grants[0]?.refreshToken });
    expect(emulator.count(REFRESH)).toBe(1);
  });

  test("B-08 processes that meet at an expiry send one refresh token once", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const backend = new MemoryTokenStore();
    const clients = Array.from({ length: 6 }, () => clientOf(emulator, { tokenStore: backend }).oauth);
    const id = await connect(clients[0]!, emulator);
    emulator.advance(EXPIRED);
    expect(new Set(await Promise.all(clients.map((oauth) => oauth.getAccessToken(id)))).size).toBe(1);
    expect([emulator.count(REFRESH), emulator.grants[0]?.revoked]).toEqual([1, false]);
  });

  test("B-09 a refusal that nobody has seen before is no dead grant", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { status: 409, body: { status: "CONCURRENT_REFRESH", message: "try again" } });
    await expect(oauth.getAccessToken(id)).rejects.not.toThrow(ReauthorizationRequiredError);
    expect(store.get(id)?.status).toBe("active");
    await expect(oauth.getAccessToken(id)).resolves.toBeTypeOf("string");
  });
});

describe("the refresh itself", () => {
  test("B-03 a disconnect while a refresh is under way elsewhere stays a disconnect", async () => {
    const emulator = await emulate();
    const backend = new MemoryTokenStore();
    const { oauth } = clientOf(emulator, { tokenStore: backend });
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const { opened, open } = gate();
    const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
    const refreshing = expect(oauth.getAccessToken(id)).rejects.toThrow("is not connected");
    await arrived;
    await clientOf(emulator, { tokenStore: backend }).oauth.disconnect(id);
    open();
    await refreshing;
    expect(backend.get(id)).toBeUndefined();
  });

  test("B-04 a refresh that HubSpot never answers ends at its deadline, and the next call refreshes", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { timeoutMs: 300 });
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { until: new Promise(() => undefined) });
    await expect(oauth.getAccessToken(id)).rejects.toThrow(TimeoutError);
    await expect(oauth.getAccessToken(id)).resolves.toBeTypeOf("string");
  });

  test("B-11 a store that is down never lets a refresh through without its lease", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const store = new FaultyStore(new MemoryTokenStore());
    const { oauth } = clientOf(emulator, { tokenStore: store });
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    store.fault = () => "refused";
    await expect(oauth.getAccessToken(id)).rejects.toThrow(TokenStoreError);
    expect(emulator.count(REFRESH)).toBe(0);
  });

  test("B-22 a dead grant is not asked for again and again", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.revokeGrant(id);
    emulator.advance(EXPIRED);
    for (let call = 0; call < 5; call++) await expect(oauth.getAccessToken(id)).rejects.toThrow(ReauthorizationRequiredError);
    expect(emulator.count(REFRESH)).toBe(1);
  });

  test("B-23 a deleted portal (BAD_HUB) is a dead grant; B-24 a 429 of the token endpoint is none", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    emulator.respondOnce(REFRESH, { status: 429, headers: { "retry-after": "1" }, body: { status: "error", errorType: "RATE_LIMIT" } });
    await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ code: "rate_limited", retryable: true });
    expect(store.get(id)?.status).toBe("active");
    emulator.advance(5_000);
    emulator.deleteAccount(id);
    await expect(oauth.getAccessToken(id)).rejects.toMatchObject({ reason: "BAD_HUB" });
  });

  test("B-28 a response without expires_in does not turn refreshing off", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    emulator.settings.tokenResponse = (body) => ({ ...body, expires_in: undefined });
    const id = await connect(oauth, emulator);
    const first = await oauth.getAccessToken(id);
    emulator.advance(EXPIRED);
    expect(await oauth.getAccessToken(id)).not.toBe(first);
  });
});

describe("accounts and apps", () => {
  test("A-03 A-05 B-36 no account is ever handed another one's token, however calls interleave", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const ids: string[] = [];
    for (const { hubId } of emulator.accounts) ids.push(await connect(oauth, emulator, { hubId }));
    emulator.advance(EXPIRED);
    const given = await Promise.all(
      Array.from(
        { length: 100 },
        async (_, call) => [ids[call % ids.length], await oauth.getAccessToken(ids[call % ids.length] ?? "")] as const,
      ),
    );
    const owner = new Map(emulator.accessTokens.map(({ token, hubId }) => [token, String(hubId)]));
    expect(given.filter(([id, token]) => owner.get(token) !== id)).toEqual([]);
  });

  test("A-13 a refresh token of another app is the operator's fault and harms no account", async () => {
    const emulator = await emulate({ apps: [{ clientId: "production" }, { clientId: "staging" }] });
    const backend = new MemoryTokenStore();
    const { oauth } = clientOf(emulator, { tokenStore: backend });
    const id = await connect(oauth, emulator);
    const before = backend.get(id);
    const [, staging] = emulator.apps;
    const other = clientOf(emulator, { tokenStore: backend, clientId: "staging", clientSecret: staging?.clientSecret ?? "" });
    await expect(other.oauth.getAccessToken(id)).rejects.toThrow(ConfigurationError);
    expect(backend.get(id)).toEqual(before);
    expect(emulator.count(REFRESH)).toBe(0);
  });

  test("B-12 a callback that was handled once is not handled again", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const { url } = await oauth.createAuthorization({ binding: "b" });
    const callback = await emulator.authorize(url);
    await oauth.completeAuthorization({ url: callback, binding: "b" });
    await expect(oauth.completeAuthorization({ url: callback, binding: "b" })).rejects.toMatchObject({ reason: "used" });
    await expect(oauth.completeAuthorization({ url: callback, binding: "b" })).rejects.toThrow(StateMismatchError);
  });

  test("B-13 a POST that HubSpot answered with a 5xx is not sent twice", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const hubspot = new HubSpotHttp({ credential: oauth.account(await connect(oauth, emulator)) });
    emulator.respondOnce({ path: CONTACTS }, { status: 502, body: "<html>" });
    await expect(hubspot.post(CONTACTS, { body: {} })).rejects.toMatchObject({ status: 502 });
    expect(emulator.count({ path: CONTACTS })).toBe(1);
  });
});

describe("storage", () => {
  test("E-49 moving to encryption reads what is in plain text, and nothing else does", async () => {
    const emulator = await emulate();
    const store = new MemoryTokenStore();
    const id = await connect(clientOf(emulator, { tokenStore: store }).oauth, emulator);
    const keys = [{ id: "one", key: randomBytes(32) }];
    const strict = clientOf(emulator, { tokenStore: new EncryptedTokenStore({ store, keys }) });
    await expect(strict.oauth.getAccessToken(id)).rejects.toMatchObject({ code: "decryption" });
    const moving = new EncryptedTokenStore({ store, keys, migratePlaintext: true });
    const token = await clientOf(emulator, { tokenStore: moving }).oauth.getAccessToken(id);
    expect(await moving.rotateKeys()).toMatchObject({ rotated: 1, failed: [] });
    expect(await strict.oauth.getAccessToken(id)).toBe(token);
    expect(JSON.stringify(store.get(id))).not.toContain(token);
  });

  test("E-50 two processes that write two accounts at once lose neither", async () => {
    const emulator = await emulate();
    const backend = new MemoryTokenStore();
    const clients = [0, 1].map(() => clientOf(emulator, { tokenStore: backend }).oauth);
    const ids = await Promise.all(clients.map((oauth, index) => connect(oauth, emulator, { hubId: emulator.accounts[index]?.hubId })));
    emulator.advance(EXPIRED);
    const tokens = await Promise.all(clients.map((oauth, index) => oauth.getAccessToken(ids[index] ?? "")));
    expect(ids.map((id) => backend.get(id)?.accessToken)).toEqual(tokens);
  });

  test("E-51 what needs the token is done before the token is deleted", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const standing: boolean[] = [];
    const { arrived } = emulator.respondOnce({ route: "revoke" }, {});
    const leaving = oauth.disconnect(id, { uninstall: true });
    await arrived.then(() => standing.push(store.get(id) !== undefined));
    expect(await leaving).toMatchObject({ uninstalled: true, revoked: true });
    expect([standing, store.get(id), emulator.count("uninstall")]).toEqual([[true], undefined, 1]);
  });
});
