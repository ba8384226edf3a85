/** Row 38: an abort, wherever the call stands: at once, with the signal's own reason, nothing left behind, and nobody else's work stopped. */
import { getEventListeners } from "node:events";
import { buildConnector } from "undici";
import { describe, expect, it } from "vitest";
import { type Authorization, type Credential, HubSpotHttp, type HubSpotHttpOptions } from "../../../src/index.js";
import { gate } from "../../support/scripted-store.js";
import { clientOf, connect, emulate } from "../../support/setup.js";
import { calling, rejectionOf, TOKEN, type Way, ways } from "./both-ways.js";
import { always, type Answer, answerBytes, faultyServer, type FaultyServer } from "./faulty-server.js";

const BEARER: Authorization = { headers: { authorization: `Bearer ${TOKEN}` } };
/** No Error on purpose: it must come back as it is. */
const reason = { aborted: "by the caller" };
const LARGE = "x".repeat(8 << 20);

/** Where a call can stand. `reach` calls back when it stands there. */
interface Point {
  readonly name: string;
  readonly answer?: (reach: () => void, stopped: Promise<void>) => Answer;
  readonly atHead?: boolean;
  readonly options?: (reach: () => void) => Partial<HubSpotHttpOptions>;
  readonly body?: unknown;
  /** Whether a connection was in use, which then must be closed. */
  readonly connected: boolean;
}

const EXPIRED = answerBytes({ category: "EXPIRED_AUTHENTICATION" }, 401);
const never = (): Promise<Authorization> => new Promise(() => undefined);

const points: readonly Point[] = [
  {
    name: "waiting for a token",
    options: (reach) => ({ credential: { id: "own", authorize: () => (setImmediate(reach), never()) } }),
    connected: false,
  },
  {
    name: "sending its body",
    atHead: true,
    // A server that reads nothing also hears nothing of the end: it reads on as soon as the call was told to stop.
    answer: (reach, stopped) => (socket) => {
      socket.pause();
      void stopped.then(() => socket.resume());
      setImmediate(reach);
    },
    body: LARGE,
    connected: true,
  },
  { name: "waiting for the answer", answer: (reach) => () => setImmediate(reach), connected: true },
  {
    name: "reading the headers",
    answer: (reach) => (socket) => void socket.write("HTTP/1.1 200 OK\r\nx-a:", () => setImmediate(reach)),
    connected: true,
  },
  {
    name: "reading the body",
    answer: (reach) => (socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", () => setImmediate(reach)),
    connected: true,
  },
  {
    name: "reading an error's body",
    answer: (reach) => (socket) => void socket.write("HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n{", () => setImmediate(reach)),
    connected: true,
  },
  {
    name: "in its backoff",
    answer: () => always({}, 503),
    options: (reach) => ({
      retry: { baseDelayMs: 60_000, maxDelayMs: 60_000 },
      timeoutMs: 600_000,
      onEvent: ({ type }) => void (type === "request.retried" && setImmediate(reach)),
    }),
    connected: false,
  },
  {
    name: "waiting as long as a 429 asks",
    answer: () => always({}, 429, { "retry-after": "30" }),
    options: (reach) => ({ timeoutMs: 600_000, onEvent: ({ type }) => void (type === "request.retried" && setImmediate(reach)) }),
    connected: false,
  },
  {
    name: "in the limiter's line",
    options: (reach) => {
      setImmediate(() => setImmediate(reach));
      return { rateLimit: { limit: 1, intervalMs: 60_000 }, timeoutMs: 600_000 };
    },
    answer: () => always({}),
    connected: false,
  },
  {
    name: "waiting for another token after a 401",
    answer: () => (socket) => void socket.write(EXPIRED),
    options: (reach) => ({
      credential: { id: "own", authorize: (options) => (options?.rejected === undefined ? BEARER : (setImmediate(reach), never())) },
    }),
    connected: false,
  },
  {
    name: "with another token in hand after a 401",
    answer:
      (reach) =>
      (socket, { headers }) => {
        if (headers["authorization"] === `Bearer ${TOKEN}`) socket.write(EXPIRED);
        else setImmediate(reach);
      },
    options: () => ({
      credential: {
        id: "own",
        authorize: (options) => (options?.rejected === undefined ? BEARER : { headers: { authorization: "Bearer new" } }),
      },
    }),
    connected: true,
  },
];

const calls: readonly [string, (hubspot: HubSpotHttp, path: string, body: unknown, signal: AbortSignal) => Promise<unknown>][] = [
  ["post()", (hubspot, path, body, signal) => hubspot.post(path, { body, signal, idempotent: true })],
  [
    "stream()",
    async (hubspot, path, body, signal) => {
      const answer = await hubspot.stream("POST", path, { body, signal, idempotent: true });
      return (await answer.body.toArray()).join("");
    },
  ],
  [
    "fetch()",
    async (hubspot, path, body, signal) =>
      (
        await hubspot.fetch(path, { method: "PUT", body: JSON.stringify(body), headers: { "content-type": "application/json" }, signal })
      ).text(),
  ],
];

/** Fails unless a promise has been rejected by now, but for what is already on its way. */
async function rejectedAtOnce(call: Promise<unknown>): Promise<unknown> {
  const late = Symbol("late");
  const outcome = await Promise.race([rejectionOf(call), new Promise((resolve) => setImmediate(() => setImmediate(resolve, late)))]);
  expect(outcome).not.toBe(late);
  return outcome;
}

async function standing(
  point: Point,
  way: Way,
): Promise<{ readonly server: FaultyServer; readonly hubspot: HubSpotHttp; readonly reached: Promise<void>; readonly stop: () => void }> {
  const { open: reach, opened: reached } = gate();
  const { open: stop, opened: stopped } = gate();
  const server = await faultyServer(
    (socket, request, nth) => {
      if (request.target === "/good") socket.write(answerBytes({ good: true }));
      else point.answer?.(reach, stopped)(socket, request, nth);
    },
    { atHead: point.atHead === true },
  );
  const { hubspot } = calling(way, server.origin, { agent: { connections: 1 }, ...point.options?.(reach) });
  // Takes the one place there is.
  if (point.name === "in the limiter's line") await hubspot.get("/good");
  return { server, hubspot, reached, stop };
}

describe.each(ways)("by $name", (way) => {
  describe.each(calls)("%s", (_, call) => {
    it("row 38 before the start: nothing is sent, no token asked for", async () => {
      const asked: unknown[] = [];
      const server = await faultyServer(always({}));
      const credential: Credential = { id: "own", authorize: () => (asked.push(1), BEARER) };
      const { hubspot } = calling(way, server.origin, { credential });
      expect(await rejectedAtOnce(call(hubspot, "/a", {}, AbortSignal.abort(reason)))).toBe(reason);
      expect(server.connections).toBe(0);
    });

    it.each(points.map((point) => [point.name, point] as const))("row 38 %s", async (___, point) => {
      const { server, hubspot, reached, stop } = await standing(point, way);
      const controller = new AbortController();
      const running = call(hubspot, "/a", point.body ?? { a: 1 }, controller.signal);
      running.catch(() => undefined);
      await reached;
      controller.abort(reason);
      stop();
      expect(await rejectedAtOnce(running)).toBe(reason);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
      if (point.connected) await server.empty();
      // The only slot there is, is free again.
      if (!point.name.includes("token") && !point.name.includes("line") && !point.name.includes("429")) {
        expect(await hubspot.get("/good")).toEqual({ good: true });
      }
    });

    it.each([
      ["connecting", "http:"],
      ["in the TLS handshake", "https:"],
    ])("row 38 %s", async (name, scheme) => {
      const { open: reach, opened: reached } = gate();
      const server = await faultyServer(always({}), { onConnection: () => setImmediate(reach) });
      const hangs = { connect: () => setImmediate(reach) };
      const { hubspot } = calling(way, server.origin.replace("http:", scheme), { agent: name === "connecting" ? hangs : {} });
      const controller = new AbortController();
      const running = call(hubspot, "/a", {}, controller.signal);
      running.catch(() => undefined);
      await reached;
      controller.abort(reason);
      expect(await rejectedAtOnce(running)).toBe(reason);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
      expect(server.requests).toEqual([]);
    });

    it("row 38 a connection that stands after its request was withdrawn sends nothing of it", async () => {
      const { open: reach, opened: reached } = gate();
      let connectNow: (() => void) | undefined;
      const connector = buildConnector({});
      const server = await faultyServer(always({ good: true }));
      const { hubspot } = calling(way, server.origin, {
        agent: {
          connections: 1,
          connect: (options, callback) => {
            if (connectNow !== undefined) return connector(options, callback);
            connectNow = () => connector(options, callback);
            reach();
          },
        },
      });
      const controller = new AbortController();
      const running = call(hubspot, "/withdrawn", {}, controller.signal);
      running.catch(() => undefined);
      await reached;
      controller.abort(reason);
      expect(await rejectedAtOnce(running)).toBe(reason);
      const next = hubspot.get("/good");
      connectNow?.();
      expect(await next).toEqual({ good: true });
      expect(server.requests.map(({ target }) => target)).toEqual(["/good"]);
    });
  });

  it(
    "row 38 10,000 calls in every state, one abort: 10,000 times its reason, and no listener on its signal",
    { timeout: 60_000 },
    async () => {
      const server = await faultyServer((socket, { target }) => {
        if (target === "/503") socket.write(answerBytes({}, 503));
        else if (target === "/half") socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{");
      });
      const patient = { retry: { baseDelayMs: 60_000, maxDelayMs: 60_000 }, timeoutMs: 600_000 };
      const open = calling(way, server.origin, { ...patient, agent: { connections: 16 } });
      const queued = calling(way, server.origin, {
        ...patient,
        timeoutMs: 2_000_000_000,
        rateLimit: { limit: 1, intervalMs: 60_000, maxQueue: 10_000 },
      });
      const tokenless = calling(way, server.origin, { ...patient, credential: { id: "own", authorize: never } });
      const controller = new AbortController();
      const { signal } = controller;
      const starts = [
        () => open.hubspot.get("/503", { signal }),
        () => open.hubspot.get("/half", { signal }),
        () => open.hubspot.stream("GET", "/half", { signal }).then(({ body }) => body.toArray()),
        () => open.hubspot.fetch("/silent", { signal }).then((response) => response.text()),
        () => queued.hubspot.get("/silent", { signal }),
        () => tokenless.hubspot.post("/a", { body: {}, signal }),
      ];
      const outcomes = Array.from({ length: 10_000 }, (_, n) => rejectionOf((starts[n % starts.length] ?? never)()));
      while (server.requests.length < 16) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      const reasons = await Promise.all(outcomes);
      expect(reasons.filter((given) => given !== reason)).toEqual([]);
      expect(getEventListeners(signal, "abort")).toEqual([]);
      await server.empty();
    },
  );

  it("row 38 a signal that is never aborted keeps no listener of a thousand calls that ended, well or not", async () => {
    const server = await faultyServer(
      (socket, { target }) => void (target === "/reset" ? socket.resetAndDestroy() : socket.write(answerBytes({ ok: 1 }))),
    );
    const { hubspot } = calling(way, server.origin, { agent: { connections: 4 }, retry: false });
    const { signal } = new AbortController();
    for (let n = 0; n < 250; n++) {
      const path = n % 10 === 0 ? "/reset" : "/a";
      await Promise.allSettled([
        hubspot.get(path, { signal }),
        hubspot.stream("GET", path, { signal }).then(({ body }) => body.toArray()),
        hubspot.fetch(path, { signal }).then((response) => response.text()),
        hubspot.fetch(new Request(`${server.origin}${path}`), { signal }).then((response) => response.text()),
      ]);
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

it("row 38 half of the callers give up while a refresh runs: the others get their answers from it, and it is stored", async () => {
  const emulator = await emulate();
  const { oauth, store } = clientOf(emulator);
  const accountId = await connect(oauth, emulator);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  await hubspot.get("/crm/v3/objects/contacts");
  const before = store.get(accountId);
  emulator.expireTokens();
  emulator.clearRequests();
  const held = gate();
  const refresh = emulator.respondOnce({ path: /\/token$/ }, { until: held.opened });
  const controller = new AbortController();
  const impatient = Array.from({ length: 10 }, () => hubspot.get("/crm/v3/objects/contacts", { signal: controller.signal }));
  const patient = Array.from({ length: 10 }, () => hubspot.get("/crm/v3/objects/contacts"));
  const given = Promise.all(impatient.map(rejectionOf));
  await refresh.arrived;
  controller.abort(reason);
  expect(new Set(await given)).toEqual(new Set([reason]));
  expect(getEventListeners(controller.signal, "abort")).toEqual([]);
  held.open();
  await expect(Promise.all(patient)).resolves.toHaveLength(10);
  expect(emulator.count({ path: /\/token$/ })).toBe(1);
  expect(store.get(accountId)?.version).not.toBe(before?.version);
});
