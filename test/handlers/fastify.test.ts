/** The handlers as a Fastify plugin. */
import fastify, { type FastifyRequest } from "fastify";
import { onTestFinished } from "vitest";
import { createPlugin } from "../../src/handlers/fastify.js";
import { type Adapter, APP_COOKIE, runHandlerContract } from "./contract.js";

const underFastify: Adapter = {
  name: "Fastify",
  serve: async ({ source, options, escaped }) => {
    const server = fastify({ forceCloseConnections: true });
    onTestFinished(() => server.close());
    server.setErrorHandler((error, _request, reply) => {
      escaped(error);
      return reply.code(500).send();
    });
    server.addHook("onRequest", async (_request, reply) => {
      reply.header("set-cookie", APP_COOKIE);
    });
    const { connectPath: _, ...rest } = options((request: FastifyRequest) => request.headers.cookie);
    await server.register(createPlugin(source, rest), { prefix: "/hubspot" });
    await server.listen({ port: 0, host: "localhost" });
    return `http://localhost:${(server.server.address() as { port: number }).port}`;
  },
};

runHandlerContract(underFastify);
