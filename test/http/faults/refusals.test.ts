/** Rows 23 to 30: HubSpot answers, and the answer is no. What it means, whether it is tried again, and after how long. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { HubSpotApiError, MissingScopesError, RateLimitError } from "../../../src/index.js";
import { type Calling, calling, expectDiscreet, expectOwn, rejectionOf, ways } from "./both-ways.js";
import { always, answerBytes, faultyServer, oneAfterAnother } from "./faulty-server.js";

const refusal = (fields: object): object => ({ status: "error", message: "No.", correlationId: "c-1", ...fields });

/** The wait that a call decides on, without waiting for it: as soon as it is told, the call is aborted. */
async function waitOf(start: (signal: AbortSignal) => { readonly client: Calling; readonly call: Promise<unknown> }): Promise<number> {
  const stop = new AbortController();
  const { client, call } = start(stop.signal);
  const outcome = rejectionOf(call);
  for (;;) {
    const told = client.events.find(({ type }) => type === "request.retried");
    if (told?.type === "request.retried") {
      stop.abort(new Error("seen enough"));
      expect(await outcome).toMatchObject({ message: "seen enough" });
      expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
      return told.waitMs;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each(ways)("by $name", (way) => {
  it.each<[string, object, readonly string[], boolean]>([
    [
      "in errors[].context.requiredGranularScopes",
      { errors: [{ context: { requiredGranularScopes: ["a.read", "b.read"] } }] },
      ["a.read", "b.read"],
      true,
    ],
    ["in context.requiredScopes", { context: { requiredScopes: ["a.read"] } }, ["a.read"], false],
    ["in context.missingScopes", { context: { missingScopes: ["a.read", "a.read"] } }, ["a.read"], false],
    ["nowhere", {}, [], false],
    ["among junk", { errors: [null, 7, { context: { missingScopes: [null, {}, "a\nb", "ok.read"] } }] }, ["ok.read"], false],
  ])("row 23 403 MISSING_SCOPES that names them %s: one request, the scopes in the error", async (_, fields, scopes, anyOf) => {
    const server = await faultyServer(always(refusal({ category: "MISSING_SCOPES", ...fields }), 403));
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
    expect(error).toBeInstanceOf(MissingScopesError);
    expect(error).toMatchObject({ scopes, anyOf, correlationId: "c-1", accountId: undefined, retryable: false });
    expectDiscreet(error);
    expect(server.requests).toHaveLength(1);
  });

  it("row 23 a 403 of another kind is a HubSpotApiError, asked once", async () => {
    const server = await faultyServer(always(refusal({ category: "GATED" }), 403));
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject({ status: 403, category: "GATED", retryable: false });
    expect(server.requests).toHaveLength(1);
  });

  it.each(["get", "post"] as const)("row 24 429 with Retry-After: %s waits that long, and a little longer", async (method) => {
    const server = await faultyServer(oneAfterAnother(always(refusal({}), 429, { "retry-after": "7" }), always({})));
    const waitMs = await waitOf((signal) => {
      const client = calling(way, server.origin);
      return { client, call: client.hubspot[method]("/a", { signal }) };
    });
    expect(waitMs).toBeGreaterThanOrEqual(7_000);
    expect(waitMs).toBeLessThanOrEqual(7_500);
    expect(server.requests).toHaveLength(1);
  });

  it("row 24 Retry-After: 0 is now, and a POST is sent again with its body: a 429 was not carried out", async () => {
    const server = await faultyServer(oneAfterAnother(always(refusal({}), 429, { "retry-after": "0" }), always({ ok: 1 })));
    expect(await calling(way, server.origin).hubspot.post("/a", { body: { a: 1 } })).toEqual({ ok: 1 });
    expect(server.requests.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']);
    expectOwn(server.requests);
  });

  it.each([
    ["than maxRetryAfterMs", "61", { retry: {} }, {}],
    ["than the call's deadline", "11", {}, { timeoutMs: 10_000 }],
  ])("row 24 a wait longer %s is thrown with its length, at once", async (_, retryAfter, options, call) => {
    const server = await faultyServer(always(refusal({ policyName: "TEN_SECONDLY_ROLLING" }), 429, { "retry-after": retryAfter }));
    const client = calling(way, server.origin, { timeoutMs: 600_000, ...options });
    const error = await rejectionOf(client.hubspot.get("/a", call));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({
      policyName: "TEN_SECONDLY_ROLLING",
      retryAfterMs: Number(retryAfter) * 1_000,
      correlationId: "c-1",
      retryable: true,
    });
    expectDiscreet(error);
    expect([server.requests.length, client.retries]).toEqual([1, 0]);
  });

  it("row 24 a 429 holds back every call of its account, and no other account's", async () => {
    const seen: string[] = [];
    const server = await faultyServer((socket, { target, headers }) => {
      seen.push(target);
      const bytes =
        target === "/limited" ? answerBytes(refusal({}), 429, { "retry-after": "30" }) : answerBytes({ whose: headers["authorization"] });
      socket.write(bytes);
    });
    const shared = { agent: { connections: 4 } };
    const { hubspot } = calling(way, server.origin, { ...shared, rateLimit: {}, retry: false });
    const other = calling(way, server.origin, {
      ...shared,
      rateLimit: {},
      credential: { id: "other", authorize: () => ({ headers: { authorization: "Bearer other" } }) },
    });
    await rejectionOf(hubspot.get("/limited"));
    const held = await rejectionOf(hubspot.get("/held", { timeoutMs: 1_000 }));
    expect(held).toBeInstanceOf(RateLimitError);
    expect(held).toMatchObject({ policyName: "LOCAL_QUEUE" });
    expectDiscreet(held);
    expect(await other.hubspot.get("/free")).toEqual({ whose: "Bearer other" });
    expect(seen).toEqual(["/limited", "/free"]);
  });

  const DATE = "Fri, 31 Dec 1999 23:59:29 GMT";
  it.each<[string, string, Readonly<Record<string, string>>, number | undefined]>([
    ["a date, by the server's own clock", "Fri, 31 Dec 1999 23:59:59 GMT", { date: DATE }, 30_000],
    ["a date that is past", "Fri, 31 Dec 1999 23:59:00 GMT", { date: DATE }, 0],
    ["a date without the server's clock", "Fri, 31 Dec 1999 23:59:59 GMT", {}, undefined],
    ["a date that is none", "Fri, 99 Dec 1999 99:99:99 GMT", { date: DATE }, undefined],
    ["junk", "soon", {}, undefined],
    ["empty", "", {}, undefined],
    ["negative", "-5", {}, undefined],
    ["a fraction", "1.5", {}, undefined],
    ["beyond reason", "1000000000", {}, undefined],
    ["not ASCII", "７", {}, undefined],
  ])("row 25 Retry-After that is %s", async (_, retryAfter, headers, retryAfterMs) => {
    const server = await faultyServer((socket) =>
      socket.write(Buffer.from(answerBytes(refusal({}), 429, { "retry-after": retryAfter, ...headers }), "utf8")),
    );
    const { hubspot } = calling(way, server.origin, { retry: false });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ retryAfterMs, policyName: undefined });
  });

  it("row 25 junk falls back to the backoff, ten requests in all", async () => {
    const server = await faultyServer(always(refusal({}), 429, { "retry-after": "soon" }));
    expect(await rejectionOf(calling(way, server.origin).hubspot.post("/a"))).toBeInstanceOf(RateLimitError);
    expect(server.requests).toHaveLength(10);
  });

  it.each<[string, object, number]>([
    ["TEN_SECONDLY_ROLLING", { policyName: "TEN_SECONDLY_ROLLING" }, 10_000],
    ["SECONDLY", { policyName: "SECONDLY" }, 1_000],
    ["the sentence of a search", { message: "You have reached your secondly limit." }, 1_000],
    ["the sentence of a burst", { message: "You have reached your ten_secondly_rolling limit." }, 10_000],
  ])("row 26 429 without a time, by %s: its window is waited for", async (_, fields, leastMs) => {
    const server = await faultyServer(always(refusal(fields), 429));
    const waitMs = await waitOf((signal) => {
      const client = calling(way, server.origin, { timeoutMs: 60_000 });
      return { client, call: client.hubspot.get("/a", { signal }) };
    });
    expect(waitMs).toBeGreaterThanOrEqual(leastMs);
    expect(waitMs).toBeLessThanOrEqual(leastMs + 500);
  });

  it.each([[{ policyName: "DAILY" }], [{ message: "You have reached your daily limit." }]])(
    "row 26 %o: the day is over, one request",
    async (fields) => {
      const server = await faultyServer(always(refusal(fields), 429));
      const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
      expect(error).toMatchObject({ name: "RateLimitError", policyName: "DAILY", retryAfterMs: undefined });
      expect(server.requests).toHaveLength(1);
    },
  );

  it("row 27 423: what is idempotent waits two seconds at least, a POST is not sent again", async () => {
    const server = await faultyServer(always(refusal({}), 423));
    const waitMs = await waitOf((signal) => {
      const client = calling(way, server.origin);
      return { client, call: client.hubspot.put("/a", { body: {}, signal }) };
    });
    expect(waitMs).toBeGreaterThanOrEqual(2_000);
    const error = await rejectionOf(calling(way, server.origin).hubspot.post("/a"));
    expect(error).toMatchObject({ status: 423, retryable: true });
    expect(server.requests).toHaveLength(2);
  });

  it("row 28 477: thrown with HubSpot's time, and nothing of the account goes out meanwhile", async () => {
    const server = await faultyServer(always(refusal({}), 477, { "retry-after": "86400" }));
    const { hubspot } = calling(way, server.origin, { rateLimit: {} });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject({ status: 477, retryAfterMs: 86_400_000, retryable: true });
    const next = await rejectionOf(hubspot.get("/b"));
    expect(next).toMatchObject({ name: "RateLimitError", policyName: "LOCAL_QUEUE" });
    expect((next as RateLimitError).retryAfterMs).toBeGreaterThan(86_000_000);
    expect(server.requests).toHaveLength(1);
  });

  it.each([400, 402, 404, 405, 408, 409, 410, 413, 414, 415, 418, 422, 451, 499, 501, 505])(
    "row 29 %d is final: one request, for GET and POST",
    async (status) => {
      const body = refusal({ category: "VALIDATION_ERROR", errors: [{ message: "bad", code: "X", in: "email", context: { id: ["1"] } }] });
      const server = await faultyServer(always(body, status));
      const { hubspot } = calling(way, server.origin);
      for (const call of [() => hubspot.get("/a"), () => hubspot.post("/a", { body: {}, idempotent: true })]) {
        const error = await rejectionOf(call());
        expect(error).toBeInstanceOf(HubSpotApiError);
        expect(error).toMatchObject({
          status,
          category: "VALIDATION_ERROR",
          correlationId: "c-1",
          errors: [{ message: "bad", code: "X", in: "email", context: { id: ["1"] } }],
        });
        expectDiscreet(error);
      }
      expect(server.requests).toHaveLength(2);
    },
  );

  it("row 29 the errors of many problems stay out of what is printed", async () => {
    const errors = Array.from({ length: 1_000 }, (_, n) => ({
      message: `customer-data-${n}`,
      context: { email: ["someone@example.com"] },
    }));
    const server = await faultyServer(always(refusal({ errors }), 400));
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
    expect((error as HubSpotApiError).errors).toHaveLength(1_000);
    expectDiscreet(error);
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain("customer-data");
  });

  it.each([300, 301, 302, 303, 305, 307, 308])(
    "row 30 HX-01 %d, to the same server or another: not followed, no byte for where it points",
    async (status) => {
      const elsewhere = await faultyServer(always({ stolen: true }));
      for (const location of [
        `${elsewhere.origin}/steal`,
        "/moved",
        `//127.0.0.1:${elsewhere.port}/x`,
        "javascript:alert(1)",
        "http://[",
      ]) {
        const server = await faultyServer(always(refusal({}), status, { location }));
        const { hubspot } = calling(way, server.origin);
        for (const call of [
          () => hubspot.get("/a"),
          () => hubspot.post("/a", { body: { a: 1 } }),
          () => hubspot.stream("PUT", "/a", { body: { a: 1 } }),
        ]) {
          const error = await rejectionOf(call());
          expect(error).toBeInstanceOf(HubSpotApiError);
          expect(error).toMatchObject({ status, retryable: false });
          expect(String(error)).toContain("redirect");
          expectDiscreet(error);
        }
        const response = await hubspot.fetch("/a");
        expect([response.status, response.redirected, response.headers.get("location")]).toEqual([status, false, location]);
        expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(["GET /a", "POST /a", "PUT /a", "GET /a"]);
      }
      expect(elsewhere.connections).toBe(0);
    },
  );
});
