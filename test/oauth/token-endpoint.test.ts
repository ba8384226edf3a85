/** What the OAuth endpoints are sent, and how each kind of refusal is sorted. */
import { describe, expect, it, test } from "vitest";
import {
  ConfigurationError,
  MalformedResponseError,
  NetworkError,
  RateLimitError,
  TimeoutError,
  TokenRequestError,
} from "../../src/index.js";
import { resolveOptions } from "../../src/client-options.js";
import { deadReason } from "../../src/oauth/token-endpoint.js";
import { MemoryTokenStore } from "../../src/index.js";
import { failureOf } from "../client/flow.js";
import { gate } from "../support/scripted-store.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";

type Client = ReturnType<typeof clientOf>["oauth"];

const CALLS: readonly (readonly [name: string, route: "token" | "introspect" | "revoke", call: (oauth: Client) => Promise<unknown>])[] = [
  ["exchangeCode", "token", (oauth) => oauth.exchangeCode("the-code", { codeVerifier: "the-verifier" })],
  ["refresh", "token", (oauth) => oauth.refresh("the-refresh-token")],
  ["introspect", "introspect", (oauth) => oauth.introspect("the-token")],
  ["revoke", "revoke", (oauth) => oauth.revoke("the-refresh-token")],
];

test("TE-01 the form is encoded as RFC 6749 appendix B says", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  await failureOf(oauth.exchangeCode(" %&+£€"));
  expect(emulator.requests[0]?.body).toContain("code=+%25%26%2B%C2%A3%E2%82%AC&");
});

describe("TE-01 TE-02 TE-03 every call is a form POST with all secrets in its body and no other credential", () => {
  it.each(CALLS)("%s", async (_name, route, call) => {
    const emulator = await emulate({ app: { clientSecret: "s3cret+/=&%" } });
    const { oauth } = clientOf(emulator);
    await call(oauth).catch(() => undefined);
    const [request, ...others] = emulator.requests;
    if (request === undefined) throw new Error("nothing was sent");
    expect(others).toEqual([]);
    expect(request).toMatchObject({ method: "POST", route, url: request.path });
    expect(request.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(request.headers["accept"]).toBe("application/json");
    expect(request.headers["user-agent"]).toMatch(/^hubspot-oauth\/\d/);
    expect(request.headers).not.toHaveProperty("authorization");
    expect(request.headers).not.toHaveProperty("cookie");
    expect(request.form).toMatchObject({ client_id: emulator.app.clientId, client_secret: "s3cret+/=&%" });
    expect(new Set(new URLSearchParams(request.body).keys()).size).toBe([...new URLSearchParams(request.body)].length);
  });
});

test("each call sends its own fields and no others", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  for (const [, , call] of CALLS) await call(oauth).catch(() => undefined);
  await oauth.introspect("r", { hint: "refresh_token" });
  const { clientId, clientSecret } = emulator.app;
  const client = { client_id: clientId, client_secret: clientSecret };
  expect(emulator.requests.map(({ form }) => form)).toEqual([
    {
      grant_type: "authorization_code",
      code: "the-code",
      redirect_uri: "http://localhost:3000/oauth/callback",
      code_verifier: "the-verifier",
      ...client,
    },
    { grant_type: "refresh_token", refresh_token: "the-refresh-token", ...client },
    { token: "the-token", token_type_hint: "access_token", ...client },
    { token: "the-refresh-token", token_type_hint: "refresh_token", ...client },
    { token: "r", token_type_hint: "refresh_token", ...client },
  ]);
});

describe.each([301, 302, 303, 307, 308])("TE-04 a %i is an error and nothing follows it", (status) => {
  it.each(CALLS)("%s", async (_name, route, call) => {
    const [emulator, elsewhere] = await Promise.all([emulate(), emulate()]);
    const { oauth } = clientOf(emulator);
    emulator.respondOnce(route, { status, headers: { location: `${elsewhere.origin}/oauth/v1/token` } });
    await expect(call(oauth)).rejects.toMatchObject({ code: "token_request_failed", status, retryable: false });
    expect(emulator.count()).toBe(1);
    expect(elsewhere.count()).toBe(0);
  });
});

describe("TE-05 an endpoint that does not answer is given up at the deadline", () => {
  it.each(CALLS)("%s", async (_name, route, call) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, { timeoutMs: 100 });
    const held = gate();
    emulator.respondOnce(route, { until: held.opened });
    const error = await failureOf(call(oauth));
    held.open();
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeoutMs: 100, retryable: true });
  });

  test("the default leaves a slow token endpoint ten seconds and more", () => {
    const { timeoutMs } = resolveOptions({
      clientId: "c",
      clientSecret: "s",
      redirectUri: "https://a.example/cb",
      scopes: ["oauth"],
      tokenStore: new MemoryTokenStore(),
    });
    expect(timeoutMs).toBeGreaterThanOrEqual(10_000);
  });
});

describe("a signal ends the waiting with its own reason", () => {
  it.each(CALLS)("before and during %s", async (name, route, call) => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator);
    const reason = new Error("the user went away");
    const withSignal = (signal: AbortSignal): Promise<unknown> => {
      if (name === "exchangeCode") return oauth.exchangeCode("c", { signal });
      if (name === "refresh") return oauth.refresh("r", { signal });
      return name === "introspect" ? oauth.introspect("t", { signal }) : oauth.revoke("r", { signal });
    };
    expect(await failureOf(withSignal(AbortSignal.abort(reason)))).toBe(reason);
    expect(emulator.count()).toBe(0);
    const abort = new AbortController();
    const held = gate();
    const { arrived } = emulator.respondOnce(route, { until: held.opened });
    const failure = failureOf(withSignal(abort.signal));
    await arrived;
    abort.abort(reason);
    expect(await failure).toBe(reason);
    held.open();
    expect(call).toBeTypeOf("function");
  });
});

interface Refusal {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

const DEAD: readonly (readonly [name: string, refusal: Refusal, reason: string])[] = [
  ["BAD_REFRESH_TOKEN", { status: 400, body: { status: "BAD_REFRESH_TOKEN", message: "m" } }, "BAD_REFRESH_TOKEN"],
  ["both words", { status: 400, body: { error: "invalid_grant", status: "BAD_REFRESH_TOKEN" } }, "BAD_REFRESH_TOKEN"],
  ["BAD_HUB", { status: 400, body: { error: "access_denied", status: "BAD_HUB" } }, "BAD_HUB"],
  ["invalid_grant alone", { status: 400, body: { error: "invalid_grant" } }, "invalid_grant"],
  ["access_denied with 403", { status: 403, body: { error: "access_denied" } }, "access_denied"],
];

const CONFIGURATION: readonly (readonly [name: string, refusal: Refusal])[] = [
  ["invalid_client with 401", { status: 401, body: { error: "invalid_client" } }],
  ["unauthorized_client", { status: 400, body: { error: "unauthorized_client" } }],
  ["unsupported_grant_type", { status: 400, body: { error: "unsupported_grant_type", status: "BAD_GRANT_TYPE" } }],
  ["invalid_request", { status: 400, body: { error: "invalid_request" } }],
  ["BAD_CLIENT_ID", { status: 400, body: { status: "BAD_CLIENT_ID", message: "m" } }],
  ["BAD_CLIENT_SECRET beside invalid_grant", { status: 400, body: { status: "BAD_CLIENT_SECRET", error: "invalid_grant" } }],
  ["BAD_REDIRECT_URI beside invalid_grant", { status: 400, body: { status: "BAD_REDIRECT_URI", error: "invalid_grant" } }],
];

const UNKNOWN: readonly (readonly [name: string, refusal: Refusal, retryable: boolean])[] = [
  ["400 with HTML", { status: 400, body: "<h1>invalid_grant</h1>", headers: { "content-type": "text/html" } }, false],
  ["400 with words nobody knows", { status: 400, body: { error: "novel_error", status: "BAD_NEWS" } }, false],
  ["400 that is empty", { status: 400 }, false],
  ["400 with an array", { status: 400, body: ["invalid_grant"] }, false],
  ["401 that is empty", { status: 401 }, false],
  ["418", { status: 418, body: { message: "teapot" } }, false],
  ["423 locked", { status: 423, body: { status: "error", message: "locked" } }, true],
  ["477 migration", { status: 477, body: { status: "error", message: "migrating" } }, true],
  ["500 that says invalid_grant", { status: 500, body: { error: "invalid_grant", status: "BAD_REFRESH_TOKEN" } }, true],
  ["502 with BAD_HUB", { status: 502, body: { error: "access_denied", status: "BAD_HUB" } }, true],
  ["503 with invalid_client", { status: 503, body: { error: "invalid_client" } }, true],
  ["522 with HTML", { status: 522, body: "<html>", headers: { "content-type": "text/html" } }, true],
];

async function refusedRefresh(refusal: Refusal): Promise<Error> {
  const emulator = await emulate();
  emulator.respondOnce("token", { status: refusal.status, body: refusal.body, ...(refusal.headers && { headers: refusal.headers }) });
  const failure = await failureOf(clientOf(emulator).oauth.refresh("the-refresh-token"));
  expect(emulator.count()).toBe(1);
  return failure;
}

describe("TR-12 a refusal is sorted by what the caller does next", () => {
  it.each(DEAD)("%s: the grant is dead", async (_name, refusal, reason) => {
    const error = await refusedRefresh(refusal);
    expect(error).toBeInstanceOf(TokenRequestError);
    expect(error).toMatchObject({ status: refusal.status, retryable: false });
    expect(deadReason(error)).toBe(reason);
  });

  it.each(CONFIGURATION)("%s: the configuration is wrong, no customer's grant", async (_name, refusal) => {
    const error = await refusedRefresh(refusal);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(deadReason(error)).toBeUndefined();
  });

  it.each(UNKNOWN)("%s: never a dead grant, never configuration", async (_name, refusal, retryable) => {
    const error = await refusedRefresh(refusal);
    expect(error).toBeInstanceOf(TokenRequestError);
    expect(error).toMatchObject({ status: refusal.status, retryable });
    expect(deadReason(error)).toBeUndefined();
  });

  test("a 429 is a rate limit, with HubSpot's wait", async () => {
    const error = await refusedRefresh({
      status: 429,
      body: { status: "error", errorType: "RATE_LIMIT" },
      headers: { "retry-after": "7" },
    });
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, policyName: "TOKEN_ENDPOINT", retryAfterMs: 7_000, retryable: true });
  });

  test("a dropped connection is a network error that may be tried again", async () => {
    const emulator = await emulate();
    emulator.respondOnce("token", { destroy: true });
    const error = await failureOf(clientOf(emulator).oauth.refresh("r"));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ sent: true, retryable: true });
    expect(deadReason(error)).toBeUndefined();
  });

  test("an unknown refusal of a refresh leaves the account as it was", async () => {
    const emulator = await emulate();
    const { oauth, store } = clientOf(emulator);
    const id = await connect(oauth, emulator);
    const before = store.get(id);
    for (const [, { status, body }] of UNKNOWN.slice(0, 3)) {
      emulator.respondOnce("token", { status, body });
      await failureOf(oauth.getAccessToken(id, { force: true }));
    }
    expect(store.get(id)).toEqual(before);
  });
});

test("an error says HubSpot's words and correlation id, from the RFC body and from the older one", async () => {
  for (const style of ["rfc", "legacy"] as const) {
    const emulator: Emulator = await emulate({ tokenErrorStyle: style });
    const error = await failureOf(clientOf(emulator).oauth.refresh("unknown"));
    expect(error).toMatchObject({
      status: 400,
      error: style === "rfc" ? "invalid_grant" : undefined,
      hubspotStatus: "BAD_REFRESH_TOKEN",
      errorDescription: expect.stringContaining("refresh token"),
      correlationId: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(error.message).toContain("BAD_REFRESH_TOKEN");
  }
});

test("an introspection answer that is none is malformed, and an unknown token is simply not active", async () => {
  const emulator = await emulate();
  const { oauth } = clientOf(emulator);
  expect(await oauth.introspect("unknown")).toEqual({ active: false });
  for (const body of ["<html>", [], {}, { active: "true" }, "null"]) {
    emulator.respondOnce("introspect", { status: 200, body, headers: { "content-type": "application/json" } });
    await expect(oauth.introspect("t"), JSON.stringify(body)).rejects.toBeInstanceOf(MalformedResponseError);
  }
});
