/**
 * `hubspot-oauth/handlers/node`: the handlers for `node:http` and what is built on its requests and responses: Express 4 and 5, Connect, Koa
 * (`ctx.req`, `ctx.res`). The handlers never read the request's body, so that it does not matter who has; `verifyHubSpotRequest` does.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { FlowHandlers, type HandlerMessage, warn } from "./flow-handlers.js";
import type { ClientSource, HandlerOptions } from "./handler-options.js";
import { bare } from "./pages.js";
import { nodeHeaders } from "./same-origin.js";
import { requestVerifier, type SignedRequestOptions, type VerifiedRequest } from "./signed-request.js";

export type { SignedRequestOptions, VerifiedRequest } from "./signed-request.js";
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
  return { request, method, url: targetOf(request), header: nodeHeaders(headers) };
}

function targetOf(request: IncomingMessage): string {
  // Express and Connect cut the path under which they mounted off `url`.
  const { originalUrl } = request as { readonly originalUrl?: unknown };
  return typeof originalUrl === "string" ? originalUrl : (request.url ?? "/");
}

/**
 * Proves that HubSpot sent a request (a webhook, a workflow action, a card), and answers with its raw body, which this reads: call it before
 * any body parser, or behind one that leaves bytes, as `express.raw` does.
 * @throws RequestSignatureError: answer 401 (413 if its `reason` is `too-large`). TypeError for wrong options, and for a body that was parsed.
 */
export async function verifyHubSpotRequest(request: IncomingMessage, options: SignedRequestOptions): Promise<VerifiedRequest> {
  const verify = requestVerifier(options);
  const { body: parsed } = request as { readonly body?: unknown };
  const isRaw = parsed instanceof Uint8Array;
  if (!isRaw && request.readableDidRead) throw new TypeError("The request's body was read before: verify before the body parser.");
  // Not destroyed, since a refusal is to be answered.
  const body = isRaw ? [parsed] : request.iterator({ destroyOnReturn: false });
  return verify({ method: request.method ?? "", target: targetOf(request), headers: request.headers, body });
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  try {
    write(answer, Buffer.from(await answer.arrayBuffer()), response);
  } catch (error) {
    // The application's own response: its body broke off, or it has a header that Node does not send.
    warn(error);
    for (const name of answer.headers.keys()) if (name !== "set-cookie") response.removeHeader(name);
    write(bare(500), Buffer.alloc(0), response);
  }
}

function write(answer: Response, body: Buffer, response: ServerResponse): void {
  // Somebody has answered meanwhile: a timeout of the framework, perhaps.
  if (response.headersSent || response.writableEnded) return;
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) {
    if (name === "set-cookie") response.appendHeader(name, value);
    else response.setHeader(name, value);
  }
  response.end(body);
}
