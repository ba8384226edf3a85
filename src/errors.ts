/**
 * Every error this library throws on purpose, with a stable `code`, told apart by what the caller does next.
 * Wrong arguments are `TypeError`; an abort rejects with the signal's own reason; all the rest is here.
 * No message, field or cause ever holds a token, a code, a secret or a raw body.
 */
import { brand, hide, unprinted } from "./error-brand.js";
import { quotedId } from "./safe-text.js";

/** Base class of all errors of this library. */
export abstract class HubSpotOAuthError extends Error {
  static {
    brand(this, "HubSpotOAuthError");
  }
  /** Stable, one per class: made for `switch`. */
  abstract readonly code: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? false;
  }
}

/** An error of a callback. It still knows the flow that began it, so that the app can send the user back; that is never printed with it. */
abstract class CallbackError extends HubSpotOAuthError {
  /** The `context` given to `createAuthorization`. */
  declare readonly context?: unknown;
  /** The `returnTo` given to `createAuthorization`: a path on your own origin. */
  declare readonly returnTo?: string | undefined;
  /** The `accountId` given to `createAuthorization`: the account that was to be reconnected. */
  declare readonly reconnectAccountId?: string | undefined;
  /** A `Set-Cookie` value that removes the flow's cookie; append it to the response. */
  declare readonly clearCookie?: string | undefined;
}

/** What every error of this library carries that ended a flow whose state was opened; not enumerable. */
export type FlowDetails = Pick<CallbackError, "context" | "returnTo" | "reconnectAccountId" | "clearCookie">;

/** The user, or HubSpot for the user, answered the authorization request with `error=` (RFC 6749 section 4.1.2.1). Offer to connect again. */
export class AuthorizationDeniedError extends CallbackError {
  static {
    brand(this, "AuthorizationDeniedError");
  }
  readonly code = "authorization_denied" as const;
  /** The `error` parameter, `access_denied` when the user said no; printable ASCII, at most 200 characters. */
  readonly error: string;
  /** The `error_description` parameter, made printable and cut at 200 characters. Escape it before it enters HTML. */
  readonly errorDescription: string | undefined;

  constructor(error: string, errorDescription: string | undefined) {
    super(
      error === "access_denied"
        ? "The authorization was not granted (access_denied). Offer the user to connect again."
        : `HubSpot refused the authorization request (${error}). Check the app's scopes and redirect URI, then offer the user to connect again.`,
    );
    this.error = error;
    this.errorDescription = errorDescription;
  }
}

/**
 * Why a callback was refused. Nothing was stored; nothing was exchanged either, but for the last reason:
 * `missing` no state (a marketplace install, or somebody else's link) · `malformed` not one of ours, or contradictory parameters ·
 * `expired` older than ten minutes · `unbound` no cookie came · `wrong-browser` another browser began this flow ·
 * `used` this callback was already handled · `other-client` it belongs to another client id · `wrong-account` another HubSpot account
 * answered than the one asked for.
 */
export type StateMismatchReason =
  | "missing"
  | "malformed"
  | "expired"
  | "unbound"
  | "wrong-browser"
  | "used"
  | "other-client"
  | "wrong-account";

/** The callback does not belong to a flow that this browser began (RFC 6749 section 10.12). Start the flow again; never exchange the code. */
export class StateMismatchError extends CallbackError {
  static {
    brand(this, "StateMismatchError");
  }
  readonly code = "state_mismatch" as const;
  /** What did not fit. For your log, not for the visitor. */
  readonly reason: StateMismatchReason;

  constructor(reason: StateMismatchReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What HubSpot said when it refused a request at an OAuth endpoint; every text printable, on one line and at most 200 characters. */
export interface TokenRequestErrorDetails {
  readonly status: number;
  readonly error?: string | undefined;
  readonly errorDescription?: string | undefined;
  readonly hubspotStatus?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly retryable: boolean;
}

/** HubSpot's token, introspection or revocation endpoint answered, and the answer was no (RFC 6749 section 5.2). */
export class TokenRequestError extends HubSpotOAuthError {
  static {
    brand(this, "TokenRequestError");
  }
  readonly code = "token_request_failed" as const;
  /** HTTP status. */
  readonly status: number;
  /** RFC 6749 `error`, such as `invalid_grant`, when HubSpot sent one. */
  readonly error: string | undefined;
  /** RFC 6749 `error_description`, or HubSpot's `message`. */
  readonly errorDescription: string | undefined;
  /** HubSpot's own `status` word, such as `BAD_REFRESH_TOKEN`. */
  readonly hubspotStatus: string | undefined;
  /** HubSpot's correlation id: quote it to their support. */
  readonly correlationId: string | undefined;

  constructor(message: string, details: TokenRequestErrorDetails) {
    super(message, { retryable: details.retryable });
    this.status = details.status;
    this.error = details.error;
    this.errorDescription = details.errorDescription;
    this.hubspotStatus = details.hubspotStatus;
    this.correlationId = details.correlationId;
  }
}

/** HubSpot no longer honours this account's grant. The record is kept and marked dead; the customer must connect again. */
export class ReauthorizationRequiredError extends HubSpotOAuthError {
  static {
    brand(this, "ReauthorizationRequiredError");
  }
  readonly code = "reauthorization_required" as const;
  readonly accountId: string;
  /** HubSpot's word, such as `BAD_REFRESH_TOKEN` or `invalid_grant`; `no_refresh_token` when none was ever issued. */
  readonly reason: string;

  constructor(accountId: string, reason: string) {
    super(`HubSpot account ${quotedId(accountId)} must be connected again: HubSpot refuses its refresh token (${reason}).`);
    this.accountId = accountId;
    this.reason = reason;
  }
}

/** The store holds nothing for this account: it was never connected, or it was disconnected. */
export class AccountNotConnectedError extends HubSpotOAuthError {
  static {
    brand(this, "AccountNotConnectedError");
  }
  readonly code = "account_not_connected" as const;
  readonly accountId: string;

  constructor(accountId: string) {
    super(`HubSpot account ${quotedId(accountId)} is not connected. Send the user through createAuthorization().`);
    this.accountId = accountId;
  }
}

/** The operator's fault, never the customer's: wrong secret, wrong redirect URI, another app's record, a store that cannot list. */
export class ConfigurationError extends HubSpotOAuthError {
  static {
    brand(this, "ConfigurationError");
  }
  readonly code = "configuration" as const;
}

/** One problem inside HubSpot's error body, as HubSpot names its fields. Every field optional, as HubSpot advises. */
export interface HubSpotErrorDetail {
  readonly message?: string | undefined;
  /** Of a single problem of a batch. */
  readonly category?: string | undefined;
  readonly code?: string | undefined;
  readonly in?: string | undefined;
  readonly subCategory?: string | undefined;
  readonly context?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** What a HubSpot API error body said. */
export interface HubSpotApiErrorDetails {
  readonly status: number;
  readonly category?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly errors?: readonly HubSpotErrorDetail[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly retryable?: boolean | undefined;
}

/** HubSpot's API refused a call. */
export class HubSpotApiError extends HubSpotOAuthError {
  static {
    brand(this, "HubSpotApiError");
  }
  readonly code = "hubspot_api" as const;
  /** HTTP status. */
  readonly status: number;
  /** HubSpot's `category`, such as `VALIDATION_ERROR` or `EXPIRED_AUTHENTICATION`. */
  readonly category: string | undefined;
  /** HubSpot's correlation id: quote it to their support. */
  readonly correlationId: string | undefined;
  /** The single problems; not printed with the error, since HubSpot quotes property values in them. */
  declare readonly errors: readonly HubSpotErrorDetail[];
  /** How long HubSpot asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, details: HubSpotApiErrorDetails) {
    super(message, { retryable: details.retryable ?? false });
    this.status = details.status;
    this.category = details.category;
    this.correlationId = details.correlationId;
    this.retryAfterMs = details.retryAfterMs;
    hide(this, { errors: unprinted(details.errors ?? []) });
  }
}

/** The account has not granted scopes that a call needs. A refresh never mends this: reconnect with more scopes. */
export class MissingScopesError extends HubSpotOAuthError {
  static {
    brand(this, "MissingScopesError");
  }
  readonly code = "missing_scopes" as const;
  /** The account, when the credential belongs to one. */
  readonly accountId: string | undefined;
  /** The missing scopes: pass them to `createAuthorization({ accountId, scopes })`. Empty when HubSpot named none. */
  readonly scopes: readonly string[];
  /** True when one of `scopes` is enough (HubSpot: "one or more of the following"), false when all are needed. */
  readonly anyOf: boolean;
  /** HubSpot's correlation id, when HubSpot refused a call. */
  readonly correlationId: string | undefined;

  constructor(details: { accountId?: string | undefined; scopes: readonly string[]; anyOf: boolean; correlationId?: string | undefined }) {
    const whose = details.accountId === undefined ? "The credential" : `HubSpot account ${quotedId(details.accountId)}`;
    const which =
      details.scopes.length === 0
        ? "a scope this call needs"
        : `${details.anyOf ? "any of" : "all of"}: ${details.scopes.slice(0, 20).join(" ")}${details.scopes.length > 20 ? " …" : ""}`;
    super(`${whose} has not granted ${which}. Reconnect it with these scopes.`);
    this.accountId = details.accountId;
    this.scopes = details.scopes;
    this.anyOf = details.anyOf;
    this.correlationId = details.correlationId;
  }
}

/** Too many requests (429). Try later. */
export class RateLimitError extends HubSpotOAuthError {
  static {
    brand(this, "RateLimitError");
  }
  readonly code = "rate_limited" as const;
  readonly status = 429;
  /** HubSpot's `policyName` (`TEN_SECONDLY_ROLLING`, `SECONDLY`, `DAILY`), or `TOKEN_ENDPOINT`, or `LOCAL_QUEUE` when our own queue is full. */
  readonly policyName: string | undefined;
  /** How long to wait, in milliseconds, when it is known. */
  readonly retryAfterMs: number | undefined;
  readonly correlationId: string | undefined;

  constructor(
    message: string,
    details: { policyName?: string | undefined; retryAfterMs?: number | undefined; correlationId?: string | undefined },
  ) {
    super(message, { retryable: true });
    this.policyName = details.policyName;
    this.retryAfterMs = details.retryAfterMs;
    this.correlationId = details.correlationId;
  }
}

/** Where a request was when the network failed. */
export type NetworkPhase = "dns" | "connect" | "tls" | "request" | "response" | "body";

/** The network failed. */
export class NetworkError extends HubSpotOAuthError {
  static {
    brand(this, "NetworkError");
  }
  readonly code = "network" as const;
  /** How far the request had come. */
  readonly phase: NetworkPhase;
  /** Whether HubSpot may have received the request: false only when that is certain. */
  readonly sent: boolean;

  constructor(message: string, details: { phase: NetworkPhase; sent: boolean; cause?: unknown }) {
    // A certificate that is wrong now is wrong in a second, too.
    super(message, { retryable: details.phase !== "tls", cause: details.cause });
    this.phase = details.phase;
    this.sent = details.sent;
  }
}

/** A deadline passed. */
export class TimeoutError extends HubSpotOAuthError {
  static {
    brand(this, "TimeoutError");
  }
  readonly code = "timeout" as const;
  /** The deadline, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether HubSpot may have received the request: false only when that is certain. */
  readonly sent: boolean;

  constructor(message: string, details: { timeoutMs: number; sent: boolean }) {
    super(message, { retryable: true });
    this.timeoutMs = details.timeoutMs;
    this.sent = details.sent;
  }
}

/** The answer is not what HubSpot documents, or not what your `schema` wants. Report it, with the correlation id. */
export class MalformedResponseError extends HubSpotOAuthError {
  static {
    brand(this, "MalformedResponseError");
  }
  readonly code = "malformed_response" as const;
  /** HTTP status. */
  readonly status: number;
  readonly correlationId: string | undefined;
  /** What your `schema` found, as Standard Schema issues; not printed with the error. */
  declare readonly issues: readonly unknown[];

  constructor(message: string, details: { status: number; correlationId?: string | undefined; issues?: readonly unknown[] | undefined }) {
    super(message);
    this.status = details.status;
    this.correlationId = details.correlationId;
    hide(this, { issues: details.issues ?? [] });
  }
}

/** A token or state store failed or answered something impossible. Never reads as "not connected". */
export class TokenStoreError extends HubSpotOAuthError {
  static {
    brand(this, "TokenStoreError");
  }
  readonly code = "token_store" as const;
  /** The store's method: `get`, `set`, `delete`, `list`, `lease` or `consume`. */
  readonly operation: string;
  /** The driver's own error code, such as `ECONNREFUSED`. The driver's error is not kept: its fields hold tokens. */
  readonly driverCode: string | undefined;

  constructor(message: string, details: { operation: string; driverCode?: string | undefined }) {
    super(message, { retryable: true });
    this.operation = details.operation;
    this.driverCode = details.driverCode;
  }
}

/** A stored record could not be decrypted: unknown key, tampering, or a row moved to another account. Nothing is deleted. */
export class DecryptionError extends HubSpotOAuthError {
  static {
    brand(this, "DecryptionError");
  }
  readonly code = "decryption" as const;
}

/**
 * Why a request was not taken for HubSpot's: `missing` no signature came · `malformed` its headers are repeated, or not of their form ·
 * `unaccepted-version` it has only signatures of versions that are not accepted · `mismatch` it was not made with this secret for this
 * request · `expired` it is genuine, but too old or dated in the future · `too-large` its body was not read to the end.
 */
export type RequestSignatureReason = "missing" | "malformed" | "unaccepted-version" | "mismatch" | "expired" | "too-large";

/** A request does not prove that it comes from HubSpot. Answer 401, and do nothing that it asks for. */
export class RequestSignatureError extends HubSpotOAuthError {
  static {
    brand(this, "RequestSignatureError");
  }
  readonly code = "request_signature" as const;
  /** Why it was not taken for HubSpot's. For your log, not for whoever sent it. */
  readonly reason: RequestSignatureReason;

  constructor(reason: RequestSignatureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** All of them, so that `switch (error.code)` narrows. */
export type AnyHubSpotOAuthError =
  | AuthorizationDeniedError
  | StateMismatchError
  | TokenRequestError
  | ReauthorizationRequiredError
  | AccountNotConnectedError
  | ConfigurationError
  | HubSpotApiError
  | MissingScopesError
  | RateLimitError
  | NetworkError
  | TimeoutError
  | MalformedResponseError
  | TokenStoreError
  | DecryptionError
  | RequestSignatureError;

/** Whether `error` is one of this library's, whichever copy of it threw; narrows to the union for `switch`. */
export function isHubSpotOAuthError(error: unknown): error is AnyHubSpotOAuthError {
  return error instanceof HubSpotOAuthError;
}
