/** What a token costs while it is good, and how soon this process sees what others did. */
import { expect, test } from "vitest";
import { AccountNotConnectedError, MemoryTokenStore, TokenStoreError } from "../../src/index.js";
import { ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const MINUTE = 60_000;

test("a fresh token costs no store call, no request and no promise", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  store.calls.length = 0;
  emulator.clearRequests();
  const credential = oauth.account(id);
  const first = credential.authorize();
  expect(first).not.toBeInstanceOf(Promise);
  for (let call = 0; call < 100; call++) expect(credential.authorize()).toBe(first);
  await oauth.getAccessToken(id);
  expect(store.calls).toEqual([]);
  expect(emulator.requests).toHaveLength(0);
});

test("after cacheMs one caller reads the store, the others keep the old token meanwhile", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  for (const minute of [1, 2]) {
    emulator.advance(MINUTE);
    store.calls.length = 0;
    expect(new Set(await Promise.all(Array.from({ length: 500 }, () => oauth.getAccessToken(id))))).toEqual(new Set([token]));
    expect(store.calls, `minute ${minute}`).toEqual(["get"]);
  }
  expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(0);
});

test("a disconnect in another process is seen within cacheMs", async () => {
  const emulator = await emulate();
  const shared = new MemoryTokenStore();
  const here = clientOf(emulator, { tokenStore: shared }).oauth;
  const there = clientOf(emulator, { tokenStore: shared }).oauth;
  const id = await connect(here, emulator);
  await there.disconnect(id);
  emulator.advance(MINUTE);
  await expect(here.getAccessToken(id)).rejects.toThrow(AccountNotConnectedError);
});

test("a token that is over and cannot be refreshed gives way to a reconnect in another process", async () => {
  const emulator = await emulate();
  const shared = new MemoryTokenStore();
  const here = clientOf(emulator, { tokenStore: shared }).oauth;
  const there = clientOf(emulator, { tokenStore: shared }).oauth;
  emulator.settings.tokenResponse = ({ refresh_token: _dropped, ...body }) => body;
  const id = await connect(here, emulator);
  emulator.advance(31 * MINUTE);
  await expect(here.getAccessToken(id)).rejects.toMatchObject({ reason: "no_refresh_token" });
  emulator.settings.tokenResponse = undefined;
  await connect(there, emulator);
  expect(await here.getAccessToken(id)).toBe(await there.getAccessToken(id));
});

test("a reconnect in another process is used within cacheMs", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const shared = new MemoryTokenStore();
  const here = clientOf(emulator, { tokenStore: shared }).oauth;
  const there = clientOf(emulator, { tokenStore: shared }).oauth;
  const id = await connect(here, emulator);
  await connect(there, emulator);
  emulator.advance(MINUTE);
  expect(await here.getAccessToken(id)).toBe(await there.getAccessToken(id));
  expect(emulator.count({ route: "token", grantType: "refresh_token" })).toBe(0);
});

test("a clock that jumps back makes the next call ask the store", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  let offsetMs = 0;
  const { oauth } = clientOf(emulator, { tokenStore: store, now: () => emulator.now() + offsetMs });
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  store.calls.length = 0;
  offsetMs = -2 * 3_600_000;
  expect(await oauth.getAccessToken(id)).toBe(token);
  expect(store.calls).toEqual(["get"]);
});

test("a store that is down does not take a good token away, and is asked again soon", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth, events } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  const token = await oauth.getAccessToken(id);
  emulator.advance(MINUTE);
  store.down = new Error("connection refused");
  expect(await oauth.getAccessToken(id)).toBe(token);
  expect(events.filter(({ type }) => type === "store.failed")).toEqual([{ type: "store.failed", accountId: id, operation: "get" }]);
  store.calls.length = 0;
  expect(await oauth.getAccessToken(id)).toBe(token);
  expect(store.calls).toEqual([]);
  emulator.advance(5_000);
  store.down = undefined;
  expect(await oauth.getAccessToken(id)).toBe(token);
  expect(store.calls).toEqual(["get"]);
});

test("a store that is down reads as an error when nothing is cached, never as not connected", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  store.down = Object.assign(new Error("SECRET-IN-DRIVER-ERROR"), { code: "ECONNREFUSED", command: { args: ["SECRET"] } });
  const error = await oauth.getAccessToken("24681012").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(TokenStoreError);
  expect(error).toMatchObject({ retryable: true, operation: "get", driverCode: "ECONNREFUSED" });
  expect(String((error as Error).stack)).not.toContain("SECRET");
  expect((error as Error).cause).toBeUndefined();
});

test("the record of another account, or a damaged one, is an error and never used", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const record = store.get(id);
  if (record === undefined) throw new Error("not stored");
  store.set("other", record);
  await expect(oauth.getAccessToken("other")).rejects.toThrow(/another account/);
  store.set("damaged", { ...record, accountId: "damaged", scopes: "all" as never });
  await expect(oauth.getAccessToken("damaged")).rejects.toThrow(/damaged record \(scopes\)/);
  store.set("newer", { ...record, accountId: "newer", format: 2 as never });
  await expect(oauth.getAccessToken("newer")).rejects.toThrow(/newer version/);
});
