/** Rows 5 to 8, 12 and 14: the connection stands, and what comes over it does not. */
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { HubSpotApiError, MalformedResponseError, NetworkError, TimeoutError } from "../../../src/index.js";
import { calling, expectDiscreet, expectOwn, RAW, rejectionOf, ways } from "./both-ways.js";
import { always, answerBytes, bytes, end, type Answer, faultyServer, oneAfterAnother, reset } from "./faulty-server.js";

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

interface Fault {
  readonly name: string;
  readonly answer: Answer;
  readonly phase: NetworkError["phase"];
}

const faults = (
  [
    { name: "row 07 a reset before the answer", answer: reset, phase: "response" },
    { name: "row 07 a reset within the headers", answer: bytes(`${OK}content-le`, reset), phase: "response" },
    { name: "row 07 a reset in the middle of the body", answer: bytes(`${OK}content-length: 999\r\n\r\n{"${RAW}":`, reset), phase: "body" },
    {
      name: "row 07 a reset between chunks",
      answer: bytes(`${OK}transfer-encoding: chunked\r\n\r\n10\r\n{"${RAW}"\r\n`, reset),
      phase: "body",
    },
    { name: "row 08 a FIN before the answer", answer: end, phase: "response" },
    { name: "row 08 a FIN within a body of known length", answer: bytes(`${OK}content-length: 999\r\n\r\n{"${RAW}":`, end), phase: "body" },
    {
      name: "row 08 a FIN before the last chunk",
      answer: bytes(`${OK}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`, end),
      phase: "body",
    },
    {
      name: "row 12 two lengths that differ",
      answer: bytes(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
      phase: "response",
    },
    {
      name: "row 12 a length beside chunks",
      answer: bytes(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
      phase: "response",
    },
    { name: "row 14 a header of 1 MB", answer: bytes(`${OK}x-a: ${RAW.repeat(70_000)}\r\n\r\n{}`), phase: "response" },
    { name: "row 14 what is not HTTP", answer: bytes(`SSH-2.0-${RAW}\r\n`), phase: "response" },
    { name: "row 14 lines that end in LF alone", answer: bytes(`HTTP/1.1 200 OK\nx-a: ${RAW}\n\n{}`), phase: "response" },
    { name: "row 14 a NUL in a header", answer: bytes(`${OK}x-a: ${RAW}\0\r\ncontent-length: 2\r\n\r\n{}`), phase: "response" },
    {
      name: "row 14 a chunk whose length is no number",
      answer: bytes(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n${RAW}`),
      phase: "body",
    },
  ] satisfies readonly Fault[] as readonly Fault[]
).map((fault) => [fault.name, fault] as const);

/** The fault, but for `/good`: what comes after it must not suffer from it. */
function unlessGood(answer: Answer): Answer {
  return (socket, request, nth) => (request.target === "/good" ? always({ good: true }) : answer)(socket, request, nth);
}

describe.each(ways)("by $name", (way) => {
  it.each(faults)("%s: a GET is tried three times, then a NetworkError; the sockets are dropped", async (_, { answer, phase }) => {
    const server = await faultyServer(unlessGood(answer));
    const client = calling(way, server.origin);
    const error = await rejectionOf(client.hubspot.get("/a"));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ phase, sent: true, retryable: true });
    expectDiscreet(error);
    expect([server.requests.length, client.retries]).toEqual([3, 2]);
    expectOwn(server.requests);
    await server.empty();
    expect(await client.hubspot.get("/good")).toEqual({ good: true });
  });

  it.each(faults)("%s: a POST is sent once, and the error says so", async (_, { answer, phase }) => {
    const server = await faultyServer(unlessGood(answer));
    const { hubspot } = calling(way, server.origin);
    const error = await rejectionOf(hubspot.post("/a", { body: { a: 1 } }));
    expect(error).toMatchObject({ name: "NetworkError", phase, sent: true });
    // Without an answer nobody knows; with one, HubSpot had it.
    if (phase === "response") expect(String(error)).toContain("HubSpot may have carried it out");
    expectDiscreet(error);
    expect(server.requests).toHaveLength(1);
    await server.empty();
    expect(await hubspot.post("/good", { body: {} })).toEqual({ good: true });
  });

  it.each(faults)("%s: once only, then what is idempotent goes on, with the same body", async (_, { answer }) => {
    const server = await faultyServer(oneAfterAnother(answer, always({ ok: 1 })));
    const { hubspot } = calling(way, server.origin);
    expect(await hubspot.post("/a", { body: { a: 1 }, idempotent: true })).toEqual({ ok: 1 });
    expect(server.requests.map(({ method, body }) => `${method} ${body}`)).toEqual(['POST {"a":1}', 'POST {"a":1}']);
    expectOwn(server.requests);
  });

  it.each(faults)("%s: stream() and fetch() end in one of our errors as well", async (_, { answer, phase }) => {
    const server = await faultyServer(unlessGood(answer));
    const { hubspot } = calling(way, server.origin, { retry: false });
    const streamed = await rejectionOf(
      hubspot.stream("POST", "/a", { body: { a: 1 } }).then(async ({ body }) => {
        for await (const chunk of body) void chunk;
      }),
    );
    const fetched = await rejectionOf(hubspot.fetch("/a").then((response) => response.text()));
    for (const error of [streamed, fetched]) {
      expect(error).toMatchObject({ name: "NetworkError", phase, sent: true });
      expectDiscreet(error);
    }
    await server.empty();
    expect(await (await hubspot.fetch("/good")).json()).toEqual({ good: true });
  });

  it("row 05 headers that come byte by byte end with the deadline: not tried again, the socket closed", async () => {
    for (const method of ["GET", "POST"]) {
      const server = await faultyServer(dripping(`${OK}x-a: ${"a".repeat(5_000)}`));
      const client = calling(way, server.origin, { timeoutMs: 80 });
      const error = await rejectionOf(client.hubspot.request(method, "/a"));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ timeoutMs: 80, sent: true, retryable: true });
      expectDiscreet(error);
      expect([server.requests.length, client.retries]).toEqual([1, 0]);
      await server.empty();
    }
  });

  it("row 06 a body that drips ends with the deadline, the socket closed", async () => {
    const server = await faultyServer(dripping(`${OK}content-length: 5000\r\n\r\n${" ".repeat(5_000)}`, 90));
    const { hubspot } = calling(way, server.origin, { timeoutMs: 100 });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeoutMs: 100, sent: true });
    expect(server.requests).toHaveLength(1);
    await server.empty();
  });

  it.each(["stream", "fetch"] as const)(
    "row 06 %s(): an error's body that drips does not outlast the deadline either",
    { timeout: 3_000 },
    async (call) => {
      const server = await faultyServer(dripping(`HTTP/1.1 502 Bad Gateway\r\ncontent-length: 500000\r\n\r\n${" ".repeat(500_000)}`, 60));
      const { hubspot } = calling(way, server.origin, { timeoutMs: 200, retry: false });
      const error = await rejectionOf(call === "stream" ? hubspot.stream("GET", "/a") : hubspot.fetch("/a").then((r) => r.text()));
      expect(error).toBeInstanceOf(TimeoutError);
      await server.empty();
    },
  );

  it("row 06 stream(): a body that drips may take as long as it moves; silence ends it", async () => {
    const body = "x".repeat(40);
    const server = await faultyServer(dripping(`HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n${body}`, 45));
    const { hubspot } = calling(way, server.origin, { timeoutMs: 150 });
    const answer = await hubspot.stream("GET", "/a");
    let received = "";
    const error = await rejectionOf(
      (async () => {
        for await (const chunk of answer.body) received += String(chunk);
      })(),
    );
    // 40 bytes at 5 ms each took longer than the limit, and were not cut off by it.
    expect(received).toBe(body);
    expect(error).toBeInstanceOf(TimeoutError);
    await server.empty();
  });

  it("row 14 an answer without a status line is HTTP/0.9, which is not spoken", async () => {
    const server = await faultyServer(bytes(`{"${RAW}":true}`, end));
    const { hubspot } = calling(way, server.origin);
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toMatchObject({ name: "NetworkError", phase: "response" });
    expectDiscreet(error);
    await server.empty();
  });

  it.each([
    ["600", "600 Odd"],
    ["999", "999 Request denied"],
  ])(
    "row 14 a status of %s, which HTTP does not have, is an answer of HubSpot's to call() and one of our errors to fetch()",
    async (_, line) => {
      const server = await faultyServer(bytes(`HTTP/1.1 ${line}\r\ncontent-length: 2\r\n\r\n{}`));
      const { hubspot } = calling(way, server.origin);
      expect(await rejectionOf(hubspot.get("/a"))).toBeInstanceOf(HubSpotApiError);
      const error = await rejectionOf(hubspot.fetch("/a"));
      expect(error).toBeInstanceOf(MalformedResponseError);
      expectDiscreet(error);
    },
  );

  it("row 35 informational answers, one or fifty, are passed over", async () => {
    const hint = "HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n";
    const early = `${hint}HTTP/1.1 102 Processing\r\n\r\n${hint.repeat(48)}`;
    const server = await faultyServer(bytes(early + answerBytes({ final: true })));
    const { hubspot } = calling(way, server.origin, { agent: { connections: 1 } });
    expect(await hubspot.post("/a", { body: {} })).toEqual({ final: true });
    const streamed = await hubspot.stream("GET", "/a");
    expect(streamed.headers["link"]).toBeUndefined();
    for await (const chunk of streamed.body) void chunk;
    expect(await (await hubspot.fetch("/a")).json()).toEqual({ final: true });
    expect(server.connections).toBe(1);
  });

  it("row 35 a 100 that nobody asked for is passed over as well, or ends in an error: never in the wrong answer", async () => {
    const server = await faultyServer(bytes(`HTTP/1.1 100 Continue\r\n\r\n${answerBytes({ final: true })}`));
    const { hubspot } = calling(way, server.origin, { retry: false });
    const outcome = await hubspot.post("/a", { body: {} }).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "NetworkError", sent: true });
    else expect(outcome).toEqual({ final: true });
  });
});

/** Writes a text byte by byte, from `from` on; what stands before goes out at once. */
function dripping(text: string, from = 0): Answer {
  return (socket: Socket) => {
    let at = from;
    socket.write(text.slice(0, from));
    const timer = setInterval(() => {
      if (at < text.length) socket.write(text[at++] ?? "");
    }, 5);
    socket.once("close", () => clearInterval(timer));
  };
}
