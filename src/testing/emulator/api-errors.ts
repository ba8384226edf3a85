/**
 * HubSpot's error bodies, word for word where they were captured (shared facts, section 4), and the token endpoint's own shape.
 * Nothing here decides when an error is due.
 */

import { randomUUID } from "node:crypto";
import type { EmulatorSettings } from "./emulator-settings.js";
import { type EmulatorResponse, json } from "./messages.js";

/** The `status` values of the token endpoint. */
export type TokenErrorStatus =
  | "BAD_REFRESH_TOKEN"
  | "BAD_AUTH_CODE"
  | "BAD_HUB"
  | "BAD_CLIENT_ID"
  | "BAD_CLIENT_SECRET"
  | "BAD_REDIRECT_URI"
  | "BAD_CODE_VERIFIER"
  | "BAD_SCOPES"
  | "BAD_GRANT_TYPE";

// Only the first three rows were seen whole; the other messages and `error` values are RFC 6749's nearest.
const TOKEN_ERRORS: Readonly<
  Record<TokenErrorStatus, { readonly error: string; readonly message: string; readonly legacyMessage?: string }>
> = {
  BAD_REFRESH_TOKEN: {
    error: "invalid_grant",
    message: "refresh token is invalid, expired or revoked",
    legacyMessage: "missing or invalid refresh token",
  },
  BAD_AUTH_CODE: { error: "invalid_grant", message: "missing or unknown auth code" },
  BAD_HUB: { error: "access_denied", message: "missing or unknown hub id" },
  BAD_CLIENT_ID: { error: "invalid_client", message: "missing or unknown client id" },
  BAD_CLIENT_SECRET: { error: "invalid_client", message: "missing or invalid client secret" },
  BAD_REDIRECT_URI: { error: "invalid_grant", message: "missing or mismatched redirect uri" },
  BAD_CODE_VERIFIER: { error: "invalid_grant", message: "missing or invalid code verifier" },
  BAD_SCOPES: { error: "invalid_scope", message: "missing or invalid scopes" },
  BAD_GRANT_TYPE: { error: "unsupported_grant_type", message: "missing or unknown grant type" },
};

/** An error of the token, introspect and revoke endpoints: HTTP 400, or what the switch says for a wrong client. */
export function tokenError(status: TokenErrorStatus, settings: EmulatorSettings): EmulatorResponse {
  const { error, message, legacyMessage = message } = TOKEN_ERRORS[status];
  const httpStatus = status === "BAD_CLIENT_ID" || status === "BAD_CLIENT_SECRET" ? settings.clientErrorStatus : 400;
  if (settings.tokenErrorStyle === "legacy") {
    const correlationId = randomUUID();
    return json(httpStatus, { status, message: legacyMessage, correlationId }, correlation(correlationId));
  }
  return json(httpStatus, { error, error_description: message, status, message });
}

/** An error of any other API: `status`, `message`, `correlationId`, `category`, and what else belongs to it. */
export function apiError(
  httpStatus: number,
  category: string,
  message: string,
  extra: Readonly<Record<string, unknown>> = {},
): EmulatorResponse {
  const correlationId = randomUUID();
  return json(httpStatus, { status: "error", message, correlationId, category, ...extra }, correlation(correlationId));
}

/** 401: no credentials, or none HubSpot knows. */
export function authenticationMissing(): EmulatorResponse {
  return apiError(
    401,
    "INVALID_AUTHENTICATION",
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
  );
}

/** 401: expired. A token that cannot even be decoded counts as expired since 1970, in days. */
export function authenticationExpired(expiredAtMs: number, nowMs: number): EmulatorResponse {
  const ago = expiredAtMs === 0 ? `${Math.floor(nowMs / 86_400_000)} day(s)` : `${Math.floor((nowMs - expiredAtMs) / 1000)} second(s)`;
  const expireTime = expiredAtMs === 0 ? "1970-01-01T00:00:00Z" : new Date(expiredAtMs).toISOString();
  return apiError(401, "EXPIRED_AUTHENTICATION", `The OAuth token used to make this call expired ${ago} ago.`, {
    context: { "expire time": [expireTime] },
  });
}

/** 403: one of `scopes` would have been enough. Older answers name them under other keys. */
export function missingScopes(scopes: readonly string[], key = "requiredGranularScopes"): EmulatorResponse {
  const correlationId = randomUUID();
  const body = {
    status: "error",
    message:
      "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
    correlationId,
    errors: [
      {
        message: "One or more of the following scopes are required.",
        context: { [key]: scopes },
      },
    ],
    links: { scopes: "https://developers.hubspot.com/scopes" },
    category: "MISSING_SCOPES",
  };
  return json(403, body, correlation(correlationId));
}

/** 400: a wrong parameter or body. */
export function validationError(message: string): EmulatorResponse {
  return apiError(400, "VALIDATION_ERROR", message);
}

/** 404: no such record. */
export function objectNotFound(): EmulatorResponse {
  return apiError(404, "OBJECT_NOT_FOUND", "resource not found");
}

/** 400: an object type that the account does not know. It was captured without a category. */
export function unknownObjectType(name: string): EmulatorResponse {
  const correlationId = randomUUID();
  return json(400, { status: "error", message: `Unable to infer object type from: ${name}`, correlationId }, correlation(correlationId));
}

/** What failed in a batch of which the rest was carried out. */
export interface BatchError {
  readonly status: "error";
  readonly category: string;
  readonly subCategory?: string;
  readonly message: string;
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** Records of a batch that are not there. */
export function objectsNotFound(type: { readonly singular: string }, ids: readonly string[]): BatchError {
  const name = type.singular.toUpperCase();
  const message = `Could not get some ${name} objects, they may be deleted or not exist. Check that ids are valid.`;
  return { status: "error", category: "OBJECT_NOT_FOUND", message, context: { ids } };
}

/** A batch's answer: 207 when something of it failed. */
export function batchAnswer(status: 200 | 201, results: readonly object[], errors: readonly BatchError[], nowMs: number): EmulatorResponse {
  const at = new Date(nowMs).toISOString();
  const failed = errors.length === 0 ? {} : { numErrors: errors.length, errors };
  return json(errors.length === 0 ? status : 207, { status: "COMPLETE", results, ...failed, startedAt: at, completedAt: at });
}

/** 404: no such path, or one that was switched off. */
export function routeNotFound(method: string, path: string): EmulatorResponse {
  return apiError(404, "OBJECT_NOT_FOUND", `No route matches ${method} ${path}`);
}

function correlation(id: string): Record<string, string> {
  return { "x-hubspot-correlation-id": id };
}
