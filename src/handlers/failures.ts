/**
 * What went wrong, in words for the person in front of the browser: an HTTP status, a heading, a sentence, and whether trying again helps.
 * No error's own message is ever among them: those are for developers, and HubSpot's text is nobody's HTML.
 */
import { isHubSpotOAuthError, type StateMismatchReason } from "../errors.js";

/** What a page says of a failure. */
export interface FailureText {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** Whether to offer to connect again. */
  readonly retry: boolean;
  /** Seconds to wait before that, when they are known. */
  readonly retryAfterSeconds?: number | undefined;
}

type Row = Omit<FailureText, "code" | "retryAfterSeconds">;

const NOTHING_CONNECTED = "HubSpot was not connected";

/** Why the handlers themselves refuse a request. */
export type Refusal = "not_signed_in" | "account_not_allowed" | "scope_not_allowed" | "cross_site";

const REFUSALS: Readonly<Record<Refusal, Row>> = {
  not_signed_in: { status: 401, title: "Please sign in", text: "Sign in first, then connect HubSpot.", retry: true },
  account_not_allowed: {
    status: 403,
    title: "This is not your account",
    text: "You may not change the connection of this HubSpot account.",
    retry: false,
  },
  scope_not_allowed: {
    status: 400,
    title: "This link cannot be used",
    text: "It asks for permissions that this app does not use.",
    retry: false,
  },
  cross_site: {
    status: 403,
    title: "This came from another site",
    text: "Nothing was changed. Go back to the app and try it from there.",
    retry: false,
  },
};

/** What a refusal says. */
export function refusalText(code: Refusal): FailureText {
  return { code, ...REFUSALS[code] };
}

const STATE: Readonly<Record<StateMismatchReason, Row>> = {
  missing: stateRow(400, "This app did not begin this connection. Nothing was connected; begin it here."),
  malformed: stateRow(400, "The link back from HubSpot is damaged. Nothing was connected; please try again."),
  "other-client": stateRow(400, "The link back from HubSpot belongs to another app. Nothing was connected."),
  expired: stateRow(400, "It took longer than ten minutes. Nothing was connected; please try again."),
  // Its cookie goes with the first use: after the back button it may have worked, so that no word may say that it did not.
  unbound: {
    status: 400,
    title: "This link cannot be used",
    text: "It was used before, another browser began the connection, or cookies are blocked. If HubSpot is not connected, please try again.",
    retry: true,
  },
  "wrong-browser": stateRow(400, "This connection was begun in another browser or session. Nothing was connected; please try again."),
  used: {
    status: 400,
    title: "This link was used before",
    text: "A link back from HubSpot works once. If HubSpot is not connected, please try again.",
    retry: true,
  },
  "wrong-account": {
    status: 409,
    title: "This is another HubSpot account",
    text: "You chose another HubSpot account than the one to be reconnected. Nothing was stored.",
    retry: true,
  },
};

function stateRow(status: number, text: string): Row {
  return { status, title: NOTHING_CONNECTED, text, retry: true };
}

const MISCONFIGURED = failed(500, "This app is not set up correctly for HubSpot. Its operator has to mend that.", false);
const BAD_ANSWER = failed(502, "HubSpot did not accept the connection, or gave an answer that cannot be used. Please try again.");
const NOT_REACHED = failed(503, "HubSpot cannot be reached right now. Please try again in a moment.");
const NOT_STORED = failed(503, "The app could not reach its storage right now. Please try again in a moment.");
const UNEXPECTED = failed(500, "Something went wrong in this app. Please try again.");

function failed(status: number, text: string, retry = true): Row {
  return { status, title: NOTHING_CONNECTED, text, retry };
}

/** What an error of connecting says. */
export function errorText(error: unknown): FailureText {
  if (!isHubSpotOAuthError(error)) return { code: "unexpected", ...UNEXPECTED };
  const { code } = error;
  switch (error.code) {
    case "state_mismatch":
      return { code, ...STATE[error.reason] };
    case "authorization_denied":
      return { code, status: 403, title: NOTHING_CONNECTED, text: "HubSpot says that access was not granted.", retry: true };
    case "account_not_connected":
      return { code, status: 409, title: NOTHING_CONNECTED, text: "This HubSpot account is not connected any more.", retry: true };
    case "rate_limited":
      return { code, ...NOT_REACHED, retryAfterSeconds: Math.ceil((error.retryAfterMs ?? 10_000) / 1_000) };
    case "network":
    case "timeout":
      return { code, ...NOT_REACHED };
    case "token_request_failed":
      return { code, ...(error.retryable ? NOT_REACHED : BAD_ANSWER) };
    case "malformed_response":
    case "hubspot_api":
    case "reauthorization_required":
    case "missing_scopes":
    case "request_signature":
      return { code, ...BAD_ANSWER };
    case "token_store":
      return { code, ...NOT_STORED };
    case "configuration":
    case "decryption":
      return { code, ...MISCONFIGURED };
  }
}

/** The tokens are stored; what the application does with the account id failed. */
export const CONNECTED_BUT: FailureText = {
  code: "app_failed",
  status: 500,
  title: "Almost connected",
  text: "HubSpot granted access, but this app could not finish. Please connect once more: that does no harm.",
  retry: true,
};

/** The account is disconnected; what the application does then failed. */
export const DISCONNECTED_BUT: FailureText = {
  code: "app_failed",
  status: 500,
  title: "Almost disconnected",
  text: "HubSpot is disconnected, but this app could not finish. Please disconnect once more: that does no harm.",
  retry: false,
};

/** What an error of disconnecting says: the account is still connected. */
export function disconnectErrorText(error: unknown): FailureText {
  const { code, status } = errorText(error);
  return {
    code,
    status,
    title: "Still connected",
    text: "The account could not be disconnected. Please try again in a moment.",
    retry: false,
  };
}
