/** Rows 36, 37, 39 and 40: a server that will not read, more calls than fit, a client that is closed, and dispatchers that misbehave. */
import { Readable } from "node:stream";
import { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { ConfigurationError, HubSpotHttp, HubSpotOAuthError, RateLimitError, TimeoutError } from "../../../src/index.js";
import type { DispatcherLike } from "../../../src/transport.js";
import { gate } from "../../support/scripted-store.js";
import { clientOf, connect, emulate } from "../../support/setup.js";
import { calling, expectDiscreet, RAW, rejectionOf, ways } from "./both-ways.js";
import { always, answerBytes, faultyServer } from "./faulty-server.js";

const TOO_LARGE = { status: "error", message: "Too large.", category: "VALIDATION_ERROR" };

describe.each(ways)("by $name", (way) => {
  it.each<[string, (hubspot: HubSpotHttp) => Promise<unknown>]>([
    ["post()", (hubspot) => hubspot.post("/a", { body: "x".repeat(4 << 20) })],
    ["stream()", (hubspot) => hubspot.stream("POST", "/a", { body: Readable.from(pieces(64)) })],
  ])("row 36 a server that answers 413 in the middle of an upload: %s says 413, and nothing is sent again", async (_, call) => {
    const server = await faultyServer((socket) => socket.write(answerBytes(TOO_LARGE, 413, { connection: "close" })), { atHead: true });
    const client = calling(way, server.origin);
    const error = await rejectionOf(call(client.hubspot));
    expect(error).toMatchObject({ name: "HubSpotApiError", status: 413, category: "VALIDATION_ERROR", retryable: false });
    expectDiscreet(error);
    expect([server.requests.length, client.retries]).toEqual([1, 0]);
    await server.empty();
  });

  it("row 36 a server that breaks off in the middle of an upload: an error of ours, a POST is not sent again, its source is closed", async () => {
    const server = await faultyServer((socket) => socket.resetAndDestroy(), { atHead: true });
    const client = calling(way, server.origin);
    const body = Readable.from(pieces(640));
    for (const call of [
      () => client.hubspot.stream("POST", "/a", { body }),
      () => client.hubspot.post("/a", { body: "x".repeat(4 << 20) }),
    ]) {
      const error = await rejectionOf(call());
      expect(error).toMatchObject({ name: "NetworkError", sent: true });
      expectDiscreet(error);
    }
    expect(server.requests).toHaveLength(2);
    expect(body.destroyed).toBe(true);
    await server.empty();
  });

  it("row 37 thousands of calls over 4 connections all get their own answer", { timeout: 60_000 }, async () => {
    const server = await faultyServer((socket, { target }) => socket.write(answerBytes({ target })));
    const { hubspot } = calling(way, server.origin, { agent: { connections: 4 }, timeoutMs: 60_000 });
    const answers = await Promise.all(Array.from({ length: way.name === "fetch" ? 2_000 : 10_000 }, (_, n) => hubspot.get(`/${n}`)));
    expect(answers.every((answer, n) => (answer as { readonly target: string }).target === `/${n}`)).toBe(true);
    expect(server.connections).toBeLessThanOrEqual(8);
  });

  it("row 37 a queue that is full refuses at once; the line of one account is not another's", async () => {
    const server = await faultyServer((socket, { target }) => socket.write(answerBytes({ target })));
    const rateLimit = { limit: 2, intervalMs: 60_000, maxQueue: 3 };
    const { hubspot } = calling(way, server.origin, { rateLimit, timeoutMs: 120_000 });
    const stop = new AbortController();
    const calls = Array.from({ length: 6 }, (_, n) => hubspot.get(`/${n}`, { signal: stop.signal }));
    const settled = Promise.allSettled(calls);
    const full = await rejectionOf(calls[5] as Promise<unknown>);
    expect(full).toBeInstanceOf(RateLimitError);
    expect(full).toMatchObject({ policyName: "LOCAL_QUEUE", retryable: true });
    expectDiscreet(full);
    const other = calling(way, server.origin, { rateLimit });
    expect(await other.hubspot.get("/other")).toEqual({ target: "/other" });
    stop.abort(new Error("enough"));
    expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected", "rejected", "rejected"]);
    expect(server.requests.map(({ target }) => target).toSorted()).toEqual(["/0", "/1", "/other"]);
  });
});

describe("row 39 close()", () => {
  it("lets the refresh under way end and be stored, refuses what comes, and leaves no socket of its own", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const accountId = await connect(oauth, emulator);
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    const held = gate();
    const pending = emulator.respondOnce({ path: /\/token$/ }, { until: held.opened });
    const before = store.get(accountId)?.version;
    const refreshing = oauth.getAccessToken(accountId, { force: true }).catch((error: unknown) => error);
    await pending.arrived;
    const closing = oauth.close();
    held.open();
    await closing;
    expect(store.get(accountId)?.version).not.toBe(before);
    await refreshing;
    for (const call of [() => oauth.getAccessToken(accountId), () => hubspot.get("/crm/v3/objects/contacts")]) {
      expect(await rejectionOf(call())).toBeInstanceOf(ConfigurationError);
    }
  });

  it("lets a call that was sent have its answer", async () => {
    const { oauth, accountId, server, hubspot } = await heldCall();
    const call = hubspot.get("/slow");
    await server.arrived;
    const closing = oauth.close();
    server.release();
    expect(await call).toEqual({ late: true });
    await closing;
    expect(await rejectionOf(oauth.getAccessToken(accountId))).toBeInstanceOf(ConfigurationError);
  });

  it("fails the calls that wait in the limiter's line, and their signals are not listened to any more", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { rateLimit: { limit: 1, intervalMs: 60_000 } });
    const accountId = await connect(oauth, emulator);
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), timeoutMs: 120_000 });
    await hubspot.get("/crm/v3/objects/contacts");
    const waiting = rejectionOf(hubspot.get("/crm/v3/objects/contacts"));
    await oauth.close();
    expect(await waiting).toBeInstanceOf(ConfigurationError);
  });
});

describe("row 40 a dispatcher that", () => {
  const on = (dispatch: DispatcherLike["dispatch"], options = {}): HubSpotHttp =>
    new HubSpotHttp({
      credential: { id: "own", authorize: () => ({ headers: { authorization: "Bearer own" } }) },
      apiOrigin: "https://api.hubapi.com",
      dispatcher: { dispatch },
      rateLimit: false,
      retry: { baseDelayMs: 1, maxDelayMs: 1 },
      timeoutMs: 50,
      ...options,
    });
  type Handler = Record<
    "onRequestStart" | "onResponseStart" | "onResponseData" | "onResponseEnd" | "onResponseError",
    (...args: unknown[]) => void
  >;
  const controller = { abort: () => undefined, pause: () => undefined, resume: () => undefined };
  const calls: readonly [string, (hubspot: HubSpotHttp) => Promise<unknown>][] = [
    ["get()", (hubspot) => hubspot.get("/a")],
    ["stream()", (hubspot) => hubspot.stream("GET", "/a").then(({ body }) => body.toArray())],
    ["fetch()", (hubspot) => hubspot.fetch("/a").then((response) => response.text())],
  ];

  it.each(calls)("never calls back: %s ends with its deadline", async (_, call) => {
    const error = await rejectionOf(call(on(() => true)));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeoutMs: 50, sent: false });
  });

  it.each(calls)("begins and never ends: %s ends with its deadline", async (_, call) => {
    const dispatch = (_options: never, handler: never): void => {
      const { onRequestStart, onResponseStart } = bound(handler);
      onRequestStart(controller, {});
      onResponseStart(controller, 200, {}, "OK");
    };
    expect(await rejectionOf(call(on(dispatch)))).toBeInstanceOf(TimeoutError);
  });

  it.each(calls)("throws: %s rejects with an error of ours, without what was thrown", async (_, call) => {
    const thrown = (): never => {
      throw Object.assign(new Error(`${RAW} Bearer own`), { headers: RAW });
    };
    const error = await rejectionOf(call(on(thrown)));
    expect(error).toBeInstanceOf(HubSpotOAuthError);
    expect(JSON.stringify(error) + String(error)).not.toContain("Bearer own");
  });

  it.each(calls)("calls back again after the end: %s answers what came first", async (name, call) => {
    const dispatch = (_options: never, handler: never): void => {
      const { onRequestStart, onResponseStart, onResponseData, onResponseEnd, onResponseError } = bound(handler);
      onRequestStart(controller, {});
      onResponseStart(controller, 200, { "content-type": "application/json" }, "OK");
      onResponseData(controller, Buffer.from('{"first":1}'));
      onResponseEnd(controller, {});
      onResponseData(controller, Buffer.from('{"second":2}'));
      onResponseEnd(controller, {});
      onResponseError(controller, new Error("late"));
    };
    const outcome = await call(on(dispatch));
    expect(name === "get()" ? JSON.stringify(outcome) : String(outcome)).toBe('{"first":1}');
  });

  it.each(calls)("was closed: %s rejects with ConfigurationError", async (_, call) => {
    const agent = new Agent();
    await agent.close();
    expect(await rejectionOf(call(on((options, handler) => agent.dispatch(options, handler))))).toBeInstanceOf(ConfigurationError);
  });

  function bound(handler: Handler): Handler {
    return Object.fromEntries(
      (["onRequestStart", "onResponseStart", "onResponseData", "onResponseEnd", "onResponseError"] as const).map((name) => [
        name,
        handler[name].bind(handler),
      ]),
    ) as Handler;
  }
});

it("row 40 a credential that throws, or rejects with anything at all, is the caller's to see", async () => {
  const server = await faultyServer(always({}));
  const [way] = ways;
  for (const thrown of [new Error("own"), "a string", undefined]) {
    const authorize = (): Promise<never> => Promise.reject(thrown);
    const { hubspot } = calling(way as NonNullable<typeof way>, server.origin, { credential: { id: "own", authorize } });
    expect(await rejectionOf(hubspot.get("/a"))).toBe(thrown);
  }
  expect(server.requests).toEqual([]);
});

/** A client with an account, and a server that answers when it is told to. */
async function heldCall(): Promise<{
  readonly oauth: ReturnType<typeof clientOf>["oauth"];
  readonly accountId: string;
  readonly hubspot: HubSpotHttp;
  readonly server: { readonly arrived: Promise<void>; readonly release: () => void };
}> {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  const accountId = await connect(oauth, emulator);
  const { open: arrive, opened: arrived } = gate();
  const { open: release, opened: released } = gate();
  const { origin } = await faultyServer((socket) => {
    arrive();
    void released.then(() => socket.write(answerBytes({ late: true })));
  });
  return {
    oauth,
    accountId,
    hubspot: new HubSpotHttp({ credential: oauth.account(accountId), apiOrigin: origin }),
    server: { arrived, release },
  };
}

/** So many pieces of 64 KB. */
async function* pieces(count: number): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(65_536);
  for (let n = 0; n < count; n++) yield piece;
}
