// @ts-check
/** The library's events in a pino log: `new HubSpotOAuthClient({ …, onEvent: logEvents(logger) })`. No event holds a token, a code or a secret. */

/** Events that somebody should see; the others are for looking closer. @type {Partial<Record<import("hubspot-oauth").HubSpotOAuthEventName, "error" | "warn" | "info">>} */
const LEVELS = {
  "refresh.persist-pending": "error",
  "store.failed": "error",
  "refresh.failed": "warn",
  "grant.dead": "warn",
  "store.unsafe": "warn",
  "endpoint.moved": "warn",
  "clock.skew": "warn",
  "authorization.completed": "info",
  "authorization.denied": "info",
  disconnected: "info",
};

/**
 * @param {import("pino").Logger} logger
 * @returns {import("hubspot-oauth").EventListener}
 */
export function logEvents(logger) {
  return ({ type, ...details }) => logger[LEVELS[type] ?? "debug"](details, type);
}
