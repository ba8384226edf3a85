/**
 * `hubspot-oauth/handlers/fastify`: the handlers as a Fastify 5 plugin. It stays encapsulated, so that its way with request bodies (it reads
 * none) is nobody else's; the hooks and decorators of the instance it is registered on, sessions among them, reach into it.
 */
import { Readable } from "node:stream";
import { RequestSignatureError } from "../errors.js";
import { FlowHandlers, type HandlerMessage } from "./flow-handlers.js";
import type { ClientSource, HandlerOptions } from "./handler-options.js";
import { nodeHeaders } from "./same-origin.js";
import { requestVerifier, type SignedRequestOptions } from "./signed-request.js";

export type { SignedRequestOptions } from "./signed-request.js";
export type {
  ClientSource,
  HandlerAnswer,
  HandlerDisconnection,
  HandlerFailure,
  HandlerFailureCode,
  HandlerOptions,
  HandlersClient,
  HandlerSession,
} from "./handler-options.js";

/** What is used of a `FastifyRequest`. */
export interface FastifyRequestLike {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is used of a `FastifyInstance`. */
export interface FastifyLike {
  readonly prefix: string;
  removeAllContentTypeParsers(): void;
  addContentTypeParser(contentType: string, parser: (request: unknown, payload: { resume(): unknown }) => Promise<void>): unknown;
  all(path: string, handler: (request: FastifyRequestLike) => Promise<Response>): unknown;
}

/** Paths of the three routes, under the plugin's prefix. */
export interface FastifyPluginPaths {
  /** Where pages link to. @default "/connect" */
  readonly connect?: string | undefined;
  /** With the prefix, the path of the redirect URI. @default "/callback" */
  readonly callback?: string | undefined;
  /** Where forms post to. @default "/disconnect" */
  readonly disconnect?: string | undefined;
}

/** Options of the plugin: those of all handlers, but `connectPath` follows from the paths. */
export interface FastifyPluginOptions<FastifyRequest, Context = unknown> extends Omit<
  HandlerOptions<FastifyRequest, Context>,
  "connectPath"
> {
  /** Where the three routes are, under the prefix. @default `/connect`, `/callback` and `/disconnect` */
  readonly paths?: FastifyPluginPaths | undefined;
}

/**
 * A plugin with the routes of one client: `fastify.register(createPlugin(oauth, options), { prefix: "/hubspot" })`.
 * @throws TypeError that names the wrong option, when it is registered.
 */
export function createPlugin<FastifyRequest extends FastifyRequestLike, Context = unknown>(
  oauth: ClientSource<Context>,
  { paths = {}, ...options }: FastifyPluginOptions<FastifyRequest, Context>,
): (fastify: FastifyLike) => Promise<void> {
  const { connect = "/connect", callback = "/callback", disconnect = "/disconnect" } = paths;
  return async (fastify) => {
    const handlers = new FlowHandlers(oauth, { ...options, connectPath: fastify.prefix + connect });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser("*", async (_request, payload) => void payload.resume());
    fastify.all(connect, (request) => handlers.connect(messageOf(request)));
    fastify.all(callback, (request) => handlers.callback(messageOf(request)));
    fastify.all(disconnect, (request) => handlers.disconnect(messageOf(request)));
  };
}

function messageOf<FastifyRequest extends FastifyRequestLike>(request: FastifyRequestLike): HandlerMessage<FastifyRequest> {
  const { method, originalUrl: url, headers } = request;
  // The application has said what its Fastify calls a request.
  return { request: request as FastifyRequest, method, url, header: nodeHeaders(headers) };
}

/**
 * A `preParsing` hook that lets only requests of HubSpot pass; others end in RequestSignatureError, under 401, or 413 if the body is too large.
 * @throws TypeError that names the wrong option.
 */
export function requireHubSpotSignature(
  options: SignedRequestOptions,
): (request: FastifyRequestLike, reply: { code(status: number): unknown }, payload: AsyncIterable<unknown>) => Promise<Readable> {
  const verify = requestVerifier(options);
  return async ({ method, originalUrl: target, headers }, reply, payload) => {
    try {
      const { body } = await verify({ method, target, headers, body: payload });
      return Object.assign(Readable.from([body]), { receivedEncodedLength: body.length });
    } catch (error) {
      if (error instanceof RequestSignatureError) reply.code(error.reason === "too-large" ? 413 : 401);
      throw error;
    }
  };
}
