/**
 * Which way a request goes, in this order: the `fetch` or `dispatcher` option; a MockAgent, SnapshotAgent or emulator that stands as undici's
 * global dispatcher; what `hubspot-oauth/testing/register` put in place; under a test runner the global fetch of the moment (so that msw, nock and
 * stubs see every request, and no unit test reaches HubSpot by surprise); else undici, by the application's own global dispatcher when
 * it set one, or by an Agent of our own.
 */
import { isDeepStrictEqual } from "node:util";
import { Agent, EnvHttpProxyAgent, getGlobalDispatcher } from "undici";
import { type Open, type OpenedResponse, openByDispatcher, openByFetch } from "./stream-transport.js";
import {
  sendByDispatcher,
  sendByFetch,
  type DispatcherLike,
  type FetchLike,
  type Send,
  type WireRequest,
  type WireResponse,
} from "./transport.js";

/** Where `hubspot-oauth/testing/register` puts its fetch. */
const REGISTERED: unique symbol = Symbol.for("hubspot-oauth.fetch") as never;
/** What the emulator's dispatcher carries, so that it counts as a mock. */
const MOCK: unique symbol = Symbol.for("hubspot-oauth.mock") as never;
/** Where undici 8 keeps the dispatcher that undici 7 sees only through a wrapper. */
const GLOBAL_OF_UNDICI_8: unique symbol = Symbol.for("undici.globalDispatcher.2") as never;

/** How a client's requests leave the process. */
export interface TransportOptions {
  readonly dispatcher?: DispatcherLike | undefined;
  readonly fetch?: FetchLike | undefined;
}

/** The way to the wire of one client, and the sockets it opened. */
export interface Transport {
  readonly send: Send;
  readonly open: Open;
  /** Closes the Agent of our own, if one was made; never a dispatcher that was passed in. */
  close(): Promise<void>;
}

/** Makes the transport of one client. Opens nothing before the first request. */
export function createTransport({ dispatcher, fetch }: TransportOptions): Transport {
  if (fetch !== undefined) return { ...byFetch(fetch), close: nothing };
  if (dispatcher !== undefined) return { ...byDispatcher(dispatcher), close: nothing };
  return new AmbientTransport();
}

function byFetch(fetch: FetchLike): Pick<Transport, "send" | "open"> {
  return { send: (request) => sendByFetch(fetch, request), open: (request) => openByFetch(fetch, request) };
}

function byDispatcher(dispatcher: DispatcherLike): Pick<Transport, "send" | "open"> {
  return { send: (request) => sendByDispatcher(dispatcher, request), open: (request) => openByDispatcher(dispatcher, request) };
}

async function nothing(): Promise<void> {
  // There is nothing of ours to close.
}

type Standing = { readonly kind: "mock" | "application"; readonly dispatcher: DispatcherLike } | { readonly kind: "default" };

class AmbientTransport implements Transport {
  readonly #underTestRunner = ["VITEST", "JEST_WORKER_ID", "NODE_TEST_CONTEXT"].some((name) => process.env[name] !== undefined);
  #own: Agent | EnvHttpProxyAgent | undefined;
  #seen: unknown;
  #standing: Standing = { kind: "default" };

  readonly send = (request: WireRequest): Promise<WireResponse> => {
    const way = this.#way();
    return typeof way === "function" ? sendByFetch(way, request) : sendByDispatcher(way, request);
  };

  readonly open = (request: WireRequest): Promise<OpenedResponse> => {
    const way = this.#way();
    return typeof way === "function" ? openByFetch(way, request) : openByDispatcher(way, request);
  };

  #way(): DispatcherLike | FetchLike {
    // Asked for each request, so that it does not matter whether the application or this package was imported first.
    const current: DispatcherLike = getGlobalDispatcher();
    if (current !== this.#seen) {
      this.#seen = current;
      this.#standing = judge(current);
    }
    const standing = this.#standing;
    if (standing.kind === "mock") return standing.dispatcher;
    const registered = (globalThis as { [REGISTERED]?: FetchLike })[REGISTERED];
    if (registered !== undefined) return registered;
    if (this.#underTestRunner) return globalFetch;
    return standing.kind === "application" ? standing.dispatcher : (this.#own ??= ownAgent());
  }

  async close(): Promise<void> {
    const own = this.#own;
    this.#own = undefined;
    await own?.close();
  }
}

/** The global fetch of the moment: mocks replace it. */
const globalFetch: FetchLike = (...args) => globalThis.fetch(...args);

function ownAgent(): Agent | EnvHttpProxyAgent {
  // HTTP/1.1 only: behind servers that rotate HTTP/2 connections, plain GETs fail (GOAWAY). And a burst of calls must not take every
  // file descriptor of the process.
  const options = { allowH2: false, connections: 128 };
  return process.env["NODE_USE_ENV_PROXY"] === "1" ? new EnvHttpProxyAgent(options) : new Agent(options);
}

function judge(current: DispatcherLike): Standing {
  const wrapped =
    current.constructor.name === "Dispatcher1Wrapper"
      ? (globalThis as { [GLOBAL_OF_UNDICI_8]?: DispatcherLike })[GLOBAL_OF_UNDICI_8]
      : undefined;
  const dispatcher = wrapped ?? current;
  if (MOCK in dispatcher || hasClass(dispatcher, "MockAgent")) return { kind: "mock", dispatcher };
  return isUndiciDefault(dispatcher) ? { kind: "default" } : { kind: "application", dispatcher };
}

function hasClass(value: object, name: string): boolean {
  for (let proto = prototypeOf(value); proto !== null; proto = prototypeOf(proto)) {
    if (proto.constructor.name === name) return true;
  }
  return false;
}

/**
 * Whether nobody chose this dispatcher: a plain Agent with no option, as undici (ours, or the one inside Node) leaves behind on import.
 * Reads undici's own symbols by description; if they are ever renamed, the answer is "chosen" and the global dispatcher is used.
 */
function isUndiciDefault(dispatcher: DispatcherLike): boolean {
  const cls = dispatcher.constructor as new () => DispatcherLike;
  if (cls.name !== "Agent" || prototypeOf(cls)?.name === "Agent") return false;
  if (dispatcher.dispatch !== (prototypeOf(dispatcher) as DispatcherLike | null)?.dispatch) return false;
  const fresh = new cls();
  const options = hiddenField(dispatcher, "options");
  return (
    options !== undefined &&
    isDeepStrictEqual(options, hiddenField(fresh, "options")) &&
    hiddenField(dispatcher, "factory") === hiddenField(fresh, "factory")
  );
}

function prototypeOf(value: object): { readonly name?: string } | null {
  return Object.getPrototypeOf(value) as { readonly name?: string } | null;
}

function hiddenField(target: object, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(target).find((candidate) => candidate.description === description);
  return symbol === undefined ? undefined : (target as Record<symbol, unknown>)[symbol];
}
