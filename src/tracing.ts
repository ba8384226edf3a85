/**
 * Traces for `node:diagnostics_channel`: what takes time, with a beginning and an end, for whoever makes spans of it. Costs one look while
 * nobody subscribes. Never carries a token of ours, a query, a body or an answer; a path is as the caller gave it.
 */
import { type TracingChannel, tracingChannel } from "node:diagnostics_channel";

/** One API call of `HubSpotHttp`, its waits and retries included: channel `tracing:hubspot-oauth:request:*`. */
export interface RequestTrace {
  /** Whose call it is: `<clientId>:<accountId>`, or the name of another credential. */
  readonly credentialId: string;
  /** Upper case. */
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** Requests sent so far. */
  attempts: number;
  /** HTTP status of the latest answer; `undefined` while there is none. */
  status: number | undefined;
  /** At the end, if the call failed: one of the library's errors, the signal's reason, or a `TypeError`. */
  error?: unknown;
}

/** One refresh, from the first look at the store until the callers have their token: channel `tracing:hubspot-oauth:refresh:*`. */
export interface RefreshTrace {
  readonly accountId: string;
  /** Whether it was asked for by `force`. */
  readonly forced: boolean;
  /** At the end, if it failed. */
  error?: unknown;
}

const requests: TracingChannel<unknown, RequestTrace> = tracingChannel<unknown, RequestTrace>("hubspot-oauth:request");
const refreshes: TracingChannel<unknown, RefreshTrace> = tracingChannel<unknown, RefreshTrace>("hubspot-oauth:refresh");

/** A trace for a call, if anybody subscribes. */
export function requestTrace(credentialId: string, method: string, target: string): RequestTrace | undefined {
  if (!requests.hasSubscribers) return undefined;
  const query = target.indexOf("?");
  return { credentialId, method, path: query === -1 ? target : target.slice(0, query), attempts: 0, status: undefined };
}

/** Runs a call as a trace. */
export function traceRequest<T>(trace: RequestTrace, work: () => Promise<T>): Promise<T> {
  return traced(requests, trace, work);
}

/** Runs a refresh, as a trace if anybody subscribes. */
export function traceRefresh<T>(trace: RefreshTrace, work: () => Promise<T>): Promise<T> {
  return refreshes.hasSubscribers ? traced(refreshes, trace, work) : work();
}

/** The result stays out of the trace: Node would hand it to every subscriber, and it holds tokens or customers' data. */
async function traced<Trace extends object, T>(channel: TracingChannel<unknown, Trace>, trace: Trace, work: () => Promise<T>): Promise<T> {
  const done: { value?: T } = {};
  await channel.tracePromise(async () => {
    done.value = await work();
  }, trace);
  return done.value as T;
}
