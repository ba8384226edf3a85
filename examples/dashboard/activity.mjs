// @ts-check
/** What has happened lately, from the library's events, in words. The last ones of this process; for good, write them to your log or database. */

const KEPT = 200;

/** @typedef {{ readonly atMs: number, readonly accountId: string, readonly text: string, readonly tone: "good" | "bad" | "plain" }} Entry */

export class Activity {
  /** @type {Entry[]} newest first */
  #entries = [];

  #now;

  /** @param {() => number} now */
  constructor(now) {
    this.#now = now;
  }

  /** Give this to the client as `onEvent`. @type {import("hubspot-oauth").EventListener} */
  listen = (event) => {
    const entry = describe(event);
    if (entry === undefined) return;
    this.#entries.unshift({ atMs: this.#now(), ...entry });
    this.#entries.length = Math.min(this.#entries.length, KEPT);
  };

  /**
   * @param {readonly string[]} accountIds
   * @param {number} count
   */
  latest(accountIds, count) {
    return this.#entries.filter(({ accountId }) => accountIds.includes(accountId)).slice(0, count);
  }
}

/**
 * @param {import("hubspot-oauth").HubSpotOAuthEvent} event
 * @returns {Omit<Entry, "atMs"> | undefined}
 */
function describe(event) {
  switch (event.type) {
    case "authorization.completed":
      return { accountId: event.accountId, text: event.reconnected ? "Connected again" : "Connected", tone: "good" };
    case "refresh.succeeded":
      return {
        accountId: event.accountId,
        text: `Got a new access token, good for ${Math.round(event.expiresInMs / 60_000)} minutes`,
        tone: "plain",
      };
    case "refresh.failed":
      // What ends a connection is told by the event after this one.
      return event.retryable
        ? { accountId: event.accountId, text: "HubSpot gave no new access token; the app tries again", tone: "bad" }
        : undefined;
    case "refresh.persist-pending":
      return { accountId: event.accountId, text: "The storage did not take new tokens; the app tries until it does", tone: "bad" };
    case "grant.dead":
      return { accountId: event.accountId, text: "HubSpot has ended the connection", tone: "bad" };
    case "disconnected":
      return { accountId: event.accountId, text: "Disconnected", tone: "plain" };
    case "request.retried":
      return { accountId: event.credentialId.replace(/^[^:]*:/, ""), text: "A call to HubSpot was tried again", tone: "plain" };
    default:
      return undefined;
  }
}
