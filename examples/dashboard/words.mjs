// @ts-check
/** What people read: times, the state of a connection, and errors, in plain words. */
import { isHubSpotOAuthError } from "hubspot-oauth";
import { features } from "./features.mjs";

/** @param {number} ms */
export function duration(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return minutes === 1 ? "1 minute" : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours === 1 ? "1 hour" : `${hours} hours`;
  return `${Math.floor(hours / 24)} days`;
}

/**
 * @param {number} atMs
 * @param {number} nowMs
 */
export function ago(atMs, nowMs) {
  const ms = nowMs - atMs;
  return ms < 60_000 ? "just now" : `${duration(ms)} ago`;
}

/**
 * @typedef {object} Health
 * @property {"working" | "waiting" | "ended"} state
 * @property {string} label
 * @property {string} [text] what is wrong, and what that means
 * @property {boolean} [reconnect] whether connecting again helps
 */

/**
 * @param {import("hubspot-oauth").AccountSummary | undefined} account nothing: the store has no tokens for it
 * @param {number} nowMs
 * @returns {Health}
 */
export function healthOf(account, nowMs) {
  if (account === undefined) {
    const text = "There are no tokens for this account any more. Connect it again, or disconnect it to take it off the list.";
    return { state: "ended", label: "Not connected", text, reconnect: true };
  }
  if (account.status === "dead") {
    const why =
      account.reason === "BAD_HUB"
        ? "HubSpot says that the account does not exist any more."
        : "HubSpot has ended the connection. Somebody may have removed the app in HubSpot's settings.";
    return { state: "ended", label: "Ended", text: `${why} Connect again to go on.`, reconnect: true };
  }
  if (account.lastError !== undefined) {
    const left = account.expiresAtMs - nowMs;
    const meanwhile = left > 0 ? `The present access token is good for ${duration(left)}.` : "Until then there is no access.";
    const { text } = explain(account.lastError);
    return { state: "waiting", label: "Waiting for HubSpot", text: `${text} ${meanwhile}` };
  }
  return { state: "working", label: "Working" };
}

/**
 * @typedef {object} Explanation
 * @property {number} status of HTTP
 * @property {string} title
 * @property {string} text
 * @property {"connect" | "allow" | "retry"} [help] what a person can do about it
 */

/**
 * What a failed call says to a person. The error's own words are for the log.
 * @param {unknown} error
 * @returns {Explanation}
 */
export function explain(error) {
  if (!isHubSpotOAuthError(error))
    return { status: 500, title: "Something went wrong", text: "This app made a mistake. It is in the log.", help: "retry" };
  switch (error.code) {
    case "account_not_connected":
      return { status: 409, title: "Not connected", text: "This account is not connected any more.", help: "connect" };
    case "reauthorization_required":
      return {
        status: 409,
        title: "The connection has ended",
        text: "HubSpot does not accept this connection any more. Nothing is lost: connect again to go on.",
        help: "connect",
      };
    case "missing_scopes": {
      const names = features.filter(({ scope }) => error.scopes.includes(scope)).map(({ label }) => label.toLowerCase());
      return {
        status: 403,
        title: "Permission needed",
        text: `This account has not allowed the app to read ${names.join(" and ") || "this"}.`,
        help: "allow",
      };
    }
    case "rate_limited":
      return {
        status: 503,
        title: "HubSpot is busy",
        text: "HubSpot has had enough calls for this account. Try again in a moment.",
        help: "retry",
      };
    case "token_store":
      return {
        status: 503,
        title: "Storage cannot be reached",
        text: "The app's own storage does not answer. Try again in a moment.",
        help: "retry",
      };
    case "configuration":
    case "decryption":
      return { status: 500, title: "Not set up correctly", text: "The app's operator has to mend this. No connection is lost." };
    default:
      if (error.retryable)
        return {
          status: 503,
          title: "HubSpot cannot be reached",
          text: "HubSpot does not answer right now. The connection is kept, and the app tries again by itself.",
          help: "retry",
        };
      return { status: 502, title: "HubSpot refused", text: "HubSpot did not accept the call.", help: "retry" };
  }
}
