/** Bodies that are streams, when one side stops: readers that leave, readers that never come, sources that must not stay open. */
import { getEventListeners } from "node:events";
import { randomInt } from "node:crypto";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { buildConnector } from "undici";
import { describe, expect, it } from "vitest";
import { AccountNotConnectedError, NetworkError, TimeoutError } from "../../../src/index.js";
import { closedPort } from "../../transport/servers.js";
import { settled } from "../support.js";
import { calling, rejectionOf, ways } from "./both-ways.js";
import { always, type Answer, answerBytes, bytes, faultyServer } from "./faulty-server.js";

const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";

/** A head and one piece, then silence. `/good` is answered. */
const silentAfter =
  (text: string): Answer =>
  (socket, { target }) =>
    socket.write(target === "/good" ? answerBytes({ good: true }) : text);

/** Sends without end, as fast as it is let. */
const flooding: Answer = (socket: Socket, { target }) => {
  if (target === "/good") return void socket.write(answerBytes({ good: true }));
  const piece = Buffer.alloc(65_536, 0x78);
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.write("HTTP/1.1 200 OK\r\n\r\n");
  socket.on("drain", more);
  more();
};

/** Counts what is taken off the client's sockets. */
function counted(): { readonly agent: object; readonly bytesRead: () => number } {
  const sockets: Socket[] = [];
  const connector = buildConnector({});
  const connect = (options: buildConnector.Options, callback: buildConnector.Callback): void =>
    connector(options, (...result) => {
      if (result[1] !== null) sockets.push(result[1]);
      callback(...result);
    });
  return { agent: { connections: 1, connect }, bytesRead: () => sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0) };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe.each(ways)("by $name: a reader that leaves", (way) => {
  it.each<[string, Answer, (body: Readable) => Promise<unknown>]>([
    ["before it has read anything", silentAfter(`${HEAD}first`), async () => undefined],
    [
      "after the first piece, while the server is silent",
      silentAfter(`${HEAD}first`),
      (body) => new Promise((resolve) => body.once("data", resolve)),
    ],
    ["in the middle of a flood", flooding, async (body) => body.iterator({ destroyOnReturn: false }).next()],
    ["before a body that has not begun", silentAfter(HEAD), () => turns(3)],
  ])("%s: the connection is closed at once, the slot is free, and nobody listens any more", async (_, answer, read) => {
    const server = await faultyServer(answer);
    const { hubspot } = calling(way, server.origin, { agent: { connections: 1 }, maxResponseBytes: 2 ** 30 });
    const { signal } = new AbortController();
    const { body } = await hubspot.stream("GET", "/a", { signal });
    await read(body);
    body.destroy();
    await server.empty();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(await hubspot.get("/good")).toEqual({ good: true });
  });

  it.each<[string, Answer, number]>([
    ["unread", silentAfter(`${HEAD}first`), 0],
    ["after a piece, while the server is silent", silentAfter(`${HEAD}first`), 1],
    ["in the middle of a flood", flooding, 2],
  ])("fetch(): cancel() %s closes the connection at once", async (_, answer, pieces) => {
    const server = await faultyServer(answer);
    const { hubspot } = calling(way, server.origin, { agent: { connections: 1 } });
    const { signal } = new AbortController();
    const response = await hubspot.fetch("/a", { signal });
    const reader = response.body?.getReader();
    for (let n = 0; n < pieces; n++) await reader?.read();
    await reader?.cancel();
    await server.empty();
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(await hubspot.get("/good")).toEqual({ good: true });
  });

  it("at any moment, a hundred times: no error escapes, every connection is closed", async () => {
    const server = await faultyServer(flooding);
    const { hubspot } = calling(way, server.origin, { agent: { connections: 4 }, maxResponseBytes: 2 ** 30 });
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const stop = new AbortController();
        const body =
          n % 2 === 0
            ? (await hubspot.stream("GET", "/a", { signal: stop.signal })).body
            : ((await hubspot.fetch("/a", { signal: stop.signal })).body as ReadableStream<Uint8Array>);
        const reading = (async () => {
          for await (const chunk of body) void chunk;
        })().catch((error: unknown) => error);
        await turns(randomInt(6));
        if (body instanceof Readable && n % 4 === 0) body.destroy();
        else stop.abort(new Error("enough"));
        expect(await reading).toBeInstanceOf(Error);
        expect(getEventListeners(stop.signal, "abort")).toEqual([]);
      }),
    );
    await server.empty();
    expect(await hubspot.get("/good")).toEqual({ good: true });
  });
});

describe.each(ways)("by $name: a reader that does not read", (way) => {
  it.each(["stream", "fetch"] as const)("%s(): what is taken off the socket stops, and goes on when it reads", async (call) => {
    const { agent, bytesRead } = counted();
    const server = await faultyServer(flooding);
    const { hubspot } = calling(way, server.origin, { agent, maxResponseBytes: 2 ** 30, timeoutMs: 2 ** 30 });
    const answer = call === "stream" ? await hubspot.stream("GET", "/a") : await hubspot.fetch("/a");
    expect(await settled(bytesRead, 2 << 20)).toBeLessThan(2 << 20);
    let read = 0;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) if ((read += chunk.byteLength) > 16 << 20) break;
    expect(bytesRead()).toBeGreaterThan(16 << 20);
    await server.empty();
  });

  it("an abort while it pauses: the connection is closed, and the body has the reason", async () => {
    const { agent, bytesRead } = counted();
    const server = await faultyServer(flooding);
    const { hubspot } = calling(way, server.origin, { agent, maxResponseBytes: 2 ** 30 });
    const stop = new AbortController();
    const { body } = await hubspot.stream("GET", "/a", { signal: stop.signal });
    const reader = body[Symbol.asyncIterator]();
    await reader.next();
    expect(await settled(bytesRead, 2 << 20)).toBeLessThan(2 << 20);
    const reason = { aborted: "while paused" };
    stop.abort(reason);
    await server.empty();
    expect(getEventListeners(stop.signal, "abort")).toEqual([]);
    const rest = async (): Promise<void> => {
      for (let next = await reader.next(); next.done !== true;) next = await reader.next();
    };
    expect(await rejectionOf(rest())).toBe(reason);
  });

  it("for longer than timeoutMs: the answer was there, so there is no TimeoutError", async () => {
    const server = await faultyServer((socket, { target }) => target === "/silent" || socket.write(answerBytes({ whole: true })));
    const { hubspot } = calling(way, server.origin, { timeoutMs: 60, retry: false });
    const { body } = await hubspot.stream("GET", "/a");
    const response = await hubspot.fetch("/a");
    // A call that began later has come to its limit: so would they have, if they had one.
    expect(await rejectionOf(hubspot.get("/silent"))).toBeInstanceOf(TimeoutError);
    expect((await body.toArray()).join("")).toBe('{"whole":true}');
    expect(await response.json()).toEqual({ whole: true });
  });

  it("and whose server breaks off: the error waits for it, and ends no process", async () => {
    const server = await faultyServer(bytes(`${HEAD}half`, (socket) => socket.resetAndDestroy()));
    const { hubspot } = calling(way, server.origin);
    const { body } = await hubspot.stream("GET", "/a");
    const response = await hubspot.fetch("/a");
    await server.empty();
    await turns(5);
    expect(await rejectionOf(body.toArray())).toBeInstanceOf(NetworkError);
    expect(await rejectionOf(response.text())).toMatchObject({ name: "NetworkError", phase: "body" });
  });
});

describe.each(ways)("by $name: what was to be uploaded", (way) => {
  const sources: readonly [string, () => Readable][] = [
    ["a source that waits", () => waiting()],
    ["a source that flows", () => Readable.from(endless())],
  ];

  describe.each(sources)("%s", (_, makeSource) => {
    it("is closed when the connection is refused", async () => {
      const { hubspot } = calling(way, `http://127.0.0.1:${await closedPort()}`);
      const body = makeSource();
      expect(await rejectionOf(hubspot.stream("POST", "/a", { body }))).toMatchObject({ name: "NetworkError", sent: false });
      expect(body.destroyed).toBe(true);
    });

    it("is closed when no token is to be had", async () => {
      const authorize = (): Promise<never> => Promise.reject(new AccountNotConnectedError("7"));
      const { hubspot } = calling(way, "http://127.0.0.1:8099", { credential: { id: "own", authorize } });
      const body = makeSource();
      expect(await rejectionOf(hubspot.stream("POST", "/a", { body }))).toBeInstanceOf(AccountNotConnectedError);
      expect(body.destroyed).toBe(true);
    });

    it("is closed when the call was aborted before, or is while it is sent", async () => {
      const server = await faultyServer(() => undefined, { atHead: true });
      const { hubspot } = calling(way, server.origin);
      const early = makeSource();
      await rejectionOf(hubspot.stream("POST", "/a", { body: early, signal: AbortSignal.abort() }));
      expect(early.destroyed).toBe(true);
      const stop = new AbortController();
      const body = makeSource();
      const call = rejectionOf(hubspot.stream("POST", "/a", { body, signal: stop.signal }));
      while (server.requests.length === 0) await turns(1);
      stop.abort();
      await call;
      expect(body.destroyed).toBe(true);
      await server.empty();
    });

    it("is closed when silence ends the call", async () => {
      const server = await faultyServer((socket) => void socket.pause(), { atHead: true });
      const { hubspot } = calling(way, server.origin, { timeoutMs: 100 });
      const body = makeSource();
      expect(await rejectionOf(hubspot.stream("POST", "/a", { body }))).toBeInstanceOf(TimeoutError);
      expect(body.destroyed).toBe(true);
    });

    it("is closed when HubSpot says no before it has it all", async () => {
      const server = await faultyServer(always({ message: "No." }, 403, { connection: "close" }), { atHead: true });
      const { hubspot } = calling(way, server.origin);
      const body = makeSource();
      expect(await rejectionOf(hubspot.stream("POST", "/a", { body }))).toMatchObject({ status: 403 });
      expect(body.destroyed).toBe(true);
      await server.empty();
    });
  });

  it("fetch(): a Request whose body never comes ends with the deadline, or with the abort", async () => {
    const server = await faultyServer(always({}));
    const { hubspot } = calling(way, server.origin, { timeoutMs: 100 });
    const stalled = (): Request => new Request(`${server.origin}/a`, { method: "POST", body: new ReadableStream(), duplex: "half" });
    expect(await rejectionOf(hubspot.fetch(stalled()))).toBeInstanceOf(TimeoutError);
    const stop = new AbortController();
    const call = rejectionOf(calling(way, server.origin).hubspot.fetch(stalled(), { signal: stop.signal }));
    stop.abort(new Error("enough"));
    expect(await call).toMatchObject({ message: "enough" });
  });
});

async function* endless(): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(4_096);
  for (;;) {
    yield piece;
    await turns(1);
  }
}

/** One piece, so that the request begins, and then nothing. */
function waiting(): Readable {
  let begun = false;
  return new Readable({
    read() {
      if (!begun) this.push(Buffer.alloc(4_096));
      begun = true;
    },
  });
}
