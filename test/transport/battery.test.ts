/** What both ways to the wire promise: the whole answer or one error, within the deadline, under the cap, never behind a redirect. */
import { getEventListeners, setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { Agent } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { MalformedResponseError, TimeoutError } from "../../src/errors.js";
import { type DispatcherLike, type FetchLike, sendByDispatcher, sendByFetch } from "../../src/transport.js";
import { httpServer, message, rawServer, tcpServer } from "./servers.js";
import { rejection, ways, wire } from "./ways.js";

describe.each(ways)("by $name: an answer", ({ open }) => {
  it.each<[string, (response: ServerResponse) => void, number, string]>([
    ["in one piece", (r) => r.end("one piece"), 200, "one piece"],
    ["in many pieces", (r) => writeAll(r, ["many", " ", "small", "", " pieces"]), 200, "many small pieces"],
    ["of 300 kB", (r) => r.end("0123456789".repeat(30_000)), 200, "0123456789".repeat(30_000)],
    ["that is empty", (r) => r.end(), 200, ""],
    ["204", (r) => r.writeHead(204).end(), 204, ""],
    ["304", (r) => r.writeHead(304).end(), 304, ""],
    ["with a status that HTTP does not know", (r) => r.writeHead(477).end("{}"), 477, "{}"],
    ["with a body in UTF-8", (r) => r.end("Grüße 👋"), 200, "Grüße 👋"],
  ])("%s arrives whole", async (_, answer, status, body) => {
    const server = await httpServer((_request, response) => answer(response));
    const response = await open()(wire(server.origin));
    expect(response.status).toBe(status);
    expect(response.body.toString()).toBe(body);
  });

  it("has its header names in lower case", async () => {
    const { origin } = await rawServer(message("{}", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-HubSpot-Correlation-Id: abc"));
    const { headers } = await open()(wire(origin));
    expect(headers).toMatchObject({ "content-type": "application/json", "x-hubspot-correlation-id": "abc" });
  });

  it.each(["102 Processing", "103 Early Hints\r\nlink: </x>; rel=preload"])("HTTP/1.1 %s before it is passed over", async (line) => {
    const { origin } = await rawServer(`HTTP/1.1 ${line}\r\n\r\n${message("final", "HTTP/1.1 201 Created")}`);
    const response = await open()(wire(origin));
    expect(response).toMatchObject({ status: 201, body: Buffer.from("final") });
    expect(response.headers["link"]).toBeUndefined();
  });
});

describe.each(ways)("by $name: a request", ({ open }) => {
  it.each([
    ["text", "grant_type=refresh_token"],
    ["bytes", Buffer.from([0, 255, 10, 13])],
  ])("sends method, path, headers and a body of %s as they are", async (_, body) => {
    const chunks: Buffer[] = [];
    const server = await httpServer((request, response) => {
      request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => response.end());
    });
    await open()(wire(server.origin, { method: "PATCH", path: "/a%20b?c=d%26e", headers: { "x-a": "1" }, body }));
    expect(server.requests).toMatchObject([
      { method: "PATCH", url: "/a%20b?c=d%26e", headers: { "x-a": "1", "content-length": String(body.length) } },
    ]);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from(body));
  });
});

describe.each(ways)("by $name: the deadline is total", ({ name, open }) => {
  it("ends the wait for a connection", async () => {
    const send = open({ connect: () => undefined });
    const error = await rejection(send(wire("http://127.0.0.1:1234", { timeoutMs: 50 })));
    expect(error).toBeInstanceOf(TimeoutError);
    // Only a dispatcher says when a request is on a connection; a fetch may have sent it.
    expect(error).toMatchObject({ timeoutMs: 50, sent: name === "fetch", retryable: true });
  });

  it("ends the wait for a TLS handshake", async () => {
    const { origin } = await tcpServer(() => undefined, "https");
    await expect(open()(wire(origin, { timeoutMs: 50 }))).rejects.toMatchObject({ code: "timeout", sent: name === "fetch" });
  });

  it("ends the wait for headers, and the connection", async () => {
    const server = await tcpServer((socket) => socket.resume());
    const error = await rejection(open()(wire(server.origin, { timeoutMs: 50 })));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ sent: true });
    await closed(server.sockets[0]);
  });

  it("HX-07 ends a body that drips, however steadily", async () => {
    const server = await tcpServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
        const drip = setInterval(() => socket.write("x"), 5);
        socket.once("close", () => clearInterval(drip));
      });
    });
    const error = await rejection(open()(wire(server.origin, { timeoutMs: 60 })));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ sent: true, timeoutMs: 60 });
    await closed(server.sockets[0]);
  });

  it("is not stretched by informational answers", async () => {
    const server = await tcpServer((socket) => {
      socket.once("data", () => {
        const hints = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n"), 5);
        socket.once("close", () => clearInterval(hints));
      });
    });
    await expect(open()(wire(server.origin, { timeoutMs: 60 }))).rejects.toBeInstanceOf(TimeoutError);
  });
});

describe("the deadline does not depend on the transport's good will", () => {
  it("holds for a dispatcher that never calls back", async () => {
    const silent: DispatcherLike = { dispatch: () => true };
    await expect(sendByDispatcher(silent, wire("http://127.0.0.1:1234", { timeoutMs: 20 }))).rejects.toMatchObject({
      code: "timeout",
      sent: false,
    });
  });

  it("holds for a fetch that never settles and ignores its signal", async () => {
    const silent: FetchLike = () => new Promise(() => undefined);
    await expect(sendByFetch(silent, wire("http://127.0.0.1:1234", { timeoutMs: 20 }))).rejects.toMatchObject({
      code: "timeout",
      sent: true,
    });
  });

  it("holds for a fetch whose body never ends and ignores its signal", async () => {
    const endless: FetchLike = async () => new Response(new ReadableStream());
    await expect(sendByFetch(endless, wire("http://127.0.0.1:1234", { timeoutMs: 20 }))).rejects.toBeInstanceOf(TimeoutError);
  });

  it("a dispatcher that connects too late finds the request withdrawn", async () => {
    const aborted = withResolvers();
    let start: (() => void) | undefined;
    const late = {
      dispatch: (_: object, handler: { onRequestStart(controller: object): void }) => {
        start = () => handler.onRequestStart({ abort: aborted.resolve });
      },
    } as unknown as DispatcherLike;
    await expect(sendByDispatcher(late, wire("http://127.0.0.1:1234", { timeoutMs: 20 }))).rejects.toBeInstanceOf(TimeoutError);
    start?.();
    expect(await aborted.promise).toBeInstanceOf(TimeoutError);
  });
});

describe.each(ways)("by $name: an abort", ({ open }) => {
  const reason = { aborted: "by the caller" };

  it("before the start sends nothing", async () => {
    const server = await httpServer((_request, response) => response.end());
    expect(await rejection(open()(wire(server.origin, { signal: AbortSignal.abort(reason) })))).toBe(reason);
    expect(server.sockets).toHaveLength(0);
  });

  it.each<[string, string | undefined]>([
    ["while waiting for the answer", undefined],
    ["in the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun"],
  ])("%s rejects with the signal's own reason and closes the connection", async (_, answer) => {
    const received = withResolvers();
    const server = await tcpServer((socket) => {
      socket.once("data", () => {
        if (answer === undefined) received.resolve(undefined);
        else socket.write(answer, received.resolve);
      });
    });
    const controller = new AbortController();
    const call = open()(wire(server.origin, { signal: controller.signal }));
    await received.promise;
    controller.abort(reason);
    expect(await rejection(call)).toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    await closed(server.sockets[0]);
  });

  it("without a reason of its own rejects with an AbortError", async () => {
    const server = await tcpServer((socket) => socket.resume());
    const controller = new AbortController();
    const call = open()(wire(server.origin, { signal: controller.signal }));
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: "AbortError" });
  });

  it("of 1,000 requests at once leaves no listener on their signal", async () => {
    const server = await tcpServer((socket) => socket.resume());
    const send = open({ connections: 4 });
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const calls = Array.from({ length: 1_000 }, () => rejection(send(wire(server.origin, { signal: controller.signal }))));
    controller.abort(reason);
    expect(new Set(await Promise.all(calls))).toEqual(new Set([reason]));
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("that never comes leaves no listener after 200 answers and 20 failures", async () => {
    const server = await httpServer((request, response) => (request.url === "/reset" ? request.socket.destroy() : response.end("{}")));
    const send = open({ connections: 4 });
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    await Promise.all(Array.from({ length: 200 }, () => send(wire(server.origin, { signal }))));
    await Promise.all(Array.from({ length: 20 }, () => rejection(send(wire(server.origin, { signal, path: "/reset" })))));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe.each(ways)("by $name: the size cap", ({ open }) => {
  const request = { maxResponseBytes: 1_000 };

  it.each<[string, (response: ServerResponse) => void]>([
    ["named by content-length", (r) => r.writeHead(200, { "content-length": "1001" }).end("x".repeat(1_001))],
    ["counted, without a content-length", (r) => writeAll(r, ["x".repeat(600), "x".repeat(401)])],
  ])("refuses an answer that is larger, %s", async (_, answer) => {
    const server = await httpServer((_request, response) => answer(response));
    const error = await rejection(open()(wire(server.origin, request)));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({
      status: 200,
      retryable: false,
      message: expect.stringContaining("1000 bytes (maxResponseBytes)") as string,
    });
  });

  it("stops an endless answer and closes its connection", async () => {
    const server = await httpServer((_request, response) => {
      const more = (): void => void (response.destroyed || response.write("x".repeat(50_000), more));
      more();
    });
    await expect(open()(wire(server.origin, request))).rejects.toBeInstanceOf(MalformedResponseError);
    await closed(server.sockets[0]);
  });

  it("lets an answer of exactly that size through", async () => {
    const server = await httpServer((_request, response) => writeAll(response, ["x".repeat(600), "x".repeat(400)]));
    expect((await open()(wire(server.origin, request))).body).toHaveLength(1_000);
  });
});

describe("the size cap, when the answer names its length", () => {
  const start = (): Promise<{ readonly origin: string }> => rawServer("HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\nx");
  const [byDispatcher, byFetch] = ways;

  it("by dispatcher refuses before the body comes", async () => {
    const { origin } = await start();
    await expect(byDispatcher?.open()(wire(origin, { maxResponseBytes: 1_000 }))).rejects.toBeInstanceOf(MalformedResponseError);
  });

  it("by fetch refuses before the body comes", async () => {
    const { origin } = await start();
    await expect(byFetch?.open()(wire(origin, { maxResponseBytes: 1_000, timeoutMs: 100 }))).rejects.toBeInstanceOf(MalformedResponseError);
  });
});

describe("content encodings", () => {
  it.each(["gzip", "br", "gzip, gzip", "nonsense"])("HX-06 %s, which was not asked for, is refused by the dispatcher", async (encoding) => {
    const server = await httpServer((_request, response) => response.writeHead(200, { "content-encoding": encoding }).end(gzipSync("{}")));
    const agent = new Agent();
    onTestFinished(() => agent.destroy());
    const error = await rejection(sendByDispatcher(agent, wire(server.origin)));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(server.requests[0]?.headers).not.toHaveProperty("accept-encoding");
  });

  it("HX-06 a fetch undoes them, and the cap counts what comes out", async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(1_000_000)));
    });
    await expect(sendByFetch(fetch, wire(server.origin, { maxResponseBytes: 10_000 }))).rejects.toThrow("larger than 10000 bytes");
    expect((await sendByFetch(fetch, wire(server.origin, { maxResponseBytes: 1_000_000 }))).body).toHaveLength(1_000_000);
  });
});

describe.each(ways)("by $name: HX-01 a redirect", ({ open }) => {
  it.each([301, 302, 303, 307, 308])("with %d is handed back, and nobody is asked where it points", async (status) => {
    const second = await httpServer((_request, response) => response.end("stolen"));
    const first = await httpServer((_request, response) => response.writeHead(status, { location: `${second.origin}/x` }).end("moved"));
    const response = await open()(wire(first.origin, { method: "POST", headers: { authorization: "Bearer secret" }, body: "a=b" }));
    expect(response).toMatchObject({ status, headers: { location: `${second.origin}/x` } });
    expect(first.requests).toHaveLength(1);
    expect(second.requests).toHaveLength(0);
  });

  it("to the same server is not followed either", async () => {
    const server = await httpServer((_request, response) => response.writeHead(302, { location: "/elsewhere" }).end());
    await open()(wire(server.origin));
    expect(server.requests.map(({ url }) => url)).toEqual(["/crm/v3/objects/contacts"]);
  });
});

function writeAll(response: ServerResponse, chunks: readonly string[]): void {
  const [chunk, ...rest] = chunks;
  if (chunk === undefined) response.end();
  else response.write(chunk, () => setImmediate(writeAll, response, rest));
}

function withResolvers(): { readonly promise: Promise<unknown>; readonly resolve: (value?: unknown) => void } {
  let resolve: (value?: unknown) => void = () => undefined;
  const promise = new Promise<unknown>((settle) => (resolve = settle));
  return { promise, resolve };
}

async function closed(socket: Socket | undefined): Promise<void> {
  if (socket === undefined) throw new Error("nobody connected");
  // Not events.once(): a reset is an error first, and as good.
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}
