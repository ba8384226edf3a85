/**
 * HubSpot's API errors as ours. Every field of HubSpot's body is optional, as its documentation advises, and a body that is HTML, empty or
 * cut short still ends in the right class.
 */
import { HubSpotApiError, type HubSpotErrorDetail, type HubSpotOAuthError, MissingScopesError, RateLimitError } from "../errors.js";
import { safeText, safeWord } from "../safe-text.js";
import { ownFields } from "../token-set.js";
import { header, type WireResponse } from "../transport.js";

/** The members of HubSpot's error body, or none when the body is not JSON. */
export function errorBody(response: WireResponse): Readonly<Record<string, unknown>> {
  const type = header(response, "content-type");
  if (response.body.length === 0 || (type !== undefined && !/[/+]json\b/i.test(type))) return {};
  try {
    return ownFields(JSON.parse(response.body.toString())) ?? {};
  } catch {
    return {}; // Not JSON after all: the status still says what happened.
  }
}

/** HubSpot's correlation id, from the body or the header. */
export function correlationIdOf(
  response: WireResponse,
  body: Readonly<Record<string, unknown>> = errorBody(response),
  secrets: readonly (string | undefined)[] = [],
): string | undefined {
  return safeWord(body["correlationId"], secrets) ?? safeWord(header(response, "x-hubspot-correlation-id"), secrets);
}

/** What belongs to the call that failed. */
export interface FailedCall {
  /** Method and path, without the query. */
  readonly request: string;
  readonly accountId: string | undefined;
  /** Never quoted, should HubSpot echo them. */
  readonly secrets: readonly (string | undefined)[];
  /** False when its body was a stream. */
  readonly replayable: boolean;
}

/** The error for an answer outside 200 to 299. */
export function apiError(response: WireResponse, call: FailedCall): HubSpotOAuthError {
  const { status } = response;
  const body = errorBody(response);
  const correlationId = correlationIdOf(response, body, call.secrets);
  const category = safeWord(body["category"], call.secrets);
  if (status === 403 && category === "MISSING_SCOPES") {
    const { scopes, anyOf } = missingScopes(body, call.secrets);
    return new MissingScopesError({ accountId: call.accountId, scopes, anyOf, correlationId });
  }
  const retryAfterMs = retryAfter(response);
  const said = safeText(body["message"], call.secrets);
  if (status === 429) {
    const policyName = safeWord(body["policyName"], call.secrets) ?? policyFromMessage(said);
    return new RateLimitError(`HubSpot limits the rate of ${call.request} (${policyName ?? "policy not named"}).`, {
      policyName,
      retryAfterMs: retryAfterMs ?? (policyName === "TEN_SECONDLY_ROLLING" ? windowOf(response) : undefined),
      correlationId,
    });
  }
  const what =
    status >= 300 && status < 400 && status !== 304
      ? `HubSpot answered ${call.request} with a redirect (${status}), which is never followed`
      : `HubSpot answered ${call.request} with ${status}`;
  const expired = status === 401 && category === "EXPIRED_AUTHENTICATION" && !call.replayable;
  const advice = expired && ". Its body was a stream, which cannot be sent again: make the call once more, with a new one";
  const message = [what, category && ` ${category}`, said && `: ${said}`, correlationId && ` (correlation id ${correlationId})`, advice]
    .filter(Boolean)
    .join("");
  return new HubSpotApiError(message, {
    status,
    category,
    correlationId,
    errors: details(body["errors"], call.secrets),
    retryAfterMs,
    retryable: status === 423 || status === 477 || status >= 500 || expired,
  });
}

/** HubSpot's error envelope under a status of success: seen on old APIs. */
export function isErrorEnvelope(body: unknown): boolean {
  const fields = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  return (
    fields["status"] === "error" &&
    typeof fields["message"] === "string" &&
    (typeof fields["category"] === "string" || typeof fields["correlationId"] === "string")
  );
}

/** The errors that a 207 lists beside its results. */
export function partialErrors(status: number, body: unknown, secrets: readonly (string | undefined)[]): HubSpotErrorDetail[] {
  return status === 207 ? details(ownFields(body)?.["errors"], secrets) : [];
}

/** How long the rolling window is, as the answer says: then all of it is free again. */
function windowOf(response: WireResponse): number | undefined {
  const value = header(response, "x-hubspot-ratelimit-interval-milliseconds");
  return value !== undefined && /^[1-9]\d{2,4}$/.test(value) ? Number(value) : undefined;
}

/** HubSpot's search limit comes without a policy name: only the sentence tells. */
function policyFromMessage(message: string | undefined): string | undefined {
  if (message?.includes("ten_secondly_rolling limit") === true) return "TEN_SECONDLY_ROLLING";
  if (message?.includes("secondly limit") === true) return "SECONDLY";
  return message?.includes("daily limit") === true ? "DAILY" : undefined;
}

/** `Retry-After` (RFC 9110 section 10.2.3) in milliseconds: seconds or a date, measured from the server's own clock when it says. */
export function retryAfter(response: WireResponse): number | undefined {
  const value = header(response, "retry-after");
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const sentMs = Date.parse(header(response, "date") ?? "");
  const untilMs = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(untilMs) || Number.isNaN(sentMs) ? undefined : Math.max(0, untilMs - sentMs);
}

const SCOPE_KEYS = ["requiredGranularScopes", "requiredScopes", "missingScopes"];

/** The scopes HubSpot names, in each of the places it has used. "One or more of the following": any of them is enough. */
function missingScopes(
  body: Readonly<Record<string, unknown>>,
  secrets: readonly (string | undefined)[],
): { readonly scopes: readonly string[]; readonly anyOf: boolean } {
  const contexts = [body["context"], ...list(body["errors"]).map((entry) => ownFields(entry)?.["context"])];
  const named = contexts.flatMap((context) => SCOPE_KEYS.flatMap((key) => list(ownFields(context)?.[key])));
  const scopes = [...new Set(named.flatMap((scope) => safeWord(scope, secrets) ?? []))];
  return { scopes, anyOf: scopes.length > 1 };
}

function details(errors: unknown, secrets: readonly (string | undefined)[]): HubSpotErrorDetail[] {
  return list(errors).flatMap((entry) => {
    const fields = ownFields(entry);
    if (fields === undefined) return [];
    const context = Object.entries(ownFields(fields["context"]) ?? {}).map(([key, values]) => [
      key,
      list(values).flatMap((value) => safeText(value, secrets) ?? []),
    ]);
    return [
      {
        message: safeText(fields["message"], secrets),
        category: safeWord(fields["category"], secrets),
        code: safeWord(fields["code"], secrets),
        in: safeWord(fields["in"], secrets),
        subCategory: safeWord(fields["subCategory"], secrets),
        context: Object.fromEntries(context) as Record<string, string[]>,
      },
    ];
  });
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
