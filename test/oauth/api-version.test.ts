/** Which version of the OAuth endpoints is called, and when `auto` leaves v1. The clock is fixed: these rules hold on any day. */
import { describe, expect, it, test } from "vitest";
import { type ApiVersion, type HubSpotOAuthEvent, TokenRequestError } from "../../src/index.js";
import { begin, failureOf } from "../client/flow.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";

const BEFORE = Date.UTC(2026, 10, 22);
const LEAVE_V1_AT = Date.UTC(2027, 1, 2);
const V1 = "/oauth/v1/token";
const CURRENT = "/oauth/2026-09/token";
const NOT_FOUND = { status: "error", message: "Resource not found" };

const at = (nowMs: number, options: Parameters<typeof emulate>[0] = {}): Promise<Emulator> =>
  emulate({ now: () => nowMs, v1Sunset: false, ...options });
const paths = (emulator: Emulator): string[] => emulator.requests.map(({ path }) => path);
const moves = (events: readonly HubSpotOAuthEvent[]): HubSpotOAuthEvent[] => events.filter(({ type }) => type === "endpoint.moved");

test.each([
  ["v1", V1, CURRENT, "/appinstalls/2026-09/external-install"],
  ["v3", "/oauth/v3/token", CURRENT, "/appinstalls/2026-09/external-install"],
  ["2026-03", "/oauth/2026-03/token", "/oauth/2026-03/token", "/appinstalls/2026-03/external-install"],
  ["2026-09", CURRENT, CURRENT, "/appinstalls/2026-09/external-install"],
  ["auto", V1, CURRENT, "/appinstalls/2026-09/external-install"],
] as const)(
  "%s: codes and refreshes go to %s, introspection and revocation to a dated endpoint",
  async (apiVersion, token, metadata, install) => {
    const emulator = await at(BEFORE);
    const { oauth, events } = clientOf(emulator, { apiVersion: apiVersion satisfies ApiVersion });
    const id = await connect(oauth, emulator);
    const accessToken = await oauth.getAccessToken(id, { force: true });
    await oauth.introspect(accessToken);
    await oauth.uninstall(id);
    await oauth.revoke("r");
    expect(paths(emulator)).toEqual([token, token, `${metadata}/introspect`, install, `${metadata}/revoke`]);
    expect(moves(events)).toEqual([]);
  },
);

test("auto is the default", async () => {
  const emulator = await at(BEFORE);
  await failureOf(clientOf(emulator).oauth.refresh("r"));
  expect(paths(emulator)).toEqual([V1]);
});

describe("auto leaves v1 on 2027-02-02 by the injected clock", () => {
  it.each([
    [LEAVE_V1_AT - 1, V1],
    [LEAVE_V1_AT, CURRENT],
    [LEAVE_V1_AT + 400 * 86_400_000, CURRENT],
  ])("at %i codes and refreshes go to %s", async (nowMs, path) => {
    const emulator = await at(nowMs);
    const { oauth } = clientOf(emulator, { apiVersion: "auto" });
    const id = await connect(oauth, emulator);
    await oauth.getAccessToken(id, { force: true });
    expect(paths(emulator)).toEqual([path, path]);
  });

  test("in the middle of a process's life, told once, and not back when the clock jumps back", async () => {
    const emulator = await at(LEAVE_V1_AT - 1);
    const { oauth, events } = clientOf(emulator, { apiVersion: "auto" });
    for (const ms of [0, 1, 0, -1]) {
      emulator.advance(ms);
      await failureOf(oauth.refresh("r"));
    }
    expect(paths(emulator)).toEqual([V1, CURRENT, CURRENT, CURRENT]);
    expect(moves(events)).toEqual([{ type: "endpoint.moved", from: V1, to: CURRENT, reason: "date" }]);
  });

  test("a pinned v1 stays on v1", async () => {
    const emulator = await at(LEAVE_V1_AT);
    await failureOf(clientOf(emulator, { apiVersion: "v1" }).oauth.refresh("r"));
    expect(paths(emulator)).toEqual([V1]);
  });
});

describe.each([404, 410])("auto leaves v1 at once and for good when it answers %i", (status) => {
  test("to a code, which is sent again: v1 has not processed it", async () => {
    const emulator = await at(BEFORE);
    const { oauth, events } = clientOf(emulator, { apiVersion: "auto" });
    emulator.respondOnce("token", { status, body: NOT_FOUND });
    const id = await connect(oauth, emulator);
    const [first, second] = emulator.requests;
    expect(first?.form).toEqual(second?.form);
    await oauth.getAccessToken(id, { force: true });
    expect(paths(emulator)).toEqual([V1, CURRENT, CURRENT]);
    expect(moves(events)).toEqual([{ type: "endpoint.moved", from: V1, to: CURRENT, reason: "not-found" }]);
  });

  test("to a refresh", async () => {
    const emulator = await at(BEFORE);
    const { oauth, events, store } = clientOf(emulator, { apiVersion: "auto" });
    const id = await connect(oauth, emulator);
    emulator.respondOnce("token", { status, body: NOT_FOUND });
    const token = await oauth.getAccessToken(id, { force: true });
    await oauth.getAccessToken(id, { force: true });
    expect(paths(emulator)).toEqual([V1, V1, CURRENT, CURRENT]);
    expect(moves(events)).toHaveLength(1);
    expect(store.get(id)?.status).toBe("active");
    expect(token).toBeTypeOf("string");
  });

  test("the dated endpoint's refusal counts, since only OAuth answers so", async () => {
    const emulator = await at(BEFORE);
    const { oauth, events } = clientOf(emulator, { apiVersion: "auto" });
    emulator.respondOnce("token", { status, body: NOT_FOUND });
    await expect(oauth.refresh("unknown")).rejects.toMatchObject({ status: 400, hubspotStatus: "BAD_REFRESH_TOKEN" });
    expect(moves(events)).toHaveLength(1);
  });

  it.each([
    ["the same", { status, body: NOT_FOUND }],
    ["HTML", { status: 200, body: "<html>", headers: { "content-type": "text/html" } }],
    ["503", { status: 503, body: { status: "error", message: "down" } }],
    ["nothing", { status: 200 }],
    ["a rate limit", { status: 429, body: { status: "error", errorType: "RATE_LIMIT" } }],
  ])("when the dated endpoint answers with %s, the first error is thrown and nothing sticks", async (_name, override) => {
    const emulator = await at(BEFORE);
    const { oauth, events } = clientOf(emulator, { apiVersion: "auto" });
    emulator.respondOnce({ path: V1 }, { status, body: { ...NOT_FOUND, correlationId: "first" } });
    emulator.respondOnce({ path: CURRENT }, override);
    const error = await failureOf(oauth.refresh("r"));
    expect(error).toBeInstanceOf(TokenRequestError);
    expect(error).toMatchObject({ status, correlationId: "first" });
    await failureOf(oauth.refresh("r"));
    expect(paths(emulator)).toEqual([V1, CURRENT, V1]);
    expect(moves(events)).toEqual([]);
  });

  // A gateway in front of nothing answers every path so: it is no token endpoint.
  test("a gateway's own 404 with an error member is no OAuth answer: nothing sticks", async () => {
    const emulator = await at(BEFORE);
    const { oauth, events } = clientOf(emulator, { apiVersion: "auto" });
    const body = { timestamp: "2026-11-22T00:00:00Z", status, error: "Not Found", path: "/oauth" };
    emulator.respondOnce({ path: V1 }, { status, body });
    emulator.respondOnce({ path: CURRENT }, { status, body });
    await failureOf(oauth.refresh("r"));
    expect(moves(events)).toEqual([]);
  });

  test.each(["v1", "v3", "2026-03", "2026-09"] as const)("a pinned %s is not left", async (apiVersion) => {
    const emulator = await at(BEFORE);
    const { oauth } = clientOf(emulator, { apiVersion });
    emulator.respondOnce("token", { status, body: NOT_FOUND });
    await expect(oauth.refresh("r")).rejects.toMatchObject({ status });
    expect(emulator.count()).toBe(1);
  });
});

test.each([400, 401, 403, 405, 429, 500, 503])("a %i of v1 is no reason to send a code again", async (status) => {
  const emulator = await at(BEFORE);
  const { oauth } = clientOf(emulator, { apiVersion: "auto" });
  const { callback: url, cookie } = await begin(oauth, emulator);
  emulator.respondOnce("token", { status });
  await failureOf(oauth.completeAuthorization({ url, cookie }));
  expect(paths(emulator)).toEqual([V1]);
});

test("after HubSpot ends v1 a process that began before finds its way alone", async () => {
  const emulator = await emulate({ now: () => BEFORE, v1Sunset: true });
  const { oauth, store } = clientOf(emulator, { apiVersion: "auto" });
  const id = await connect(oauth, emulator);
  expect(store.get(id)?.status).toBe("active");
  expect(paths(emulator)).toEqual([V1, CURRENT]);
});
