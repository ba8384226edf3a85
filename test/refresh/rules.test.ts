/** Rules of a safe refresh that only one situation shows: a race, a store or a server that the other tests do not have. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryTokenStore, type StoredTokens } from "../../src/index.js";
import { outcomeOf, startFakeTime } from "../support/fake-time.js";
import { FaultyStore } from "../support/faulty-store.js";
import { offlineProcess, tokensOf, twoProcesses } from "../support/offline-process.js";
import { gate } from "../support/scripted-store.js";
import { type Fate, TokenServer } from "../support/token-server.js";

vi.mock("node:timers/promises", () => import("../support/promise-timers.js"));

const EXPIRED = 31 * 60_000;

beforeEach(startFakeTime);
afterEach(() => vi.useRealTimers());

/** An expired account, and a process whose next refresh HubSpot refuses when `open` is called. */
async function refusedOnce(options: { readonly compares?: boolean; readonly leases?: boolean }) {
  const server = new TokenServer("none");
  const backend = new MemoryTokenStore();
  const answer = gate();
  const here = offlineProcess("here", server, new FaultyStore(backend, options), {
    fetch: async () => {
      await answer.opened;
      return Response.json({ error: "invalid_grant", status: "BAD_REFRESH_TOKEN" }, { status: 400 });
    },
  });
  await here.oauth.saveTokens(tokensOf(server.connect("42")));
  vi.setSystemTime(Date.now() + EXPIRED);
  const asking = outcomeOf(here.oauth.getAccessToken("42"));
  await vi.advanceTimersByTimeAsync(10);
  const theirs = (): void => {
    const tokens = { version: "theirs", accessToken: "theirs", refreshToken: "theirs", obtainedAtMs: Date.now() };
    backend.set("42", { ...(backend.get("42") as StoredTokens), ...tokens });
  };
  return { backend, here, asking, theirs, open: answer.open };
}

describe("R8 a refusal", () => {
  test.each([{ compares: true }, { compares: false, leases: false }])(
    "is about the refresh token that was sent: one that stands in its place is used and not marked (%j)",
    async (options) => {
      const { backend, here, asking, theirs, open } = await refusedOnce(options);
      theirs();
      open();
      await vi.advanceTimersByTimeAsync(2_000);
      expect(asking).toEqual({ status: "fulfilled", value: "theirs" });
      expect(backend.get("42")).toMatchObject({ version: "theirs", status: "active" });
      expect(here.events.map(({ type }) => type)).toContain("refresh.lost-race");
      expect(here.events.map(({ type }) => type)).not.toContain("grant.dead");
    },
  );

  test("is not believed at once when no lease kept the winner of a race away: it may be about to write", async () => {
    const { here, asking, theirs, open } = await refusedOnce({ leases: false });
    open();
    await vi.advanceTimersByTimeAsync(300);
    theirs();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asking).toEqual({ status: "fulfilled", value: "theirs" });
    expect(here.events.map(({ type }) => type)).not.toContain("grant.dead");
  });
});

test("R6 a reconnect wins over a refresh under way, also when both have the same refresh token", async () => {
  const { server, backend, here, there, grant, id } = await twoProcesses("strict");
  vi.setSystemTime(Date.now() + EXPIRED);
  const answer = gate();
  const { refreshToken } = grant;
  server.fate = async (): Promise<Fate> => {
    await answer.opened;
    return "answered";
  };
  const asking = outcomeOf(here.oauth.getAccessToken(id));
  await vi.advanceTimersByTimeAsync(10);
  // HubSpot may hand one refresh token to several connections of a portal.
  vi.setSystemTime(Date.now() - 10);
  await there.oauth.saveTokens({ ...tokensOf(grant), refreshToken, accessToken: "at-42-reconnected" });
  const reconnected = backend.get(id);
  answer.open();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(asking).toEqual({ status: "fulfilled", value: "at-42-reconnected" });
  expect(backend.get(id)).toEqual(reconnected);
});

test("R5 an odd answer that carries no new refresh token changes nothing in the store", async () => {
  const server = new TokenServer("none");
  const backend = new MemoryTokenStore();
  const fetch = async (): Promise<Response> => Response.json({ token_type: "bearer" });
  const { oauth } = offlineProcess("here", server, new FaultyStore(backend), { fetch });
  const grant = tokensOf(server.connect("42"));
  await oauth.saveTokens(grant);
  const before = backend.get("42");
  await expect(oauth.getAccessToken("42", { force: true })).rejects.toMatchObject({ code: "malformed_response" });
  expect(backend.get("42")).toEqual(before);
  expect(await oauth.getAccessToken("42")).toBe(grant.accessToken);
});
