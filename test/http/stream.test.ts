/** `stream`: bodies that are too large to hold, in both directions, on real sockets and by both ways to the wire. */
import { once } from "node:events";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { HubSpotApiError, HubSpotHttp, HubSpotOAuthError, MalformedResponseError, NetworkError, TimeoutError } from "../../src/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { rejection } from "../transport/ways.js";
import { api, expired, inTurn, json, settled } from "./support.js";

const ways = [
  ["a dispatcher", {}],
  ["a fetch", { fetch: (...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args) }],
] as const;

async function text(body: AsyncIterable<unknown>): Promise<string> {
  let all = "";
  for await (const chunk of body) all += String(chunk);
  return all;
}

/** Pieces of 64 KB until `bytes` are sent. */
class Source {
  readonly hash = createHash("sha256");
  /** What was asked for so far. */
  made = 0;
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const piece = randomBytes(65_536);
    for (; this.made < this.#bytes; this.made += piece.length) {
      this.hash.update(piece);
      yield piece;
    }
  }
}

describe.each(ways)("by %s", (_, way) => {
  it("sends and receives piece by piece, with the headers of a call", async () => {
    const { server, hubspot } = await api((request, response) => {
      response.writeHead(200, { "content-type": "text/csv", "x-a": "1" });
      request.pipe(response);
    }, way);
    const body = Readable.from([Buffer.from("a,b\n"), Buffer.from("c,d\n")]);
    const answer = await hubspot.stream("POST", "/files", { body, headers: { "content-type": "text/csv" }, query: { a: 1 } });
    expect([answer.status, answer.headers["x-a"], await text(answer.body)]).toEqual([200, "1", "a,b\nc,d\n"]);
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", url: "/files?a=1" });
    expect(request?.headers).toMatchObject({
      authorization: "Bearer pat-na1-canary",
      "content-type": "text/csv",
      "transfer-encoding": "chunked",
    });
  });

  it.each<[string, unknown, string]>([
    ["a web stream", new Blob(["x,y"]).stream(), "application/octet-stream"],
    ["a Blob", new Blob(["x,y"], { type: "text/csv" }), "text/csv"],
    ["JSON", { a: 1 }, "application/json"],
    ["a form", new URLSearchParams({ a: "1" }), "application/x-www-form-urlencoded"],
  ])("sends %s", async (name, body, contentType) => {
    const { server, hubspot } = await api((request, response) => void request.pipe(response), way);
    const answer = await hubspot.stream("PUT", "/files", { body });
    expect(await text(answer.body)).toBe({ JSON: '{"a":1}', "a form": "a=1" }[name] ?? "x,y");
    expect(server.requests[0]?.headers["content-type"]).toBe(contentType);
  });

  it("sends the files of a form with their names", async () => {
    const { hubspot } = await api((request, response) => void request.pipe(response), way);
    const form = new FormData();
    form.append("file", new File(["a,b\n"], "contacts.csv", { type: "text/csv" }));
    const echoed = await text((await hubspot.stream("POST", "/files", { body: form })).body);
    expect(echoed).toContain('filename="contacts.csv"');
    expect(echoed).toContain("a,b\n");
  });

  it("moves 8 MB each way unchanged, and never holds them", async () => {
    const { hubspot } = await api((request, response) => void request.pipe(response), way);
    const body = new Source(8 << 20);
    const answer = await hubspot.stream("POST", "/files", { body });
    const received = createHash("sha256");
    await pipeline(answer.body, received);
    expect(received.digest("hex")).toBe(body.hash.digest("hex"));
  });

  it("answers of another status are errors as in every call, and their body is read to say so", async () => {
    const { hubspot } = await api(
      json({ status: "error", message: "Too big", category: "VALIDATION_ERROR", correlationId: "c-1" }, 413),
      way,
    );
    const error = await rejection(hubspot.stream("POST", "/files", { body: Readable.from(["x"]) }));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject({ status: 413, category: "VALIDATION_ERROR", correlationId: "c-1" });
  });

  it("an answer that is larger than allowed breaks the body, and Infinity allows any", async () => {
    const { hubspot } = await api((_request, response) => void response.end("x".repeat(2_000)), { ...way, maxResponseBytes: 1_000 });
    const capped = await hubspot.stream("GET", "/files");
    expect(await rejection(text(capped.body))).toBeInstanceOf(MalformedResponseError);
    const whole = await hubspot.stream("GET", "/files", { maxResponseBytes: Number.POSITIVE_INFINITY });
    expect((await text(whole.body)).length).toBe(2_000);
  });

  it("a connection that breaks in the middle breaks the body with a NetworkError", async () => {
    const { hubspot } = await api((_request, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half", () => response.destroy());
    }, way);
    const { body } = await hubspot.stream("GET", "/files");
    const error = await rejection(text(body));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ phase: "body", sent: true });
  });

  it("an abort breaks the body with the signal's reason", async () => {
    const { hubspot } = await api((_request, response) => void response.writeHead(200).write("first"), way);
    const abort = new AbortController();
    const { body } = await hubspot.stream("GET", "/files", { signal: abort.signal });
    const reading = rejection(text(body));
    abort.abort(new Error("enough"));
    expect(await reading).toMatchObject({ message: "enough" });
  });

  it("an error of the caller's own stream comes back as it is", async () => {
    const { hubspot } = await api((request, response) => void request.on("end", () => response.end()).resume(), way);
    const own = new Error("disk");
    const body = (async function* () {
      yield Buffer.from("x");
      throw own;
    })();
    expect(await rejection(hubspot.stream("POST", "/files", { body }))).toBe(own);
  });

  it("silence ends it, before the answer and in the middle of it", async () => {
    const silent = await api(() => undefined, { ...way, timeoutMs: 500 });
    expect(await rejection(silent.hubspot.stream("GET", "/files"))).toBeInstanceOf(TimeoutError);
    const { hubspot } = await api((_request, response) => void response.writeHead(200).write("first"), { ...way, timeoutMs: 500 });
    expect(await rejection(text((await hubspot.stream("GET", "/files")).body))).toBeInstanceOf(TimeoutError);
  });
});

it("a body that nobody has begun to read may break without ending the process", async () => {
  const { server, hubspot } = await api((_request, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half", () => response.destroy());
  });
  const { body } = await hubspot.stream("GET", "/files");
  await once(body, "error").catch((error: unknown) => error);
  expect(await rejection(text(body))).toBeInstanceOf(HubSpotOAuthError);
  expect(server.requests).toHaveLength(1);
});

describe("a stream that was sent", () => {
  it.each([
    ["a limit", json({ policyName: "SECONDLY" }, 429)],
    ["an outage", json({}, 503)],
  ])("is never sent twice after %s", async (_, listener) => {
    const { server, hubspot } = await api(inTurn(listener, json({})), { retry: { baseDelayMs: 1, maxDelayMs: 1 } });
    const error = await rejection(hubspot.stream("PUT", "/files", { body: Readable.from(["x"]) }));
    expect(error).toBeInstanceOf(HubSpotOAuthError);
    expect(server.requests).toHaveLength(1);
  });

  it("a body of bytes is tried again as in every call", async () => {
    const { server, hubspot } = await api(inTurn(json({}, 503), json({ ok: true })), { retry: { baseDelayMs: 1, maxDelayMs: 1 } });
    const { body } = await hubspot.stream("PUT", "/files", { body: { a: 1 } });
    expect(await text(body)).toBe('{"ok":true}');
    expect(server.requests).toHaveLength(2);
  });

  it("to an expired token: the error says to call again, and the next call has a fresh one", async () => {
    const emulator = await emulate();
    const { oauth } = clientOf(emulator, {});
    const accountId = await connect(oauth, emulator);
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    await hubspot.get("/crm/v3/objects/contacts");
    emulator.expireTokens();
    const error = await rejection(hubspot.stream("POST", "/crm/v3/objects/contacts", { body: Readable.from(["{}"]) }));
    expect(error).toMatchObject({ status: 401, retryable: true });
    expect(String(error)).toContain("cannot be sent again");
    emulator.clearRequests();
    await hubspot.get("/crm/v3/objects/contacts");
    expect(emulator.requests.map(({ status }) => status)).toEqual([200]);
  });

  it("an answer with an expired token is asked for again, when what was sent can be", async () => {
    const { server, hubspot } = await api(inTurn(expired, json({})), {
      credential: { id: "own", authorize: ({ rejected } = {}) => ({ headers: { authorization: rejected ? "Bearer 2" : "Bearer 1" } }) },
    });
    await hubspot.stream("GET", "/files");
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer 1", "Bearer 2"]);
  });
});

it("back-pressure: a reader that stops, stops the server's sending", async () => {
  const made = { bytes: 0 };
  const { hubspot } = await api(
    (_request, response) => {
      const piece = Buffer.alloc(65_536);
      const more = (): void => {
        while (made.bytes < 64 << 20) {
          made.bytes += piece.length;
          if (!response.write(piece)) return void response.once("drain", more);
        }
        response.end();
      };
      more();
    },
    { maxResponseBytes: 2 ** 30 },
  );
  const { body } = await hubspot.stream("GET", "/files");
  await once(body, "readable");
  // As long as the sender still gets rid of anything, it goes on.
  expect(await settled(() => made.bytes, 16 << 20)).toBeLessThan(16 << 20);
  let received = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) received += chunk.length;
  expect(received).toBe(64 << 20);
});

it("back-pressure: a server that stops reading, stops the upload", async () => {
  const { hubspot } = await api((request, response) => {
    request.pause();
    response.writeHead(200).write("I am not reading");
  });
  const upload = new Source(64 << 20);
  const { body } = await hubspot.stream("POST", "/files", { body: upload });
  await once(body, "readable");
  expect(await settled(() => upload.made, 16 << 20)).toBeLessThan(16 << 20);
  body.destroy();
});

describe("arguments", () => {
  it.each<[string, Record<string, unknown>, string]>([
    ["a schema", { schema: {} }, "schema"],
    ["a limit that is none", { maxResponseBytes: -1 }, "maxResponseBytes"],
    ["a body for GET", { body: "x" }, "body"],
  ])("%s is refused by name", async (_, options, named) => {
    const { server, hubspot } = await api(json({}));
    const error = await rejection((async () => hubspot.stream("GET", "/files", options))());
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(named);
    expect(server.requests).toEqual([]);
  });

  it("a stream as the body of post() is sent to stream()", async () => {
    const { hubspot } = await api(json({}));
    expect(String(await rejection((async () => hubspot.post("/files", { body: Readable.from(["x"]) }))()))).toContain("stream()");
  });
});
