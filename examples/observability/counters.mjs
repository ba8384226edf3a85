// @ts-check
/** OpenTelemetry counters, one for every event of the library: `new HubSpotOAuthClient({ …, onEvent: countEvents(meter) })`. */

/** @typedef {import("hubspot-oauth").HubSpotOAuthEvents} Events */
/** @typedef {{ [Name in keyof Events]: readonly (keyof Events[Name] & string)[] }} AttributesOfEvents */

/** What each counter is split by. No account ids, and nothing that a visitor writes: either would make a time series each. @type {AttributesOfEvents} */
export const ATTRIBUTES = {
  "authorization.started": [],
  "authorization.completed": ["reconnected"],
  "authorization.denied": [],
  "refresh.started": [],
  "refresh.succeeded": ["refreshTokenReplaced"],
  "refresh.failed": ["code", "retryable"],
  "refresh.coalesced": [],
  "refresh.lost-race": [],
  "refresh.persist-pending": [],
  "grant.dead": ["reason"],
  "request.retried": ["status", "reason"],
  "rate-limit.waited": ["policyName"],
  "endpoint.moved": ["reason"],
  "store.unsafe": [],
  "store.failed": ["operation"],
  "clock.skew": [],
  disconnected: ["revoked", "uninstalled"],
};

/**
 * @param {import("@opentelemetry/api").Meter} meter
 * @returns {import("hubspot-oauth").EventListener}
 */
export function countEvents(meter) {
  const counters = new Map(Object.keys(ATTRIBUTES).map((type) => [type, meter.createCounter(`hubspot_oauth.${type}`)]));
  return (event) => {
    const { type, ...details } = event;
    /** @type {readonly string[]} */
    const names = ATTRIBUTES[type];
    const kept = Object.entries(details).filter(([name, value]) => names.includes(name) && value !== undefined);
    counters.get(type)?.add(1, Object.fromEntries(kept));
  };
}
