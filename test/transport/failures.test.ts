/** Every way a connection can fail, as the error it must become, by both ways to the wire; and what no error may hold. */
import type { LookupFunction, Socket } from "node:net";
import { inspect } from "node:util";
import type { Agent } from "undici";
import { describe, expect, it } from "vitest";
import { isHubSpotOAuthError, NetworkError } from "../../src/errors.js";
import { networkError } from "../../src/network-failure.js";
import { type FetchLike, sendByDispatcher, sendByFetch, type WireRequest } from "../../src/transport.js";
import { selfSigned } from "./certificate.js";
import { closedPort, httpServer, message, rawServer, tcpServer, tlsServer } from "./servers.js";
import { rejection, ways, wire } from "./ways.js";

const HOUR_MS = 3_600_000;
const OK = "HTTP/1.1 200 OK\r\n";
const destroy = (socket: Socket): void => void socket.destroy();
const reset = (socket: Socket): void => void socket.resetAndDestroy();
const end = (socket: Socket): void => void socket.end();

interface Fault {
  readonly name: string;
  /** Starts what fails, and says where. */
  readonly start: () => Promise<{ readonly origin: string; readonly agent?: Agent.Options }>;
  readonly phase: NetworkError["phase"];
  readonly sent: boolean;
  /** What a fetch, which does not say when a request is on its way, must answer instead. */
  readonly byFetch?: { readonly phase: NetworkError["phase"]; readonly sent: true };
}

const unsure = { phase: "response", sent: true } as const;

const faults: readonly Fault[] = [
  {
    name: "a name that does not resolve",
    start: async () => ({ origin: "http://api.invalid", agent: connectingBy({ lookup: lookupFailing("ENOTFOUND") }) }),
    phase: "dns",
    sent: false,
  },
  {
    name: "a resolver that is down",
    start: async () => ({ origin: "http://api.invalid", agent: connectingBy({ lookup: lookupFailing("EAI_AGAIN") }) }),
    phase: "dns",
    sent: false,
  },
  {
    name: "a refused connection",
    start: async () => ({ origin: `http://127.0.0.1:${await closedPort()}` }),
    phase: "connect",
    sent: false,
  },
  {
    name: "a connection refused on every address of a name",
    start: async () => ({ origin: `http://localhost:${await closedPort()}` }),
    phase: "connect",
    sent: false,
  },
  {
    name: "a connection that undici gives up",
    start: async () => ({ origin: (await tcpServer(() => undefined, "https")).origin, agent: { connectTimeout: 20 } }),
    phase: "connect",
    sent: false,
  },
  {
    name: "a connection that ends in the TLS handshake",
    start: () => tcpServer((socket) => socket.once("data", () => socket.end()), "https"),
    phase: "connect",
    sent: false,
    byFetch: unsure,
  },
  { name: "a reset before the answer", start: () => tcpServer(onData(reset)), phase: "response", sent: true },
  { name: "an end before the answer", start: () => tcpServer(onData(end)), phase: "response", sent: true },
  {
    name: "a reset after an informational answer",
    start: () => rawServer("HTTP/1.1 103 Early Hints\r\n\r\n", reset),
    phase: "response",
    sent: true,
  },
  { name: "an end within the headers", start: () => rawServer(`${OK}content-le`, end), phase: "response", sent: true },
  { name: "a reset within the body", start: () => rawServer(`${OK}content-length: 9\r\n\r\nhalf`, reset), phase: "body", sent: true },
  {
    name: "an end within a body of known length",
    start: () => rawServer(`${OK}content-length: 9\r\n\r\nhalf`, end),
    phase: "body",
    sent: true,
  },
  {
    name: "an end between chunks",
    start: () => rawServer(`${OK}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`, destroy),
    phase: "body",
    sent: true,
  },
  {
    name: "a chunk whose length is not a number",
    start: () => rawServer(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\nx\r\n`),
    phase: "body",
    sent: true,
  },
  { name: "what is not HTTP", start: () => rawServer("SSH-2.0-OpenSSH_9.7\r\n"), phase: "response", sent: true },
  { name: "headers of 1 MB", start: () => rawServer(`${OK}x-a: ${"a".repeat(1_000_000)}\r\n\r\n`), phase: "response", sent: true },
  { name: "two lengths", start: () => rawServer(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`), phase: "response", sent: true },
  {
    name: "a length beside chunks",
    start: () => rawServer(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`),
    phase: "response",
    sent: true,
  },
];

const tlsFaults: readonly {
  readonly name: string;
  readonly start: () => Promise<{ readonly origin: string; readonly agent?: Agent.Options; readonly received?: readonly Buffer[] }>;
}[] = [
  { name: "a self-signed certificate", start: () => tlsServer(selfSigned()) },
  { name: "a certificate for another host", start: () => trusted(selfSigned({ ip: "127.0.0.2" })) },
  { name: "an expired certificate", start: () => trusted(selfSigned({ expiresAtMs: Date.now() - HOUR_MS })) },
  {
    name: "a server that speaks no TLS",
    start: async () => ({ origin: (await rawServer(message("plain"))).origin.replace("http:", "https:") }),
  },
  {
    name: "a server that speaks only TLS 1.1",
    start: () => trusted({ ...selfSigned(), minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
  },
];

describe.each(ways)("by $name: a network failure", ({ name, open }) => {
  it.each(faults)("$name is a retryable NetworkError with its phase, and says whether it was sent", async (fault) => {
    const { origin, agent } = await fault.start();
    const error = await rejection(open(agent)(wire(origin)));
    expect(error).toBeInstanceOf(NetworkError);
    const expected = (name === "fetch" && fault.byFetch) || { phase: fault.phase, sent: fault.sent };
    expect(error).toMatchObject({ ...expected, retryable: true });
  });

  it.each(tlsFaults)("TL-02 $name is a TLS failure, which trying again does not mend, and nothing is sent", async ({ start }) => {
    const server = await start();
    const error = await rejection(open(server.agent)(wire(server.origin, { headers: { authorization: "Bearer secret" } })));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ phase: "tls", sent: false, retryable: false });
    expect(server.received ?? []).toEqual([]);
  });

  it("a certificate that is trusted and fits is no failure", async () => {
    const server = await trusted(selfSigned());
    expect((await open(server.agent)(wire(server.origin))).body.toString()).toBe("ok");
  });

  it("one failed answer does not fail the next request", async () => {
    let first = true;
    const server = await httpServer((request, response) => {
      if (first) request.socket.destroy();
      else response.end("fine");
      first = false;
    });
    const send = open({});
    await rejection(send(wire(server.origin)));
    expect((await send(wire(server.origin))).body.toString()).toBe("fine");
  });

  it("TN-05 an answer staged behind another never reaches the next request", async () => {
    const server = await tcpServer((socket) => {
      socket.on("data", (chunk: Buffer) => {
        const path = chunk.toString().split(" ")[1] ?? "";
        socket.write(message(`answer to ${path}`) + message("poison"));
      });
    });
    // Not Node 20's own fetch, whose undici is poisoned; requests that matter never go by it.
    const send = open({ connections: 1 });
    for (let round = 0; round < 5; round++) {
      // A rejection is as good: the request may be sent again, the poison may not be read.
      const body = await send(wire(server.origin, { path: `/${round}` })).then(
        (response) => response.body.toString(),
        () => `answer to /${round}`,
      );
      expect(body).toBe(`answer to /${round}`);
    }
  });
});

describe("what a network error keeps", () => {
  const canaries = ["canary-token", "canary/key+1", "canary form value", "canary-secret"];
  const base64 = Buffer.from("canary-token").toString("base64");
  const request: Partial<WireRequest> = {
    method: "POST",
    path: `/p?hapikey=${encodeURIComponent("canary/key+1")}`,
    headers: { authorization: "Bearer canary-token", "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ code: "canary form value", client_secret: "canary-secret" }).toString(),
  };

  /** Which canaries can be found in an error by any means. */
  function leaks(error: unknown): string[] {
    if (!isHubSpotOAuthError(error)) throw error;
    const shown = [inspect(error, { depth: 10, showHidden: true }), error.stack, JSON.stringify(error)].join("\n");
    return [...canaries, ...canaries.map(encodeURIComponent), "canary+form+value", "hapikey", base64].filter((text) =>
      shown.includes(text),
    );
  }

  // A server that echoes the request into what breaks the parser: undici keeps those bytes in HTTPParserError.data.
  it.each(ways)("by $name: no token, query, form value or raw bytes, when the server echoes them all", async ({ open }) => {
    const { origin } = await tcpServer((socket) =>
      socket.on("data", (chunk) => socket.write(Buffer.concat([Buffer.from("NOT HTTP "), chunk]))),
    );
    expect(leaks(await rejection(open()(wire(origin, request))))).toEqual([]);
  });

  it.each(ways)("by $name: nothing of the raw answer", async ({ open }) => {
    const { origin } = await rawServer("raw-canary-bytes\r\n\r\n");
    expect(inspect(await rejection(open()(wire(origin))), { depth: 10, showHidden: true })).not.toContain("raw-canary");
  });

  it.each([
    ["the token", "refused Bearer canary-token"],
    ["the query", `refused /p?hapikey=${encodeURIComponent("canary/key+1")}`],
    ["a decoded query value", "refused canary/key+1"],
    ["a form value", "refused canary form value"],
    ["the form", `refused ${request.body as string}`],
    ["the token in base64", `refused ${base64}`],
  ])("not the message of a dispatcher or fetch that quotes %s", async (_, text) => {
    const thrown = Object.assign(new Error(text), { code: "ECONNRESET", request: text, options: { headers: text } });
    const throwing = {
      dispatch: () => {
        throw thrown;
      },
    };
    const rejecting: FetchLike = () => Promise.reject(new TypeError("fetch failed", { cause: thrown }));
    const refused = wire("http://127.0.0.1:1234", request);
    for (const error of [await rejection(sendByDispatcher(throwing, refused)), await rejection(sendByFetch(rejecting, refused))]) {
      expect(leaks(error)).toEqual([]);
      expect((error as NetworkError).cause).toMatchObject({ code: "ECONNRESET" });
    }
  });

  it("the code and the message of the cause, when they are harmless", async () => {
    const error = await rejection(sendByFetch(fetch, wire(`http://127.0.0.1:${await closedPort()}`, request)));
    expect(error).toMatchObject({ message: expect.stringContaining("POST /p could not be sent to HubSpot (ECONNREFUSED)") as string });
    expect((error as NetworkError).cause).toMatchObject({
      code: "ECONNREFUSED",
      message: expect.stringContaining("connect ECONNREFUSED") as string,
    });
  });

  it("finds the code inside causes and aggregates", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    for (const thrown of [
      new AggregateError([refused, refused]),
      new TypeError("fetch failed", { cause: new AggregateError([refused]) }),
    ]) {
      const error = networkError(thrown, wire("http://127.0.0.1:1234"), { started: undefined, answered: false });
      expect(error).toMatchObject({ phase: "connect", sent: false, cause: { code: "ECONNREFUSED" } });
    }
  });

  it.each<[string, unknown]>([
    ["a string", "boom"],
    ["undefined", undefined],
    ["null", null],
    ["an object that is no Error", { code: "ECONNRESET" }],
    ["an Error whose code is a number", Object.assign(new Error("x"), { code: 20 })],
    ["an Error that is its own cause", selfCaused()],
    ["an AggregateError of nothing", new AggregateError([])],
  ])("%s that was thrown becomes a NetworkError all the same", (_, thrown) => {
    const error = networkError(thrown, wire("http://127.0.0.1:1234"), { started: undefined, answered: false });
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ phase: "response", sent: true, retryable: true });
  });
});

function selfCaused(): Error {
  const error = new Error("again");
  error.cause = error;
  return error;
}

function onData(act: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => void socket.once("data", () => act(socket));
}

/** undici hands these to node's `connect`; its types do not list them. */
function connectingBy(connect: { readonly lookup: LookupFunction }): Agent.Options {
  return { connect };
}

function lookupFailing(code: string): LookupFunction {
  return (hostname, _options, callback) => {
    callback(Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, syscall: "getaddrinfo", hostname }), "", 4);
  };
}

/** A TLS server, and an Agent that trusts its certificate. */
async function trusted(
  options: Parameters<typeof tlsServer>[0],
): Promise<Awaited<ReturnType<typeof tlsServer>> & { readonly agent: Agent.Options }> {
  return { ...(await tlsServer(options)), agent: { connect: { ca: String(options.cert) } } };
}
