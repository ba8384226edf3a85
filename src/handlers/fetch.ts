/**
 * `hubspot-oauth/handlers/fetch`: the handlers as functions from `Request` to `Promise<Response>`, for Next.js, Hono, Remix, SvelteKit and
 * everything else that speaks Fetch.
 */
import { FlowHandlers, type HandlerMessage } from "./flow-handlers.js";
import type { ClientSource, HandlerOptions } from "./handler-options.js";
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

/**
 * What a handler is called with, and your functions get: the request, or an object around it with whatever else they need, such as SvelteKit's
 * event or `{ request: c.req.raw, c }` in Hono.
 */
export type FetchInput = Request | { readonly request: Request };

/** The handlers. None of them ever rejects. */
export interface FetchHandlers<Input extends FetchInput = Request> {
  /** GET or POST: sends the person to HubSpot. Reads `account`, `scope` and `return_to` of the query. */
  readonly connect: (input: Input) => Promise<Response>;
  /** GET, at the redirect URI: takes the person back. */
  readonly callback: (input: Input) => Promise<Response>;
  /** POST: disconnects the `account` of the query. */
  readonly disconnect: (input: Input) => Promise<Response>;
}

/**
 * The handlers of one client.
 * @throws TypeError that names the wrong option.
 */
export function createHandlers<Context = unknown, Input extends FetchInput = Request>(
  oauth: ClientSource<Context>,
  options: HandlerOptions<Input, Context>,
): FetchHandlers<Input> {
  const handlers = new FlowHandlers(oauth, options);
  return {
    connect: (input) => handlers.connect(messageOf(input)),
    callback: (input) => handlers.callback(messageOf(input)),
    disconnect: (input) => handlers.disconnect(messageOf(input)),
  };
}

function messageOf<Input extends FetchInput>(input: Input): HandlerMessage<Input> {
  const { method, url, headers }: Request = "request" in input ? input.request : input;
  const header = (name: string): string | undefined => headers.get(name) ?? (name === "host" ? new URL(url).host : undefined);
  return { request: input, method, url, header };
}

/**
 * Proves that HubSpot sent a request (a webhook, a workflow action, a card), and answers with its raw body, which this reads.
 * @throws RequestSignatureError: answer 401 (413 if its `reason` is `too-large`). TypeError for wrong options, and for a body that was read.
 */
export async function verifyHubSpotRequest(request: Request, options: SignedRequestOptions): Promise<VerifiedRequest> {
  const verify = requestVerifier(options);
  if (request.bodyUsed) throw new TypeError("The request's body was read before: verify first, and use the body that comes back.");
  const { pathname, search } = new URL(request.url);
  return verify({ method: request.method, target: pathname + search, headers: request.headers, body: request.body ?? [] });
}
