/** New tokens that the store does not take: they may hold the only copy of a refresh token. */
import { describe, expect, test, vi } from "vitest";
import { AccountNotConnectedError, ConfigurationError, TokenStoreError } from "../../src/index.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const EXPIRED = 31 * 60_000;

/** A connected account whose store fails from the next write on. */
async function withFailingWrite() {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const store = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  emulator.advance(EXPIRED);
  store.next("set", () => {
    store.down = new Error("gone");
    throw store.down;
  });
  const token = await oauth.getAccessToken(id);
  return { emulator, store, oauth, events, id, token };
}

describe("R7 a refreshed record that the store does not take", () => {
  test("is served, announced, and written as soon as the store is back", async () => {
    const { emulator, store, oauth, events, id, token } = await withFailingWrite();
    expect(await oauth.getAccessToken(id)).toBe(token);
    expect(store.inner.get(id)?.accessToken).not.toBe(token);
    expect(events).toContainEqual({ type: "refresh.persist-pending", accountId: id });
    store.down = undefined;
    await vi.waitFor(() =>
      expect(store.inner.get(id)).toMatchObject({ accessToken: token, refreshToken: emulator.grants[0]?.refreshToken }),
    );
  });

  test("is the base of the next refresh while the store is still down", async () => {
    const { emulator, store, oauth, id, token } = await withFailingWrite();
    emulator.advance(EXPIRED);
    const second = await oauth.getAccessToken(id);
    expect(second).not.toBe(token);
    expect(emulator.grants[0]?.revoked).toBe(false);
    store.down = undefined;
    await vi.waitFor(() =>
      expect(store.inner.get(id)).toMatchObject({ accessToken: second, refreshToken: emulator.grants[0]?.refreshToken }),
    );
  });

  test("gives way to a reconnect by another process", async () => {
    const { emulator, store, oauth, id, token } = await withFailingWrite();
    const other = clientOf(emulator, { tokenStore: store.inner }).oauth;
    await connect(other, emulator);
    store.down = undefined;
    emulator.advance(60_000);
    await vi.waitFor(async () => expect(await oauth.getAccessToken(id)).toBe(await other.getAccessToken(id)));
    expect(store.inner.get(id)?.accessToken).not.toBe(token);
  });

  test("does not bring an account back that another process has disconnected", async () => {
    const { emulator, store, oauth, id } = await withFailingWrite();
    store.inner.delete(id);
    store.down = undefined;
    emulator.advance(60_000);
    await vi.waitFor(() => expect(oauth.getAccessToken(id)).rejects.toThrow(AccountNotConnectedError));
    expect(store.inner.get(id)).toBeUndefined();
  });

  test("is written by close()", async () => {
    const { store, oauth, id, token } = await withFailingWrite();
    store.down = undefined;
    await oauth.close();
    expect(store.inner.get(id)?.accessToken).toBe(token);
  });

  test("is revoked, not the old one, when the account is disconnected", async () => {
    const { emulator, store, oauth, id } = await withFailingWrite();
    const newest = emulator.grants[0]?.refreshToken;
    store.down = undefined;
    expect(await oauth.disconnect(id)).toMatchObject({ revoked: true });
    expect(emulator.requests.find(({ route }) => route === "revoke")?.form?.["token"]).toBe(newest);
    expect(store.inner.get(id)).toBeUndefined();
  });
});

test("a write whose answer was lost is settled by reading it back", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const store = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  emulator.advance(EXPIRED);
  store.next("set", (proceed) => {
    proceed();
    throw new Error("connection lost after the command was sent");
  });
  expect(await oauth.getAccessToken(id)).toBe(store.inner.get(id)?.accessToken);
  expect(events.map(({ type }) => type)).not.toContain("refresh.persist-pending");
});

test("at connect there is no pending: a store that fails fails the callback", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const { url, cookie } = await oauth.createAuthorization({ returnTo: "/settings" });
  const callback = await emulator.authorize(url);
  store.down = new Error("gone");
  await expect(oauth.completeAuthorization({ url: callback, cookie: cookie?.split(";")[0] })).rejects.toMatchObject({
    code: "token_store",
    returnTo: "/settings",
  });
  store.down = undefined;
  expect(store.inner.get("24681012")).toBeUndefined();
});

test("a store that hangs is given up after five seconds, and a living token is used", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  emulator.advance(60_000);
  store.next("get", () => new Promise(() => undefined));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const asking = oauth.getAccessToken(id);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await asking).toBe(token);
    store.next("get", () => new Promise(() => undefined));
    const cold = expect(clientOf(emulator, { tokenStore: store }).oauth.getAccessToken(id)).rejects.toThrow(TokenStoreError);
    await vi.advanceTimersByTimeAsync(5_000);
    await cold;
  } finally {
    vi.useRealTimers();
  }
});

describe("close", () => {
  test("waits for a refresh under way, stores it, and refuses new work", async () => {
    const emulator = await emulate({ refreshTokenRotation: "strict" });
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    emulator.advance(EXPIRED);
    const { arrived } = emulator.respondOnce(REFRESH, { headers: {} });
    const asking = oauth.getAccessToken(id);
    await arrived;
    await oauth.close();
    expect(store.get(id)?.accessToken).toBe(await asking);
    await expect(oauth.getAccessToken(id)).rejects.toThrow(ConfigurationError);
    await expect(oauth.account(id).authorize()).rejects.toThrow(/closed/);
  });
});
