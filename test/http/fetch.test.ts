/** `hubspot.fetch`: a WHATWG fetch with the account's token, and under it clients that people use. */
import ky from "ky";
import createClient from "openapi-fetch";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type BoundFetch, type HubSpotHttp, HubSpotHttp as Http, NetworkError, ReauthorizationRequiredError } from "../../src/index.js";
import type { Credential } from "../../src/index.js";
import { clientOf, connect, type Emulator, emulate } from "../support/setup.js";
import { rejection } from "../transport/ways.js";
import { api, expired, inTurn, json } from "./support.js";

const ways = [
  ["a dispatcher", {}],
  ["a fetch", { fetch: (...args: Parameters<typeof globalThis.fetch>) => globalThis.fetch(...args) }],
] as const;

/** Its second token comes with the first refusal. */
const renewable = (): Credential => ({
  id: "own",
  authorize: ({ rejected } = {}) => ({ headers: { authorization: rejected === undefined ? "Bearer 1" : "Bearer 2" } }),
});

const echo: Parameters<typeof api>[0] = (request, response) => {
  response.writeHead(200, { "content-type": request.headers["content-type"] ?? "text/plain", "x-method": request.method ?? "" });
  request.pipe(response);
};

describe.each(ways)("by %s", (_, way) => {
  it("answers a Response: status, headers, url and a body to read", async () => {
    const { server, hubspot } = await api(json({ id: "1" }, 201, { "X-A": "b" }), way);
    const response = await hubspot.fetch("/crm/v3/objects/contacts?limit=1");
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.ok, response.redirected, response.headers.get("x-a")]).toEqual([201, true, false, "b"]);
    expect(response.url).toBe(`${server.origin}/crm/v3/objects/contacts?limit=1`);
    expect(await response.json()).toEqual({ id: "1" });
    expect(server.requests[0]?.headers).toMatchObject({ authorization: "Bearer pat-na1-canary" });
  });

  it.each<[string, (origin: string) => [string | URL | Request, RequestInit?]]>([
    ["a path", () => ["/a", { method: "PUT", body: "x" }]],
    ["a URL's text", (origin) => [`${origin}/a`, { method: "PUT", body: "x" }]],
    ["a URL", (origin) => [new URL("/a", origin), { method: "PUT", body: "x" }]],
    ["a Request", (origin) => [new Request(`${origin}/a`, { method: "PUT", body: "x" })]],
    ["a Request and an init", (origin) => [new Request(`${origin}/a`, { method: "POST", body: "y" }), { method: "PUT", body: "x" }]],
  ])("takes %s", async (_name, args) => {
    const { server, hubspot } = await api(echo, way);
    const response = await hubspot.fetch(...args(server.origin));
    expect([response.headers.get("x-method"), await response.text()]).toEqual(["PUT", "x"]);
    expect(server.requests[0]?.url).toBe("/a");
  });

  it.each<[string, () => NonNullable<RequestInit["body"]>, string]>([
    ["text", () => "x", "x"],
    ["bytes", () => Uint8Array.of(120), "x"],
    ["a Blob", () => new Blob(["x"]), "x"],
    ["a form", () => new URLSearchParams({ a: "1" }), "a=1"],
    ["a stream", () => new Blob(["x"]).stream(), "x"],
  ])("sends %s", async (_name, body, text) => {
    const { hubspot } = await api(echo, way);
    expect(await (await hubspot.fetch("/a", { method: "POST", body: body() })).text()).toBe(text);
  });

  it("a multipart form arrives with its files", async () => {
    const { hubspot } = await api(echo, way);
    const form = new FormData();
    form.append("file", new File(["a,b"], "contacts.csv", { type: "text/csv" }));
    const back = await (await hubspot.fetch("/a", { method: "POST", body: form })).text();
    expect(back).toMatch(/name="file"; filename="contacts\.csv"\r\nContent-Type: text\/csv\r\n\r\na,b\r\n/);
  });

  it.each([204, 205, 304])("%i has no body", async (status) => {
    const { hubspot } = await api((_request, response) => response.writeHead(status).end(), way);
    const response = await hubspot.fetch("/a");
    expect([response.status, response.body]).toEqual([status, null]);
  });

  it("a status that is an error elsewhere is an answer here, body and all", async () => {
    const { hubspot } = await api(json({ category: "VALIDATION_ERROR" }, 400), way);
    const response = await hubspot.fetch("/a");
    expect([response.status, response.ok, await response.json()]).toEqual([400, false, { category: "VALIDATION_ERROR" }]);
  });

  it("a redirect is an answer: the token does not follow it", async () => {
    const { server, hubspot } = await api((_request, response) => response.writeHead(302, { location: "/elsewhere" }).end(), way);
    const response = await hubspot.fetch("/a");
    expect([response.status, server.requests.length]).toEqual([302, 1]);
  });

  it.each<[string, () => RequestInit]>([
    ["nothing", () => ({})],
    ["text", () => ({ method: "POST", body: "x" })],
    [
      "a form with files",
      () => ({
        method: "POST",
        body: (() => {
          const form = new FormData();
          form.append("a", new File(["x"], "x"));
          return form;
        })(),
      }),
    ],
  ])("an expired token is replaced and %s sent again", async (_name, init) => {
    const { server, hubspot } = await api(inTurn(expired, echo), { ...way, credential: renewable() });
    expect((await hubspot.fetch("/a", init())).status).toBe(200);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer 1", "Bearer 2"]);
  });

  it("a Request's body is sent again when it is small, and once when it is not", async () => {
    const large = "x".repeat(1_100_000);
    const { server, hubspot } = await api(inTurn(expired, echo, expired, echo), { ...way, credential: renewable() });
    const small = await hubspot.fetch(new Request(`${server.origin}/a`, { method: "POST", body: "x" }));
    expect([small.status, await small.text(), server.requests.length]).toEqual([200, "x", 2]);
    const once = await hubspot.fetch(new Request(`${server.origin}/a`, { method: "POST", body: large }));
    expect([once.status, server.requests.length]).toEqual([401, 3]);
    expect(await (await hubspot.fetch(new Request(`${server.origin}/a`, { method: "POST", body: large }))).text()).toBe(large);
  });

  it("is tried again like any call, and what is left after the last try is answered", async () => {
    const retry = { attempts: 2, baseDelayMs: 1, maxDelayMs: 1 };
    const { server, hubspot } = await api(json({ message: "busy" }, 503), { ...way, retry });
    const response = await hubspot.fetch("/a");
    expect([response.status, await response.json(), server.requests.length]).toEqual([503, { message: "busy" }, 2]);
    expect((await hubspot.fetch("/a", { method: "POST", body: "x" })).status).toBe(503);
    expect(server.requests).toHaveLength(3);
  });

  it("an abort rejects with its reason, before and in the middle", async () => {
    const { hubspot } = await api((_request, response) => void response.writeHead(200).write("first"), way);
    const reason = new Error("enough");
    expect(await rejection(hubspot.fetch("/a", { signal: AbortSignal.abort(reason) }))).toBe(reason);
    const abort = new AbortController();
    const response = await hubspot.fetch("/a", { signal: abort.signal });
    const reading = rejection(response.text());
    abort.abort(reason);
    expect(await reading).toMatchObject({ message: "enough" });
  });

  it("what fails on the way is this library's error", async () => {
    const { hubspot } = await api((request) => request.socket.destroy(), way);
    expect(await rejection(hubspot.fetch("/a"))).toBeInstanceOf(NetworkError);
  });

  it("cancelling the body lets the connection go", async () => {
    let closed: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    const { hubspot } = await api((request, response) => {
      request.socket.once("close", closed);
      response.writeHead(200).write("first");
    }, way);
    const response = await hubspot.fetch("/a");
    await response.body?.cancel();
    await gone;
    expect(response.bodyUsed).toBe(true);
  });
});

describe("a token at stake", () => {
  it.each<[string, string, RequestInit | undefined]>([
    ["another origin", "https://elsewhere.example/a", undefined],
    ["another origin that looks like a path", "//elsewhere.example/a", undefined],
    ["a method of its own", "/a", { method: "PURGE" }],
    ["an authorization of its own", "/a", { headers: { Authorization: "Bearer mine" } }],
  ])("%s is a TypeError and nothing is sent", async (_, input, init) => {
    const { server, hubspot } = await api(echo);
    expect(await rejection(hubspot.fetch(input, init))).toBeInstanceOf(TypeError);
    expect(server.requests).toEqual([]);
  });

  it("headers that the connection decides are ignored, as the Fetch standard has it", async () => {
    const { server, hubspot } = await api(echo);
    const headers = { Host: "elsewhere.example", "Content-Length": "7", Connection: "close", "Transfer-Encoding": "x" };
    await hubspot.fetch("/a", { method: "POST", body: "x", headers });
    expect(server.requests[0]?.headers).toMatchObject({
      host: new URL(server.origin).host,
      "content-length": "1",
      connection: "keep-alive",
    });
  });
});

describe("under clients that people use, on the emulator", () => {
  async function scene(): Promise<{ readonly emulator: Emulator; readonly hubspot: HubSpotHttp }> {
    const emulator = await emulate();
    const scopes = ["crm.objects.contacts.read", "crm.objects.contacts.write"];
    const { oauth } = clientOf(emulator, { scopes });
    return { emulator, hubspot: new Http({ credential: oauth.account(await connect(oauth, emulator)) }) };
  }

  interface Paths {
    "/crm/v3/objects/contacts": {
      get: {
        parameters: { query?: { limit?: number } };
        responses: { 200: { content: { "application/json": { results: { id: string }[] } } } };
      };
      post: {
        requestBody: { content: { "application/json": { properties: Record<string, string> } } };
        responses: { 201: { content: { "application/json": { id: string } } } };
      };
    };
  }

  it("openapi-fetch: typed calls carry a fresh token and survive one that ran out", async () => {
    const { emulator, hubspot } = await scene();
    const client = createClient<Paths>({ baseUrl: emulator.origin, fetch: hubspot.fetch });
    const first = await client.GET("/crm/v3/objects/contacts", { params: { query: { limit: 2 } } });
    expect(first.data?.results).toHaveLength(2);
    emulator.expireTokens();
    emulator.clearRequests();
    const { data } = await client.POST("/crm/v3/objects/contacts", { body: { properties: { email: "a@b.example" } } });
    expect(data?.id).toMatch(/^\d+$/);
    expect(emulator.requests.map(({ status }) => status)).toEqual([401, 200, 201]);
  });

  it("ky: the same, with its own options and hooks", async () => {
    const { emulator, hubspot } = await scene();
    const client = ky.create({ prefixUrl: emulator.origin, fetch: hubspot.fetch, retry: 0 });
    expect(await client.get("crm/v3/objects/contacts", { searchParams: { limit: 1 } }).json()).toMatchObject({ results: [{}] });
    emulator.expireTokens();
    emulator.clearRequests();
    const made = await client.post("crm/v3/objects/contacts", { json: { properties: { email: "a@b.example" } } }).json<{ id: string }>();
    expect(made.id).toMatch(/^\d+$/);
    expect(emulator.requests.map(({ status }) => status)).toEqual([401, 200, 201]);
  });

  it("a dead grant is not an answer of the API: it rejects", async () => {
    const { emulator, hubspot } = await scene();
    await hubspot.fetch("/crm/v3/objects/contacts");
    emulator.expireTokens();
    emulator.respondOnce({ route: "token" }, { status: 400, body: { status: "BAD_REFRESH_TOKEN", error: "invalid_grant" } });
    expect(await rejection(hubspot.fetch("/crm/v3/objects/contacts"))).toBeInstanceOf(ReauthorizationRequiredError);
  });

  it("fits where a fetch is asked for", () => {
    expectTypeOf<BoundFetch>().toBeCallableWith("/a");
    expectTypeOf<BoundFetch>().toBeCallableWith(new URL("https://api.hubapi.com/a"), { method: "POST" });
    expectTypeOf<BoundFetch>().returns.resolves.toEqualTypeOf<Response>();
    expect(typeof new Http({ credential: renewable() }).fetch).toBe("function");
  });
});
