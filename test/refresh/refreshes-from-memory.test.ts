/** Refreshes on a record that the store has not taken yet, and races that two clocks see differently. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { StoredTokens } from "../../src/index.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import type { FaultyStore, StoreFault } from "../support/faulty-store.js";
import { tokensOf, twoProcesses } from "../support/offline-process.js";
import { gate } from "../support/scripted-store.js";
import type { Fate } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));

const EXPIRED = 31 * 60_000;

beforeEach(startFakeTime);
afterEach(() => vi.useRealTimers());

/** From the next write on the store refuses, until it is mended. */
function failFromNextWrite(store: FaultyStore): void {
  let failing = false;
  store.fault = (operation): StoreFault => {
    failing ||= operation === "set";
    return failing ? "refused" : "none";
  };
}

/** Holds the answers to one process back. */
function hold(server: { fate: (refreshToken: string, by: string) => Fate | Promise<Fate> }, held: string): { readonly open: () => void } {
  const { opened, open } = gate();
  server.fate = async (_refreshToken, by): Promise<Fate> => {
    if (by === held) await opened;
    return "answered";
  };
  return { open };
}

test.each(["before it is sent", "while it is on its way"])(
  "R7 a refresh token from memory that the store takes %s is nobody else's to send",
  async (when) => {
    const { server, here, there, grant, id } = await twoProcesses("strict");
    await there.oauth.getAccessToken(id);
    vi.setSystemTime(Date.now() + EXPIRED);
    failFromNextWrite(here.store);
    await here.oauth.getAccessToken(id);
    const { open } = hold(server, "here");
    let calls = 0;
    if (when === "before it is sent") here.store.fault = (): StoreFault => (++calls <= 2 ? "refused" : "none");
    const ours = outcomeOf(here.oauth.getAccessToken(id, { force: true }));
    await vi.advanceTimersByTimeAsync(10);
    here.store.fault = () => "none";
    await vi.advanceTimersByTimeAsync(1_000);
    const theirs = outcomeOf(there.oauth.getAccessToken(id, { force: true }));
    await vi.advanceTimersByTimeAsync(2_000);
    open();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.posts.map(({ outcome }) => outcome)).not.toContain("reused");
    expect(grant.endedBy).toBeUndefined();
    expect([ours.status, theirs.status]).toEqual(["fulfilled", "fulfilled"]);
  },
);

test("R7 the newest of several refresh tokens from memory replaces any of them that another process has stored", async () => {
  const { backend, here, there, grant, id } = await twoProcesses("grace");
  vi.setSystemTime(Date.now() + EXPIRED);
  failFromNextWrite(here.store);
  await here.oauth.getAccessToken(id);
  const theirs = outcomeOf(there.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(40_000);
  expect(theirs.status).toBe("fulfilled");
  await here.oauth.getAccessToken(id, { force: true });
  expect(backend.get(id)?.refreshToken).not.toBe(grant.refreshToken);
  here.store.fault = () => "none";
  await vi.advanceTimersByTimeAsync(20_000);
  expect(backend.get(id)?.refreshToken).toBe(grant.refreshToken);
});

test("R6 fresh tokens are written over the mark of a process whose clock is ahead", async () => {
  const { server, backend, here, grant, id } = await twoProcesses("strict");
  await here.oauth.saveTokens({ ...tokensOf(grant) });
  const { open } = hold(server, "here");
  vi.setSystemTime(Date.now() - 5 * 60_000);
  const asking = outcomeOf(here.oauth.getAccessToken(id, { force: true }));
  await vi.advanceTimersByTimeAsync(10);
  backend.set(id, { ...(backend.get(id) as StoredTokens), version: "marked", status: "dead", reason: "BAD_REFRESH_TOKEN" });
  open();
  await vi.advanceTimersByTimeAsync(10);
  expect(asking).toEqual({ status: "fulfilled", value: "at-42-1-1" });
  expect(backend.get(id)).toMatchObject({ status: "active", refreshToken: grant.refreshToken });
});
