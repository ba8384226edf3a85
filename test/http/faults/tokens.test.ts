/** Rows 19 to 22: what goes wrong with the token: how long it lives, what the clock says, and a HubSpot that will not have it. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { HubSpotHttp, type HubSpotOAuthClient } from "../../../src/index.js";
import { clientOf, connect, emulate, type Emulator } from "../../support/setup.js";
import { expectDiscreet, calling, rejectionOf, ways } from "./both-ways.js";
import { always, answerBytes, faultyServer } from "./faulty-server.js";

const EXPIRED = {
  status: "error",
  message: "The OAuth token used to make this call expired 75 second(s) ago.",
  category: "EXPIRED_AUTHENTICATION",
};
const CONTACTS = "/crm/v3/objects/contacts";

afterEach(() => {
  vi.useRealTimers();
});

async function connected(options?: Parameters<typeof clientOf>[1]): Promise<{
  readonly emulator: Emulator;
  readonly oauth: HubSpotOAuthClient;
  readonly accountId: string;
  readonly refreshes: () => number;
}> {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator, options);
  const accountId = await connect(oauth, emulator);
  emulator.clearRequests();
  return { emulator, oauth, accountId, refreshes: () => emulator.count({ path: /\/token$/ }) };
}

describe("row 19 expires_in", () => {
  it.each<[string, (body: object) => object]>([
    ["as a string", (body) => ({ ...body, expires_in: "1800" })],
    ["negative", (body) => ({ ...body, expires_in: -5 })],
    ["zero", (body) => ({ ...body, expires_in: 0 })],
    ["huge", (body) => ({ ...body, expires_in: 1e300 })],
    ["null", (body) => ({ ...body, expires_in: null })],
    ["an object", (body) => ({ ...body, expires_in: { seconds: 1800 } })],
    ["missing", (body) => Object.fromEntries(Object.entries(body).filter(([name]) => name !== "expires_in"))],
  ])("%s: the tokens are kept and used, and not refreshed at every call", async (_, tokenResponse) => {
    const emulator = await emulate({ tokenResponse });
    const { oauth } = clientOf(emulator);
    const accountId = await connect(oauth, emulator);
    emulator.clearRequests();
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    for (let call = 0; call < 5; call++) await hubspot.get(CONTACTS);
    expect(emulator.requests.map(({ method, status }) => `${method} ${status}`)).toEqual(Array(5).fill("GET 200"));
  });
});

describe("row 20 the wall clock", () => {
  it.each([86_400_000, -86_400_000])(
    "jumps by %d ms while a call is under way: its deadline and its tries do not notice",
    async (jumpMs) => {
      vi.useFakeTimers({ toFake: ["Date"], now: 1_790_000_000_000 });
      const server = await faultyServer((socket, _, nth) => {
        vi.setSystemTime(1_790_000_000_000 + nth * jumpMs);
        setImmediate(() => socket.write(nth < 3 ? answerBytes({}, 503) : answerBytes({ ok: 1 })));
      });
      const [way] = ways;
      const { hubspot } = calling(way as NonNullable<typeof way>, server.origin, { timeoutMs: 5_000 });
      expect(await hubspot.get("/a")).toEqual({ ok: 1 });
      expect(server.requests).toHaveLength(3);
    },
  );

  it("jumps ahead of the token's life: one refresh, no 401", async () => {
    let aheadMs = 0;
    const { emulator, oauth, accountId, refreshes } = await connected({ now: () => Date.now() + aheadMs });
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    await hubspot.get(CONTACTS);
    aheadMs = 7_200_000;
    await Promise.all(Array.from({ length: 10 }, () => hubspot.get(CONTACTS)));
    expect(refreshes()).toBeLessThanOrEqual(1);
    expect(emulator.requests.filter(({ status }) => status === 401)).toEqual([]);
  });

  it("stands still, or went back, while the token ran out: one 401, one refresh, and the call succeeds", async () => {
    const frozenMs = Date.now();
    const { emulator, oauth, accountId, refreshes } = await connected({ now: () => frozenMs - 3_600_000 });
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    emulator.expireTokens();
    await hubspot.get(CONTACTS);
    expect(refreshes()).toBe(1);
    expect(emulator.requests.map(({ status }) => status)).toEqual([401, 200, 200]);
  });
});

describe("row 21 401 EXPIRED_AUTHENTICATION", () => {
  it.each(["post", "patch", "put", "delete"] as const)("is replayed once, with the new token and the same body: %s", async (method) => {
    const { emulator, oauth, accountId, refreshes } = await connected();
    const old = emulator.accessTokens.map(({ token }) => token);
    const server = await faultyServer((socket, { headers }) => {
      const isOld = old.includes(headers["authorization"]?.replace("Bearer ", "") ?? "");
      socket.write(isOld ? answerBytes(EXPIRED, 401) : answerBytes({ ok: 1 }));
    });
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), apiOrigin: server.origin, rateLimit: false });
    expect(await hubspot[method]("/a", { body: { a: "ä".repeat(2_000) } })).toEqual({ ok: 1 });
    expect(refreshes()).toBe(1);
    const [first, second] = server.requests;
    expect(server.requests).toHaveLength(2);
    expect(second?.body).toBe(first?.body);
    expect(second?.headers["authorization"]).not.toBe(first?.headers["authorization"]);
  });

  it("to a hundred calls at once is one refresh, and every call is sent twice at most", async () => {
    const { emulator, oauth, accountId, refreshes } = await connected();
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), rateLimit: false });
    await hubspot.get(CONTACTS);
    emulator.expireTokens();
    emulator.clearRequests();
    await Promise.all(Array.from({ length: 100 }, () => hubspot.get(CONTACTS)));
    expect(refreshes()).toBe(1);
    expect(emulator.requests.filter(({ status }) => status === 200)).toHaveLength(101);
    expect(emulator.requests.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(100);
  });
});

describe("row 22 a 401 that no token mends", () => {
  it("EXPIRED_AUTHENTICATION for ever: one replay a call, three refreshes in half a minute, then no call refreshes any more", async () => {
    const { oauth, accountId, refreshes } = await connected();
    const server = await faultyServer(always(EXPIRED, 401));
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), apiOrigin: server.origin, rateLimit: false });
    for (let call = 1; call <= 10; call++) {
      const error = await rejectionOf(hubspot.get("/a"));
      expect(error).toMatchObject(call <= 3 ? { name: "HubSpotApiError", status: 401 } : { name: "TokenRequestError", retryable: true });
      expectDiscreet(error);
      expect(server.requests.length).toBeLessThanOrEqual(2 * call);
    }
    expect(refreshes()).toBe(3);
  });

  it("fifty calls at once share the refreshes, and none is sent three times", async () => {
    const { oauth, accountId, refreshes } = await connected();
    const server = await faultyServer(always(EXPIRED, 401));
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), apiOrigin: server.origin, rateLimit: false });
    const errors = await Promise.all(Array.from({ length: 50 }, () => rejectionOf(hubspot.get("/a"))));
    for (const error of errors) expect(error).toMatchObject({ status: 401 });
    expect(server.requests.length).toBeLessThanOrEqual(100);
    expect(refreshes()).toBeLessThanOrEqual(2);
  });

  it("INVALID_AUTHENTICATION, a blank body, or HTML: no refresh, no replay", async () => {
    for (const answer of [always({ category: "INVALID_AUTHENTICATION" }, 401), always("", 401), always("<html></html>", 401)]) {
      const { oauth, accountId, refreshes } = await connected();
      const server = await faultyServer(answer);
      const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), apiOrigin: server.origin, rateLimit: false });
      expect(await rejectionOf(hubspot.get("/a"))).toMatchObject({ name: "HubSpotApiError", status: 401 });
      expect([server.requests.length, refreshes()]).toEqual([1, 0]);
    }
  });
});
