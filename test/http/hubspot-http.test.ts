/** One call of `HubSpotHttp`: what it sends, and what it makes of the answer. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { HubSpotHttp, MalformedResponseError, privateAppToken } from "../../src/index.js";
import type { StandardSchema } from "../../src/http/standard-schema.js";
import { VERSION } from "../../src/version.js";
import { tcpServer } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { agent, api, json } from "./support.js";

describe("a request", () => {
  it.each(["get", "post", "put", "patch", "delete"] as const)("%s sends its method and answers the parsed body", async (method) => {
    const { server, hubspot } = await api(json({ id: "1" }));
    expect(await hubspot[method]("/crm/v3/objects/contacts/1")).toEqual({ id: "1" });
    expect(server.requests[0]).toMatchObject({ method: method.toUpperCase(), url: "/crm/v3/objects/contacts/1" });
  });

  it("request() answers status, headers and body", async () => {
    const { hubspot } = await api(json({ id: "1" }, 201, { "X-A": "b" }));
    const { status, headers, body } = await hubspot.request("POST", "/a", { body: {} });
    expect([status, headers["x-a"], body]).toEqual([201, "b", { id: "1" }]);
  });

  it("HX-05 carries one authorization, one host and one length on the raw socket", async () => {
    const received: string[] = [];
    const server = await tcpServer((socket) => {
      socket.on("data", (chunk: Buffer) => {
        received.push(chunk.toString());
        if (chunk.includes("}")) socket.write("HTTP/1.1 204 No Content\r\n\r\n");
      });
    });
    const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-1"), apiOrigin: server.origin, dispatcher: agent() });
    await hubspot.post("/a", { body: { é: 1 }, headers: { "X-Own": "1", "User-Agent": "mine/1", ACCEPT: "text/json" } });
    const [head = "", body = ""] = received.join("").split("\r\n\r\n");
    const names = head
      .split("\r\n")
      .slice(1)
      .map((line) => line.split(":", 1).join().toLowerCase());
    names.sort((a, b) => a.localeCompare(b));
    expect(names).toEqual(["accept", "authorization", "connection", "content-length", "content-type", "host", "user-agent", "x-own"]);
    expect(head).toMatch(/^POST \/a HTTP\/1\.1\r\n/);
    expect(head).toContain(`content-length: ${Buffer.byteLength(body)}`);
    expect(head).toMatch(/accept: text\/json\r\n/i);
    expect(head).toMatch(/user-agent: mine\/1\r\n/i);
  });

  it.each<[string, unknown, Readonly<Record<string, string>> | undefined, string | undefined, string]>([
    ["a value", { a: "é" }, undefined, "application/json", '{"a":"é"}'],
    ["a form", new URLSearchParams({ a: "b c" }), undefined, "application/x-www-form-urlencoded", "a=b+c"],
    ["text of a named type", "a,b", { "Content-Type": "text/csv" }, "text/csv", "a,b"],
    ["bytes of a named type", Buffer.from("a\0b"), { "content-type": "image/png" }, "image/png", "a\0b"],
    ["nothing", undefined, undefined, undefined, ""],
  ])("sends %s with its content type", async (_, body, headers, contentType, text) => {
    let received = "";
    const { server, hubspot } = await api((request, response) => {
      request.on("data", (chunk: Buffer) => (received += chunk.toString())).on("end", () => response.end());
    });
    await hubspot.post("/a", { body, headers });
    expect(server.requests[0]?.headers["content-type"]).toBe(contentType);
    expect(received).toBe(text);
  });

  it("says who it is, in HubSpotHttp's own words or the caller's", async () => {
    const { server, hubspot } = await api(json({}));
    const own = new HubSpotHttp({
      credential: privateAppToken("p"),
      apiOrigin: server.origin,
      userAgent: "our-app/2.0",
      dispatcher: agent(),
    });
    await hubspot.get("/a");
    await own.get("/a");
    expect(server.requests.map(({ headers }) => headers["user-agent"])).toEqual([`hubspot-oauth/${VERSION}`, "our-app/2.0"]);
    expect(server.requests[0]?.headers).toMatchObject({ accept: "application/json" });
  });

  it("does not carry the headers of one call into the next", async () => {
    const { server, hubspot } = await api(json({}));
    const headers = { "x-a": "1" };
    await hubspot.post("/a", { headers, body: {} });
    await hubspot.get("/a");
    expect(server.requests[1]?.headers).not.toHaveProperty("x-a");
    expect(server.requests[1]?.headers).not.toHaveProperty("content-type");
    expect(headers).toEqual({ "x-a": "1" });
  });

  it.each<[string, (hubspot: HubSpotHttp) => Promise<unknown>, RegExp]>([
    ["an unknown option", (h) => h.get("/a", { params: {} } as object), /no option "params". It has: query, body/],
    ["an unknown method", (h) => h.request("TRACE", "/a"), /method must be one of GET, /],
    ["a method in small letters", (h) => h.request("get", "/a"), /method must be one of/],
    ["a method with a line break", (h) => h.request("GET\r\nx: canary", "/a"), /method must be one of/],
    ["another origin", (h) => h.get("https://canary.example/a"), /path must begin/],
    ["a reserved header", (h) => h.get("/a", { headers: { Host: "canary" } }), /headers\.Host cannot be set/],
    ["a header with a line break", (h) => h.get("/a", { headers: { "content-type": "a\r\ncanary: b" } }), /headers\.content-type must be/],
    ["a query of an object", (h) => h.get("/a", { query: { a: {} } as never }), /query\.a must be/],
    ["no deadline", (h) => h.get("/a", { timeoutMs: 0 }), /timeoutMs must be a whole number/],
    ["a deadline beyond setTimeout", (h) => h.get("/a", { timeoutMs: 2 ** 31 }), /timeoutMs must be a whole number/],
    ["a body that is no JSON", (h) => h.post("/a", { body: () => "canary" }), /body cannot be turned into JSON/],
  ])("with %s is a TypeError that names it, and nothing is sent", async (_, call, message) => {
    const { server, hubspot } = await api(json({}));
    const error = await rejection(call(hubspot));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("canary");
    expect(server.requests).toHaveLength(0);
  });

  const credential = privateAppToken("p");
  it.each<[string, object, RegExp]>([
    ["an unknown option", { credential, baseUrl: "https://api.hubapi.com" }, /HubSpotHttp has no option "baseUrl"/],
    ["no credential", {}, /credential must be an object with the method authorize/],
    ["a token for a credential", { credential: "canary" }, /credential must be/],
    ["SS-01 http", { credential, apiOrigin: "http://api.hubapi.com" }, /apiOrigin must be an https origin/],
    ["SS-01 a user name", { credential, apiOrigin: "https://canary@api.hubapi.com" }, /apiOrigin must be an origin only/],
    ["SS-01 a path", { credential, apiOrigin: "https://api.hubapi.com/v1" }, /apiOrigin must be an origin only/],
    ["SS-01 a query", { credential, apiOrigin: "https://api.hubapi.com?a" }, /apiOrigin must be an origin only/],
    ["SS-01 a fragment", { credential, apiOrigin: "https://api.hubapi.com#a" }, /apiOrigin must be an origin only/],
    ["SS-01 a trailing dot", { credential, apiOrigin: "https://api.hubapi.com." }, /apiOrigin must be an origin only/],
    ["SS-01 an IPv6-mapped address over http", { credential, apiOrigin: "http://[::ffff:10.0.0.1]" }, /apiOrigin must be an https origin/],
    ["SS-01 another scheme", { credential, apiOrigin: "ftp://api.hubapi.com" }, /apiOrigin must be an https origin/],
    ["a deadline that is no number", { credential, timeoutMs: "5" }, /timeoutMs must be/],
    ["no room for an answer", { credential, maxResponseBytes: 0 }, /maxResponseBytes must be/],
    ["a user agent with a line break", { credential, userAgent: "a\r\nb" }, /userAgent must be/],
    ["a dispatcher that is none", { credential, dispatcher: {} }, /dispatcher must be an object with the method dispatch/],
    ["a fetch that is none", { credential, fetch: {} }, /fetch must be a function/],
    ["both", { credential, fetch, dispatcher: { dispatch: () => true } }, /dispatcher or fetch, not both/],
    ["a listener that is none", { credential, onEvent: {} }, /onEvent must be a function/],
  ])("HubSpotHttp with %s: TypeError", (_, options, message) => {
    const make = (): unknown => new HubSpotHttp(options as never);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(make).not.toThrow(/canary/);
  });
});

describe("an answer", () => {
  it.each<[string, Parameters<typeof api>[0], unknown]>([
    ["204", (_request, response) => response.writeHead(204).end(), undefined],
    ["200 without a body", (_request, response) => response.end(), undefined],
    [
      "207, whose errors are the caller's to read",
      json({ status: "COMPLETE", errors: [{ category: "X" }] }, 207),
      { status: "COMPLETE", errors: [{ category: "X" }] },
    ],
    ["200 with an error inside", json({ status: "error" }), { status: "error" }],
    ["JSON null", json(null), null],
    ["JSON false", json(false), false],
    ["JSON of no named type", (_request, response) => response.end('{"a":1}'), { a: 1 }],
    [
      "JSON of a vendor's type",
      (_request, response) => response.writeHead(200, { "content-type": "application/hal+JSON" }).end('{"a":1}'),
      { a: 1 },
    ],
  ])("%s", async (_, listener, expected) => {
    expect(await (await api(listener)).hubspot.get("/a")).toEqual(expected);
  });

  it.each<[string, string | Buffer, string | undefined]>([
    ["HTML", "<html>canary</html>", "text/html"],
    ["text", "canary", "text/plain"],
    ["JSON under the name of text", '{"canary":1}', "text/plain"],
    ["cut JSON", '{"a":"canary', "application/json"],
    ["JSON in Latin-1", Buffer.from('"canary \u00e9"', "latin1"), "application/json"],
    ["text of no named type", "canary", undefined],
    ["a byte order mark and nothing", "\ufeff", "application/json"],
  ])("2xx of %s is a MalformedResponseError that quotes nothing", async (_, body, type) => {
    const { hubspot } = await api((_request, response) => {
      response.writeHead(200, { ...(type !== undefined && { "content-type": type }), "x-hubspot-correlation-id": "c-1" }).end(body);
    });
    const error = await rejection(hubspot.get("/a", { query: { q: "canary" } }));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({
      status: 200,
      correlationId: "c-1",
      retryable: false,
      message: expect.stringContaining("GET /a ") as string,
    });
    expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain("canary");
  });

  it("larger than maxResponseBytes is refused", async () => {
    const { hubspot } = await api(json("x".repeat(1_000)), { maxResponseBytes: 1_000 });
    await expect(hubspot.get("/a")).rejects.toThrow("larger than 1000 bytes (maxResponseBytes)");
  });

  it("to HEAD has no body", async () => {
    const { server, hubspot } = await api((_request, response) => response.writeHead(200, { "content-length": "500" }).end());
    expect(await hubspot.request("HEAD", "/a")).toMatchObject({ status: 200, body: undefined, headers: { "content-length": "500" } });
    expect(server.requests[0]?.method).toBe("HEAD");
  });

  it("to HEAD may name a length above the cap: no body comes", async () => {
    const { hubspot } = await api((_request, response) => response.writeHead(200, { "content-length": "5000" }).end(), {
      maxResponseBytes: 1_000,
    });
    expect(await hubspot.request("HEAD", "/a")).toMatchObject({ status: 200 });
  });
});

describe("a schema", () => {
  const Contact = z.object({ id: z.string(), properties: z.object({ email: z.email() }) });

  it("of zod decides the type and the value", async () => {
    const { hubspot } = await api(json({ id: "1", properties: { email: "a@b.example" }, more: true }));
    const contact = await hubspot.get("/a", { schema: Contact.transform(({ id }) => ({ key: id })) });
    const key: string = contact.key;
    expect(key).toBe("1");
    expect((await hubspot.request("GET", "/a", { schema: Contact })).body.properties.email).toBe("a@b.example");
  });

  it("that does not fit is a MalformedResponseError that lists where, and no values", async () => {
    const { hubspot } = await api(json({ id: 77, properties: { email: "canary-value" } }, 200, { "x-hubspot-correlation-id": "c-1" }));
    const error = await rejection(hubspot.get("/a?q=canary-query", { schema: Contact }));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error).toMatchObject({
      status: 200,
      correlationId: "c-1",
      message: "HubSpot's answer to GET /a does not fit the schema at: id, properties.email.",
    });
    expect((error as MalformedResponseError).issues).toHaveLength(2);
    expect(inspect(error) + JSON.stringify(error)).not.toContain("canary");
  });

  const byHand = (validate: StandardSchema<string>["~standard"]["validate"]): StandardSchema<string> => ({
    "~standard": { version: 1, vendor: "test", validate },
  });

  it("of any library that speaks Standard Schema, asynchronous too", async () => {
    const { hubspot } = await api(json("body"));
    expect(await hubspot.get("/a", { schema: byHand(async (value) => ({ value: `${String(value)}!` })) })).toBe("body!");
    const issues = [
      { message: "canary" },
      { message: "canary", path: ["a", { key: 0 }, Symbol("s")] },
      { message: "again", path: ["a", 0, Symbol("s")] },
    ];
    const many = Array.from({ length: 7 }, (_, at) => ({ message: "canary", path: [at] }));
    await expect(hubspot.get("/a", { schema: byHand(async () => ({ issues })) })).rejects.toThrow("at: (the whole body), a.0.Symbol(s).");
    await expect(hubspot.get("/a", { schema: byHand(() => ({ issues: many })) })).rejects.toThrow("at: 0, 1, 2, 3, 4 and 2 more.");
  });

  it("sees undefined when there is no body", async () => {
    const { hubspot } = await api((_request, response) => response.writeHead(204).end());
    expect(await hubspot.delete("/a", { schema: z.undefined() })).toBeUndefined();
    await expect(hubspot.delete("/a", { schema: Contact })).rejects.toThrow("(the whole body)");
  });

  it("is not asked about errors", async () => {
    const { hubspot } = await api(json({ category: "X" }, 400));
    await expect(
      hubspot.get("/a", {
        schema: byHand(() => {
          throw new Error("asked");
        }),
      }),
    ).rejects.toMatchObject({ status: 400 });
  });
});
