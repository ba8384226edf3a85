/** The handlers as functions from `Request` to `Response`: bare, and under Hono. */
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { createHandlers, type FetchHandlers } from "../../src/handlers/fetch.js";
import { type Adapter, APP_COOKIE, originOf, runHandlerContract } from "./contract.js";

const routeOf = (handlers: FetchHandlers, path: string): FetchHandlers["connect"] | undefined =>
  path === "/hubspot/connect"
    ? handlers.connect
    : path === "/hubspot/callback"
      ? handlers.callback
      : path === "/hubspot/disconnect"
        ? handlers.disconnect
        : undefined;

const bare: Adapter = {
  name: "fetch",
  serve: ({ source, options, escaped }) => {
    const handlers = createHandlers(
      source,
      options((request: Request) => request.headers.get("cookie") ?? undefined),
    );
    const answer = async (request: Request): Promise<Response> => {
      try {
        const response = await routeOf(handlers, new URL(request.url).pathname)?.(request);
        const cookies = response?.headers.getSetCookie() ?? [];
        response?.headers.delete("set-cookie");
        for (const cookie of [APP_COOKIE, ...cookies]) response?.headers.append("set-cookie", cookie);
        return response ?? new Response(null, { status: 404 });
      } catch (error) {
        escaped(error);
        return new Response(null, { status: 500 });
      }
    };
    return originOf(createAdaptorServer({ fetch: answer, overrideGlobalObjects: false }));
  },
};

interface HonoInput {
  readonly request: Request;
  readonly c: Context;
}

const hono: Adapter = {
  name: "Hono",
  serve: ({ source, options, escaped }) => {
    const handlers = createHandlers(
      source,
      options(({ c }: HonoInput) => c.req.header("cookie")),
    );
    const app = new Hono();
    app.onError((error, c) => {
      escaped(error);
      return c.body(null, 500);
    });
    app.use(async (c, next) => {
      c.header("set-cookie", APP_COOKIE, { append: true });
      await next();
    });
    for (const name of ["connect", "callback", "disconnect"] as const) {
      app.all(`/hubspot/${name}`, async (c) => {
        const answer = await handlers[name]({ request: c.req.raw, c });
        return c.newResponse(answer.body, answer);
      });
    }
    return originOf(createAdaptorServer({ fetch: app.fetch }));
  },
};

runHandlerContract(bare);
runHandlerContract(hono);
