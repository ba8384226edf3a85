/** What a stand-in is to whoever holds it: a client of the SDK in type, class and shape, without a token to see. In 13 and in 14. */
import { inspect } from "node:util";
import { Client as Client13 } from "@hubspot/api-client";
import { Client as Client14 } from "hubspot-api-client-14";
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { type Credential, privateAppToken } from "../../src/index.js";
import { connectHubSpotClient } from "../../src/sdk/hubspot-api-client.js";
import { httpServer } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { sdks, sdkScene } from "./sdks.js";

const credential = privateAppToken("pat-na1-canary");

it("has the type of what was passed in, of both majors, down to the calls", () => {
  const [of13, of14] = [connectHubSpotClient(new Client13(), credential), connectHubSpotClient(() => new Client14(), credential)];
  expectTypeOf(of13).toEqualTypeOf<Client13>();
  expectTypeOf(of14).toEqualTypeOf<Client14>();
  expectTypeOf<Parameters<typeof of13.crm.contacts.basicApi.getPage>[0]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Parameters<typeof of14.crm.contacts.basicApi.getPage>[0]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<ReturnType<typeof of13.oauth.getAuthorizationUrl>>().toEqualTypeOf<string>();
  expectTypeOf<ReturnType<typeof of14.apiRequest>>().resolves.toEqualTypeOf<Response>();
  expectTypeOf<Awaited<ReturnType<typeof of14.crm.deals.basicApi.getById>>["properties"]>().toEqualTypeOf<Record<string, string | null>>();
  // @ts-expect-error -- there is no such API
  expect(of13.crm.nothing).toBeUndefined();
  // @ts-expect-error -- not a client
  expect(() => connectHubSpotClient({}, credential)).toThrow(TypeError);
  // @ts-expect-error -- not a credential
  expect(() => connectHubSpotClient(new Client14(), "pat-na1-canary")).toThrow(TypeError);
});

describe.each(sdks)("%s", (_, Client) => {
  it("is a client: of its class, with its properties, and the same objects each time", () => {
    const sdk = new Client();
    const hubspot = connectHubSpotClient(sdk, credential);
    expect(hubspot).toBeInstanceOf(Client);
    expect(hubspot.crm).toBeInstanceOf(sdk.crm.constructor);
    expect(hubspot.crm.contacts.basicApi).toBeInstanceOf(sdk.crm.contacts.basicApi.constructor);
    expect(hubspot.crm.contacts.basicApi.constructor).toBe(sdk.crm.contacts.basicApi.constructor);
    expect(hubspot.crm.contacts.basicApi).toBe(hubspot.crm.contacts.basicApi);
    const { basicApi } = hubspot.crm.contacts;
    expect(Reflect.get(basicApi, "getPage")).toBe(Reflect.get(basicApi, "getPage"));
    expect(["crm" in hubspot, "nothing" in hubspot, "basicApi" in hubspot.crm.contacts, "getPage" in basicApi]).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(Object.keys(hubspot.crm.contacts)).toEqual(Object.keys(sdk.crm.contacts));
    expect(Object.keys(basicApi)).toEqual(Object.keys(sdk.crm.contacts.basicApi));
    expect(Object.prototype.toString.call(hubspot)).toBe("[object Object]");
    expect(inspect(hubspot)).toMatch(/^Client \{/);
    expect(Reflect.get(hubspot, "nothing")).toBeUndefined();
  });

  it("can be awaited at every level, and hangs nowhere", async () => {
    const hubspot = connectHubSpotClient(new Client(), credential);
    for (const node of [hubspot, hubspot.crm, hubspot.crm.contacts, hubspot.crm.contacts.basicApi, hubspot.config]) {
      expect(await Promise.resolve(node)).toBe(node);
    }
  });

  it("has the client's options, without a token, and of its own: the SDK writes into them", () => {
    const config = { basePath: "http://localhost:1", accessToken: "old", numberOfApiCallRetries: 2, defaultHeaders: { "x-app": "1" } };
    const hubspot = connectHubSpotClient(new Client(config), credential);
    const { accessToken, ...rest } = structuredClone(hubspot.config);
    expect(accessToken).toBeUndefined();
    expect(rest).toEqual({ basePath: "http://localhost:1", numberOfApiCallRetries: 2, defaultHeaders: { "x-app": "1" } });
    expect(hubspot.crm.contacts.basicApi).toBeDefined();
    expect([config.accessToken, config.defaultHeaders]).toEqual(["old", { "x-app": "1" }]);
    expect(hubspot.config.defaultHeaders).not.toEqual(config.defaultHeaders);
  });

  it("shows no token to inspect and JSON, before a call and after", async () => {
    const { hubspot, bearers } = await sdkScene(Client, { accessToken: "of-the-client" });
    const texts = (): string[] => [
      inspect(hubspot, { depth: null }),
      inspect(hubspot.crm.contacts.basicApi, { depth: null, showHidden: true, getters: true }),
      JSON.stringify(hubspot),
      JSON.stringify(hubspot.crm.contacts),
    ];
    const before = texts();
    await hubspot.crm.contacts.basicApi.getPage(1);
    await hubspot.apiRequest();
    const [token = "none"] = bearers();
    expect(token.length).toBeGreaterThan(20);
    expect([...before, ...texts()].filter((text) => text.includes(token) || text.includes("of-the-client"))).toEqual([]);
  });

  it("takes no token, and no Authorization header beside the credential's", async () => {
    const hubspot = connectHubSpotClient(new Client(), credential);
    expect(() => hubspot.setAccessToken("other")).toThrow(/comes from its credential/);
    expect(() => connectHubSpotClient(new Client({ defaultHeaders: { authorization: "Bearer x" } }), credential)).toThrow(
      /^defaultHeaders must not/,
    );
    await expect(hubspot.apiRequest({ headers: { AUTHORIZATION: "Bearer x" } })).rejects.toThrow(/^headers must not/);
  });

  it.each([
    ["a full URL", { overlapUrl: "http://localhost:1/crm" }],
    ["a path that continues the host", { path: ".evil.example/crm" }],
    ["a path that makes the host a user name", { path: "@evil.example/crm" }],
  ])("apiRequest sends no token to another origin by %s", async (__, options) => {
    const { hubspot, counts } = await sdkScene(Client, { basePath: "http://127.0.0.1" });
    await expect(hubspot.apiRequest(options)).rejects.toThrow(/to another origin than http:\/\/127\.0\.0\.1\./);
    expect(counts().calls).toBe(0);
  });

  it("apiRequest without authentication goes anywhere, without a token", async () => {
    const server = await httpServer((_request, response) => response.end("{}"));
    const { hubspot } = await sdkScene(Client);
    const response = await hubspot.apiRequest({ overlapUrl: `${server.origin}/other`, authType: "none" });
    expect([response.status, server.requests.map(({ headers }) => headers.authorization)]).toEqual([200, [undefined]]);
  });

  it("can be connected again, for another credential", async () => {
    const server = await httpServer((_request, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end('{"results":[]}'),
    );
    const first = connectHubSpotClient(new Client({ basePath: server.origin }), privateAppToken("pat-1"));
    const second = connectHubSpotClient(first, privateAppToken("pat-2"));
    await second.crm.contacts.basicApi.getPage(1);
    await first.crm.contacts.basicApi.getPage(1);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer pat-2", "Bearer pat-1"]);
  });

  it("a test's spy on a method is what is called", async () => {
    const hubspot = connectHubSpotClient(new Client({ basePath: "http://localhost:1" }), credential);
    const spy = vi.spyOn(hubspot.crm.contacts.basicApi, "getPage").mockResolvedValue({ results: [] });
    expect(await hubspot.crm.contacts.getAll()).toEqual([]);
    expect(spy).toHaveBeenCalledOnce();
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["the class itself", class {}],
    ["an object without a class", { config: {}, setAccessToken: () => undefined, apiRequest: () => undefined, init: () => undefined }],
    ["a client without options", Object.create(Client.prototype)],
    ["a function that makes no client", () => undefined],
  ])("%s is no client", (__, value) => {
    expect(() => connectHubSpotClient(value as typeof Client.prototype, credential)).toThrow(TypeError);
  });

  it("a function is asked once, when connecting", async () => {
    const make = vi.fn<() => typeof Client.prototype>(() => new Client({ basePath: "http://localhost:1" }));
    const hubspot = connectHubSpotClient(make, credential);
    await rejection(hubspot.crm.contacts.basicApi.getPage(1));
    expect(make).toHaveBeenCalledOnce();
  });

  it.each<[string, Awaited<ReturnType<Credential["authorize"]>>]>([
    ["a query parameter", { query: { hapikey: "dev-key" } }],
    ["nothing", {}],
    ["another scheme", { headers: { authorization: "Basic dev-key" } }],
    ["another header beside the token", { headers: { authorization: "Bearer dev-key", "x-tenant": "1" } }],
    ["a query parameter beside the token", { headers: { authorization: "Bearer dev-key" }, query: { hapikey: "dev-key" } }],
  ])("a credential that hands out %s is refused before anything is sent, and not quoted", async (__, authorization) => {
    const server = await httpServer((_request, response) => response.end());
    const hubspot = connectHubSpotClient(new Client({ basePath: server.origin }), { id: "mine", authorize: () => authorization });
    const error = await rejection(hubspot.crm.contacts.basicApi.getPage(1));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/Bearer token into the Authorization header/);
    expect((error as Error).message).not.toContain("dev-key");
    expect(server.requests).toEqual([]);
  });
});
