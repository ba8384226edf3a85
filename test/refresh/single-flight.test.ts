/** One refresh for all who want one, and what joining it means for each caller. */
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { MemoryTokenStore, TokenRequestError } from "../../src/index.js";
import { gate, ScriptedStore } from "../support/scripted-store.js";
import { clientOf, connect, emulate, type Emulator } from "../support/setup.js";

const EXPIRED = 31 * 60_000;
const REFRESH = { route: "token", grantType: "refresh_token" } as const;

function refreshes(emulator: Emulator): number {
  return emulator.count(REFRESH);
}

test("10,000 concurrent calls on an expired token send one refresh and get one token", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const { oauth, events } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const old = await oauth.getAccessToken(id);
  emulator.advance(EXPIRED);
  const tokens = new Set(await Promise.all(Array.from({ length: 10_000 }, () => oauth.getAccessToken(id))));
  expect(tokens.size).toBe(1);
  expect(tokens.has(old)).toBe(false);
  expect(refreshes(emulator)).toBe(1);
  expect(events.filter(({ type }) => type === "refresh.coalesced")).toHaveLength(9_999);
});

test("two clients on one store with leases send one refresh between them", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const shared = new MemoryTokenStore();
  const clients = Array.from({ length: 4 }, () => clientOf(emulator, { tokenStore: shared }).oauth);
  const id = await connect(clients[0]!, emulator);
  emulator.advance(EXPIRED);
  const tokens = new Set(await Promise.all(clients.flatMap((oauth) => Array.from({ length: 50 }, () => oauth.getAccessToken(id)))));
  expect(tokens.size).toBe(1);
  expect(refreshes(emulator)).toBe(1);
});

test("R4 a caller that aborts stops waiting; the refresh goes on and is stored", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const before = store.get(id);
  emulator.advance(EXPIRED);
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
  const abort = new AbortController();
  const aborted = oauth.getAccessToken(id, { signal: abort.signal });
  const other = oauth.getAccessToken(id);
  await arrived;
  const reason = new Error("the user left");
  abort.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
  open();
  const token = await other;
  expect(store.get(id)).toMatchObject({ accessToken: token });
  expect(store.get(id)?.refreshToken).not.toBe(before?.refreshToken);
});

test("R4 a refresh whose only caller aborted is stored all the same", async () => {
  const emulator = await emulate({ refreshTokenRotation: "strict" });
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  emulator.advance(EXPIRED);
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
  const abort = new AbortController();
  const only = oauth.getAccessToken(id, { signal: abort.signal });
  await arrived;
  abort.abort();
  await expect(only).rejects.toThrow(/abort/i);
  const written = new Promise((resolve) => store.next("set", (proceed) => resolve(proceed())));
  open();
  await written;
  expect(store.inner.get(id)?.refreshToken).toBe(emulator.grants[0]?.refreshToken);
});

test("R11 a herd of 401s with the same token sends one refresh", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const rejectedToken = await oauth.getAccessToken(id);
  const tokens = new Set(await Promise.all(Array.from({ length: 500 }, () => oauth.getAccessToken(id, { rejectedToken }))));
  expect(tokens.size).toBe(1);
  expect(tokens.has(rejectedToken)).toBe(false);
  expect(refreshes(emulator)).toBe(1);
});

test("a late 401 does not refresh again", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const rejectedToken = await oauth.getAccessToken(id);
  const next = await oauth.getAccessToken(id, { rejectedToken });
  for (let late = 0; late < 5; late++) expect(await oauth.getAccessToken(id, { rejectedToken })).toBe(next);
  expect(refreshes(emulator)).toBe(1);
});

test("a rejected token that another process has replaced is not refreshed", async () => {
  const emulator = await emulate();
  const shared = new MemoryTokenStore();
  const here = clientOf(emulator, { tokenStore: shared }).oauth;
  const there = clientOf(emulator, { tokenStore: shared }).oauth;
  const id = await connect(here, emulator);
  const rejectedToken = await here.getAccessToken(id);
  const theirs = await there.getAccessToken(id, { force: true });
  expect(await here.getAccessToken(id, { rejectedToken })).toBe(theirs);
  expect(refreshes(emulator)).toBe(1);
});

test("a refresh that ends with the rejected token is an error for the caller who rejected it", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const rejectedToken = await oauth.getAccessToken(id);
  emulator.settings.tokenResponse = (body) => ({ ...body, access_token: rejectedToken });
  await expect(oauth.getAccessToken(id, { rejectedToken })).rejects.toThrow(TokenRequestError);
  expect(refreshes(emulator)).toBe(1);
});

test("a caller with a rejected token does not take it from a flight that did not know", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  const rejectedToken = await oauth.getAccessToken(id);
  const other = clientOf(emulator, { tokenStore: store }).oauth;
  // A client with nothing cached: its first caller only reads, and the second has had that token refused.
  const { opened, open } = gate();
  store.next("get", async (proceed) => {
    await opened;
    return proceed();
  });
  const plain = other.getAccessToken(id);
  const knowing = other.getAccessToken(id, { rejectedToken });
  open();
  expect(await plain).toBe(rejectedToken);
  expect(await knowing).not.toBe(rejectedToken);
  expect(refreshes(emulator)).toBe(1);
});

test("force refreshes at once, and 100 forced calls share one refresh", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const old = await oauth.getAccessToken(id);
  const tokens = new Set(await Promise.all(Array.from({ length: 100 }, () => oauth.getAccessToken(id, { force: true }))));
  expect(tokens.size).toBe(1);
  expect(tokens.has(old)).toBe(false);
  expect(refreshes(emulator)).toBe(1);
});

test("accounts refresh independently of one another", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const [first, second] = emulator.accounts;
  const ids = [await connect(oauth, emulator, { hubId: first!.hubId }), await connect(oauth, emulator, { hubId: second!.hubId })];
  emulator.advance(EXPIRED);
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce({ ...REFRESH, hubId: first!.hubId }, { until: opened });
  const slow = oauth.getAccessToken(ids[0]!);
  await arrived;
  const quick = await oauth.getAccessToken(ids[1]!);
  open();
  expect(await slow).not.toBe(quick);
  expect(refreshes(emulator)).toBe(2);
});

test("a cold refresh costs at most five store calls, a warm one four", async () => {
  const emulator = await emulate();
  const store = new ScriptedStore();
  const { oauth } = clientOf(emulator, { tokenStore: store });
  const id = await connect(oauth, emulator);
  emulator.advance(EXPIRED);
  store.calls.length = 0;
  await oauth.getAccessToken(id);
  expect(store.calls).toEqual(["lease", "get", "set"]); // and the release, which is the lease's own
  emulator.advance(EXPIRED);
  store.calls.length = 0;
  await clientOf(emulator, { tokenStore: store }).oauth.getAccessToken(id);
  expect(store.calls).toEqual(["get", "lease", "get", "set"]);
});

test("an API that refuses every token costs three refreshes in half a minute, not one a call", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  let token = await oauth.getAccessToken(id);
  for (let call = 0; call < 3; call++) token = await oauth.getAccessToken(id, { rejectedToken: token });
  for (let call = 0; call < 20; call++) {
    await expect(oauth.getAccessToken(id, { rejectedToken: token })).rejects.toThrow("three new access tokens");
  }
  expect(refreshes(emulator)).toBe(3);
  expect(await oauth.getAccessToken(id), "a call that was not refused").toBe(token);
  emulator.advance(30_000);
  expect(await oauth.getAccessToken(id, { rejectedToken: token })).not.toBe(token);
  expect(refreshes(emulator)).toBe(4);
});

test("a token that another process has replaced is found, however often ours were refused", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  let token = await oauth.getAccessToken(id);
  for (let call = 0; call < 3; call++) token = await oauth.getAccessToken(id, { rejectedToken: token });
  const theirs = await clientOf(emulator, { tokenStore: store }).oauth.getAccessToken(id, { force: true });
  expect(await oauth.getAccessToken(id, { rejectedToken: token })).toBe(theirs);
});
