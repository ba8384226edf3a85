/** When a token is replaced: ahead of its end, by one caller, not by all accounts at once; and what an odd expires_in does to that. */
import { expect, test, vi } from "vitest";
import { refreshWindows, type StoredTokens } from "../../src/token-set.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const REFRESH = { route: "token", grantType: "refresh_token" } as const;
const SECOND = 1_000;
const MINUTE = 60_000;

test("in the advisory window one caller refreshes, the others use the old token at once", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const old = await oauth.getAccessToken(id);
  emulator.advance(28 * MINUTE); // two minutes are left: inside every account's advisory window, before the mandatory minute
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
  const refreshing = oauth.getAccessToken(id);
  await arrived;
  expect(new Set(await Promise.all(Array.from({ length: 50 }, () => oauth.getAccessToken(id))))).toEqual(new Set([old]));
  open();
  const renewed = await refreshing;
  expect(renewed).not.toBe(old);
  expect(await oauth.getAccessToken(id)).toBe(renewed);
  expect(emulator.count(REFRESH)).toBe(1);
});

test("in the advisory window nobody waits longer than five seconds", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const old = await oauth.getAccessToken(id);
  emulator.advance(28 * MINUTE);
  const { opened, open } = gate();
  const { arrived } = emulator.respondOnce(REFRESH, { until: opened });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const waiting = oauth.getAccessToken(id);
    await arrived;
    let settled = false;
    void waiting.finally(() => (settled = true));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toBe(old);
  } finally {
    vi.useRealTimers();
    open();
  }
});

test("in the mandatory window everybody waits for the new token", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  const old = await oauth.getAccessToken(id);
  emulator.advance(29 * MINUTE + SECOND);
  const tokens = new Set(await Promise.all(Array.from({ length: 50 }, () => oauth.getAccessToken(id))));
  expect(tokens.size).toBe(1);
  expect(tokens.has(old)).toBe(false);
  expect(emulator.count(REFRESH)).toBe(1);
});

test("a token just received is used at least once, however short its life", async () => {
  const emulator = await emulate({ accessTokenLifetimeSeconds: 1 });
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  emulator.advance(SECOND);
  const first = await oauth.getAccessToken(id);
  emulator.advance(SECOND);
  expect(await oauth.getAccessToken(id)).not.toBe(first);
  expect(emulator.count(REFRESH)).toBe(2);
});

test("accounts that connected together do not refresh together", () => {
  const starts = Array.from({ length: 1_000 }, (_, account) => refreshWindows(record({ version: `version-${account}` })));
  const advisory = starts.map(({ advisoryAtMs, expiresAtMs }) => expiresAtMs - advisoryAtMs);
  expect(Math.min(...advisory)).toBeGreaterThanOrEqual(150 * SECOND);
  expect(Math.max(...advisory)).toBeLessThanOrEqual(300 * SECOND);
  const perTenSeconds = new Map<number, number>();
  for (const ms of advisory) perTenSeconds.set(Math.floor(ms / 10_000), (perTenSeconds.get(Math.floor(ms / 10_000)) ?? 0) + 1);
  expect(perTenSeconds.size).toBe(15);
  expect(Math.max(...perTenSeconds.values())).toBeLessThan(150);
});

test("a record keeps its windows for its life, in every process", () => {
  expect(refreshWindows(record({ version: "one" }))).toEqual(refreshWindows(record({ version: "one" })));
});

test.each([
  [21_600, 60, 300],
  [1_800, 60, 300],
  [600, 30, 150],
  [10, 0.5, 2.5],
])("a life of %d s has a mandatory window of %d s and an advisory one of at most %d s", (life, mandatory, advisory) => {
  const { advisoryAtMs, mandatoryAtMs, expiresAtMs } = refreshWindows(record({ expiresInMs: life * SECOND }));
  expect(expiresAtMs).toBe(life * SECOND);
  expect(expiresAtMs - mandatoryAtMs).toBe(mandatory * SECOND);
  expect(expiresAtMs - advisoryAtMs).toBeGreaterThanOrEqual(mandatory * SECOND);
  expect(expiresAtMs - advisoryAtMs).toBeLessThanOrEqual(advisory * SECOND);
});

test.each([
  ["six hours", 21_600, 21_600],
  ["half an hour", 1_800, 1_800],
  ["a numeric string", "1800", 1_800],
  ["missing", undefined, 1_800],
  ["null", null, 1_800],
  ["zero", 0, 1_800],
  ["negative", -1, 1_800],
  ["an object", {}, 1_800],
  ["longer than a day", 1e12, 86_400],
  ["a fraction", 90.5, 90.5],
])("TR-07 expires_in %s is survived, and the tokens are refreshed in time", async (_, expiresIn, seconds) => {
  const emulator = await emulate({ refreshTokenRotation: "strict", accessTokenLifetimeSeconds: 200_000 });
  emulator.settings.tokenResponse = ({ expires_in: _dropped, ...body }) =>
    expiresIn === undefined ? body : { ...body, expires_in: expiresIn };
  const { oauth } = clientOf(emulator);
  const id = await connect(oauth, emulator);
  for (const round of [1, 2]) {
    const account = await oauth.getAccount(id);
    expect((account?.expiresAtMs ?? 0) - (account?.refreshedAtMs ?? 0)).toBe(seconds * SECOND);
    emulator.advance(seconds * SECOND);
    await oauth.getAccessToken(id);
    expect(emulator.count(REFRESH)).toBe(round);
  }
});

function record(over: Partial<StoredTokens>): StoredTokens {
  return {
    version: "v",
    format: 1,
    accountId: "1",
    hubId: "1",
    clientId: "c",
    grantId: "g",
    accessToken: "a",
    refreshToken: "r",
    obtainedAtMs: 0,
    expiresInMs: 1_800 * SECOND,
    connectedAtMs: 0,
    scopes: [],
    status: "active",
    ...over,
  };
}
