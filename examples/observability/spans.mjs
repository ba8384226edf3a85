// @ts-check
/** OpenTelemetry spans of HubSpot calls and refreshes, made by your own SDK from the library's tracing channels. They hold no token, query or body. */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

/** @typedef {import("@opentelemetry/api").Span} Span */
/** @typedef {import("hubspot-oauth").RequestTrace} RequestTrace */
/** @typedef {import("hubspot-oauth").RefreshTrace} RefreshTrace */

/**
 * Call it once, when the process starts; it answers a function that ends it.
 * @param {import("@opentelemetry/api").Tracer} tracer
 */
export function traceHubSpot(tracer = trace.getTracer("hubspot-oauth")) {
  /** The call that is going on here: a refresh is its child. @type {AsyncLocalStorage<Span>} */
  const current = new AsyncLocalStorage();

  /**
   * @template {RequestTrace | RefreshTrace} Trace
   * @param {string} channelName
   * @param {(told: Trace) => { name: string, attributes: import("@opentelemetry/api").Attributes, kind: SpanKind }} begin
   * @param {(span: Span, told: Trace) => void} finish
   */
  function follow(channelName, begin, finish) {
    const channel = tracingChannel(channelName);
    /** @type {WeakMap<object, Span>} */
    const spans = new WeakMap();
    channel.start.bindStore(current, (message) => {
      const told = /** @type {Trace} */ (message);
      const { name, ...options } = begin(told);
      const outer = current.getStore();
      const parent = outer === undefined ? context.active() : trace.setSpan(context.active(), outer);
      const span = tracer.startSpan(name, options, parent);
      spans.set(told, span);
      return span;
    });
    /** @param {unknown} message */
    const end = (message) => {
      const told = /** @type {Trace} */ (message);
      const span = spans.get(told);
      if (span === undefined) return; // It began before us.
      finish(span, told);
      if (told.error !== undefined) {
        const { code, name } = /** @type {{ code?: unknown, name?: unknown }} */ (Object(told.error));
        span.setAttribute("error.type", String(code ?? name));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    };
    subscribe(`tracing:${channelName}:asyncEnd`, end);
    return () => {
      channel.start.unbindStore(current);
      unsubscribe(`tracing:${channelName}:asyncEnd`, end);
    };
  }

  const stops = [
    follow(
      "hubspot-oauth:request",
      (/** @type {RequestTrace} */ { method, path, credentialId }) => ({
        name: `${method} HubSpot`,
        kind: SpanKind.CLIENT,
        attributes: { "http.request.method": method, "url.path": path, "hubspot.credential": credentialId },
      }),
      (span, { attempts, status }) => {
        if (status !== undefined) span.setAttribute("http.response.status_code", status);
        if (attempts > 1) span.setAttribute("http.request.resend_count", attempts - 1);
      },
    ),
    follow(
      "hubspot-oauth:refresh",
      (/** @type {RefreshTrace} */ { accountId, forced }) => ({
        name: "refresh HubSpot token",
        kind: SpanKind.INTERNAL,
        attributes: { "hubspot.account": accountId, "hubspot.forced": forced },
      }),
      () => undefined,
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
