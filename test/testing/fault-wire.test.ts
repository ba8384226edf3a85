/** What each fault is on the wire, as a client of node's own sees it. Every kind of the table has its case here, and a test says so. */

import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import type { Fault, LoopbackHubSpotEmulator, StartTimer } from "../../src/testing/index.js";
import { client, connect, start } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts?limit=2";

interface Seen {
  readonly status?: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Node's code when the connection ended early. */
  readonly error?: string | undefined;
}

/** One request by a socket of its own, up to its bitter end. */
function raw(url: string, token?: string, form?: Record<string, string>): Promise<Seen> {
  const body = form === undefined ? "" : new URLSearchParams(form).toString();
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(form !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
  };
  return new Promise((resolve) => {
    const sending = httpRequest(url, { method: form === undefined ? "GET" : "POST", headers, agent: false });
    sending.on("error", (error: NodeJS.ErrnoException) => resolve({ headers: {}, text: "", error: error.code }));
    sending.on("response", (response) => {
      let text = "";
      const seen = (error?: string): void => resolve({ status: response.statusCode, headers: response.headers, text, error });
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("error", (error: NodeJS.ErrnoException) => seen(error.code));
      response.on("end", () => seen());
    });
    sending.end(body);
  });
}

/** A call that meets a fault, the same call without it, and what the log says of the first. */
async function meet(
  fault: Fault,
  settings = {},
): Promise<{ seen: Seen; usual: Seen; logged: number | undefined; emulator: LoopbackHubSpotEmulator }> {
  const emulator = await start({ now: () => Date.UTC(2026, 10, 22), ...settings });
  const { access_token } = await connect(emulator);
  const usual = await raw(emulator.origin + CONTACTS, access_token);
  emulator.faults.add({ match: "objects-list", fault });
  const seen = await raw(emulator.origin + CONTACTS, access_token);
  return { seen, usual, logged: emulator.requests.at(-1)?.status, emulator };
}

const body = (seen: Seen): unknown => JSON.parse(seen.text);
const ID = expect.stringMatching(/^[0-9a-f-]{36}$/u) as string;

const half = (text: string): string => {
  const bytes = Buffer.from(text);
  return bytes.subarray(0, Math.floor(bytes.byteLength / 2)).toString();
};

/** Answers that are whole: what the head and the body are. */
const WHOLE: readonly [fault: Fault, status: number, headers: object, text: unknown][] = [
  [
    { kind: "rate-limit" },
    429,
    {},
    {
      status: "error",
      message: "You have reached your ten_secondly_rolling limit.",
      errorType: "RATE_LIMIT",
      correlationId: ID,
      policyName: "TEN_SECONDLY_ROLLING",
      requestId: ID,
    },
  ],
  [
    { kind: "rate-limit", policy: "SECONDLY" },
    429,
    {},
    { status: "error", message: "You have reached your secondly limit.", correlationId: ID, category: "RATE_LIMITS" },
  ],
  [
    { kind: "rate-limit", policy: "SECONDLY", namePolicy: true, retryAfter: "1" },
    429,
    { "retry-after": "1" },
    {
      status: "error",
      message: "You have reached your secondly limit.",
      correlationId: ID,
      category: "RATE_LIMITS",
      policyName: "SECONDLY",
    },
  ],
  [
    { kind: "rate-limit", policy: "DAILY", retryAfter: "Sun, 22 Nov 2026 05:00:00 GMT" },
    429,
    { "retry-after": "Sun, 22 Nov 2026 05:00:00 GMT" },
    {
      status: "error",
      message: "You have reached your daily limit.",
      errorType: "RATE_LIMIT",
      correlationId: ID,
      policyName: "DAILY",
      requestId: ID,
    },
  ],
  [
    { kind: "rate-limit", policy: "TOKEN_ENDPOINT", retryAfter: "soon" },
    429,
    { "retry-after": "soon" },
    { status: "error", message: "You have reached your rate limit.", errorType: "RATE_LIMIT" },
  ],
  ...[500, 502, 503, 504].map((status): (typeof WHOLE)[number] => [
    { kind: "server-error", status },
    status,
    { "content-type": "application/json;charset=utf-8" },
    { status: "error", message: "internal error", correlationId: ID, category: "INTERNAL_ERROR" },
  ]),
  [{ kind: "server-error", status: 503, retryAfter: "5" }, 503, { "retry-after": "5" }, expect.anything()],
  ...[520, 521, 522, 523, 524, 525, 526].map((status): (typeof WHOLE)[number] => [
    { kind: "cloudflare", status },
    status,
    { server: "cloudflare", "cf-ray": expect.any(String), "content-type": "text/html; charset=UTF-8" },
    expect.stringContaining(`<h1>Error ${status}</h1>`),
  ]),
  [{ kind: "cloudflare", status: 429 }, 429, { "content-type": "text/plain; charset=UTF-8" }, "error code: 1015"],
  [{ kind: "html" }, 200, { "content-type": "text/html; charset=UTF-8" }, expect.stringMatching(/^<!doctype html>/u)],
  [{ kind: "html", status: 502 }, 502, { "content-type": "text/html; charset=UTF-8" }, expect.stringMatching(/^<!doctype html>/u)],
  [{ kind: "empty" }, 200, { "content-length": "0" }, ""],
  [{ kind: "empty", status: 503 }, 503, { "content-length": "0" }, ""],
  [
    { kind: "unauthorized" },
    401,
    {},
    {
      status: "error",
      message: "The OAuth token used to make this call expired 75 second(s) ago.",
      correlationId: ID,
      category: "EXPIRED_AUTHENTICATION",
      context: { "expire time": ["2026-11-21T23:58:45.000Z"] },
    },
  ],
  [
    { kind: "unauthorized", category: "UNDECODABLE" },
    401,
    {},
    expect.objectContaining({ category: "EXPIRED_AUTHENTICATION", context: { "expire time": ["1970-01-01T00:00:00Z"] } }),
  ],
  [{ kind: "unauthorized", category: "INVALID_AUTHENTICATION" }, 401, {}, expect.objectContaining({ category: "INVALID_AUTHENTICATION" })],
  [{ kind: "unauthorized", category: "BLANK" }, 401, { "content-length": "0" }, ""],
  [
    { kind: "missing-scopes" },
    403,
    {},
    expect.objectContaining({
      category: "MISSING_SCOPES",
      errors: [
        {
          message: "One or more of the following scopes are required.",
          context: { requiredGranularScopes: ["crm.objects.contacts.write"] },
        },
      ],
    }),
  ],
  [
    { kind: "missing-scopes", scopes: ["tickets", "e-commerce"], key: "missingScopes" },
    403,
    {},
    expect.objectContaining({ errors: [expect.objectContaining({ context: { missingScopes: ["tickets", "e-commerce"] } })] }),
  ],
  [{ kind: "gated" }, 403, {}, expect.objectContaining({ category: "GATED" })],
  [{ kind: "locked" }, 423, {}, expect.objectContaining({ status: "error" })],
  [{ kind: "migration" }, 477, { "retry-after": "3600" }, expect.objectContaining({ status: "error" })],
  [{ kind: "error-as-success" }, 200, {}, expect.objectContaining({ status: "error", message: "internal error", correlationId: ID })],
  [
    { kind: "token-error" },
    400,
    {},
    {
      error: "invalid_grant",
      error_description: "refresh token is invalid, expired or revoked",
      status: "BAD_REFRESH_TOKEN",
      message: "refresh token is invalid, expired or revoked",
    },
  ],
  [
    { kind: "token-error", status: "BAD_HUB", httpStatus: 500 },
    500,
    {},
    expect.objectContaining({ status: "BAD_HUB", error: "access_denied" }),
  ],
  [{ kind: "v1-sunset" }, 404, {}, expect.objectContaining({ message: "No route matches GET /crm/v3/objects/contacts" })],
  [{ kind: "answer", status: 418, body: { short: "stout" }, headers: { "X-Pot": "tea" } }, 418, { "x-pot": "tea" }, { short: "stout" }],
  [{ kind: "answer", body: "plain" }, 200, { "content-type": "text/plain;charset=utf-8" }, "plain"],
  [{ kind: "answer", status: 202 }, 202, { "content-length": "0" }, ""],
];

test.each(WHOLE)("%j is a whole answer", async (fault, status, headers, expected) => {
  const { seen, logged } = await meet(fault);
  expect(seen).toMatchObject({
    status,
    headers: { "x-hubspot-correlation-id": expect.any(String), date: "Sun, 22 Nov 2026 00:00:00 GMT" },
  });
  expect(seen.headers).toMatchObject(headers);
  if (!("retry-after" in headers)) expect(seen.headers).not.toHaveProperty("retry-after");
  const isJson = seen.headers["content-type"]?.includes("json") === true;
  expect(isJson ? body(seen) : seen.text).toEqual(expected);
  expect([seen.error, logged]).toEqual([undefined, status]);
});

describe("the operation's own answer, spoiled", () => {
  test("wrong-content-type changes nothing else", async () => {
    const { seen, usual } = await meet({ kind: "wrong-content-type" });
    expect(seen).toMatchObject({ status: 200, text: usual.text, headers: { "content-type": "text/html;charset=utf-8" } });
  });

  test("partial is a 207 with an error beside the results", async () => {
    const { seen, usual } = await meet({ kind: "partial" });
    const error = expect.objectContaining({ status: "error", category: "OBJECT_NOT_FOUND" }) as object;
    expect(seen.status).toBe(207);
    expect(body(seen)).toEqual({ ...(body(usual) as object), numErrors: 1, errors: [error] });
  });

  test("duplicate-keys writes every member twice", async () => {
    const last = await meet({ kind: "duplicate-keys" });
    expect(last.seen.text).toMatch(/^\{"results":null,"results":\[.+,"paging":null,"paging":\{/u);
    expect(body(last.seen)).toEqual(body(last.usual));
    const first = await meet({ kind: "duplicate-keys", real: "first" });
    expect(body(first.seen)).toEqual({ results: null, paging: null });
  });

  test("missing-fields leaves members out, of a token answer those that HubSpot added later", async () => {
    const { seen } = await meet({ kind: "missing-fields", fields: ["paging"] });
    expect(Object.keys(body(seen) as object)).toEqual(["results"]);
    const emulator = await start();
    const { refresh_token } = await connect(emulator);
    emulator.faults.add({ match: "token", fault: { kind: "missing-fields" } });
    const form = { grant_type: "refresh_token", refresh_token, ...client(emulator) };
    const token = await raw(`${emulator.origin}/oauth/v3/token`, undefined, form);
    expect(Object.keys(body(token) as object)).toEqual(["refresh_token", "access_token", "expires_in"]);
  });

  test("oversized is the right answer behind white space", async () => {
    const { seen, usual } = await meet({ kind: "oversized", bytes: 5_000_000 });
    expect(Number(seen.headers["content-length"])).toBe(5_000_000 + Buffer.byteLength(usual.text));
    expect(body(seen)).toEqual(body(usual));
  });

  test("an answer that is no JSON stays as it is", async () => {
    const emulator = await start();
    for (const kind of ["duplicate-keys", "missing-fields"] as const) {
      emulator.faults.add({ fault: { kind } });
      expect((await raw(`${emulator.origin}/oauth/authorize`)).text).toMatch(/^<!doctype html>/u);
    }
  });

  test("truncated by its connection's end looks whole", async () => {
    const { seen, usual, logged } = await meet({ kind: "truncated" });
    expect(seen).toMatchObject({ status: 200, error: undefined, headers: { connection: "close" } });
    expect(seen.headers).not.toHaveProperty("content-length");
    expect(seen.headers).not.toHaveProperty("transfer-encoding");
    expect(seen.text).toBe(half(usual.text));
    expect(logged).toBe(200);
  });

  test.each([
    ["truncated under a length", { kind: "truncated", framing: "content-length" }],
    ["reset mid-body", { kind: "reset", when: "mid-body" }],
  ] as const)("%s announces more than comes", async (_, fault) => {
    const { seen, usual } = await meet(fault);
    expect(seen).toMatchObject({ status: 200, error: "ECONNRESET", headers: { "content-length": String(Buffer.byteLength(usual.text)) } });
    expect(seen.text).toBe(half(usual.text));
  });
});

describe("a connection that is reset", () => {
  test.each([
    ["before", 1],
    ["processed", 2],
  ] as const)("%s: no byte comes back, and the log has no status", async (when, accessTokens) => {
    const emulator = await start();
    const { refresh_token } = await connect(emulator);
    emulator.faults.add({ match: "token", fault: { kind: "reset", when } });
    const form = { grant_type: "refresh_token", refresh_token, ...client(emulator) };
    expect(await raw(`${emulator.origin}/oauth/v3/token`, undefined, form)).toEqual({ headers: {}, text: "", error: "ECONNRESET" });
    expect(emulator.requests.at(-1)?.status).toBeUndefined();
    expect(emulator.accessTokens).toHaveLength(accessTokens);
  });
});

describe("an answer that takes its time", () => {
  /** Timers that a test fires by hand. */
  function handDriven(): {
    startTimer: StartTimer;
    waiting: { delayMs: number; fire: () => void }[];
    started: (count: number) => Promise<void>;
  } {
    const waiting: { delayMs: number; fire: () => void }[] = [];
    let wake = (): void => {};
    const startTimer: StartTimer = (callback, delayMs) => {
      const timer = { delayMs, fire: callback };
      waiting.push(timer);
      wake();
      return () => {
        if (waiting.includes(timer)) waiting.splice(waiting.indexOf(timer), 1);
        wake();
      };
    };
    const started = async (count: number): Promise<void> => {
      while (waiting.length !== count) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { startTimer, waiting, started };
  }
  const fireNext = (waiting: { fire: () => void }[]): void => waiting.shift()?.fire();

  test("delay sends nothing until its timer ends", async () => {
    const timers = handDriven();
    const emulator = await start({ startTimer: timers.startTimer });
    emulator.faults.add({ fault: { kind: "delay", delayMs: 700 } });
    const answer = raw(`${emulator.origin}/x`);
    await timers.started(1);
    expect(timers.waiting[0]?.delayMs).toBe(700);
    fireNext(timers.waiting);
    expect(await answer).toMatchObject({ status: 404 });
  });

  test("drip sends the same bytes, piece by piece", async () => {
    const timers = handDriven();
    const emulator = await start({ startTimer: timers.startTimer });
    const whole = await raw(`${emulator.origin}/x`);
    emulator.faults.add({ fault: { kind: "drip", bytes: 40, intervalMs: 20 } });
    const dripping = raw(`${emulator.origin}/x`);
    for (let sent = 40; sent < whole.text.length; sent += 40) {
      await timers.started(1);
      expect(timers.waiting[0]?.delayMs).toBe(20);
      fireNext(timers.waiting);
    }
    const same = (text: string): unknown => ({ ...(JSON.parse(text) as object), correlationId: ID });
    expect(same((await dripping).text)).toEqual(same(whole.text));
    expect(timers.waiting).toEqual([]);
  });

  test.each([
    ["hang", { kind: "hang" }, 0],
    ["delay", { kind: "delay" }, 1],
    ["drip", { kind: "drip" }, 1],
  ] as const)("%s ends with close(), which leaves no timer", async (_, fault, timersRunning) => {
    const timers = handDriven();
    const emulator = await start({ startTimer: timers.startTimer });
    const handle = emulator.faults.add({ fault });
    const answer = raw(`${emulator.origin}/x`);
    await handle.arrived;
    await timers.started(timersRunning);
    await emulator.close();
    expect((await answer).error).toBe("ECONNRESET");
    await timers.started(0);
  });

  test("hang leaves the operation undone, or done", async () => {
    const emulator = await start();
    const { refresh_token } = await connect(emulator);
    const form = { grant_type: "refresh_token", refresh_token, ...client(emulator) };
    for (const [process, accessTokens] of [
      [false, 1],
      [true, 2],
    ] as const) {
      const handle = emulator.faults.add({ match: "token", fault: { kind: "hang", process } });
      const controller = new AbortController();
      const hanging = fetch(`${emulator.origin}/oauth/v3/token`, {
        method: "POST",
        body: new URLSearchParams(form),
        signal: controller.signal,
      });
      await handle.arrived;
      expect(emulator.accessTokens).toHaveLength(accessTokens);
      controller.abort();
      await expect(hanging).rejects.toThrow("aborted");
      expect(emulator.requests.at(-1)?.status).toBeUndefined();
    }
  });

  test("the default timers are real ones, and go with their connection", async () => {
    const emulator = await start();
    emulator.faults.add({ fault: { kind: "delay", delayMs: 1 } });
    emulator.faults.add({ fault: { kind: "drip", bytes: 30, intervalMs: 1 } });
    expect(await raw(`${emulator.origin}/x`)).toMatchObject({ status: 404, error: undefined });
    expect((await raw(`${emulator.origin}/x`)).text).toMatch(/^\{.*\}$/u);
    const timeouts = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timeouts();
    const handle = emulator.faults.add({ fault: { kind: "delay", delayMs: 3_600_000 } });
    const late = raw(`${emulator.origin}/x`);
    await handle.arrived;
    await emulator.close();
    await late;
    expect(timeouts()).toBeLessThanOrEqual(before);
  });
});

test("every kind of fault has a case in this file", async () => {
  const emulator = await start();
  const spoiled = ["wrong-content-type", "partial", "duplicate-keys", "missing-fields", "oversized", "truncated"];
  const tested = new Set<string>([...WHOLE.map(([{ kind }]) => kind), ...spoiled, "reset", "delay", "drip", "hang"]);
  expect(emulator.faults.kinds.map(({ kind }) => kind).filter((kind) => !tested.has(kind))).toEqual([]);
});
