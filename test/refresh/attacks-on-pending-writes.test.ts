/** A store that fails at the worst moments while it should take new tokens: the only copy of a refresh token must come through. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DecryptionError } from "../../src/index.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import type { FaultyStore, StoreFault } from "../support/faulty-store.js";
import { tokensOf, twoProcesses } from "../support/offline-process.js";
import { gate } from "../support/scripted-store.js";
import type { Fate } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const EXPIRED = 31 * MINUTE;

beforeEach(startFakeTime);
afterEach(() => vi.useRealTimers());

/** From the next write on, every call of the store ends with `fault`. */
function failFromNextWrite(store: FaultyStore, fault: StoreFault): void {
  let failing = false;
  store.fault = (operation) => {
    failing ||= operation === "set";
    return failing ? fault : "none";
  };
}

/** Moves time on, a second at a time, until `isOver`; answers how many milliseconds that took. */
async function elapse(isOver: () => boolean): Promise<number> {
  const startMs = performance.now();
  for (let second = 0; second < 100 && !isOver(); second++) await vi.advanceTimersByTimeAsync(SECOND);
  return performance.now() - startMs;
}

describe("while a refreshed record is only in memory", () => {
  test("a store that refuses longer than cacheMs is not asked over and over, and a call gets the living token", async () => {
    const { here, id } = await twoProcesses("strict");
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store, "refused");
    const token = await here.oauth.getAccessToken(id);
    await vi.advanceTimersByTimeAsync(61 * SECOND);
    here.store.calls.length = 0;
    // A loop without end would starve the test runner of its own timers.
    here.store.fault = () => (here.store.calls.length > 100 ? "hangs" : "refused");
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(100);
    expect(asking).toEqual({ status: "fulfilled", value: token });
    expect(here.store.calls.length).toBeLessThan(20);
  });

  test("nobody else refreshes with the spent refresh token that the store still shows", async () => {
    const { server, here, there, grant, id } = await twoProcesses("strict");
    await there.oauth.getAccessToken(id);
    vi.setSystemTime(Date.now() + EXPIRED);
    let writes = 0;
    here.store.fault = (operation) => (operation === "set" && ++writes === 1 ? "refused" : "none");
    const ours = outcomeOf(here.oauth.getAccessToken(id));
    const theirs = outcomeOf(there.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(server.posts).toEqual([{ by: "here", refreshToken: "rt-42-1-0", outcome: "refreshed" }]);
    expect(grant.endedBy).toBeUndefined();
    expect(theirs).toEqual({ status: "fulfilled", value: ours.value });
  });

  test("the next refresh builds on it, also when the store hangs", async () => {
    const { server, here, grant, id } = await twoProcesses("strict");
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store, "hangs");
    const first = outcomeOf(here.oauth.getAccessToken(id));
    await elapse(() => first.status !== "pending");
    vi.setSystemTime(Date.now() + EXPIRED);
    const second = outcomeOf(here.oauth.getAccessToken(id));
    await elapse(() => second.status !== "pending");
    expect(server.posts.map(({ outcome }) => outcome)).toEqual(["refreshed", "refreshed"]);
    expect(second).toEqual({ status: "fulfilled", value: "at-42-1-2" });
    expect(grant.endedBy).toBeUndefined();
  });

  test("a store that hangs does not hold up a call that has a living token", async () => {
    const { here, id } = await twoProcesses("strict");
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store, "hangs");
    const first = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(100 * SECOND);
    const second = outcomeOf(here.oauth.getAccessToken(id));
    expect(await elapse(() => second.status !== "pending")).toBeLessThanOrEqual(6 * SECOND);
    expect(second).toEqual({ status: "fulfilled", value: first.value });
  });

  test("close() goes on trying while the store is down", async () => {
    const { backend, here, grant, id } = await twoProcesses("strict");
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store, "refused");
    await here.oauth.getAccessToken(id);
    const closing = outcomeOf(here.oauth.close());
    await vi.advanceTimersByTimeAsync(3 * SECOND);
    expect(closing.status).toBe("pending");
    here.store.fault = () => "none";
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    expect(closing.status).toBe("fulfilled");
    expect(backend.get(id)?.refreshToken).toBe(grant.refreshToken);
  });

  test("close() gives up after half a minute on a store that stays down", async () => {
    const { here, id } = await twoProcesses("strict");
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store, "refused");
    await here.oauth.getAccessToken(id);
    const closing = outcomeOf(here.oauth.close());
    await vi.advanceTimersByTimeAsync(31 * SECOND);
    expect(closing.status).toBe("fulfilled");
    expect(here.events).toContainEqual({ type: "store.failed", accountId: id, operation: "set" });
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("a write that fails with an error of this library does not lose the new refresh token", async () => {
  const { backend, here, grant, id } = await twoProcesses("strict");
  vi.setSystemTime(Date.now() + EXPIRED);
  let writes = 0;
  here.store.fault = (operation) => {
    if (operation === "set" && ++writes === 1) throw new DecryptionError("no key");
    return "none";
  };
  const asking = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(30 * SECOND);
  expect(asking).toEqual({ status: "fulfilled", value: "at-42-1-1" });
  expect(backend.get(id)?.refreshToken).toBe(grant.refreshToken);
});

test("a write that fails is reported with the store's first word, not with what reading back failed with", async () => {
  const { server, here } = await twoProcesses("none");
  let failing = false;
  here.store.fault = (operation) => {
    failing ||= operation === "set";
    return failing ? "refused" : "none";
  };
  await expect(here.oauth.saveTokens(tokensOf(server.connect("42")))).rejects.toMatchObject({ code: "token_store", operation: "set" });
});

test("a refresh that a reconnect has overtaken is not kept in memory when the store fails", async () => {
  const { server, here, id } = await twoProcesses("strict");
  vi.setSystemTime(Date.now() + EXPIRED);
  const answer = gate();
  server.fate = async (): Promise<Fate> => {
    await answer.opened;
    return "answered";
  };
  const asking = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(10);
  const reconnected = server.connect(id);
  await here.oauth.saveTokens(tokensOf(reconnected));
  here.store.fault = () => "refused";
  answer.open();
  await vi.advanceTimersByTimeAsync(MINUTE + SECOND);
  expect(asking.status).not.toBe("pending");
  const next = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(6 * SECOND);
  expect(next).toEqual({ status: "fulfilled", value: reconnected.accessToken });
  expect(here.events.map(({ type }) => type)).not.toContain("refresh.persist-pending");
});

test("a refresh that a reconnect has overtaken leaves the pending record of the new grant alone", async () => {
  const { server, backend, here, id } = await twoProcesses("strict", { leases: false });
  vi.setSystemTime(Date.now() + EXPIRED);
  const answer = gate();
  server.fate = async (refreshToken): Promise<Fate> => {
    if (refreshToken === "rt-42-1-0") await answer.opened;
    return "answered";
  };
  const old = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(10);
  const reconnected = server.connect(id);
  await here.oauth.saveTokens(tokensOf(reconnected));
  vi.setSystemTime(Date.now() + EXPIRED);
  failFromNextWrite(here.store, "refused");
  const token = await here.oauth.getAccessToken(id);
  answer.open();
  await vi.advanceTimersByTimeAsync(10);
  expect(old.status).not.toBe("pending");
  here.store.fault = () => "none";
  await vi.advanceTimersByTimeAsync(20 * SECOND);
  expect(backend.get(id)).toMatchObject({ accessToken: token, refreshToken: reconnected.refreshToken });
});
