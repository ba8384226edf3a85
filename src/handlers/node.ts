/**
 * `hubspot-oauth/handlers/node`: the handlers for `node:http` and what is built on its requests and responses: Express 4 and 5, Connect, Koa
 * (`ctx.req`, `ctx.res`). The request's body is never read, so that it does not matter who has.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FlowHandlers, type HandlerMessage } from "./flow-handlers.js";
import type { ClientSource, HandlerOptions } from "./handler-options.js";
import { nodeHeaders } from "./same-origin.js";

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

/** Answers the request. Never rejects, and never calls `next`. */
export type NodeHandler<NodeRequest extends IncomingMessage = IncomingMessage> = (
  request: NodeRequest,
  response: ServerResponse,
  next?: unknown,
) => Promise<void>;

/** The handlers. */
export interface NodeHandlers<NodeRequest extends IncomingMessage = IncomingMessage> {
  /** GET or POST: sends the person to HubSpot. Reads `account`, `scope` and `return_to` of the query. */
  readonly connect: NodeHandler<NodeRequest>;
  /** GET, at the redirect URI: takes the person back. */
  readonly callback: NodeHandler<NodeRequest>;
  /** POST: disconnects the `account` of the query. */
  readonly disconnect: NodeHandler<NodeRequest>;
}

/**
 * The handlers of one client.
 * @throws TypeError that names the wrong option.
 */
export function createHandlers<Context = unknown, NodeRequest extends IncomingMessage = IncomingMessage>(
  oauth: ClientSource<Context>,
  options: HandlerOptions<NodeRequest, Context>,
): NodeHandlers<NodeRequest> {
  const handlers = new FlowHandlers(oauth, options);
  return {
    connect: async (request, response) => send(await handlers.connect(messageOf(request)), response),
    callback: async (request, response) => send(await handlers.callback(messageOf(request)), response),
    disconnect: async (request, response) => send(await handlers.disconnect(messageOf(request)), response),
  };
}

function messageOf<NodeRequest extends IncomingMessage>(request: NodeRequest): HandlerMessage<NodeRequest> {
  const { method = "GET", headers } = request;
  // Express and Connect cut the path under which they mounted off `url`.
  const { originalUrl } = request as { readonly originalUrl?: unknown };
  const url = typeof originalUrl === "string" ? originalUrl : (request.url ?? "/");
  return { request, method, url, header: nodeHeaders(headers) };
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  const body = Buffer.from(await answer.arrayBuffer());
  // Somebody has answered meanwhile: a timeout of the framework, perhaps.
  if (response.headersSent || response.writableEnded) return;
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) {
    if (name === "set-cookie") response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.end(body);
}
