/** HubSpot's error answers as our errors: every status and body of its documentation, and the ones that come instead of them. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { HubSpotApiError, MissingScopesError, RateLimitError } from "../../src/errors.js";
import { apiError, correlationIdOf, errorBody, retryAfter } from "../../src/http/api-error.js";
import type { WireResponse } from "../../src/transport.js";

const JSON_TYPE = { "content-type": "application/json;charset=utf-8" };

function answer(status: number, body: unknown, headers: WireResponse["headers"] = JSON_TYPE): WireResponse {
  return { status, headers, body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)) };
}

function errorOf(response: WireResponse, secrets: string[] = []): ReturnType<typeof apiError> {
  return apiError(response, { replayable: true, request: "GET /crm", accountId: "42", secrets });
}

const html = "<!DOCTYPE html><html><body><h1>canary outage page</h1></body></html>";

describe("a status", () => {
  it.each([
    ...[400, 401, 403, 404, 405, 409, 413, 414, 415, 422].map((status) => ({ status, retryable: false })),
    ...[423, 477, 500, 502, 503, 504, 521, 522, 523, 524, 525, 526].map((status) => ({ status, retryable: true })),
  ])("$status is a HubSpotApiError, retryable: $retryable, whatever its body", ({ status, retryable }) => {
    const body = { status: "error", message: "What went wrong.", correlationId: "c-1", category: "SOME_CATEGORY" };
    const error = errorOf(answer(status, body));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject({ status, retryable, category: "SOME_CATEGORY", correlationId: "c-1" });
    expect(error.message).toBe(`HubSpot answered GET /crm with ${status} SOME_CATEGORY: What went wrong. (correlation id c-1)`);
    for (const odd of [answer(status, html, { "content-type": "text/html" }), answer(status, "", {})]) {
      expect(errorOf(odd)).toBeInstanceOf(HubSpotApiError);
      expect(errorOf(odd)).toMatchObject({ status, retryable, category: undefined, message: `HubSpot answered GET /crm with ${status}` });
    }
  });

  it.each([301, 302, 303, 307, 308])("%d says that redirects are never followed", (status) => {
    const error = errorOf(answer(status, "", { location: "https://evil.example/canary" }));
    expect(error).toMatchObject({
      status,
      retryable: false,
      message: `HubSpot answered GET /crm with a redirect (${status}), which is never followed`,
    });
    expect(inspect(error)).not.toContain("canary");
  });
});

describe("a body", () => {
  it.each<[string, string, WireResponse["headers"]]>([
    ["HTML", html, { "content-type": "text/html; charset=utf-8" }],
    ["HTML that says it is JSON", html, JSON_TYPE],
    ["text", "canary: error code: 1015", { "content-type": "text/plain" }],
    ["JSON that says it is text", '{"category":"X","message":"canary"}', { "content-type": "text/plain" }],
    ["cut JSON", '{"category":"X","message":"canary', JSON_TYPE],
    ["a JSON string", '"canary"', JSON_TYPE],
    ["a JSON array", '[{"category":"X"}]', JSON_TYPE],
    ["null", "null", JSON_TYPE],
    ["bytes", "\u0000\u0001canary", JSON_TYPE],
    ["nothing", "", JSON_TYPE],
  ])("%s has no category, and nothing of it is quoted", (_, body, headers) => {
    const error = errorOf(answer(502, body, { ...headers, "x-hubspot-correlation-id": "from-the-header" }));
    expect(error).toMatchObject({ status: 502, category: undefined, correlationId: "from-the-header", retryable: true, errors: [] });
    expect(inspect(error, { showHidden: true })).not.toContain("canary");
  });

  it.each([JSON_TYPE, { "content-type": "application/problem+json" }, { "Content-Type": "x" }])("is read as JSON under %j", (headers) => {
    expect(errorBody(answer(400, { category: "X" }, headers))).toMatchObject({ category: "X" });
  });

  it.each<[string, object]>([
    ["numbers", { category: 1, message: 2, correlationId: 3, errors: 4, policyName: 5 }],
    ["objects", { category: {}, message: {}, correlationId: {}, errors: {}, policyName: {} }],
    ["null", { category: null, message: null, correlationId: null, errors: null, policyName: null }],
    ["lists of odd things", { category: [], message: [], errors: [null, 1, "x", [], { context: 1, message: {}, code: [] }] }],
    ["words with spaces and line breaks", { category: "A B", correlationId: "a\r\nb", policyName: "a b" }],
    ["prototype keys", JSON.parse('{"__proto__":{"category":"X"},"constructor":{"category":"X"}}') as object],
  ])("with %s in its fields does no harm", (_, body) => {
    for (const status of [400, 403, 429, 500]) expect(errorOf(answer(status, body))).toMatchObject({ status, correlationId: undefined });
    expect(errorOf(answer(400, body))).toMatchObject({ category: undefined });
  });

  it("has its correlation id from the body, else from the header", () => {
    const headers = { ...JSON_TYPE, "x-hubspot-correlation-id": "header" };
    expect(correlationIdOf(answer(400, { correlationId: "body" }, headers))).toBe("body");
    expect(correlationIdOf(answer(400, {}, headers))).toBe("header");
    expect(correlationIdOf(answer(400, {}))).toBeUndefined();
  });

  it("lends its message on one line of at most 200 characters", () => {
    const { message } = errorOf(answer(400, { message: `first\r\nsecond\u0000\u202e${"x".repeat(500)}` }));
    expect(message).toMatch(/^HubSpot answered GET \/crm with 400: first second {1,2}x+…$/);
    expect(message.length).toBeLessThan(260);
  });

  it.each(["canary-token", Buffer.from("canary-token").toString("base64")])("that quotes the credential (%s) is not quoted", (quoted) => {
    const body = { message: `Bad ${quoted}`, errors: [{ message: `Bad ${quoted}`, code: "C", context: { a: [quoted, "fine"] } }] };
    const error = errorOf(answer(400, body), ["canary-token"]);
    expect(error).toMatchObject({ errors: [{ message: undefined, code: "C", context: { a: ["fine"] } }] });
    expect(inspect(error, { showHidden: true, depth: 10 })).not.toContain(quoted);
  });

  const problem = { message: "email is odd", code: "INVALID_EMAIL", in: "email", subCategory: "a.b", context: { propertyName: ["email"] } };

  it("has its single problems in errors, which JSON.stringify does not print", () => {
    const error = errorOf(answer(400, { category: "VALIDATION_ERROR", errors: [problem, { message: "second" }] }));
    expect(error).toMatchObject({ errors: [problem, { message: "second", code: undefined, context: {} }] });
    expect(JSON.stringify(error)).not.toContain("email is odd");
  });

  // Node prints an array called `errors` of any Error, enumerable or not.
  it("has its single problems in errors, which console.log does not print", () => {
    expect(inspect(errorOf(answer(400, { errors: [problem] })))).not.toContain("email is odd");
  });
});

describe("429", () => {
  const daily = {
    status: "error",
    message: "You have reached your daily limit.",
    errorType: "RATE_LIMIT",
    correlationId: "c-1",
    policyName: "DAILY",
    requestId: "r",
  };

  it.each<[string, unknown, WireResponse["headers"], string | undefined]>([
    ["the daily limit", daily, JSON_TYPE, "DAILY"],
    [
      "the burst limit",
      { message: "You have reached your ten_secondly_rolling limit.", policyName: "TEN_SECONDLY_ROLLING" },
      JSON_TYPE,
      "TEN_SECONDLY_ROLLING",
    ],
    [
      "the burst limit, by its message alone",
      { message: "You have reached your ten_secondly_rolling limit." },
      JSON_TYPE,
      "TEN_SECONDLY_ROLLING",
    ],
    [
      "the search limit, by its message alone",
      { message: "You have reached your secondly limit.", category: "RATE_LIMITS" },
      JSON_TYPE,
      "SECONDLY",
    ],
    ["the daily limit, by its message alone", { message: "You have reached your daily limit." }, JSON_TYPE, "DAILY"],
    ["an unknown policy", { policyName: "MONTHLY" }, JSON_TYPE, "MONTHLY"],
    ["a limit that is not named", { message: "You have reached your rate limit." }, JSON_TYPE, undefined],
    ["Cloudflare's", "error code: 1015", { "content-type": "text/plain" }, undefined],
    ["nothing", "", {}, undefined],
  ])("%s is a RateLimitError with its policy", (_, body, headers, policyName) => {
    const error = errorOf(answer(429, body, headers));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, policyName, retryAfterMs: undefined, retryable: true });
    expect(error.message).toBe(`HubSpot limits the rate of GET /crm (${policyName ?? "policy not named"}).`);
  });

  it("says how long to wait and which request it was", () => {
    expect(errorOf(answer(429, daily, { ...JSON_TYPE, "retry-after": "7" }))).toMatchObject({ retryAfterMs: 7_000, correlationId: "c-1" });
    expect(errorOf(answer(477, "", { "retry-after": "86400" }))).toMatchObject({ retryAfterMs: 86_400_000 });
  });

  it.each<[string, string, number | undefined]>([
    ["the window of the burst limit", "1000", 1_000],
    ["ten seconds", "10000", 10_000],
    ["no number", "soon", undefined],
    ["an absurd one", "99999999", undefined],
    ["none at all", "0", undefined],
  ])("a burst limit without Retry-After lasts its window: %s", (_, value, retryAfterMs) => {
    const headers = { ...JSON_TYPE, "x-hubspot-ratelimit-interval-milliseconds": value };
    expect(errorOf(answer(429, { policyName: "TEN_SECONDLY_ROLLING" }, headers))).toMatchObject({ retryAfterMs });
    expect(errorOf(answer(429, { policyName: "SECONDLY" }, headers))).toMatchObject({ retryAfterMs: undefined });
  });
});

describe("Retry-After", () => {
  const date = "Fri, 31 Dec 1999 23:59:00 GMT";

  it.each<[string, WireResponse["headers"], number | undefined]>([
    ["seconds", { "retry-after": "120" }, 120_000],
    ["no wait", { "retry-after": "0" }, 0],
    ["a date, measured from the server's clock", { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", date }, 59_000],
    ["a date that has passed", { "retry-after": "Fri, 31 Dec 1999 23:58:00 GMT", date }, 0],
    ["a date without the server's clock", { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT" }, undefined],
    ["a date and a broken clock", { "retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", date: "today" }, undefined],
    ["given twice: the first", { "retry-after": ["1", "2"] }, 1_000],
    ["nothing", {}, undefined],
    ["an empty string", { "retry-after": "", date }, undefined],
    ["a word", { "retry-after": "soon", date }, undefined],
    ["words", { "retry-after": "10 seconds", date }, undefined],
    ["an exponent", { "retry-after": "1e9", date }, undefined],
    ["thirty years", { "retry-after": "9999999999", date }, undefined],
  ])("%s", (_, headers, expected) => {
    expect(retryAfter(answer(429, "", headers))).toBe(expected);
  });

  // Date.parse reads a date into nearly everything; "at once" is the worst way to read junk.
  it.each(["-5", "1.5"])("%s is junk, not a date", (value) => {
    expect(retryAfter(answer(429, "", { "retry-after": value, date }))).toBeUndefined();
  });
});

describe("403", () => {
  it("names twenty scopes in its message and all of them in `scopes`", () => {
    const scopes = Array.from({ length: 1_000 }, (_, index) => `scope.${index}.read`);
    const error = errorOf(answer(403, { category: "MISSING_SCOPES", errors: [{ context: { requiredGranularScopes: scopes } }] }));
    expect((error as MissingScopesError).scopes).toEqual(scopes);
    expect(error.message.length).toBeLessThan(600);
    expect(error.message).toContain("scope.19.read …");
  });

  const message = "This app hasn't been granted all required scopes to make this call.";
  const one = "crm.objects.companies.write";
  const two = ["crm.objects.contacts.read", "crm.objects.contacts.write"];

  it.each<[string, object, readonly string[], boolean]>([
    [
      "in errors[].context.requiredGranularScopes",
      { errors: [{ message: "One or more of the following scopes are required.", context: { requiredGranularScopes: [one] } }] },
      [one],
      false,
    ],
    ["several, of which one is enough", { errors: [{ context: { requiredGranularScopes: two } }] }, two, true],
    ["in context.requiredScopes", { context: { requiredScopes: [one] } }, [one], false],
    ["in context.missingScopes", { context: { missingScopes: two } }, two, true],
    ["in several places, each once", { context: { requiredScopes: two }, errors: [{ context: { missingScopes: two } }] }, two, true],
    ["nowhere", {}, [], false],
    [
      "in the wrong shapes",
      { context: { requiredScopes: "x" }, errors: [{ context: { missingScopes: [1, null, "a b"] } }, null] },
      [],
      false,
    ],
  ])("MISSING_SCOPES names the scopes %s", (_, body, scopes, anyOf) => {
    const error = errorOf(answer(403, { status: "error", message, correlationId: "c-1", category: "MISSING_SCOPES", ...body }));
    expect(error).toBeInstanceOf(MissingScopesError);
    expect(error).toMatchObject({ accountId: "42", scopes, anyOf, correlationId: "c-1", retryable: false });
    expect(error.message).toContain(scopes.length === 0 ? "a scope this call needs" : scopes.join(" "));
  });

  it.each(["GATED", undefined])("with category %s is an ordinary refusal", (category) => {
    expect(errorOf(answer(403, { category, context: { requiredScopes: [one] } }))).toMatchObject({
      code: "hubspot_api",
      status: 403,
      category,
      retryable: false,
    });
  });

  it("MISSING_SCOPES with another status is no scope error", () => {
    expect(errorOf(answer(400, { category: "MISSING_SCOPES" }))).toBeInstanceOf(HubSpotApiError);
  });
});
