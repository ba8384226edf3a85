/** `HubSpotHttp` by both ways to the wire, and what every error of it must keep to itself. */
import { inspect } from "node:util";
import { Agent, type Dispatcher, fetch as undiciFetch } from "undici";
import { expect, onTestFinished } from "vitest";
import { HubSpotHttp, type HubSpotHttpOptions, type HubSpotOAuthEvent, privateAppToken } from "../../../src/index.js";
import { isHubSpotOAuthError } from "../../../src/index.js";
import type { DispatcherLike, FetchLike } from "../../../src/transport.js";
import type { Received } from "./faulty-server.js";

/** The token of these tests: in no message, ever. */
export const TOKEN = "pat-na1-canary-5e1d0b7c";
/** What servers put into bodies that must not be quoted. */
export const RAW = "raw-body-canary";

/** A way to the wire. */
export interface Way {
  readonly name: "dispatcher" | "fetch";
  readonly over: (dispatcher: Dispatcher) => { readonly dispatcher: DispatcherLike } | { readonly fetch: FetchLike };
}

/** Both. The fetch is undici's own: that of Node 20 reads poisoned connections (CVE-2026-6733). */
export const ways: readonly Way[] = [
  { name: "dispatcher", over: (dispatcher) => ({ dispatcher }) },
  {
    name: "fetch",
    over: (dispatcher) => ({
      fetch: ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as FetchLike,
    }),
  },
];

/** A client on a server. */
export interface Calling {
  readonly hubspot: HubSpotHttp;
  readonly events: readonly HubSpotOAuthEvent[];
  readonly agent: Dispatcher;
  /** How many tries followed a first one. */
  readonly retries: number;
}

/** A `HubSpotHttp` with the default tries, but no pauses between them, and no limiter. */
export function calling(
  way: Way,
  origin: string,
  options: Partial<HubSpotHttpOptions> & { readonly agent?: Agent.Options; readonly through?: Dispatcher } = {},
): Calling {
  const { agent: agentOptions, through, ...rest } = options;
  const agent = through ?? new Agent({ allowH2: false, ...agentOptions });
  onTestFinished(() => agent.destroy());
  const events: HubSpotOAuthEvent[] = [];
  const hubspot = new HubSpotHttp({
    credential: privateAppToken(TOKEN),
    apiOrigin: origin,
    onEvent: (event) => events.push(event),
    retry: { baseDelayMs: 1, maxDelayMs: 2 },
    rateLimit: false,
    timeoutMs: 10_000,
    ...way.over(agent),
    ...rest,
  });
  return {
    hubspot,
    events,
    agent,
    get retries() {
      return events.filter(({ type }) => type === "request.retried").length;
    },
  };
}

/** What a promise rejects with; fails when it does not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`it resolved with ${inspect(outcome.value)}`);
}

/** One of our errors that says nothing it should not: no token, no raw body, no HTML, and not at length. */
export function expectDiscreet(error: unknown): void {
  expect(isHubSpotOAuthError(error), inspect(error)).toBe(true);
  const { message, stack } = error as Error;
  const shown = [inspect(error, { depth: 10, showHidden: true }), stack, JSON.stringify(error)].join("\n");
  for (const secret of [TOKEN, Buffer.from(TOKEN).toString("base64").replace(/=+$/, ""), RAW, "<html"]) {
    expect(shown).not.toContain(secret);
  }
  expect(message.length).toBeLessThan(500);
}

/** Each call with the token, and each POST's body whole: nothing was sent by halves or for somebody else. */
export function expectOwn(requests: readonly Received[]): void {
  for (const { headers } of requests) expect(headers["authorization"]).toBe(`Bearer ${TOKEN}`);
}
