/**
 * Requests of HubSpot at servers of every kind: the same rules under Fetch (alone and under Hono), `node:http`, Express, Connect, Koa and
 * Fastify. Each server answers what it was told of a request, or why it refused it.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import connect from "connect";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { Agent, request as send } from "undici";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { requireHubSpotSignature } from "../../src/handlers/fastify.js";
import { type SignedRequestOptions, type VerifiedRequest, verifyHubSpotRequest as verifyFetch } from "../../src/handlers/fetch.js";
import { verifyHubSpotRequest as verifyNode } from "../../src/handlers/node.js";
import { RequestSignatureError } from "../../src/index.js";
import { SECRET, SENT_AT_MS, v2Headers, v3Headers } from "../support/hubspot-signature.js";

const ORIGIN = "https://app.example.com";
const OPTIONS: SignedRequestOptions = { clientSecret: SECRET, publicOrigin: ORIGIN, now: () => SENT_AT_MS, maxBodyBytes: 100_000 };

/** How a kind of server serves `/hooks/hubspot`; answers its origin. */
interface Adapter {
  readonly name: string;
  readonly serve: (options: SignedRequestOptions) => Promise<string>;
}

interface Verdict {
  readonly status: number;
  readonly json: unknown;
}

function taken({ version, sentAtMs, body }: VerifiedRequest): Verdict {
  return { status: 200, json: { version, sentAtMs, body: body.toString("base64") } };
}

function refused(error: unknown): Verdict {
  if (!(error instanceof RequestSignatureError)) return { status: 500, json: { message: (error as Error).message } };
  return { status: error.reason === "too-large" ? 413 : 401, json: { reason: error.reason } };
}

async function originOf(server: ReturnType<typeof createAdaptorServer> | ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    if ("closeAllConnections" in server) server.closeAllConnections();
    await closed;
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answerNode(options: SignedRequestOptions): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) =>
    void verifyNode(request, options)
      .then(taken, refused)
      .then(({ status, json }) => response.writeHead(status).end(JSON.stringify(json)));
}

/** Under a router that cuts off the beginning of the path. */
function underExpress(name: string, framework: typeof express, before: readonly RequestListener[] = []): Adapter {
  return {
    name,
    serve: (options) => {
      const router = framework.Router();
      router.all("/hubspot", answerNode(options));
      const app = framework();
      for (const middleware of before) app.use(middleware);
      app.use("/hooks", router);
      return originOf(createServer(app));
    },
  };
}

const ADAPTERS: readonly Adapter[] = [
  {
    name: "Hono",
    serve: (options) => {
      const app = new Hono();
      app.all("/hooks/hubspot", async (context) => {
        const { status, json } = await verifyFetch(context.req.raw, options).then(taken, refused);
        return Response.json(json, { status });
      });
      return originOf(createAdaptorServer({ fetch: app.fetch }));
    },
  },
  { name: "node:http", serve: (options) => originOf(createServer(answerNode(options))) },
  underExpress("Express 5", express),
  underExpress("Express 4", createRequire(import.meta.url)("express-4") as typeof express),
  underExpress("Express behind express.raw", express, [express.raw({ type: () => true }) as unknown as RequestListener]),
  {
    name: "Connect",
    serve: (options) => originOf(createServer(connect().use("/hooks/hubspot", answerNode(options)))),
  },
  {
    name: "Koa",
    serve: (options) => {
      const app = new Koa();
      app.use(async (context) => {
        const { status, json } = await verifyNode(context.req, options).then(taken, refused);
        context.status = status;
        context.body = json;
      });
      const callback = app.callback();
      return originOf(createServer((request, response) => void callback(request, response)));
    },
  },
  {
    name: "Fastify",
    serve: async (options) => {
      const server = fastify({ forceCloseConnections: true });
      onTestFinished(() => server.close());
      server.setErrorHandler((error, _request, reply) => reply.send(refused(error).json));
      server.removeAllContentTypeParsers();
      server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
      server.all("/hooks/hubspot", { preParsing: requireHubSpotSignature(options) }, (request) => {
        const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
        return { version: "v3", sentAtMs: SENT_AT_MS, body: body.toString("base64") };
      });
      await server.listen({ port: 0, host: "127.0.0.1" });
      return `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
    },
  },
];

interface Sent {
  readonly method?: "GET" | "POST";
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

/** Sends a request as HubSpot would, or with other headers than it would have. */
async function deliver(origin: string, { method = "POST", path = "/hooks/hubspot", body = "", headers }: Sent): Promise<Verdict> {
  const dispatcher = new Agent({ allowH2: false });
  onTestFinished(() => dispatcher.destroy());
  const signed = headers ?? v3Headers({ method, url: ORIGIN + path, body });
  const raw = method === "GET" ? undefined : Buffer.from(body);
  const { statusCode, body: answer } = await send(origin + path, {
    method,
    dispatcher,
    headers: { "content-type": "application/json", ...signed },
    ...(raw !== undefined && { body: raw }),
  });
  return { status: statusCode, json: await answer.json() };
}

const took = (body: string | Uint8Array = "", version = "v3"): Verdict => ({
  status: 200,
  json: { version, ...(version === "v3" && { sentAtMs: SENT_AT_MS }), body: Buffer.from(body).toString("base64") },
});
const no = (reason: string): Verdict => ({ status: reason === "too-large" ? 413 : 401, json: { reason } });

const body = '[ {"eventId" : 1, "propertyValue":"Zoë"} ]\n';
const url = `${ORIGIN}/hooks/hubspot`;

/** What is sent, and what must come of it. */
const CASES: readonly (readonly [string, Sent, Verdict])[] = [
  ["a webhook of HubSpot passes, its body as it came", { body }, took(body)],
  [
    "bytes that are no text pass as they came",
    { body: Uint8Array.of(0, 255, 195, 40, 13, 10) },
    took(Uint8Array.of(0, 255, 195, 40, 13, 10)),
  ],
  ["a body in many pieces passes", { body: "x".repeat(100_000) }, took("x".repeat(100_000))],
  ["a POST without a body passes", {}, took()],
  ["a GET passes", { method: "GET", path: "/hooks/hubspot?userId=1&userEmail=a%40b.example&q=a%20b" }, took()],
  ["a query passes as it was written", { body, path: "/hooks/hubspot?b=%3A%2F&a=1&a=&&c=%C3%A9+%26" }, took(body)],
  ["an unsigned request is refused", { body, headers: {} }, no("missing")],
  ["one signed with another secret is refused", { body, headers: v3Headers({ method: "POST", url, body }, "another") }, no("mismatch")],
  ["one whose body was changed is refused", { body: `${body} `, headers: v3Headers({ method: "POST", url, body }) }, no("mismatch")],
  ["one for another path is refused", { body, headers: v3Headers({ method: "POST", url: `${url}/x`, body }) }, no("mismatch")],
  [
    "one of six minutes ago is refused",
    { body, headers: v3Headers({ method: "POST", url, body }, SECRET, String(SENT_AT_MS - 360_000)) },
    no("expired"),
  ],
  ["v2 alone is refused", { body, headers: v2Headers({ method: "POST", url, body }) }, no("unaccepted-version")],
  [
    "one with a header that came twice is refused",
    {
      body,
      headers: {
        ...v3Headers({ method: "POST", url, body }),
        "X-HubSpot-Signature-v3": Object.values(v3Headers({ method: "POST", url, body }))
          .slice(0, 1)
          .flatMap((value) => [value, value]),
      },
    },
    no("malformed"),
  ],
  ["a body that is larger than the cap is refused, and that is answered", { body: "x".repeat(100_001) }, no("too-large")],
  [
    "what Host and X-Forwarded-* claim is not believed",
    {
      body,
      headers: {
        ...v3Headers({ method: "POST", url: "https://evil.example/hooks/hubspot", body }),
        host: "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "https",
        forwarded: "host=evil.example;proto=https",
      },
    },
    no("mismatch"),
  ],
  [
    "behind a proxy, whatever it claims, the public URL counts",
    { body, headers: { ...v3Headers({ method: "POST", url, body }), host: "internal:8080", "x-forwarded-host": "other.example" } },
    took(body),
  ],
];

describe.each(ADAPTERS.map((adapter) => [adapter.name, adapter] as const))("under %s", (name, { serve }) => {
  it.each(CASES)("%s", async (_, sent, verdict) => {
    const origin = await serve(OPTIONS);
    // express.raw has a cap of its own, and does not read what has no body.
    if (name === "Express behind express.raw" && verdict.status === 413) expect((await deliver(origin, sent)).status).toBe(413);
    else expect(await deliver(origin, sent)).toEqual(verdict);
  });

  it("v2 passes where it is accepted", async () => {
    const origin = await serve({ ...OPTIONS, versions: ["v3", "v2"] });
    expect((await deliver(origin, { body, headers: v2Headers({ method: "POST", url, body }) })).status).toBe(200);
  });
});

describe("a body that somebody has read before is a TypeError that says so, and never an empty one", () => {
  it("after express.json", async () => {
    const origin = await underExpress("", express, [express.json() as unknown as RequestListener]).serve(OPTIONS);
    const { status, json } = await deliver(origin, { body });
    expect([status, (json as { message: string }).message]).toEqual([500, expect.stringContaining("before the body parser")]);
  });

  it("after request.json()", async () => {
    const request = new Request(url, { method: "POST", body, headers: v3Headers({ method: "POST", url, body }) });
    await request.json();
    await expect(verifyFetch(request, OPTIONS)).rejects.toThrow(/^The request's body was read before/);
  });

  it("after setEncoding", async () => {
    const server = createServer((request, response) => {
      request.setEncoding("utf8");
      answerNode(OPTIONS)(request, response);
    });
    const { status, json } = await deliver(await originOf(server), { body });
    expect([status, (json as { message: string }).message]).toEqual([500, expect.stringContaining("must stay bytes")]);
  });
});

describe("options that cannot be right are a TypeError", () => {
  it.each<[string, Partial<Record<keyof SignedRequestOptions, unknown>>, RegExp]>([
    ["no origin", { publicOrigin: undefined }, /^publicOrigin must be/],
    ["a path in the origin", { publicOrigin: "https://app.example.com/hooks" }, /^publicOrigin must be/],
    ["http", { publicOrigin: "http://app.example.com" }, /^publicOrigin must be/],
    ["no secret", { clientSecret: "" }, /^clientSecret must be/],
    ["an unset secret", { clientSecret: undefined }, /^clientSecret must be/],
    ["no cap", { maxBodyBytes: 0 }, /^maxBodyBytes must be/],
    ["an endless cap", { maxBodyBytes: Number.POSITIVE_INFINITY }, /^maxBodyBytes must be/],
    ["a misspelt one", { origin: "https://app.example.com" } as never, /has no option "origin"/],
  ])("%s", async (_, change, message) => {
    const options = { ...OPTIONS, ...change } as SignedRequestOptions;
    expect(() => requireHubSpotSignature(options)).toThrow(message);
    await expect(verifyFetch(new Request(url), options)).rejects.toThrow(message);
    await expect(verifyNode({} as IncomingMessage, options)).rejects.toThrow(message);
  });
});

test.each(["*", "http://evil.example/hooks/hubspot", "@evil.example", "", "//evil.example"])(
  "a request for %j is refused before its signature is looked at, or as another URL",
  async (target) => {
    const request = { method: "POST", url: target, headers: {}, body: Buffer.from(body) } as unknown as IncomingMessage;
    await expect(verifyNode(request, OPTIONS)).rejects.toThrow(RequestSignatureError);
  },
);
