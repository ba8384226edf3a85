/**
 * `hubspot-oauth/testing/msw`: the emulator as handlers of msw, and msw's handlers as a dispatcher for undici, whose own calls msw does not
 * see. For msw 2 and 3. The only file that imports msw, which the application brings.
 */

import { getResponse, http } from "msw";
import type { DispatchController } from "./emulator/dispatch-protocol.js";
import { type DispatchedAnswer, InMemoryDispatcher, withCode } from "./emulator/dispatcher.js";
import type { DispatchedRequest } from "./emulator/dispatch-request.js";
import { HUBSPOT_URL } from "./emulator/hubspot-door.js";
import { HubSpotEmulator } from "./emulator/hubspot-emulator.js";

/**
 * A request handler of msw. Its real type is a class with private members, another one in each major and each module format of msw: `never` is
 * the one type that `setupServer(...)` and `server.use(...)` of all of them take.
 */
export type MswHandler = never;

/** Handlers, and the emulator that answers behind them. */
export interface HubSpotHandlers extends ReadonlyArray<MswHandler> {
  /** What answers: connect accounts on it, move its clock, read its log. */
  readonly emulator: HubSpotEmulator;
}

/** Anything that lists msw's handlers: a server of `setupServer`, which may be given more of them later. */
export interface MswServer {
  /** The handlers in force. */
  listHandlers(): readonly object[];
}

/**
 * Handlers of msw that answer for HubSpot's real origins, in every version of its API: `setupServer(...hubspotHandlers(emulator))`.
 * A handler of your own for one call, by `server.use()`, wins.
 */
export function hubspotHandlers(emulator: HubSpotEmulator = new HubSpotEmulator()): HubSpotHandlers {
  const dispatcher = emulator.dispatcher();
  const handler = http.all(HUBSPOT_URL, async ({ request }) => {
    const body = new Uint8Array(await request.arrayBuffer());
    return await respond(dispatcher, request, body.byteLength === 0 ? null : body);
  });
  return Object.assign([handler as MswHandler], { emulator });
}

/** Carries a request through a dispatcher. What breaks off there breaks off here; without a byte of an answer it is a network error. */
function respond(dispatcher: InMemoryDispatcher, request: Request, body: Uint8Array | null): Promise<Response> {
  const { method, headers, signal } = request;
  const { origin, pathname, search } = new URL(request.url);
  let exchange: DispatchController | undefined;
  let answer: ReadableStreamDefaultController<Uint8Array> | undefined;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => void (answer = controller),
    cancel: (reason) => exchange?.abort(reason as Error),
  });
  return new Promise((resolve) => {
    dispatcher.dispatch(
      { origin, path: pathname + search, method, headers, body },
      {
        onRequestStart: (controller) => {
          exchange = controller;
          signal.addEventListener("abort", () => controller.abort(signal.reason as Error), { once: true });
        },
        onResponseStart: (_controller, status, fields) => {
          const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one]));
          const noBody = status === 204 || status === 304;
          resolve(new Response(noBody ? null : stream, { status, headers: pairs }));
        },
        onResponseData: (_controller, chunk) => answer?.enqueue(chunk),
        onResponseEnd: () => answer?.close(),
        onResponseError: (_controller, error) => {
          resolve(Response.error());
          answer?.error(error);
        },
      },
    );
  });
}

/**
 * A dispatcher for undici 7 and 8 that answers with msw's handlers: `new HubSpotOAuthClient({ dispatcher: mswDispatcher(server) })`, or
 * undici's `setGlobalDispatcher`. Of a server the handlers of the moment are asked. A request that no handler answers is refused,
 * as is one for which a handler says `passthrough()`.
 */
export function mswDispatcher(handlers: MswServer | readonly object[]): InMemoryDispatcher {
  const list = (): readonly object[] => ("listHandlers" in handlers ? handlers.listHandlers() : handlers);
  return new InMemoryDispatcher(async (request, signal) => {
    const { method, url } = request;
    const response = await getResponse(list() as never, requestOf(request, signal));
    if (response === undefined || response.headers.get("x-msw-intention") === "passthrough") {
      throw withCode(`msw has no handler for ${method} ${new URL(url).origin}${new URL(url).pathname}`, "ECONNREFUSED");
    }
    if (response.type === "error") throw withCode("other side closed", "UND_ERR_SOCKET");
    return answerOf(response);
  });
}

function requestOf({ method, url, headers, body }: DispatchedRequest, signal: AbortSignal): Request {
  const pairs = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one]));
  return new Request(url, { method, headers: pairs, ...(body !== undefined && { body }), signal });
}

function answerOf({ status, headers, body }: Response): DispatchedAnswer {
  const plain: Record<string, string | string[]> = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) plain["set-cookie"] = cookies;
  return { status, headers: plain, body: (body ?? []) as AsyncIterable<Uint8Array> | [] };
}
