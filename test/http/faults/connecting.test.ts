/** Rows 1 to 4, 31 and 34: what happens before a request is on a connection. Nothing was sent, so anything may be sent again. */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, type LookupFunction } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { type Agent, buildConnector, ProxyAgent } from "undici";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createTransport } from "../../../src/choose-transport.js";
import { NetworkError, TimeoutError } from "../../../src/index.js";
import { selfSigned } from "../../transport/certificate.js";
import { closedPort, message, rawServer, tlsServer } from "../../transport/servers.js";
import { wire } from "../../transport/ways.js";
import { calling, expectDiscreet, expectOwn, rejectionOf, TOKEN, ways } from "./both-ways.js";
import { always, answerBytes, faultyServer } from "./faulty-server.js";

/** Fails the first connections with these codes, then connects. */
function failingFirst(...codes: readonly string[]): { readonly agent: Agent.Options; readonly attempts: () => number } {
  const connector = buildConnector({ timeout: 5_000 });
  let attempts = 0;
  return {
    attempts: () => attempts,
    agent: {
      connect: (options: buildConnector.Options, callback: buildConnector.Callback) => {
        const code = codes[attempts++];
        if (code === undefined) connector(options, callback);
        else callback(Object.assign(new Error(`connect ${code} 127.0.0.1`), { code, syscall: "connect" }), null);
      },
    },
  };
}

/** A resolver that fails the first look-ups with these codes, then finds loopback. */
function resolvingAfter(...codes: readonly string[]): { readonly agent: Agent.Options; readonly lookups: () => number } {
  let lookups = 0;
  const lookup: LookupFunction = (hostname, options, callback) => {
    const code = codes[lookups++];
    if (code !== undefined) callback(Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, hostname }), "", 4);
    else if (options.all === true)
      (callback as unknown as (error: null, found: object[]) => void)(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  };
  // undici hands this to node's `connect`; its types do not list it.
  const connecting: object = { lookup };
  return { lookups: () => lookups, agent: { connect: connecting } };
}

describe.each(ways)("by $name", (way) => {
  it.each(["get", "post"] as const)("row 01 a refused connection: %s is tried three times, never sent", async (method) => {
    const client = calling(way, `http://127.0.0.1:${await closedPort()}`);
    const error = await rejectionOf(client.hubspot[method]("/a"));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ phase: "connect", sent: false, retryable: true, cause: { code: "ECONNREFUSED" } });
    expectDiscreet(error);
    expect(client.retries).toBe(2);
  });

  it.each(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"])("row 01 %s twice, then a connection: a POST arrives once", async (code) => {
    const server = await faultyServer(always({ ok: 1 }));
    const { agent, attempts } = failingFirst(code, code);
    const client = calling(way, server.origin, { agent });
    expect(await client.hubspot.post("/a", { body: { a: 1 } })).toEqual({ ok: 1 });
    expect([attempts(), client.retries]).toEqual([3, 2]);
    expect(server.requests.map(({ body }) => body)).toEqual(['{"a":1}']);
    expectOwn(server.requests);
  });

  it("row 02 a resolver that is down (EAI_AGAIN) is asked three times; a POST arrives once", async () => {
    const server = await faultyServer(always({ ok: 1 }));
    const { agent, lookups } = resolvingAfter("EAI_AGAIN", "EAI_AGAIN");
    const client = calling(way, `http://localhost:${server.port}`, { agent });
    expect(await client.hubspot.post("/a", { body: {} })).toEqual({ ok: 1 });
    expect([lookups(), server.requests.length]).toEqual([3, 1]);
  });

  it("row 02 a name that does not exist (ENOTFOUND) is asked for twice; the failure is not remembered", async () => {
    const server = await faultyServer(always({ ok: 1 }));
    const { agent, lookups } = resolvingAfter("ENOTFOUND", "ENOTFOUND");
    const client = calling(way, `http://localhost:${server.port}`, { agent });
    const error = await rejectionOf(client.hubspot.get("/a"));
    expect(error).toMatchObject({ name: "NetworkError", phase: "dns", sent: false, cause: { code: "ENOTFOUND" } });
    expectDiscreet(error);
    expect([lookups(), server.connections]).toEqual([2, 0]);
    expect(await client.hubspot.get("/a")).toEqual({ ok: 1 });
  });

  it("row 03 a TLS handshake that hangs until undici gives up: tried three times, a POST too, nothing sent", async () => {
    const server = await faultyServer(always({}), {});
    const client = calling(way, server.origin.replace("http:", "https:"), { agent: { connectTimeout: 20 } });
    const error = await rejectionOf(client.hubspot.post("/a", { body: {} }));
    expect(error).toMatchObject({ name: "NetworkError", phase: "connect", sent: false, cause: { code: "UND_ERR_CONNECT_TIMEOUT" } });
    expect([client.retries, server.connections, server.requests.length]).toEqual([2, 3, 0]);
    await server.empty();
  });

  it("row 03 a connection that hangs past the call's deadline is a TimeoutError, for stream() and fetch() as well", async () => {
    const { hubspot } = calling(way, "http://127.0.0.1:8099", { agent: { connect: () => undefined }, timeoutMs: 50 });
    const calls = [hubspot.get("/a"), hubspot.stream("GET", "/a"), hubspot.fetch("/a")];
    for (const error of await Promise.all(calls.map(rejectionOf))) {
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ timeoutMs: 50, retryable: true });
      // A fetch does not say when a request is on its way.
      if (way.name === "dispatcher") expect(error).toMatchObject({ sent: false });
    }
  });

  it.each<
    [
      string,
      () => Promise<{ readonly origin: string; readonly received?: readonly Buffer[]; readonly sockets: readonly unknown[] }>,
      boolean,
    ]
  >([
    ["a self-signed certificate", () => tlsServer(selfSigned()), false],
    ["a certificate for another host", () => tlsServer(selfSigned({ ip: "127.0.0.2" })), true],
    ["an expired certificate", () => tlsServer(selfSigned({ expiresAtMs: Date.now() - 1_000 })), true],
    ["TLS 1.1", () => tlsServer({ ...selfSigned(), minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }), false],
    [
      "no TLS at all",
      async () => {
        const plain = await rawServer(message("plain"));
        return { ...plain, origin: plain.origin.replace("http:", "https:") };
      },
      false,
    ],
  ])("row 04 TL-02 %s: one connection, not a byte of the request, and no other try", async (_, start) => {
    const server = await start();
    const client = calling(way, server.origin);
    const calls = [client.hubspot.get("/a"), client.hubspot.stream("GET", "/a"), client.hubspot.fetch("/a")];
    for (const error of await Promise.all(calls.map(rejectionOf))) {
      expect(error).toMatchObject({ name: "NetworkError", phase: "tls", sent: false, retryable: false });
      expectDiscreet(error);
    }
    expect(client.retries).toBe(0);
    expect(server.sockets).toHaveLength(3);
    expect(server.received ?? []).toEqual([]);
  });

  it("row 31 a server that rotates its connections every fourth request fails no call, POST or GET", async () => {
    const server = await faultyServer((socket, { connection, target }) => {
      const served = (counts.get(connection) ?? 0) + 1;
      counts.set(connection, served);
      if (served < 4) socket.write(answerBytes({ target }));
      else socket.end(answerBytes({ target }, 200, { connection: "close" }));
    });
    const counts = new Map<number, number>();
    const client = calling(way, server.origin, { retry: false, agent: { connections: 4 } });
    const calls = Array.from({ length: 240 }, (_, n) => client.hubspot[n % 2 === 0 ? "get" : "post"](`/${n}`));
    expect(await Promise.all(calls)).toEqual(calls.map((_, n) => ({ target: `/${n}` })));
    expect(server.requests).toHaveLength(240);
    expect(server.connections).toBeGreaterThanOrEqual(60);
  });

  it("row 34 a proxy that wants other credentials (407): not sent, and no credentials in the error", async () => {
    const proxy = await proxyServer((socket) => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"));
    const through = new ProxyAgent({ uri: proxy.origin, token: "Basic cHJveHk6cHJveHktY2FuYXJ5", proxyTunnel: true });
    const client = calling(way, "http://127.0.0.1:8099", { through });
    const error = await rejectionOf(client.hubspot.post("/a", { body: {} }));
    // A fetch says no more than that it was ended.
    expect(error).toMatchObject({
      name: "NetworkError",
      ...(way.name === "dispatcher" ? { phase: "connect", sent: false } : { phase: "response", sent: true }),
    });
    expectDiscreet(error);
    expect(String(error) + String((error as Error).cause)).not.toContain("cHJveHk6");
    expect(proxy.seen.join("")).not.toContain(TOKEN);
  });

  it("row 34 a proxy that breaks off or answers nonsense: not sent; one that works carries the call", async () => {
    const api = await faultyServer(always({ ok: 1 }));
    let broken = 0;
    const proxy = await proxyServer((socket, head, port) => {
      if (broken++ < 2) return void (broken === 1 ? socket.destroy() : socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
      const beyond = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 Connection Established\r\n\r\n"));
      beyond.on("error", () => socket.destroy());
      beyond.write(head);
      socket.pipe(beyond).pipe(socket);
    });
    const through = new ProxyAgent({ uri: proxy.origin, proxyTunnel: true });
    const client = calling(way, api.origin, { through });
    // By fetch nobody knows that a POST was not sent, so it would not be sent again.
    const call = way.name === "dispatcher" ? client.hubspot.post("/a", { body: {} }) : client.hubspot.put("/a", { body: {} });
    expect(await call).toEqual({ ok: 1 });
    expect(api.requests.map(({ body }) => body)).toEqual(["{}"]);
    expect(client.retries).toBeGreaterThan(0);
  });
});

it("row 31 the Agent of our own offers HTTP/1.1 alone: no GOAWAY can end its requests", async () => {
  // Nobody's test runner: the way a server in production goes.
  for (const name of ["VITEST", "JEST_WORKER_ID", "NODE_TEST_CONTEXT"]) vi.stubEnv(name, undefined);
  const offered: (readonly string[])[] = [];
  const server = createTlsServer({
    ...selfSigned(),
    ALPNCallback: ({ protocols }) => {
      offered.push(protocols);
      return protocols[0];
    },
  }).on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const transport = createTransport({});
  onTestFinished(async () => {
    await transport.close();
    await new Promise((resolve) => server.close(resolve));
  });
  await rejectionOf(transport.send(wire(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)));
  expect(offered).toEqual([["http/1.1"]]);
});

/** An HTTP proxy, told what to do with each CONNECT. `seen` is all that came to it before a tunnel stood. */
async function proxyServer(
  onConnect: (socket: Duplex, head: Buffer, port: number) => void,
): Promise<{ readonly origin: string; readonly seen: readonly string[] }> {
  const seen: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createHttpServer((request, response) => {
    seen.push(JSON.stringify(request.headers));
    response.writeHead(500).end();
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, socket, head) => {
    seen.push(request.url ?? "");
    socket.on("error", () => undefined);
    onConnect(socket, head, Number(request.url?.split(":")[1]));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
