/**
 * Rows 32 and 33, the keep-alive race: a server closes a connection it believes idle while the next request is on its way. A GET must never
 * show it; a POST must show it, since nobody can say whether it was carried out, and must never be sent twice.
 */
import { randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { HubSpotHttp, NetworkError } from "../../../src/index.js";
import { calling, expectDiscreet, expectOwn, rejectionOf, type Way, ways } from "./both-ways.js";
import { answerBytes, end, faultyServer, type FaultyServer, reset } from "./faulty-server.js";

const ROUNDS = 100;

const closings = [
  ["row 32 by FIN", end],
  ["row 33 by RST", reset],
] as const;

/** Answers the first request of each connection, and closes at the second instead of answering: the race, lost every time. */
function losingServer(close: (socket: Socket) => void): Promise<FaultyServer> {
  const served = new Set<Socket>();
  return faultyServer((socket, { target }) => {
    if (served.has(socket)) return close(socket);
    served.add(socket);
    socket.write(answerBytes({ target }));
  });
}

/** Answers, and closes a few turns of the event loop later: now the request is first, now the end. */
function racingServer(close: (socket: Socket) => void): Promise<FaultyServer> {
  return faultyServer((socket, { target }) => {
    socket.write(answerBytes({ target }));
    void turns(randomInt(6)).then(() => close(socket));
  });
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One call after another, each a few turns after the last. */
async function inSuccession(calls: number, call: (n: number) => Promise<unknown>): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (let n = 0; n < calls; n++) {
    outcomes.push(await call(n).catch((error: unknown) => error));
    await turns(randomInt(4));
  }
  return outcomes;
}

describe.each(ways.flatMap((way) => closings.map(([name, close]) => [name, way.name, way, close] as const)))(
  "%s, by %s",
  (_, __, way, close) => {
    it.each([
      ["always lost", losingServer],
      ["at random", racingServer],
    ])("%s: no GET, PUT or DELETE ever shows it", async (___, start) => {
      const server = await start(close);
      const { hubspot } = calling(way, server.origin);
      const methods = ["GET", "PUT", "DELETE"] as const;
      const outcomes = await inSuccession(ROUNDS, async (n) => (await hubspot.request(methods[n % 3] ?? "GET", `/${n}`)).body);
      expect(outcomes).toEqual(outcomes.map((___, n) => ({ target: `/${n}` })));
      expectOwn(server.requests);
    });

    it("with eight idle connections that all go stale between two bursts, as when a proxy restarts: no GET shows it", async () => {
      let generation = 0;
      const bornIn = new Map<Socket, number>();
      const server = await faultyServer((socket, { target }) => {
        if (!bornIn.has(socket)) bornIn.set(socket, generation);
        if (bornIn.get(socket) === generation) socket.write(answerBytes({ target }));
        else close(socket);
      });
      const { hubspot } = calling(way, server.origin, { agent: { connections: 8 } });
      for (; generation < 30; generation++) {
        const paths = Array.from({ length: generation % 2 === 0 ? 8 : 3 }, (___, n) => `/${generation}-${n}`);
        expect(await Promise.all(paths.map((path) => hubspot.get(path)))).toEqual(paths.map((target) => ({ target })));
        await turns(3);
      }
    });

    // oxlint-disable-next-line vitest/expect-expect -- in what it calls
    it.each([
      ["always lost", losingServer],
      ["at random", racingServer],
    ])("%s: a POST is a NetworkError that says HubSpot may have carried it out, and is never sent twice", async (___, start) => {
      await expectPostedOnce(await start(close), way, (hubspot, n) => hubspot.post(`/${n}`, { body: { n } }));
    });

    // oxlint-disable-next-line vitest/expect-expect -- in what it calls
    it("a POST by fetch() and by stream() neither", async () => {
      await expectPostedOnce(await losingServer(close), way, async (hubspot, n) => {
        const text =
          n % 2 === 0
            ? await (await hubspot.fetch(`/${n}`, { method: "POST", body: `{"n":${n}}` })).text()
            : (await (await hubspot.stream("POST", `/${n}`, { body: { n } })).body.toArray()).join("");
        return JSON.parse(text) as unknown;
      });
    });

    it("a POST that the caller calls idempotent does not show it", async () => {
      const server = await losingServer(close);
      const { hubspot } = calling(way, server.origin);
      const outcomes = await inSuccession(ROUNDS, (n) => hubspot.post(`/${n}`, { body: { n }, idempotent: true }));
      expect(outcomes).toEqual(outcomes.map((___, n) => ({ target: `/${n}` })));
    });
  },
);

it("row 33 without tries of its own the client does show the race: the servers here do what they say", async () => {
  const [way] = ways;
  const server = await losingServer(reset);
  const { hubspot } = calling(way as Way, server.origin, { retry: false });
  await hubspot.get("/1");
  await turns(3); // Until then the connection is not idle, and another one would be opened.
  expect(await rejectionOf(hubspot.get("/2"))).toMatchObject({ name: "NetworkError", phase: "response", sent: true });
});

async function expectPostedOnce(
  server: FaultyServer,
  way: Way,
  call: (hubspot: HubSpotHttp, n: number) => Promise<unknown>,
): Promise<void> {
  const { hubspot } = calling(way, server.origin);
  const outcomes = await inSuccession(ROUNDS, (n) => call(hubspot, n));
  for (const [n, outcome] of outcomes.entries()) {
    if (!(outcome instanceof Error)) {
      expect(outcome).toEqual({ target: `/${n}` });
      continue;
    }
    expect(outcome).toMatchObject({ name: "NetworkError", sent: true });
    expect(["request", "response"]).toContain((outcome as NetworkError).phase);
    expect(outcome.message).toContain("HubSpot may have carried it out");
    expectDiscreet(outcome);
  }
  const received = server.requests.map(({ body }) => body);
  expect(new Set(received).size).toBe(received.length);
  expectOwn(server.requests);
}
