/** The two ways to the wire, for tests that hold for both. */
import { Agent, type Dispatcher, fetch as undiciFetch } from "undici";
import { onTestFinished } from "vitest";
import { type FetchLike, type Send, sendByDispatcher, sendByFetch, type WireRequest } from "../../src/transport.js";

/** How a way is opened. */
export interface Way {
  readonly name: "dispatcher" | "fetch";
  /** @param options of an Agent; without them the fetch is Node's own. */
  readonly open: (options?: Agent.Options) => Send;
}

function agent(options: Agent.Options = {}): Dispatcher {
  const made = new Agent({ allowH2: false, ...options });
  onTestFinished(() => made.destroy());
  return made;
}

/** Both. */
export const ways: readonly Way[] = [
  {
    name: "dispatcher",
    open: (options) => {
      const dispatcher = agent(options);
      return (request) => sendByDispatcher(dispatcher, request);
    },
  },
  {
    name: "fetch",
    open: (options) => {
      if (options === undefined) return (request) => sendByFetch(fetch, request);
      const dispatcher = agent(options);
      // undici's fetch has types of its own for what is one standard.
      const through = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as FetchLike;
      return (request) => sendByFetch(through, request);
    },
  },
];

/** A request with good defaults. */
export function wire(origin: string, changes: Partial<WireRequest> = {}): WireRequest {
  return {
    origin,
    path: "/crm/v3/objects/contacts",
    method: "GET",
    headers: { accept: "application/json" },
    body: undefined,
    timeoutMs: 10_000,
    maxResponseBytes: 1_000_000,
    signal: undefined,
    ...changes,
  };
}

/** What a promise rejects with; fails when it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    (value: unknown) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`it resolved with ${JSON.stringify(outcome.value)}`);
}
