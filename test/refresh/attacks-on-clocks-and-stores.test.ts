/** Clocks that jump, caches that trust nothing, other processes that do better, and stores that answer in ways nobody asked for. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryTokenStore, RateLimitError, type StoredTokens, TokenStoreError } from "../../src/index.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import { FaultyStore } from "../support/faulty-store.js";
import { offlineProcess, tokensOf, twoProcesses } from "../support/offline-process.js";
import { TokenServer } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const EXPIRED = 31 * MINUTE;

beforeEach(startFakeTime);
afterEach(() => vi.useRealTimers());

/** HubSpot is down for `here`, until it leaves HubSpot alone for a while. */
async function untilBackoff({ server, here, id }: Awaited<ReturnType<typeof twoProcesses>>): Promise<void> {
  vi.setSystemTime(Date.now() + EXPIRED);
  server.fate = (_refreshToken, by) => (by === "here" ? "server-error" : "answered");
  for (let failure = 0; failure < 8; failure++) {
    await here.oauth.getAccessToken(id).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(MINUTE);
  }
  await here.oauth.getAccessToken(id).catch(() => undefined);
}

test("with cacheMs 0 every call asks the store once, and is answered", async () => {
  const server = new TokenServer("none");
  const { oauth, store } = offlineProcess("here", server, new FaultyStore(new MemoryTokenStore()), { cacheMs: 0 });
  const { accessToken, ...grant } = server.connect("42");
  await oauth.saveTokens(tokensOf({ accessToken, ...grant }));
  store.calls.length = 0;
  // A loop without end would starve the test runner of its own timers.
  store.fault = () => (store.calls.length > 100 ? "hangs" : "none");
  const asking = outcomeOf(oauth.getAccessToken("42"));
  await vi.advanceTimersByTimeAsync(100);
  expect(asking).toEqual({ status: "fulfilled", value: accessToken });
  expect(store.calls).toEqual(["get"]);
});

describe("while HubSpot is left alone after failures", () => {
  test("a token that another process has refreshed is used", async () => {
    const world = await twoProcesses("none");
    const { here, there, id } = world;
    await untilBackoff(world);
    const token = await there.oauth.getAccessToken(id);
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(SECOND);
    expect(asking).toEqual({ status: "fulfilled", value: token });
  });

  test("the last error is forgotten once another process has refreshed", async () => {
    const { server, here, there, id } = await twoProcesses("none");
    vi.setSystemTime(Date.now() + EXPIRED);
    server.fate = (_refreshToken, by) => (by === "here" ? "server-error" : "answered");
    await expect(here.oauth.getAccessToken(id)).rejects.toMatchObject({ status: 500 });
    expect((await here.oauth.getAccount(id))?.lastError).toMatchObject({ status: 500 });
    await there.oauth.getAccessToken(id);
    await here.oauth.getAccessToken(id);
    expect((await here.oauth.getAccount(id))?.lastError).toBeUndefined();
  });

  test("the last error is forgotten once the account is gone", async () => {
    const { server, backend, here, id } = await twoProcesses("none");
    vi.setSystemTime(Date.now() + EXPIRED);
    server.fate = () => "server-error";
    await expect(here.oauth.getAccessToken(id)).rejects.toMatchObject({ status: 500 });
    const record = backend.get(id);
    backend.delete(id);
    await expect(here.oauth.getAccessToken(id)).rejects.toMatchObject({ code: "account_not_connected" });
    backend.set(id, record as StoredTokens);
    expect((await here.oauth.getAccount(id))?.lastError).toBeUndefined();
  });

  test("a clock that jumps back does not make it longer", async () => {
    const world = await twoProcesses("none");
    const { server, here, id } = world;
    await untilBackoff(world);
    await expect(here.oauth.getAccessToken(id)).rejects.toMatchObject({ status: 500 });
    server.fate = () => "answered";
    const posts = server.posts.length;
    vi.setSystemTime(Date.now() - 5 * MINUTE);
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(100);
    expect(asking.status).toBe("fulfilled");
    expect(server.posts).toHaveLength(posts + 1);
  });
});

describe("the pause after a 429", () => {
  test.each([
    { name: "lasts as long as HubSpot asked", jumpMs: 0, waitMs: 2 * SECOND, status: "rejected" },
    { name: "is over when the time is up", jumpMs: 0, waitMs: 4 * SECOND, status: "fulfilled" },
    { name: "is not made longer by a clock that jumps back", jumpMs: -60 * MINUTE, waitMs: 10 * SECOND, status: "fulfilled" },
  ])("$name", async ({ jumpMs, waitMs, status }) => {
    const { server, here, id } = await twoProcesses("none");
    vi.setSystemTime(Date.now() + EXPIRED);
    server.fate = () => "rate-limited";
    await expect(here.oauth.getAccessToken(id)).rejects.toThrow(RateLimitError);
    server.fate = () => "answered";
    vi.setSystemTime(Date.now() + jumpMs);
    await vi.advanceTimersByTimeAsync(waitMs);
    const asking = outcomeOf(here.oauth.getAccessToken(id, { force: true }));
    await vi.advanceTimersByTimeAsync(100);
    expect(asking.status).toBe(status);
  });
});

test("an account with an access token only is served until that ends", async () => {
  const server = new TokenServer("none");
  const { oauth } = offlineProcess("here", server, new FaultyStore(new MemoryTokenStore()));
  await oauth.saveTokens({ accessToken: "at-only", expiresAtMs: Date.now() + 30 * MINUTE, hubId: "42", scopes: [] });
  vi.setSystemTime(Date.now() + 30 * MINUTE - SECOND);
  expect(await oauth.getAccessToken("42")).toBe("at-only");
  vi.setSystemTime(Date.now() + SECOND);
  await expect(oauth.getAccessToken("42")).rejects.toMatchObject({ code: "reauthorization_required", reason: "no_refresh_token" });
});

describe("a store in plain JavaScript", () => {
  test("that answers with a thenable which is no Promise is limited in time too", async () => {
    const server = new TokenServer("none");
    // oxlint-disable-next-line unicorn/no-thenable -- that there are such objects is the point
    const hanging = { then: () => undefined } as unknown as Promise<undefined>;
    const { oauth } = offlineProcess("here", server, { get: () => hanging, set: () => true, delete: () => true });
    const connecting = outcomeOf(oauth.saveTokens(tokensOf(server.connect("42"))));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(connecting).toMatchObject({ status: "rejected", reason: expect.any(TokenStoreError) });
  });

  test.each([0, 1, "OK", null])("whose set answers %j has not said that it wrote", async (answer) => {
    const server = new TokenServer("none");
    const store = { get: () => undefined, set: () => answer as unknown as boolean, delete: () => true };
    const { oauth } = offlineProcess("here", server, store);
    await expect(oauth.saveTokens(tokensOf(server.connect("42")))).rejects.toMatchObject({ code: "token_store", operation: "set" });
  });

  test.each([0, 1, "OK", null])("whose delete answers %j has not said that it deleted", async (answer) => {
    const server = new TokenServer("none");
    const backend = new MemoryTokenStore();
    const store = {
      get: (id: string) => backend.get(id),
      set: (id: string, record: StoredTokens) => backend.set(id, record),
      delete: () => answer as unknown as boolean,
    };
    const { oauth } = offlineProcess("here", server, store);
    await oauth.saveTokens(tokensOf(server.connect("42")));
    await expect(oauth.disconnect("42")).rejects.toMatchObject({ code: "token_store", operation: "delete" });
  });
});
