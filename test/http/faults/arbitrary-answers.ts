/** Answers as nobody would write them, for the fuzz test: noise, HTTP with a few bytes wrong, HubSpot's shapes filled with anything. */
import fc from "fast-check";
import { gzipSync } from "node:zlib";

/** What a server does with one request. */
export interface AnswerPlan {
  /** Written one after another, a turn of the event loop between them. */
  readonly pieces: readonly Buffer[];
  /** What comes after the last. */
  readonly ending: "open" | "fin" | "rst";
}

const hostileText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "",
    "\0",
    "a\r\nb: c",
    "\ud800",
    "<html>",
    "EXPIRED_AUTHENTICATION",
    "MISSING_SCOPES",
    "DAILY",
    "error",
  ),
);

/** JSON texts, some of which are none; `token` is echoed here and there. */
function jsonText(token: string): fc.Arbitrary<string> {
  const text = fc.oneof(
    { weight: 4, arbitrary: hostileText },
    { weight: 1, arbitrary: fc.constantFrom(token, `Bearer ${token}`, btoa(token)) },
  );
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.double(),
      fc.maxSafeInteger(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(text, tie("any"), { maxKeys: 4 }),
    ),
  })).any;
  const problem = fc.record(
    { message: text, code: text, in: text, category: text, subCategory: value, context: fc.dictionary(text, fc.array(text)) },
    { requiredKeys: [] },
  );
  const envelope = fc.record(
    {
      status: fc.oneof(fc.constant("error"), value),
      message: fc.oneof(text, value),
      category: fc.oneof(
        fc.constantFrom("EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION", "MISSING_SCOPES", "VALIDATION_ERROR", "RATE_LIMITS"),
        text,
        value,
      ),
      correlationId: fc.oneof(text, value),
      policyName: fc.oneof(fc.constantFrom("DAILY", "SECONDLY", "TEN_SECONDLY_ROLLING"), text, value),
      errors: fc.oneof(fc.array(fc.oneof(problem, value), { maxLength: 3 }), value),
      context: fc.oneof(fc.record({ missingScopes: fc.array(text), requiredScopes: value }), value),
    },
    { requiredKeys: [] },
  );
  const page = fc.record(
    { results: fc.array(fc.oneof(fc.record({ id: text }), value), { maxLength: 4 }), paging: value },
    { requiredKeys: [] },
  );
  return fc.oneof(
    { weight: 4, arbitrary: envelope.map((body) => JSON.stringify(body)) },
    { weight: 2, arbitrary: page.map((body) => JSON.stringify(body)) },
    { weight: 2, arbitrary: value.map((body) => JSON.stringify(body)) },
    fc.constantFrom(
      '{"__proto__":{"status":"error","message":"polluted","category":"X"}}',
      "[".repeat(4_000) + "]".repeat(4_000),
      '{"a":'.repeat(2_000) + "1" + "}".repeat(2_000),
      '{"results":[{"id":1e999,"big":123456789012345678901234567890}]}',
      '"\\ud800"',
      "\ufeff{}",
      "NaN",
      "{}{}",
      "",
    ),
  );
}

const status = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(200, 200, 207) },
  fc.constantFrom(200, 201, 204, 207, 301, 304, 307, 400, 401, 403, 404, 409, 413, 423, 429, 477, 500, 502, 503, 504, 522, 525),
  fc.integer({ min: 100, max: 999 }),
);

const headerLine = fc.oneof(
  fc.constantFrom(
    "content-type: application/json",
    "content-type: text/html",
    "content-type: application/problem+json; charset=latin1",
    "content-encoding: gzip",
    "content-encoding: gzip, br, gzip, deflate, gzip, gzip",
    "connection: close",
    "connection: keep-alive",
    "keep-alive: timeout=0",
    "transfer-encoding: chunked",
    "transfer-encoding: gzip, chunked",
    "content-length: 3",
    "content-length: -1",
    "content-length: 99999999999999999999",
    "retry-after: 0",
    "retry-after: 86400",
    "retry-after: Fri, 31 Dec 1999 23:59:59 GMT",
    "date: nonsense",
    "location: https://attacker.example/",
    "set-cookie: a=1",
    "upgrade: websocket",
    "trailer: x",
    "__proto__: polluted",
    "constructor: polluted",
    "x-hubspot-correlation-id: 7",
    "x-hubspot-ratelimit-max: 1e9",
    "x-hubspot-ratelimit-remaining: -1",
    "x-hubspot-ratelimit-interval-milliseconds: 0",
    "x-name: Grüße 👋",
    "no-colon-here",
    ": no name",
    " folded: line",
  ),
  fc.tuple(fc.string({ maxLength: 12 }), fc.string({ unit: "binary", maxLength: 20 })).map(([name, value]) => `${name}: ${value}`),
);

function framed(body: Buffer, framing: string): readonly [string, Buffer] {
  if (framing === "length") return [`content-length: ${body.length}\r\n`, body];
  if (framing === "gzip") {
    const packed = gzipSync(body);
    return [`content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n`, packed];
  }
  if (framing === "close") return ["", body];
  const half = Math.ceil(body.length / 2);
  const chunks = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  const parts = chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);
  return ["transfer-encoding: chunked\r\n", Buffer.concat([...parts, Buffer.from("0\r\n\r\n")])];
}

/** Mostly none: one bad line spoils the rest. */
const lines = fc.oneof({ weight: 2, arbitrary: fc.constant<string[]>([]) }, fc.array(headerLine, { maxLength: 3 }));

function whole(token: string): fc.Arbitrary<Buffer> {
  const body = fc.oneof(
    { weight: 6, arbitrary: jsonText(token).map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constantFrom(60_000, 300_000).map((size) => Buffer.alloc(size, 0x20)) },
  );
  const framing = fc.oneof({ weight: 4, arbitrary: fc.constant("length") }, fc.constantFrom("chunked", "close", "gzip"));
  return fc
    .record({ status, lines, body, framing, early: fc.integer({ min: 0, max: 9 }) })
    .map(({ status: code, lines: more, body: text, framing: how, early }) => {
      const [head, framedBody] = framed(text, how);
      const type = early % 2 === 0 ? "content-type: application/json\r\n" : "";
      const hint = early === 9 ? "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" : "";
      return Buffer.concat([
        Buffer.from(`${hint}HTTP/1.1 ${code} Said\r\n${type}${more.map((line) => `${line}\r\n`).join("")}${head}\r\n`),
        framedBody,
      ]);
    });
}

/** One byte changed, some lost, some put in, the end cut off, or something behind it. */
function damaged(answer: fc.Arbitrary<Buffer>, token: string): fc.Arbitrary<Buffer> {
  const kind = fc.constantFrom("flip", "cut", "insert", "lose", "append", "answer behind");
  return fc.tuple(answer, kind, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 12 })).map(([bytes, how, place, noise]) => {
    const at = bytes.length === 0 ? 0 : place % bytes.length;
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (how === "flip") return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (noise[0] ?? 1)]), after.subarray(1)]);
    if (how === "cut") return before;
    if (how === "insert") return Buffer.concat([before, noise, after]);
    if (how === "lose") return Buffer.concat([before, after.subarray(noise.length)]);
    if (how === "append") return Buffer.concat([bytes, noise]);
    return Buffer.concat([bytes, Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{"target":"poison"}`), Buffer.from(token)]);
  });
}

/** Plans of every kind; `token` is what servers echo and errors must not. */
export function answerPlans(token: string): fc.Arbitrary<AnswerPlan> {
  const good = whole(token);
  const bytes = fc.oneof(
    { weight: 8, arbitrary: good },
    { weight: 4, arbitrary: damaged(good, token) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((noise) => Buffer.from(noise)) },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ maxLength: 60 })
        .map((noise) => Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), noise])),
    },
  );
  const cuts = fc.array(fc.nat(), { maxLength: 3 });
  const ending = fc.oneof(
    { weight: 4, arbitrary: fc.constant("fin" as const) },
    { weight: 2, arbitrary: fc.constant("rst" as const) },
    fc.constant("open" as const),
  );
  return fc.record({ bytes, cuts, ending }).map(({ bytes: all, cuts: places, ending: last }) => {
    const at = [0, ...places.map((place) => (all.length === 0 ? 0 : place % all.length)).toSorted((a, b) => a - b), all.length];
    return { pieces: at.slice(1).map((end, n) => all.subarray(at[n], end)), ending: last };
  });
}
