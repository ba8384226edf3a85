/** What follows a 401 or a 403 of a call of the SDK: the rule of `HubSpotHttp`, for typed calls and for `apiRequest`, in 13 and in 14. */
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { type Authorization, ReauthorizationRequiredError } from "../../src/index.js";
import { connectHubSpotClient } from "../../src/sdk/hubspot-api-client.js";
import { httpServer } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { CALLS, CONTACTS, refreshElsewhere, refusal, type SdkClient, sdks, sdkScene } from "./sdks.js";

/** The two ways to call, each with the status it ends in. */
const ways: readonly (readonly [string, (hubspot: SdkClient) => Promise<number>])[] = [
  [
    "a typed call",
    (hubspot) =>
      hubspot.crm.contacts.basicApi.getPageWithHttpInfo(1).then(
        ({ httpStatusCode }) => httpStatusCode,
        (error: { readonly code: number }) => {
          if (typeof error.code !== "number") throw error;
          return error.code;
        },
      ),
  ],
  ["apiRequest", async (hubspot) => (await hubspot.apiRequest({ path: CONTACTS })).status],
];
const others = [["INVALID_AUTHENTICATION"], ["SOMETHING_NEW"], [undefined]] as const;

describe.each(sdks)("%s", (sdk, Client) => {
  describe.each(ways)("%s", (__, call) => {
    it("survives EXPIRED_AUTHENTICATION by one refresh and one more try, and says so", async () => {
      const { emulator, hubspot, store, id, events, bearers, counts } = await sdkScene(Client);
      emulator.expireTokens();
      expect(await call(hubspot)).toBe(200);
      expect(counts()).toEqual({ calls: 2, refreshes: 1 });
      expect(bearers()[1]).toBe(store.inner.get(id)?.accessToken);
      expect(bearers()[0]).not.toBe(bearers()[1]);
      expect(events.filter(({ type }) => type === "request.retried")).toEqual([
        { type: "request.retried", credentialId: `${emulator.app.clientId}:${id}`, status: 401, reason: "another token", waitMs: 0 },
      ]);
    });

    it("a second EXPIRED_AUTHENTICATION surfaces", async () => {
      const { emulator, hubspot, counts } = await sdkScene(Client);
      emulator.respondOnce(CALLS, refusal("EXPIRED_AUTHENTICATION"));
      emulator.respondOnce(CALLS, refusal("EXPIRED_AUTHENTICATION"));
      expect(await call(hubspot)).toBe(401);
      expect(counts()).toEqual({ calls: 2, refreshes: 1 });
    });

    it("50 at once with an expired token are one refresh", async () => {
      const { emulator, hubspot, counts } = await sdkScene(Client);
      emulator.expireTokens();
      const statuses = await Promise.all(Array.from({ length: 50 }, () => call(hubspot)));
      expect(new Set(statuses)).toEqual(new Set([200]));
      expect(counts()).toEqual({ calls: 100, refreshes: 1 });
    });

    it.each(others)("a 401 %s surfaces after one look into the store, without a refresh", async (category) => {
      const { emulator, hubspot, store, counts } = await sdkScene(Client);
      emulator.respondOnce(CALLS, refusal(category));
      expect(await call(hubspot)).toBe(401);
      expect(store.calls).toEqual(["get"]);
      expect(counts()).toEqual({ calls: 1, refreshes: 0 });
    });

    it.each(others)("a 401 %s: another token found in the store is sent, once", async (category) => {
      const scene = await sdkScene(Client);
      const token = await refreshElsewhere(scene);
      scene.emulator.respondOnce(CALLS, refusal(category));
      scene.emulator.respondOnce(CALLS, refusal(category));
      expect(await call(scene.hubspot)).toBe(401);
      expect(scene.bearers()[1]).toBe(token);
      expect(scene.counts()).toEqual({ calls: 2, refreshes: 0 });
    });

    it("403 MISSING_SCOPES: the token of a reconnect in another process is sent, without a refresh", async () => {
      const scene = await sdkScene(Client);
      const token = await refreshElsewhere(scene);
      scene.emulator.respondOnce(CALLS, refusal("MISSING_SCOPES", 403));
      expect(await call(scene.hubspot)).toBe(200);
      expect(scene.bearers()[1]).toBe(token);
      expect(scene.counts()).toEqual({ calls: 2, refreshes: 0 });
    });

    it.each([
      [403, "GATED"],
      [404, "EXPIRED_AUTHENTICATION"],
      [500, "EXPIRED_AUTHENTICATION"],
      [500, "MISSING_SCOPES"],
    ])("%d %s touches neither store nor token endpoint", async (status, category) => {
      const { emulator, hubspot, store, counts } = await sdkScene(Client);
      emulator.respondOnce(CALLS, refusal(category, status));
      expect(await call(hubspot)).toBe(status);
      expect(store.calls).toEqual([]);
      expect(counts()).toEqual({ calls: 1, refreshes: 0 });
    });

    it("a dead grant ends in ReauthorizationRequiredError, and no second try", async () => {
      const { emulator, hubspot, id, counts } = await sdkScene(Client);
      emulator.revokeGrant(id);
      emulator.expireTokens();
      expect(await rejection(call(hubspot))).toBeInstanceOf(ReauthorizationRequiredError);
      expect(counts().calls).toBe(1);
    });

    it("the SDK's own retries do not multiply the second try", async () => {
      const { emulator, hubspot, counts } = await sdkScene(Client, { numberOfApiCallRetries: 3 });
      emulator.respondOnce(CALLS, refusal("EXPIRED_AUTHENTICATION"));
      emulator.respondOnce(CALLS, refusal("EXPIRED_AUTHENTICATION"));
      expect(await call(hubspot)).toBe(401);
      expect(counts()).toEqual({ calls: 2, refreshes: 1 });
    });
  });

  it("an error of the SDK arrives as it is, and holds no token", async () => {
    const { emulator, hubspot, bearers } = await sdkScene(Client);
    emulator.respondOnce(CALLS, refusal("INVALID_AUTHENTICATION"));
    const error = await rejection(hubspot.crm.contacts.basicApi.getPage(1));
    expect(error).toMatchObject({ code: 401, body: { category: "INVALID_AUTHENTICATION" } });
    expect(bearers()).toEqual([expect.stringMatching(/\S{20}/)]);
    const texts = [String(error), JSON.stringify(error), (error as Error).stack];
    expect(texts.filter((text) => text?.includes(bearers()[0] ?? ""))).toEqual([]);
  });

  it.each([
    ["of the usual length", 100],
    ["of 200 KB", 200_000],
  ])("the Response of a refusal %s can be read by the caller", async (__, length) => {
    const { emulator, hubspot } = await sdkScene(Client);
    const body = { category: "INVALID_AUTHENTICATION", message: "x".repeat(length) };
    emulator.respondOnce(CALLS, { status: 401, body });
    const response = await hubspot.apiRequest({ path: CONTACTS });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual(body);
  });

  it.each([
    ["HTML", "text/html", '{"category":"EXPIRED_AUTHENTICATION"}'],
    ["cut short", "application/json", '{"category":"EXPIRED_AUTHENTICATION"'],
    ["empty", "application/json", ""],
  ])("a refusal that is %s is no reason to refresh", async (__, type, body) => {
    const { emulator, hubspot, counts } = await sdkScene(Client);
    emulator.respondOnce(CALLS, { status: 401, headers: { "content-type": type }, body });
    const response = await hubspot.apiRequest({ path: CONTACTS });
    expect([response.status, await response.text()]).toEqual([401, body]);
    expect(counts()).toEqual({ calls: 1, refreshes: 0 });
  });

  it("a file is uploaded again, whole", async () => {
    const { emulator, hubspot, counts } = await sdkScene(Client);
    const upload = { path: "/files/v3/files" };
    emulator.respondOnce(upload, refusal("EXPIRED_AUTHENTICATION"));
    emulator.respondOnce(upload, { status: 201, body: { id: "1" } });
    const file = { data: Buffer.from("the content"), name: "a.txt" };
    expect(await hubspot.files.filesApi.upload(file, undefined, "/library", "a.txt", undefined, "{}")).toMatchObject({ id: "1" });
    expect(counts()).toEqual({ calls: 2, refreshes: 1 });
    expect(emulator.requests.filter(({ path }) => path === upload.path).map(({ body }) => body)).toEqual([
      expect.stringContaining("the content"),
      expect.stringContaining("the content"),
    ]);
  });

  it.each<[string, () => unknown]>([
    ["a stream", () => Readable.from([Buffer.from("the content")])],
    ["a form of the package form-data", () => formOf("the content", sdk)],
  ])("%s is not sent again: the call ends with its 401, and the next has a new token", async (__, body) => {
    const { emulator, hubspot, store, id, bearers, counts } = await sdkScene(Client);
    emulator.respondOnce({ path: "/files" }, refusal("EXPIRED_AUTHENTICATION"));
    const response = await hubspot.apiRequest({ method: "POST", path: "/files", body: body(), defaultJson: false });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ category: "EXPIRED_AUTHENTICATION" });
    expect(emulator.requests[0]?.body).toContain("the content");
    expect(counts()).toEqual({ calls: 1, refreshes: 1 });
    await hubspot.apiRequest({ path: CONTACTS });
    expect(bearers()[1]).toBe(store.inner.get(id)?.accessToken);
    expect(counts()).toEqual({ calls: 2, refreshes: 1 });
  });

  it("a credential without reload, which answers the rejected token again, is not asked for a second try", async () => {
    const server = await httpServer((request, response) => {
      request.resume();
      response.writeHead(401, { "content-type": "application/json" }).end('{"category":"EXPIRED_AUTHENTICATION"}');
    });
    const authorization: Authorization = { headers: { Authorization: "bearer t-1" } };
    const asked: unknown[] = [];
    const credential = {
      id: "mine",
      authorize: (options?: object) => {
        asked.push(options);
        return authorization;
      },
    };
    const hubspot = connectHubSpotClient(new Client({ basePath: server.origin }), credential);
    await expect(hubspot.crm.contacts.basicApi.getPage(1)).rejects.toMatchObject({ code: 401 });
    expect(asked).toEqual([undefined, { rejected: authorization }]);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer t-1"]);
  });
});

/** A form of the very copy of form-data that the SDK knows. */
function formOf(content: string, sdk: string): Readable {
  const nearby = createRequire(createRequire(import.meta.url).resolve(sdk));
  const FormData = nearby("form-data") as new () => Readable & { append(name: string, value: string, fileName: string): void };
  const form = new FormData();
  form.append("file", content, "a.txt");
  return form;
}
