/** What the handlers refuse when they are made, and what holds for one adapter alone. */
import { once } from "node:events";
import { createServer } from "node:http";
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2";
import fastify, { type FastifyRequest } from "fastify";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { createPlugin } from "../../src/handlers/fastify.js";
import { createHandlers } from "../../src/handlers/fetch.js";
import { createHandlers as createNodeHandlers } from "../../src/handlers/node.js";
import { offline } from "../client/flow.js";
import { originOf } from "./contract.js";

const good = { connectPath: "/connect", session: () => ({ accountIds: ["1"] }), onConnected: () => "/done" };

describe("a wrong option is a TypeError that names it", () => {
  it.each<[string, object]>([
    ["session", { session: undefined }],
    ["onConnected", { onConnected: "/done" }],
    ["connectPath", { connectPath: "https://app.example.com/connect" }],
    ["connectPath", { connectPath: "/connect?a=b" }],
    ["returnTo", { returnTo: "//evil.example" }],
    ["onError", { onError: true }],
    ["marketplaceInstall", { marketplaceInstall: "always" }],
    ["extraScopes", { extraScopes: "crm.objects.deals.read" }],
    ["revokes", { disconnect: { revokes: true } }],
    ["revoke", { disconnect: { revoke: "unless_shared" } }],
    ["onDone", { onDone: () => "/" }],
  ])("%s: %o", (name, wrong) => {
    expect(() => createHandlers(offline(), { ...good, ...wrong })).toThrow(TypeError);
    expect(() => createHandlers(offline(), { ...good, ...wrong })).toThrow(name);
  });
});

test("without onError a failure of the operator's is a process warning, one of the customer's is not", async () => {
  const broken = (): never => {
    throw new RangeError("no client");
  };
  const { connect } = createHandlers(broken, good);
  const warned = once(process, "warning");
  expect((await createHandlers(broken, { ...good, session: () => null }).connect(new Request("https://a.example/connect"))).status).toBe(
    401,
  );
  expect((await connect(new Request("https://a.example/connect"))).status).toBe(500);
  expect(((await warned) as [Error])[0]).toMatchObject({ name: "RangeError", message: "no client" });
});

test.each([false, "", 0, null, undefined])("a session that is %o is nobody's", async (session) => {
  const { connect } = createHandlers(offline(), { ...good, session: () => session as never });
  expect((await connect(new Request("https://a.example/connect"))).status).toBe(401);
});

test("account ids that are no list allow no account", async () => {
  const codes: string[] = [];
  const { connect, disconnect } = createHandlers(offline(), {
    ...good,
    session: () => ({ accountIds: "24681012" as never }),
    onError: ({ code, error }) => void codes.push(`${code} ${String(error)}`),
  });
  expect((await connect(new Request("https://a.example/connect?account=2468"))).status).toBe(500);
  expect((await disconnect(new Request("https://a.example/disconnect?account=2468", { method: "POST" }))).status).toBe(500);
  expect(codes).toEqual(Array.from({ length: 2 }, () => "unexpected TypeError: accountIds of the session must be a list of account ids."));
});

test("a client that is made late is made at the first request, and a failure to make it is an answer", async () => {
  let made = 0;
  const { connect } = createHandlers(() => {
    made += 1;
    return offline();
  }, good);
  expect(made).toBe(0);
  expect((await connect(new Request("https://a.example/connect"))).status).toBe(303);
  expect(made).toBe(1);
});

test("node: a response that somebody else has sent meanwhile is left alone", async () => {
  const { connect } = createNodeHandlers(offline(), good);
  const server = createServer((request, response) => {
    response.writeHead(504, { "content-type": "text/plain" }).end("timeout of the framework");
    connect(request, response).catch(() => response.destroy());
  });
  const answer = await fetch(`${await originOf(server)}/connect`);
  expect([answer.status, await answer.text()]).toEqual([504, "timeout of the framework"]);
});

test("node: over HTTP/2 a form's Origin is compared with :authority", async () => {
  const { disconnect } = createNodeHandlers(offline(), good);
  const server = createHttp2Server((request, response) => {
    disconnect(request as never, response as never).catch(() => response.stream.destroy());
  });
  const origin = await originOf(server);
  const client = connectHttp2(origin);
  onTestFinished(() => client.destroy());
  const statuses: unknown[] = [];
  for (const from of [origin, "http://evil.example"]) {
    const stream = client.request({ ":method": "POST", ":path": "/disconnect?account=1", origin: from });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    statuses.push(headers[":status"]);
    stream.resume().end();
  }
  expect(statuses, "connected to nothing, so there is nothing to do: back; and refused").toEqual([303, 403]);
});

test("Fastify: the plugin's way with bodies stays inside it, the paths are options, and hooks of the application reach it", async () => {
  const app = fastify();
  onTestFinished(() => app.close());
  const seen: string[] = [];
  app.addHook("onRequest", async (request) => void seen.push(request.url));
  const session = (request: FastifyRequest) => (request.headers["x-user"] === undefined ? undefined : {});
  const paths = { connect: "/go", callback: "/back", disconnect: "/leave" };
  await app.register(createPlugin(offline(), { session, onConnected: () => "/done", paths }), { prefix: "/crm" });
  app.post("/json", async ({ body }) => body);
  const echoed = await app.inject({ method: "POST", url: "/json", payload: { a: 1 } });
  expect(echoed.json()).toEqual({ a: 1 });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await app.inject({ method: "POST", url: "/json", headers: form, payload: "a=1" })).statusCode).toBe(415);
  const go = await app.inject({ method: "POST", url: "/crm/go?return_to=/a", headers: { ...form, "x-user": "u" }, payload: "a=1" });
  expect(go.statusCode).toBe(303);
  const refused = await app.inject({ url: "/crm/go?return_to=/a", headers: { accept: "application/json" } });
  expect(refused.json()).toMatchObject({ error: "not_signed_in", retry: "/crm/go?return_to=%2Fa" });
  expect((await app.inject({ method: "PUT", url: "/crm/leave" })).statusCode).toBe(405);
  expect(seen).toHaveLength(5);
});
