/** Rows 9 to 11, 13 and 15 to 18: an answer came, whole as far as the connection knows, and is not what HubSpot should have said. */
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { HubSpotApiError, HubSpotOAuthError, MalformedResponseError, NetworkError } from "../../../src/index.js";
import { calling, expectDiscreet, RAW, rejectionOf, TOKEN, ways } from "./both-ways.js";
import { type Answer, always, answerBytes, bytes, end, faultyServer, oneAfterAnother } from "./faulty-server.js";

const HTML = `<!doctype html><html><body><h1>Bad gateway</h1>${RAW} ${TOKEN}</body></html>`;

/** Bytes with their length and a content encoding. */
function encoded(body: Buffer, encoding: string, length = body.length): Answer {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${encoding}\r\ncontent-length: ${length}\r\n\r\n`;
  return bytes(Buffer.concat([Buffer.from(head), body]));
}

describe.each(ways)("by $name", (way) => {
  it("row 09 a body cut short where the connection's end is its own: a GET is read once more, a POST is not sent again", async () => {
    const cut = bytes(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-hubspot-correlation-id: c-9\r\n\r\n{"${RAW}":`, end);
    const server = await faultyServer(oneAfterAnother(cut, always({ whole: true })));
    expect(await calling(way, server.origin).hubspot.get("/a")).toEqual({ whole: true });
    expect(server.requests).toHaveLength(2);

    const stubborn = await faultyServer(cut);
    const { hubspot } = calling(way, stubborn.origin);
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({ status: 200, correlationId: "c-9", retryable: false });
    expectDiscreet(error);
    expect(stubborn.requests).toHaveLength(2);
    expect(await rejectionOf(hubspot.post("/a", { body: {}, idempotent: true }))).toBeInstanceOf(MalformedResponseError);
    expect(stubborn.requests).toHaveLength(3);
    await stubborn.empty();
  });

  it("row 10 gzip that was cut short is never read as a whole answer", async () => {
    const packed = gzipSync(JSON.stringify({ results: Array.from({ length: 500 }, (_, id) => ({ id: String(id), [RAW]: id })) }));
    const server = await faultyServer(encoded(packed.subarray(0, -40), "gzip"));
    const { hubspot } = calling(way, server.origin);
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(HubSpotOAuthError);
    expectDiscreet(error);
    if (way.name === "dispatcher") expect(server.requests[0]?.headers).not.toHaveProperty("accept-encoding");
  });

  it.each([
    ["fifty gzips", Array.from({ length: 50 }, () => "gzip").join(", "), gzipSync("{}")],
    ["an encoding that nobody knows", "zebra", Buffer.from("{}")],
    ["gzip that is none", "gzip", Buffer.from(`{"${RAW}":1}`)],
  ])("row 11 %s is an error of ours", async (name, encoding, body) => {
    const server = await faultyServer(encoded(body, encoding));
    const { hubspot } = calling(way, server.origin);
    for (const call of [() => hubspot.get("/a"), () => hubspot.stream("GET", "/a").then(({ body: stream }) => stream.toArray())]) {
      const outcome = await call().catch((error: unknown) => error);
      // A fetch passes over what it does not know, and the body was JSON.
      const passedOver = name.includes("nobody knows") && way.name === "fetch";
      expect(outcome instanceof HubSpotOAuthError).toBe(!passedOver);
      if (!passedOver) expectDiscreet(outcome);
    }
  });

  it("row 11 a zip bomb is not unpacked: by dispatcher not at all, by fetch to the cap and no further", async () => {
    const server = await faultyServer(encoded(gzipSync(Buffer.alloc(16 << 20, 0x20)), "gzip"));
    const { hubspot } = calling(way, server.origin, { maxResponseBytes: 1_000_000, retry: false });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(String(error)).toContain(way.name === "dispatcher" ? "content-encoding" : "1000000 bytes (maxResponseBytes)");
  });

  it.each(["with it", "once the connection is idle"])(
    "row 13 TN-05 an answer staged behind another, %s, reaches nobody, by any method",
    async (when) => {
      const poison = answerBytes({ target: "/poison" });
      let idle: Socket | undefined;
      const server = await faultyServer((socket, { target }) => {
        socket.write(answerBytes({ target }) + (when === "with it" ? poison : ""));
        idle = socket;
      });
      const { hubspot } = calling(way, server.origin, { agent: { connections: 1 } });
      const read = [
        (path: string) => hubspot.get(path),
        (path: string) => hubspot.put(path, { body: {} }),
        async (path: string) => JSON.parse((await (await hubspot.stream("GET", path)).body.toArray()).join("")) as unknown,
        async (path: string) => (await hubspot.fetch(path)).json(),
      ];
      const wrong: unknown[] = [];
      for (let round = 0; round < 24; round++) {
        const target = `/${round}`;
        // An error is as good: what must not happen is another answer.
        const outcome = await read[round % 4]?.(target).catch((error: unknown) => error);
        if (!(outcome instanceof NetworkError) && (outcome as { readonly target?: unknown }).target !== target) wrong.push(outcome);
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
        // The next call begins while this waits on the socket, unread.
        if (when !== "with it") idle?.write(poison);
      }
      expect(wrong).toEqual([]);
    },
  );

  it("row 13 bytes behind an answer do not reach the next call", async () => {
    const server = await faultyServer((socket, { target }) => socket.write(`${answerBytes({ target })}${RAW.repeat(10)}`));
    const { hubspot } = calling(way, server.origin, { agent: { connections: 1 } });
    for (const target of ["/1", "/2", "/3"]) expect(await hubspot.get(target)).toEqual({ target });
    expect(server.connections).toBe(3);
  });

  it.each([500, 502, 503, 504, 520, 521, 522, 523, 524])(
    "row 15 HTML under %d: tried again when idempotent, none of it quoted",
    async (status) => {
      const gateway = always(HTML, status, { "cf-ray": "8f1-canary" });
      const server = await faultyServer(oneAfterAnother(gateway, always({ ok: 1 })));
      expect(await calling(way, server.origin).hubspot.get("/a")).toEqual({ ok: 1 });

      const down = await faultyServer(gateway);
      const { hubspot } = calling(way, down.origin, { agent: { connections: 1 } });
      for (const [call, requests] of [
        [() => hubspot.get("/a"), 3],
        [() => hubspot.post("/a", { body: {} }), 4],
        [() => hubspot.post("/a", { body: {}, idempotent: true }), 7],
        [() => hubspot.post("/crm/v3/objects/contacts/search", { body: {} }), 10],
        [() => hubspot.patch("/a", { body: {} }), 11],
      ] as const) {
        const error = await rejectionOf(call());
        expect(error).toBeInstanceOf(HubSpotApiError);
        expect(error).toMatchObject({ status, category: undefined, retryable: true, errors: [] });
        expectDiscreet(error);
        expect(down.requests).toHaveLength(requests);
      }
      // Each error was read to its end, and its connection used again.
      expect(down.connections).toBe(1);
    },
  );

  it.each([525, 526])("row 15 %d, the gateway's certificate trouble, is not waited for", async (status) => {
    const server = await faultyServer(always(HTML, status));
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
    expect(error).toMatchObject({ name: "HubSpotApiError", status });
    expectDiscreet(error);
    expect(server.requests).toHaveLength(1);
  });

  it("row 16 an error envelope under 200 is an error, and what it echoes of us is withheld", async () => {
    const envelope = { status: "error", message: `no such ${TOKEN}`, category: "OBJECT_NOT_FOUND", correlationId: "c-16" };
    const server = await faultyServer(always(envelope));
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a"));
    expect(error).toMatchObject({ name: "HubSpotApiError", status: 200, category: "OBJECT_NOT_FOUND", correlationId: "c-16" });
    expectDiscreet(error);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["category", { category: TOKEN }],
    ["correlationId", { correlationId: TOKEN }],
    ["message", { message: `Bearer ${TOKEN} refused` }],
    ["a scope", { category: "MISSING_SCOPES", errors: [{ context: { requiredScopes: [TOKEN] } }] }],
    [
      "every part of a problem",
      { errors: [{ message: TOKEN, code: TOKEN, in: TOKEN, category: TOKEN, subCategory: TOKEN, context: { a: [TOKEN] } }] },
    ],
    ["policyName", { policyName: TOKEN }],
  ])("LK-01 a token that HubSpot echoes in %s is in no error, printed or not", async (_, body) => {
    for (const status of [200, 400, 403, 429, 503]) {
      const server = await faultyServer(always({ status: "error", message: "m", category: "C", ...body }, status));
      const error = await rejectionOf(calling(way, server.origin, { retry: false }).hubspot.get("/a"));
      expectDiscreet(error);
      expect(JSON.stringify((error as HubSpotApiError).errors ?? [])).not.toContain(TOKEN);
      expect(JSON.stringify({ ...(error as object) })).not.toContain(TOKEN);
    }
  });

  it("row 16 207 is a success whose problems are listed, without what they echo", async () => {
    const body = { results: [{ id: "1" }], errors: [{ status: "error", category: "OBJECT_NOT_FOUND", message: "no 2", code: TOKEN }] };
    const server = await faultyServer(always(body, 207));
    const { hubspot } = calling(way, server.origin);
    const answer = await hubspot.request("POST", "/crm/v3/objects/contacts/batch/read", { body: {} });
    expect(answer).toMatchObject({ status: 207, body, errors: [{ message: "no 2", category: "OBJECT_NOT_FOUND" }] });
    expect(JSON.stringify(answer.errors)).not.toContain(TOKEN);
  });

  it("row 17 an answer without end is cut off at the cap, and so is its connection", async () => {
    let written = 0;
    const server = await faultyServer((socket) => {
      const piece = Buffer.alloc(65_536, 0x20);
      const more = (): void => {
        if (socket.destroyed) return;
        written += piece.length;
        socket.write(piece, more);
      };
      socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n");
      more();
    });
    const { hubspot } = calling(way, server.origin, { maxResponseBytes: 1_000_000, retry: false });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(String(error)).toContain("1000000 bytes (maxResponseBytes)");
    await server.empty();
    const body = await hubspot.stream("GET", "/a").then((answer) => answer.body);
    expect(await rejectionOf(body.toArray())).toBeInstanceOf(MalformedResponseError);
    await server.empty();
    expect(written).toBeLessThan(64 << 20);
  });

  it.each<[string, string | Buffer]>([
    ["half of it", `{"${RAW}":`],
    ["not UTF-8", Buffer.from([0x22, 0xff, 0xfe, 0x22])],
    ["an overlong NUL", Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ["NaN", '{"a":NaN}'],
    ["two values", "{}{}"],
    ["a byte-order mark", "\ufeff{}"],
  ])("row 18 JSON that is none (%s): a GET is read once more, then MalformedResponseError without the body", async (_, text) => {
    const server = await faultyServer((socket) => {
      const body = Buffer.from(text);
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-hubspot-correlation-id: c-18\r\ncontent-length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
    });
    const { hubspot } = calling(way, server.origin, { agent: { connections: 1 } });
    const error = await rejectionOf(hubspot.get("/a"));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({ status: 200, correlationId: "c-18", issues: [] });
    expectDiscreet(error);
    expect(server.requests).toHaveLength(2);
    await rejectionOf(hubspot.post("/a", { body: {} }));
    expect(server.requests).toHaveLength(3);
    expect(server.connections).toBe(1);
  });

  it.each([
    ["null", null],
    ["a string", "just words"],
    ["an array", []],
    ["a missing field", { id: 7 }],
    ["__proto__", JSON.parse('{"__proto__":{"id":"1"}}')],
  ])("row 18 %s where the schema wants an object: MalformedResponseError with the place, one request", async (_, body) => {
    const server = await faultyServer((socket) =>
      socket.write(answerBytes(JSON.stringify(body), 200, { "content-type": "application/json" })),
    );
    const error = await rejectionOf(calling(way, server.origin).hubspot.get("/a", { schema: z.object({ id: z.string() }) }));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect((error as MalformedResponseError).issues).not.toEqual([]);
    expectDiscreet(error);
    expect(server.requests).toHaveLength(1);
  });
});
