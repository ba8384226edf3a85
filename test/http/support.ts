/** A `HubSpotHttp` on a server of the test's own, over real sockets by undici. */
import type { RequestListener } from "node:http";
import { Agent } from "undici";
import { onTestFinished } from "vitest";
import { HubSpotHttp, type HubSpotHttpOptions, type HubSpotOAuthEvent, privateAppToken } from "../../src/index.js";
import { type HttpServer, httpServer } from "../transport/servers.js";

/** What `api` starts. */
export interface Api {
  readonly server: HttpServer;
  readonly hubspot: HubSpotHttp;
  readonly events: readonly HubSpotOAuthEvent[];
}

/** A server that answers by `listener`, and a client with a private app token on it: one request a call and no limits, unless the options say otherwise. */
export async function api(listener: RequestListener, options: Partial<HubSpotHttpOptions> = {}): Promise<Api> {
  const server = await httpServer(listener);
  const events: HubSpotOAuthEvent[] = [];
  const hubspot = new HubSpotHttp({
    credential: privateAppToken("pat-na1-canary"),
    apiOrigin: server.origin,
    onEvent: (event) => events.push(event),
    retry: false,
    rateLimit: false,
    ...(options.fetch === undefined && { dispatcher: agent() }),
    ...options,
  });
  return { server, hubspot, events };
}

/** An Agent that is closed when the test ends. */
export function agent(options: Agent.Options = {}): Agent {
  const made = new Agent({ allowH2: false, ...options });
  onTestFinished(() => made.destroy());
  return made;
}

/**
 * A count once it has not changed for 500 turns of the event loop, in each of which the sockets of both sides had their turn. One that grows
 * to `most` is not waited for any longer.
 */
export async function settled(count: () => number, most: number): Promise<number> {
  for (let before = -1, still = 0; still < 500 && before < most; still = before === count() ? still + 1 : 0) {
    before = count();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count();
}

/** Answers with JSON. */
export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(status, { "content-type": "application/json;charset=utf-8", ...headers }).end(JSON.stringify(body));
  };
}

/** Gives each request to the next listener; the last one stays. */
export function inTurn(...listeners: readonly RequestListener[]): RequestListener {
  let next = 0;
  return (request, response) => listeners[Math.min(next++, listeners.length - 1)]?.(request, response);
}

/** The 401 of an access token that ran out, as HubSpot words it. */
export const expired = json(
  { status: "error", message: "The OAuth token used to make this call expired 75 second(s) ago.", category: "EXPIRED_AUTHENTICATION" },
  401,
);

/** The 401 of a token that HubSpot does not know. */
export const unknownToken = json(
  { status: "error", message: "Authentication credentials not found.", category: "INVALID_AUTHENTICATION" },
  401,
);

/** The TypeError that `act` throws at once, as text; fails when it throws none. */
export function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** Everything that comes, in order. */
export async function itemsOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
