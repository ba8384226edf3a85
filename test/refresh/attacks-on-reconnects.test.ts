/** Refreshes that end while somebody connects, disconnects or refreshes: the newest stands, and what was disconnected stays gone. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ReauthorizationRequiredError } from "../../src/index.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import type { FaultyStore, StoreFault, StoreOperation } from "../support/faulty-store.js";
import { tokensOf, twoProcesses } from "../support/offline-process.js";
import { gate } from "../support/scripted-store.js";
import type { Fate } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));

const EXPIRED = 31 * 60_000;

beforeEach(startFakeTime);
afterEach(() => vi.useRealTimers());

/** Holds the first call of one operation back until `open` is called. */
function hold(store: FaultyStore, held: StoreOperation): { readonly open: () => void } {
  const { opened, open } = gate();
  let calls = 0;
  store.fault = async (operation): Promise<StoreFault> => {
    if (operation === held && ++calls === 1) await opened;
    return "none";
  };
  return { open };
}

describe("over a store that neither compares nor leases, in one process", () => {
  const simple = { compares: false, leases: false };

  test("a reconnect under way wins over marking the old grant dead", async () => {
    const { server, backend, here, grant, id } = await twoProcesses("strict", simple);
    vi.setSystemTime(Date.now() + EXPIRED);
    grant.endedBy = "uninstall";
    const { open } = hold(here.store, "set");
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    const reconnected = server.connect(id);
    const connecting = outcomeOf(here.oauth.saveTokens(tokensOf(reconnected)));
    await vi.advanceTimersByTimeAsync(2_000);
    open();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(connecting.status).toBe("fulfilled");
    expect(backend.get(id)).toMatchObject({ status: "active", refreshToken: reconnected.refreshToken });
    expect(asking).toEqual({ status: "fulfilled", value: reconnected.accessToken });
  });

  test("a disconnect under way wins over marking the grant dead", async () => {
    const { server, backend, here, grant, id } = await twoProcesses("strict", simple);
    vi.setSystemTime(Date.now() + EXPIRED);
    grant.endedBy = "uninstall";
    const { open } = hold(here.store, "delete");
    const leaving = outcomeOf(here.oauth.disconnect(id, { revoke: false }));
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(server.posts).toMatchObject([{ outcome: "refused" }]);
    open();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(leaving.status).toBe("fulfilled");
    expect(asking).toMatchObject({ status: "rejected" });
    expect(backend.get(id)).toBeUndefined();
  });

  test("a grant that nobody replaced is marked dead", async () => {
    const { backend, here, grant, id } = await twoProcesses("strict", simple);
    vi.setSystemTime(Date.now() + EXPIRED);
    grant.endedBy = "uninstall";
    const asking = outcomeOf(here.oauth.getAccessToken(id));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asking).toMatchObject({ status: "rejected", reason: expect.any(ReauthorizationRequiredError) });
    expect(backend.get(id)).toMatchObject({ status: "dead", refreshToken: grant.refreshToken });
  });
});

test("a reconnect between the revocation and the deletion of a disconnect stays", async () => {
  const { server, backend, here, grant, id } = await twoProcesses("strict");
  const revocation = gate();
  server.beforeRevoking = () => revocation.opened;
  const leaving = outcomeOf(here.oauth.disconnect(id));
  await vi.advanceTimersByTimeAsync(10);
  const reconnected = server.connect(id);
  await here.oauth.saveTokens(tokensOf(reconnected));
  revocation.open();
  await vi.advanceTimersByTimeAsync(100);
  expect(leaving).toMatchObject({ status: "fulfilled", value: { revoked: true } });
  expect(grant.endedBy).toBe("revocation");
  expect(backend.get(id)?.refreshToken).toBe(reconnected.refreshToken);
  expect(await here.oauth.getAccessToken(id)).toBe(reconnected.accessToken);
});

test("a refresh of the grant that is just being connected is not taken for one of the old grant", async () => {
  const { server, backend, here, id } = await twoProcesses("strict");
  vi.setSystemTime(Date.now() + EXPIRED);
  const { refreshToken } = server.connect(id);
  // The connection stands in the store, and the answer that says so is 50 ms on its way.
  const set = here.store.set.bind(here.store);
  here.store.set = async (...call) => {
    const written = await set(...call);
    here.store.set = set;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return written;
  };
  server.fate = async (): Promise<Fate> => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return "answered";
  };
  const connecting = outcomeOf(here.oauth.saveTokens({ refreshToken, hubId: id, scopes: [] }));
  await vi.advanceTimersByTimeAsync(10);
  const asking = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(connecting.status).toBe("fulfilled");
  expect(asking).toEqual({ status: "fulfilled", value: "at-42-2-1" });
  expect(server.posts).toEqual([{ by: "here", refreshToken, outcome: "refreshed" }]);
  expect(backend.get(id)).toMatchObject({ status: "active", refreshToken: server.grants[1]?.refreshToken });
});

test("a refresh that is answered late does not overwrite a newer one with the same refresh token", async () => {
  const { server, backend, here, there, id } = await twoProcesses("none", { leases: false });
  vi.setSystemTime(Date.now() + EXPIRED);
  const answer = gate();
  server.fate = async (_refreshToken, by): Promise<Fate> => {
    if (by === "here") await answer.opened;
    return "answered";
  };
  const late = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(1_000);
  const token = await there.oauth.getAccessToken(id);
  answer.open();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(late).toEqual({ status: "fulfilled", value: token });
  expect(backend.get(id)?.accessToken).toBe(token);
});
