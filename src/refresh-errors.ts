/** What only a refresh can go wrong with, in words. */
import { MalformedResponseError, TimeoutError, TokenRequestError } from "./errors.js";

/** Tokens of another portal must never be used for this account. */
export function otherPortal(): MalformedResponseError {
  return new MalformedResponseError("HubSpot answered a refresh with the tokens of another account (hub_id). They were not stored.", {
    status: 200,
  });
}

/** HubSpot said yes, and what it sent cannot be used. */
export function oddAnswer(problem = "no access token"): MalformedResponseError {
  return new MalformedResponseError(`HubSpot's answer to a refresh cannot be used (${problem}).`, { status: 200 });
}

/** Nothing better is to be had for a caller whose token was refused. */
export function sameToken(): TokenRequestError {
  return new TokenRequestError("HubSpot handed out the access token that its API had just refused.", { status: 200, retryable: true });
}

/** HubSpot's API refuses whatever its token endpoint gives: another refresh would not help, and the limit on those is the whole app's. */
export function refusedTooOften(): TokenRequestError {
  return new TokenRequestError("HubSpot's API has just refused three new access tokens of this account. Try again in half a minute.", {
    status: 200,
    retryable: true,
  });
}

/** The lease, the store or HubSpot took too long. */
export function busy(ms: number): TimeoutError {
  return new TimeoutError("The access token is being refreshed elsewhere, and that takes too long. Try again.", {
    timeoutMs: ms,
    sent: false,
  });
}
