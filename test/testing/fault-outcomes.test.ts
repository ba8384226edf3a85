/** Which error of the library each fault of the emulator ends in, from an API call, from a refresh and from a connect. */

import { describe, expect, test } from "vitest";
import { HubSpotHttp, isHubSpotOAuthError } from "../../src/index.js";
import type { Fault } from "../../src/testing/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";

const PATH = "/crm/v3/objects/contacts";

/** The error's code and what it says besides, or what came of it. */
async function outcome(promise: Promise<unknown>): Promise<object> {
  try {
    return { value: await promise };
  } catch (error) {
    if (!isHubSpotOAuthError(error)) throw error;
    return error;
  }
}

const LIST = { value: { results: expect.any(Array), paging: expect.any(Object) } };

/** A GET without retries, and what it comes to. */
const CALLS: readonly [fault: Fault, expected: object][] = [
  [{ kind: "rate-limit" }, { code: "rate_limited", policyName: "TEN_SECONDLY_ROLLING", retryAfterMs: undefined }],
  [
    { kind: "rate-limit", policy: "SECONDLY" },
    { code: "rate_limited", policyName: "SECONDLY" },
  ],
  [
    { kind: "rate-limit", policy: "SECONDLY", namePolicy: true, retryAfter: "3" },
    { code: "rate_limited", policyName: "SECONDLY", retryAfterMs: 3_000 },
  ],
  [
    { kind: "rate-limit", policy: "DAILY" },
    { code: "rate_limited", policyName: "DAILY" },
  ],
  [
    { kind: "rate-limit", policy: "TOKEN_ENDPOINT" },
    { code: "rate_limited", policyName: undefined },
  ],
  [
    { kind: "rate-limit", retryAfter: "Sun, 22 Nov 2026 00:00:20 GMT" },
    { code: "rate_limited", retryAfterMs: 20_000 },
  ],
  [
    { kind: "rate-limit", retryAfter: "in a while" },
    { code: "rate_limited", retryAfterMs: undefined },
  ],
  [{ kind: "server-error" }, { code: "hubspot_api", status: 500, retryable: true, category: "INTERNAL_ERROR" }],
  [
    { kind: "server-error", status: 503, retryAfter: "7" },
    { code: "hubspot_api", status: 503, retryable: true, retryAfterMs: 7_000 },
  ],
  [{ kind: "cloudflare" }, { code: "hubspot_api", status: 522, retryable: true, category: undefined }],
  [
    { kind: "cloudflare", status: 429 },
    { code: "rate_limited", policyName: undefined },
  ],
  [{ kind: "hang" }, { code: "timeout" }],
  [{ kind: "delay" }, { code: "timeout" }],
  [{ kind: "drip" }, { code: "timeout" }],
  [{ kind: "reset" }, { code: "network", sent: true, retryable: true }],
  [
    { kind: "reset", when: "processed" },
    { code: "network", sent: true },
  ],
  [
    { kind: "reset", when: "mid-body" },
    { code: "network", phase: "body", sent: true },
  ],
  [{ kind: "html" }, { code: "malformed_response" }],
  [
    { kind: "html", status: 502 },
    { code: "hubspot_api", status: 502, retryable: true },
  ],
  [{ kind: "empty" }, { value: undefined }],
  [{ kind: "truncated" }, { code: "malformed_response" }],
  [
    { kind: "truncated", framing: "content-length" },
    { code: "network", phase: "body" },
  ],
  [{ kind: "wrong-content-type" }, { code: "malformed_response" }],
  [{ kind: "unauthorized" }, LIST],
  [
    { kind: "unauthorized", category: "INVALID_AUTHENTICATION" },
    { code: "hubspot_api", status: 401, category: "INVALID_AUTHENTICATION" },
  ],
  [{ kind: "unauthorized", category: "UNDECODABLE" }, LIST],
  [
    { kind: "unauthorized", category: "BLANK" },
    { code: "hubspot_api", status: 401, category: undefined },
  ],
  [{ kind: "missing-scopes" }, { code: "missing_scopes", scopes: ["crm.objects.contacts.write"], anyOf: false }],
  [
    { kind: "missing-scopes", scopes: ["a", "b"], key: "requiredScopes" },
    { code: "missing_scopes", scopes: ["a", "b"], anyOf: true },
  ],
  [{ kind: "gated" }, { code: "hubspot_api", status: 403, category: "GATED", retryable: false }],
  [{ kind: "locked" }, { code: "hubspot_api", status: 423, retryable: true }],
  [{ kind: "migration" }, { code: "hubspot_api", status: 477, retryAfterMs: 3_600_000, retryable: true }],
  [{ kind: "partial" }, { value: { results: expect.any(Array), numErrors: 1 } }],
  [{ kind: "error-as-success" }, { code: "hubspot_api", status: 200, retryable: false }],
  [{ kind: "token-error" }, { code: "hubspot_api", status: 400 }],
  [{ kind: "v1-sunset" }, { code: "hubspot_api", status: 404 }],
  [{ kind: "duplicate-keys" }, LIST],
  [{ kind: "missing-fields", fields: ["results"] }, { value: { paging: expect.any(Object) } }],
  [{ kind: "oversized", bytes: 60_000_000 }, { code: "malformed_response" }],
  [
    { kind: "answer", status: 409, body: { category: "CONFLICT" } },
    { code: "hubspot_api", status: 409, category: "CONFLICT" },
  ],
];

test.each(CALLS)("an API call that meets %j", async (fault, expected) => {
  const emulator = await emulate({ now: () => Date.UTC(2026, 10, 22), startTimer: () => () => {} });
  const { oauth } = clientOf(emulator);
  const accountId = await connect(oauth, emulator);
  emulator.faults.add({ match: "objects-list", fault });
  const stalls = fault.kind === "hang" || fault.kind === "delay" || fault.kind === "drip";
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), retry: false, ...(stalls && { timeoutMs: 50 }) });
  expect(await outcome(hubspot.get(PATH))).toMatchObject(expected);
});

test("every kind of fault is in the table of API calls", async () => {
  const { faults } = await emulate();
  const tested = new Set<string>(CALLS.map(([{ kind }]) => kind));
  expect(faults.kinds.map(({ kind }) => kind).filter((kind) => !tested.has(kind))).toEqual([]);
});

/** A refresh with nothing left to live on. */
const REFRESHES: readonly [fault: Fault, expected: object][] = [
  [{ kind: "token-error" }, { code: "reauthorization_required", reason: "BAD_REFRESH_TOKEN" }],
  [
    { kind: "token-error", status: "BAD_HUB" },
    { code: "reauthorization_required", reason: "BAD_HUB" },
  ],
  [
    { kind: "token-error", status: "BAD_HUB", httpStatus: 500 },
    { code: "token_request_failed", retryable: true },
  ],
  [{ kind: "token-error", status: "BAD_CLIENT_ID" }, { code: "configuration" }],
  [{ kind: "token-error", status: "BAD_CLIENT_SECRET" }, { code: "configuration" }],
  [{ kind: "token-error", status: "BAD_CLIENT_SECRET", httpStatus: 401 }, { code: "configuration" }],
  [{ kind: "rate-limit", policy: "TOKEN_ENDPOINT" }, { code: "rate_limited" }],
  [{ kind: "server-error" }, { code: "token_request_failed", retryable: true }],
  [{ kind: "cloudflare" }, { code: "token_request_failed", retryable: true }],
  [{ kind: "reset" }, { code: "network" }],
  [{ kind: "reset", when: "mid-body" }, { code: "network" }],
  [{ kind: "html" }, { code: "malformed_response" }],
  [{ kind: "empty" }, { code: "malformed_response" }],
  [{ kind: "truncated" }, { code: "malformed_response" }],
  [{ kind: "duplicate-keys", real: "first" }, { code: "malformed_response" }],
  [{ kind: "missing-fields", fields: ["access_token"] }, { code: "malformed_response" }],
  [{ kind: "oversized", bytes: 2_000_000 }, { code: "malformed_response" }],
  [{ kind: "missing-fields" }, { value: expect.any(String) }],
  [{ kind: "duplicate-keys" }, { value: expect.any(String) }],
  [{ kind: "v1-sunset" }, { value: expect.any(String) }],
];

test.each(REFRESHES)("a refresh that meets %j", async (fault, expected) => {
  const emulator = await emulate({ now: () => Date.UTC(2026, 10, 22), startTimer: () => () => {} });
  const { oauth } = clientOf(emulator);
  const accountId = await connect(oauth, emulator);
  emulator.advance(31 * 60_000);
  // The end of v1 is on v1 alone; every other fault is met by each try.
  const path = fault.kind === "v1-sunset" ? "/oauth/v1/token" : /token$/u;
  emulator.faults.add({ match: { route: "token", path }, fault, times: Number.POSITIVE_INFINITY });
  expect(await outcome(oauth.getAccessToken(accountId))).toMatchObject(expected);
});

describe("a connect", () => {
  test.each([
    [{ kind: "token-error", status: "BAD_AUTH_CODE" }, { code: "token_request_failed" }],
    [{ kind: "token-error", status: "BAD_REDIRECT_URI" }, { code: "configuration" }],
    [{ kind: "token-error", status: "BAD_CODE_VERIFIER" }, { code: "token_request_failed" }],
    [{ kind: "token-error", status: "BAD_GRANT_TYPE" }, { code: "configuration" }],
  ] as const)("that meets %j", async (fault, expected) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { apiVersion: "2026-09" });
    emulator.faults.add({ match: "token", fault });
    expect(await outcome(connect(oauth, emulator))).toMatchObject(expected);
  });
});
