/** Which way a request goes: the order of the options, mocks, test runners and global dispatchers. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { build } from "tsup";
import { Agent, getGlobalDispatcher, MockAgent, setGlobalDispatcher } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createTransport, type TransportOptions } from "../../src/choose-transport.js";
import { ConfigurationError, NetworkError } from "../../src/errors.js";
import type { DispatcherLike, FetchLike } from "../../src/transport.js";
import { httpServer } from "./servers.js";
import { rejection, wire } from "./ways.js";

const REGISTERED = Symbol.for("hubspot-oauth.fetch");
const NOWHERE = "https://api.hubapi.com";

const answering =
  (text: string): FetchLike =>
  () =>
    Promise.resolve(new Response(text));

/** Which of the ways that stand one request takes. */
async function wayOf(options: TransportOptions = {}, origin = NOWHERE): Promise<string> {
  const transport = createTransport(options);
  try {
    return (await transport.send(wire(origin))).body.toString();
  } finally {
    await transport.close();
  }
}

function register(fetch: FetchLike): void {
  Object.assign(globalThis, { [REGISTERED]: fetch });
  onTestFinished(() => void Reflect.deleteProperty(globalThis, REGISTERED));
}

function mockAgent(): MockAgent {
  const agent = new MockAgent();
  agent.disableNetConnect();
  agent.get(NOWHERE).intercept({ path: "/crm/v3/objects/contacts" }).reply(200, "mock agent").persist();
  onTestFinished(() => agent.close());
  return agent;
}

function setGlobally(dispatcher: Parameters<typeof setGlobalDispatcher>[0]): void {
  const before = getGlobalDispatcher();
  setGlobalDispatcher(dispatcher);
  onTestFinished(() => setGlobalDispatcher(before));
}

/** Each stands in front of the ones after it. */
const order: readonly { readonly name: string; readonly stand: () => TransportOptions | void }[] = [
  { name: "fetch option", stand: () => ({ fetch: answering("fetch option") }) },
  { name: "mock agent", stand: () => setGlobally(mockAgent()) },
  { name: "registered fetch", stand: () => register(answering("registered fetch")) },
  { name: "global fetch", stand: () => void vi.stubGlobal("fetch", answering("global fetch")) },
];

describe("under a test runner", () => {
  it.each(order.map(({ name }, index) => ({ name, index })))("the $name wins over everything after it", async ({ name, index }) => {
    const options = Object.assign({}, ...order.slice(index).map(({ stand }) => stand() ?? {})) as TransportOptions;
    expect(await wayOf(options)).toBe(name);
  });

  it("the dispatcher option wins over a global MockAgent, a registered and the global fetch", async () => {
    for (const { stand } of order.slice(1)) stand();
    const server = await httpServer((_request, response) => response.end("dispatcher option"));
    const dispatcher = new Agent();
    onTestFinished(() => dispatcher.destroy());
    expect(await wayOf({ dispatcher }, server.origin)).toBe("dispatcher option");
  });

  it("a MockAgent as dispatcher option works, composed too", async () => {
    expect(await wayOf({ dispatcher: mockAgent() })).toBe("mock agent");
    expect(await wayOf({ dispatcher: mockAgent().compose((dispatch) => dispatch) })).toBe("mock agent");
  });

  it("a composed or derived MockAgent that stands globally is recognised", async () => {
    class OurMockAgent extends MockAgent {}
    const derived = new OurMockAgent();
    derived.get(NOWHERE).intercept({ path: "/crm/v3/objects/contacts" }).reply(200, "derived");
    vi.stubGlobal("fetch", answering("global fetch"));
    setGlobally(derived);
    expect(await wayOf()).toBe("derived");
    setGlobally(mockAgent().compose((dispatch) => dispatch));
    expect(await wayOf()).toBe("mock agent");
  });

  it("a request that no MockAgent route meets is a NetworkError, and nothing is sent", async () => {
    const server = await httpServer((_request, response) => response.end());
    setGlobally(mockAgent());
    expect(await rejection(wayOf({}, server.origin))).toBeInstanceOf(NetworkError);
    expect(server.sockets).toHaveLength(0);
  });

  it("an application's own global dispatcher is not used: mocks of fetch must see the request", async () => {
    setGlobally(new Agent({ connections: 1 }));
    vi.stubGlobal("fetch", answering("global fetch"));
    expect(await wayOf()).toBe("global fetch");
  });

  it("the global fetch is that of the moment of each request, one transport or not", async () => {
    const transport = createTransport({});
    for (const text of ["first", "second"]) {
      vi.stubGlobal("fetch", answering(text));
      expect((await transport.send(wire(NOWHERE))).body.toString()).toBe(text);
    }
    setGlobally(mockAgent());
    expect((await transport.send(wire(NOWHERE))).body.toString()).toBe("mock agent");
    register(answering("registered fetch"));
    expect((await transport.send(wire(NOWHERE))).body.toString()).toBe("mock agent");
  });

  it.each(["VITEST", "JEST_WORKER_ID", "NODE_TEST_CONTEXT"])("%s alone says that this is one", async (variable) => {
    for (const name of ["VITEST", "JEST_WORKER_ID", "NODE_TEST_CONTEXT"]) vi.stubEnv(name, name === variable ? "1" : undefined);
    vi.stubGlobal("fetch", answering("global fetch"));
    expect(await wayOf()).toBe("global fetch");
  });

  it("testing/register calls the global fetch of the moment, outside a known runner too", async () => {
    for (const name of ["VITEST", "JEST_WORKER_ID", "NODE_TEST_CONTEXT"]) vi.stubEnv(name, undefined);
    onTestFinished(() => void Reflect.deleteProperty(globalThis, REGISTERED));
    await import("../../src/testing/register.js");
    vi.stubGlobal("fetch", answering("stubbed after the import"));
    expect(await wayOf()).toBe("stubbed after the import");
  });

  it("msw's plain setupServer sees every request, and an error of its own is a NetworkError", async () => {
    const server = setupServer(http.get(`${NOWHERE}/crm/v3/objects/contacts`, () => HttpResponse.text("msw"), { once: true }));
    server.listen({ onUnhandledRequest: "error" });
    onTestFinished(() => server.close());
    expect(await wayOf()).toBe("msw");
    server.use(http.get(`${NOWHERE}/crm/v3/objects/contacts`, () => HttpResponse.error()));
    expect(await rejection(wayOf())).toBeInstanceOf(NetworkError);
  });
});

it("a dispatcher of undici 6 is refused before anything is written", async () => {
  const aborted: Error[] = [];
  // As undici 6 calls a handler: onConnect first, and onError when that aborted.
  const six = {
    dispatch(_options: object, handler: { onConnect(abort: (reason: Error) => void): void; onError(error: Error): void }): boolean {
      handler.onConnect((reason) => {
        aborted.push(reason);
        handler.onError(reason);
      });
      return true;
    },
  } as unknown as DispatcherLike;
  const error = await rejection(wayOf({ dispatcher: six }));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ retryable: false, message: expect.stringContaining("undici 7 or 8") as string });
  expect(aborted).toEqual([error]);
});

describe("in an application, outside a test runner", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const which = fileURLToPath(new URL("fixtures/which-way.mjs", import.meta.url));
  let folder = "";
  let origin = "";
  let proxy = "";
  /** Requests and tunnels that the proxy was asked for. */
  let proxied = 0;
  const servers = [createServer(reply), createServer(reply)];

  function reply(request: IncomingMessage, response: ServerResponse): void {
    if (request.url?.startsWith("http://") === true) proxied++;
    response.end(JSON.stringify({ way: request.headers["x-way"] ?? "none" }));
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hubspot-oauth-"));
    // The built file must find the same undici as the application.
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    await build({
      entry: [join(root, "src/choose-transport.ts")],
      outDir: folder,
      format: "esm",
      target: "node20",
      config: false,
      dts: false,
      silent: true,
      removeNodeProtocol: false,
    });
    for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    [origin = "", proxy = ""] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    servers[1]?.on("connect", (request: IncomingMessage, client: Socket) => {
      proxied++;
      const { port } = new URL(`http://${request.url}`);
      const tunnel = connect(Number(port), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        client.pipe(tunnel).pipe(client);
      });
    });
  });

  beforeEach(() => {
    proxied = 0;
  });

  afterAll(async () => {
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(folder, { recursive: true });
  });

  async function run(
    choice: string,
    first: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ dispatched: number; way: string; later: string }> {
    const library = pathToFileURL(join(folder, "choose-transport.js")).href;
    const { stdout } = await promisify(execFile)(process.execPath, [which, library, origin, proxy, choice, first], {
      cwd: folder,
      env: { PATH: process.env["PATH"], ...env },
    });
    return JSON.parse(stdout) as { dispatched: number; way: string; later: string };
  }

  // That the library may come first with any choice, "later" shows: it is set after the first request.
  it.each([
    ["nothing", "application-first"],
    ["nothing", "library-first"],
    ["builtin fetch first", "application-first"],
    ["builtin fetch first", "library-first"],
    ["an Agent without options", "application-first"],
  ])("%s (%s): an Agent of our own", async (choice, first) => {
    expect(await run(choice, first)).toEqual({ dispatched: 0, way: "none", later: "composed" });
  });

  it.each([
    ["an Agent with options", { dispatched: 1, way: "none" }],
    ["an Agent with a connect function", { dispatched: 1, way: "none" }],
    ["an Agent with a factory", { dispatched: 1, way: "none" }],
    ["a subclass of Agent", { dispatched: 1, way: "none" }],
    ["a subclass that is called Agent, too", { dispatched: 1, way: "none" }],
    ["a RetryAgent", { dispatched: 1, way: "none" }],
    ["a composed Agent", { way: "composed" }],
  ])("%s: the application's choice", async (choice, expected) => {
    expect(await run(choice, "application-first")).toMatchObject({ ...expected, later: "composed" });
  });

  it.each(["a ProxyAgent", "an EnvHttpProxyAgent"])("%s: the application's choice, and through its proxy", async (choice) => {
    expect(await run(choice, "application-first")).toMatchObject({ dispatched: 1, later: "composed" });
    expect(proxied).toBe(1);
  });

  it("nothing, with NODE_USE_ENV_PROXY=1: an Agent of our own, and through the environment's proxy", async () => {
    expect(await run("nothing", "library-first", { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: proxy })).toMatchObject({ dispatched: 0 });
    expect(proxied).toBe(1);
  });

  it("nothing, with a proxy in the environment that nobody asked to use: straight to the origin", async () => {
    expect(await run("nothing", "library-first", { HTTP_PROXY: proxy })).toMatchObject({ way: "none" });
    expect(proxied).toBe(0);
  });
});
