/** The retry policy alone: what went wrong in, wait or stop out. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  HubSpotApiError,
  MalformedResponseError,
  NetworkError,
  type NetworkPhase,
  RateLimitError,
  ReauthorizationRequiredError,
  TimeoutError,
} from "../../src/errors.js";
import { decideRetry, type FailedAttempt, isIdempotent, isSearch, resolveRetry } from "../../src/http/retry-policy.js";

const POLICY = { attempts: 3, baseDelayMs: 1_000, maxDelayMs: 10_000, maxRetryAfterMs: 60_000 };
const GET: FailedAttempt = {
  method: "GET",
  idempotent: true,
  replayable: true,
  unreadable: false,
  attempt: 1,
  leftMs: 100_000,
  random: 0.5,
};
const POST: FailedAttempt = { ...GET, method: "POST", idempotent: false };

const refused = (status: number, retryAfterMs?: number) => new HubSpotApiError("no", { status, retryAfterMs });
const limited = (policyName?: string, retryAfterMs?: number) => new RateLimitError("slow down", { policyName, retryAfterMs });
const broken = (phase: NetworkPhase, sent: boolean, code?: string) =>
  new NetworkError("broken", { phase, sent, cause: Object.assign(new Error("x"), { code }) });
const malformed = (issues?: unknown[]) => new MalformedResponseError("odd", { status: 200, issues });

const decide = (error: unknown, failed = GET, policy: typeof POLICY | undefined = POLICY) => decideRetry(error, failed, policy);

describe("429", () => {
  it.each<[string, RateLimitError, number, string]>([
    ["waits as long as HubSpot asks, and a little longer", limited("TEN_SECONDLY_ROLLING", 2_000), 2_100, "TEN_SECONDLY_ROLLING"],
    ["waits a window of the ten-secondly limit", limited("TEN_SECONDLY_ROLLING"), 10_250, "TEN_SECONDLY_ROLLING"],
    ["waits a window of the search limit", limited("SECONDLY"), 1_050, "SECONDLY"],
    ["waits with jitter when nobody says how long", limited(), 500, "429"],
  ])("%s", (_, error, waitMs, reason) => {
    expect(decide(error)).toEqual({ retry: true, waitMs, reason });
  });

  it("was not carried out, so a POST is sent again as well", () => {
    expect(decide(limited("SECONDLY"), POST)).toMatchObject({ retry: true });
  });

  it("is tried again up to ten times, unless nothing is to be tried again at all", () => {
    expect(decide(limited("SECONDLY"), { ...GET, attempt: 9 })).toMatchObject({ retry: true });
    expect(decide(limited("SECONDLY"), { ...GET, attempt: 10 })).toMatchObject({ retry: false, reason: "no attempts left" });
    expect(decide(limited("SECONDLY"), { ...GET, attempt: 12 }, { ...POLICY, attempts: 15 })).toMatchObject({ retry: true });
    expect(decide(limited("SECONDLY"), GET, { ...POLICY, attempts: 1 })).toMatchObject({ retry: false });
  });

  it("of the day is not waited for", () => {
    expect(decide(limited("DAILY"))).toEqual({ retry: false, reason: "DAILY" });
    expect(decide(limited("DAILY", 1_000))).toEqual({ retry: false, reason: "DAILY" });
  });

  it("that asks for more than a minute, or than the deadline leaves, is thrown at once, with the wait for whoever else calls", () => {
    expect(decide(limited(undefined, 1e9))).toEqual({ retry: false, waitMs: 1e9 + 250, reason: "too long a wait" });
    expect(decide(limited(undefined, 5_000), { ...GET, leftMs: 5_000 })).toMatchObject({ retry: false, reason: "past the deadline" });
  });
});

describe("a status", () => {
  it.each([500, 502, 503, 504, 520, 521, 522, 523, 524])("%i is tried again for what is idempotent, and for nothing else", (status) => {
    expect(decide(refused(status))).toEqual({ retry: true, waitMs: 500, reason: String(status) });
    expect(decide(refused(status), POST)).toEqual({ retry: false, reason: "not idempotent" });
  });

  it.each([301, 400, 401, 403, 404, 409, 414, 415, 422, 501, 525, 526])("%i is final", (status) => {
    expect(decide(refused(status))).toEqual({ retry: false, reason: "final" });
  });

  it("423 waits at least two seconds: HubSpot's locks last that long", () => {
    expect(decide(refused(423), { ...GET, random: 0 })).toEqual({ retry: true, waitMs: 2_000, reason: "423" });
    expect(decide(refused(423), POST)).toMatchObject({ retry: false });
  });

  it("477 is thrown with its wait: a migration takes hours", () => {
    expect(decide(refused(477, 3_600_000))).toEqual({ retry: false, waitMs: 3_600_000, reason: "477" });
  });

  it("503 with Retry-After waits that long", () => {
    expect(decide(refused(503, 3_000))).toMatchObject({ retry: true, waitMs: 3_500 });
  });
});

describe("the network", () => {
  it.each<NetworkPhase>(["connect", "dns"])("%s: never sent, so a POST is tried again too", (phase) => {
    expect(decide(broken(phase, false), POST)).toEqual({ retry: true, waitMs: 500, reason: phase });
  });

  it.each<NetworkPhase>(["request", "response", "body"])("%s: sent, so only what is idempotent is tried again", (phase) => {
    expect(decide(broken(phase, true))).toMatchObject({ retry: true });
    expect(decide(broken(phase, true), POST)).toEqual({ retry: false, reason: "may have been carried out" });
    expect(decide(broken(phase, true), { ...POST, idempotent: true })).toMatchObject({ retry: true });
  });

  it("an idle connection that the server had closed is replaced at once, and a second one with patience", () => {
    expect(decide(broken("response", true))).toMatchObject({ waitMs: 0 });
    expect(decide(broken("response", true), { ...GET, attempt: 2 })).toMatchObject({ waitMs: 1_000 });
  });

  it("a certificate that is wrong stays wrong", () => {
    expect(decide(broken("tls", false))).toEqual({ retry: false, reason: "tls" });
  });

  it("a host that is unknown is looked up twice, a resolver that is busy as often as anything", () => {
    expect(decide(broken("dns", false, "ENOTFOUND"))).toMatchObject({ retry: true });
    expect(decide(broken("dns", false, "ENOTFOUND"), { ...GET, attempt: 2 })).toEqual({ retry: false, reason: "dns" });
    expect(decide(broken("dns", false, "EAI_AGAIN"), { ...GET, attempt: 2 })).toMatchObject({ retry: true });
  });
});

describe("an answer that cannot be read", () => {
  it("is read once more, when reading changes nothing", () => {
    const odd = { ...GET, unreadable: true };
    expect(decide(malformed(), odd)).toEqual({ retry: true, waitMs: 0, reason: "malformed" });
    expect(decide(malformed(), { ...odd, attempt: 2 })).toMatchObject({ retry: false });
    expect(decide(malformed(), { ...odd, method: "PUT" })).toMatchObject({ retry: false });
    expect(decide(malformed(), { ...odd, method: "POST" })).toMatchObject({ retry: false });
  });

  it("and was not fetched whole because it is too large, is not fetched twice", () => {
    expect(decide(malformed(), { ...GET, unreadable: false })).toMatchObject({ retry: false });
  });

  it("and only does not fit the schema, will not fit the second time", () => {
    expect(decide(malformed([{ message: "no" }]), { ...GET, unreadable: true })).toMatchObject({ retry: false });
  });
});

describe("whatever the error", () => {
  it.each<[string, unknown]>([
    ["the deadline", new TimeoutError("late", { timeoutMs: 1, sent: true })],
    ["a dead grant", new ReauthorizationRequiredError("1", "BAD_REFRESH_TOKEN")],
    ["an abort", new DOMException("stop", "AbortError")],
    ["anything else", "text"],
  ])("%s is final", (_, error) => {
    expect(decide(error)).toEqual({ retry: false, reason: "final" });
  });

  it("a stream is never sent twice", () => {
    expect(decide(limited("SECONDLY"), { ...GET, replayable: false })).toMatchObject({ retry: false, reason: "the body was a stream" });
  });

  it("attempts come to an end", () => {
    expect(decide(refused(503), { ...GET, attempt: 2 })).toMatchObject({ retry: true });
    expect(decide(refused(503), { ...GET, attempt: 3 })).toMatchObject({ retry: false, reason: "no attempts left" });
  });

  it("nothing is tried again without a policy, and a limit still says how long it lasts", () => {
    expect(decideRetry(limited("SECONDLY"), GET, undefined)).toMatchObject({ retry: false, waitMs: 1_050 });
    expect(decideRetry(refused(503), GET, undefined)).toMatchObject({ retry: false });
  });

  it("the wait is full jitter: anywhere from nothing to the doubled base, never above its cap nor the deadline", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 100_000 }),
        (random, attempt, leftMs) => {
          const decision = decide(refused(503), { ...GET, random, attempt, leftMs }, { ...POLICY, attempts: 100 });
          if (!decision.retry) return decision.reason === "past the deadline";
          return decision.waitMs >= 0 && decision.waitMs <= Math.min(10_000, 1_000 * 2 ** (attempt - 1)) && decision.waitMs < leftMs;
        },
      ),
    );
    expect(decide(refused(503), { ...GET, random: 0 })).toMatchObject({ waitMs: 0 });
    expect(decide(refused(503), { ...GET, random: 1 })).toMatchObject({ waitMs: 1_000 });
  });
});

describe("options", () => {
  it("have defaults, and false turns everything off", () => {
    expect(resolveRetry(undefined)).toEqual(POLICY);
    expect(resolveRetry({ attempts: 5 })).toEqual({ ...POLICY, attempts: 5 });
    expect(resolveRetry(false)).toBeUndefined();
  });

  it.each<[Record<string, unknown>, string]>([
    [{ attempts: 0 }, "retry.attempts"],
    [{ attempts: 1.5 }, "retry.attempts"],
    [{ baseDelayMs: -1 }, "retry.baseDelayMs"],
    [{ maxDelayMs: Number.POSITIVE_INFINITY }, "retry.maxDelayMs"],
    [{ maxRetryAfterMs: "60" }, "retry.maxRetryAfterMs"],
    [{ retries: 3 }, 'no option "retries"'],
  ])("%o is refused by name", (options, named) => {
    expect(() => resolveRetry(options)).toThrow(named);
  });
});

describe("what a call is", () => {
  it.each<[string, string, boolean]>([
    ["GET", "/a", true],
    ["HEAD", "/a", true],
    ["PUT", "/a", true],
    ["DELETE", "/a", true],
    ["PATCH", "/a", false],
    ["POST", "/a", false],
    ["POST", "/crm/v3/objects/contacts/search", true],
    ["POST", "/crm/v3/objects/contacts/search?a=b", true],
    ["POST", "/crm/v3/objects/contacts/batch/read", true],
    ["POST", "/crm/v3/objects/contacts/batch/create", false],
    ["POST", "/crm/v3/objects/searches", false],
    ["POST", "/a?next=/search", false],
    ["PATCH", "/crm/v3/objects/contacts/search", false],
  ])("%s %s is idempotent: %s", (method, target, idempotent) => {
    expect(isIdempotent(method, target)).toBe(idempotent);
  });

  it.each([
    ["/crm/v3/objects/contacts/search", true],
    ["/crm/v3/objects/contacts/search?x=1", true],
    ["/crm/v3/objects/contacts", false],
    ["/crm/v3/objects/searches", false],
  ])("%s counts as a search: %s", (target, search) => {
    expect(isSearch(target)).toBe(search);
  });
});
