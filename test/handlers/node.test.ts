/** The handlers on requests and responses of Node: `node:http`, Express 5 and 4, Connect, Koa. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import connect from "connect";
import express from "express";
import Koa from "koa";
import { expect, it } from "vitest";
import { createHandlers, type NodeHandlers } from "../../src/handlers/node.js";
import { type Adapter, APP_COOKIE, type AppUnderTest, originOf, runHandlerContract } from "./contract.js";

const NAMES = ["connect", "callback", "disconnect"] as const;
const cookieOf = (request: IncomingMessage): string | undefined => request.headers.cookie;
const handlersOf = ({ source, options }: AppUnderTest): NodeHandlers => createHandlers(source, options(cookieOf));

const http: Adapter = {
  name: "node:http",
  serve: (app) => {
    const handlers = handlersOf(app);
    const server = createServer((request, response) => {
      response.setHeader("set-cookie", APP_COOKIE);
      const name = NAMES.find((candidate) => request.url?.startsWith(`/hubspot/${candidate}`));
      if (name === undefined) response.writeHead(404).end();
      else handlers[name](request, response).catch(app.escaped);
    });
    return originOf(server);
  },
};

/** Mounted, behind a body parser that has read the form already. */
function underExpress(name: string, framework: typeof express): Adapter {
  return {
    name,
    serve: (app) => {
      const handlers = handlersOf(app);
      const router = framework.Router();
      for (const route of NAMES) router.all(`/${route}`, handlers[route]);
      const server = framework();
      server.use(framework.urlencoded({ extended: false }), framework.json());
      server.use((_request, response, next) => {
        response.append("set-cookie", APP_COOKIE);
        next();
      });
      server.use("/hubspot", router);
      const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
        app.escaped(error);
        response.status(500).end();
      };
      server.use(onError);
      return originOf(createServer(server));
    },
  };
}

const underConnect: Adapter = {
  name: "Connect",
  serve: (app) => {
    const handlers = handlersOf(app);
    const server = connect();
    server.use((_request, response, next) => {
      response.setHeader("set-cookie", [APP_COOKIE]);
      next();
    });
    for (const name of NAMES)
      server.use(`/hubspot/${name}`, (request, response, next) => void handlers[name](request, response, next).catch(app.escaped));
    server.use((error: unknown, _request: IncomingMessage, response: import("node:http").ServerResponse, _next: connect.NextFunction) => {
      app.escaped(error);
      response.writeHead(500).end();
    });
    return originOf(createServer(server));
  },
};

const koa: Adapter = {
  name: "Koa",
  serve: (app) => {
    const handlers = handlersOf(app);
    const server = new Koa();
    server.on("error", app.escaped);
    server.use(async (context, next) => {
      context.cookies.set("theme", "dark", { httpOnly: false });
      const name = NAMES.find((candidate) => context.path === `/hubspot/${candidate}`);
      if (name === undefined) return next();
      context.respond = false;
      await handlers[name](context.req, context.res);
    });
    const answer = server.callback();
    return originOf(createServer((request, response) => void answer(request, response)));
  },
};

it.each<[string, () => Response]>([
  [
    "whose body breaks off",
    () =>
      new Response(new ReadableStream({ start: (body) => body.error(new Error("broken off")) }), { headers: { "content-length": "7" } }),
  ],
  ["with a header that Node does not send", () => new Response("x", { headers: { "content-encoding": "br", "x-note": "a\u0001b" } })],
])("a response of the application %s: 500, a warning, and no rejection", async (_, onError) => {
  const handlers = createHandlers(() => expect.unreachable("nobody is signed in"), {
    connectPath: "/connect",
    session: () => undefined,
    onConnected: () => undefined,
    onError,
  });
  const escaped: unknown[] = [];
  const origin = await originOf(
    createServer((request, response) => {
      response.setHeader("set-cookie", APP_COOKIE);
      handlers.connect(request, response).catch((error: unknown) => {
        escaped.push(error);
        response.destroy();
      });
    }),
  );
  const warned = once(process, "warning");
  const { status, headers } = await fetch(`${origin}/connect`);
  expect([status, headers.get("cache-control"), headers.getSetCookie(), escaped]).toEqual([500, "no-store", [APP_COOKIE], []]);
  expect(await warned).toEqual([expect.any(Error)]);
});

runHandlerContract(http);
runHandlerContract(underExpress("Express 5", express));
runHandlerContract(underExpress("Express 4", createRequire(import.meta.url)("express-4") as typeof express));
runHandlerContract(underConnect);
runHandlerContract(koa);
