/** What authorizes a call: HubSpot's own kinds of keys, and credentials that users write. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Authorization, type Credential, developerApiKey, HubSpotHttp, privateAppToken } from "../../src/index.js";
import { closedPort } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { agent, api, expired, inTurn, json, unknownToken } from "./support.js";

const KEY = "canary/key+with=signs";

describe("privateAppToken", () => {
  it("is sent as a Bearer header, and its id says nothing of it", async () => {
    const credential = privateAppToken("pat-na1-canary");
    const { server, hubspot } = await api(json({}), { credential });
    await hubspot.get("/a");
    expect(server.requests[0]?.headers.authorization).toBe("Bearer pat-na1-canary");
    expect(credential.id).toMatch(/^private-app:[\w-]{12}$/);
    expect(privateAppToken("pat-na1-canary").id).toBe(credential.id);
    expect(privateAppToken("pat-na1-canarx").id).not.toBe(credential.id);
  });

  it.each([
    ["expired", expired],
    ["unknown", unknownToken],
    ["blank", json("", 401)],
  ])("a 401 (%s) is final: no second request", async (_, refusal) => {
    const { server, hubspot, events } = await api(refusal);
    await expect(hubspot.get("/a")).rejects.toMatchObject({ code: "hubspot_api", status: 401, retryable: false });
    expect(server.requests).toHaveLength(1);
    expect(events).toEqual([]);
  });
});

describe("developerApiKey", () => {
  it("is sent as ?hapikey= and not in a header", async () => {
    const { server, hubspot } = await api(json({}), { credential: developerApiKey(KEY) });
    await hubspot.get("/webhooks/v3/1/subscriptions?a=b", { query: { c: "d" } });
    const [request] = server.requests;
    expect(request?.url).toBe(`/webhooks/v3/1/subscriptions?a=b&c=d&hapikey=${encodeURIComponent(KEY)}`);
    expect(request?.headers).not.toHaveProperty("authorization");
    expect(JSON.stringify(request?.headers)).not.toContain("canary");
  });

  it("stands in no id, error, cause or event, not even when HubSpot or the network quotes it", async () => {
    const credential = developerApiKey(KEY);
    const shown: unknown[] = [credential.id];
    const quote = {
      status: "error",
      message: `Bad hapikey ${KEY} in /a?hapikey=${encodeURIComponent(KEY)}`,
      category: "X",
      errors: [{ message: KEY }],
    };
    const bodies = [json(quote, 400), json(quote, 401), json(quote, 403), json(quote, 429), json("{", 200), expired];
    const { hubspot, events } = await api(
      inTurn(...bodies, (request) => request.socket.destroy()),
      { credential },
    );
    for (const _ of [...bodies, "reset"]) shown.push(await rejection(hubspot.get("/a", { schema: z.object({}) })));
    const refused = new HubSpotHttp({ credential, apiOrigin: `http://127.0.0.1:${await closedPort()}`, dispatcher: agent() });
    shown.push(await rejection(refused.get("/a")), await rejection(refused.get("/a b")), events, hubspot);
    const text = shown
      .map((item) => `${inspect(item, { depth: 10, showHidden: true })}${item instanceof Error ? item.stack : ""}${JSON.stringify(item)}`)
      .join("\n");
    for (const form of [KEY, encodeURIComponent(KEY), "hapikey=", Buffer.from(KEY).toString("base64")]) expect(text).not.toContain(form);
  });
});

describe.each([
  ["privateAppToken", privateAppToken, "token"],
  ["developerApiKey", developerApiKey, "key"],
] as const)("%s", (_, make, name) => {
  it.each<[string, unknown]>([
    ["undefined", undefined],
    ["null", null],
    ["empty", ""],
    ["a space", " "],
    ["a space inside", "canary token"],
    ["a line break at the end", "canary\n"],
    ["a header injected", "canary\r\nx-a: b"],
    ["NUL", "canary\0"],
    ["not ASCII", "canaryé"],
    ["a number", 12],
    ["an array", ["canary"]],
  ])("TypeError at once when it is %s: names it, does not quote it", (_case, value) => {
    const attempt = (): unknown => make(value as string);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(new RegExp(`^${name} must be a non-empty string of visible ASCII`));
    expect(attempt).not.toThrow(/canary/);
  });

  it("cannot be changed from outside, and JSON shows nothing of it", () => {
    const credential = make("canary");
    expect(Object.isFrozen(credential.authorize())).toBe(true);
    expect(JSON.stringify(credential) + inspect(credential, { depth: 10, showHidden: true })).not.toContain("canary");
  });
});

describe("a credential of the user's own", () => {
  const bearer = (token: string): Authorization => ({ headers: { authorization: `Bearer ${token}` } });

  it.each<[string, Credential["authorize"]]>([
    ["synchronous", () => bearer("own")],
    ["asynchronous", async () => bearer("own")],
  ])("%s, authorizes with headers and query", async (_, authorize) => {
    const credential = { id: "own", authorize: async () => ({ ...(await authorize()), query: { k: "v w" } }) };
    const { server, hubspot } = await api(json({}), { credential });
    await hubspot.get("/a");
    expect(server.requests[0]).toMatchObject({ url: "/a?k=v%20w", headers: { authorization: "Bearer own" } });
  });

  it("may answer with any thenable", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a thenable is what is meant
    const thenable = { then: (resolve: (value: Authorization) => void) => resolve(bearer("own")) } as unknown as Promise<Authorization>;
    const { server, hubspot } = await api(json({}), { credential: { id: "own", authorize: () => thenable } });
    await hubspot.get("/a");
    expect(server.requests[0]?.headers.authorization).toBe("Bearer own");
  });

  it("is asked before each call, and sees the caller's signal", async () => {
    const authorize = vi.fn<Credential["authorize"]>(() => bearer("own"));
    const { hubspot } = await api(json({}), { credential: { id: "own", authorize } });
    const { signal } = new AbortController();
    await hubspot.get("/a");
    await hubspot.get("/a", { signal });
    expect(authorize.mock.calls).toEqual([[undefined], [{ signal }]]);
  });

  it("takes effect at once when it answers with another object", async () => {
    let current = bearer("first");
    const { server, hubspot } = await api(json({}), { credential: { id: "own", authorize: () => current } });
    await hubspot.get("/a");
    current = bearer("second");
    await hubspot.get("/a");
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer first", "Bearer second"]);
  });

  it.each([
    [
      "synchronously",
      () => {
        throw new RangeError("no token today");
      },
    ],
    ["asynchronously", () => Promise.reject(new RangeError("no token today"))],
  ])("that fails %s fails the call with its own error, and nothing is sent", async (_, authorize) => {
    const { server, hubspot } = await api(json({}), { credential: { id: "own", authorize } });
    await expect(hubspot.get("/a")).rejects.toThrow(new RangeError("no token today"));
    expect(server.requests).toHaveLength(0);
  });

  it.each(["authorization", "Authorization", "AUTHORIZATION"])(
    "EXPIRED_AUTHENTICATION: the very object in %s comes back as rejected, another one is sent, once",
    async (name) => {
      const made: Authorization[] = [];
      const authorize = vi.fn<Credential["authorize"]>(() => {
        made.push({ headers: { [name]: `Bearer ${made.length}` } });
        return Promise.resolve(made.at(-1)!);
      });
      const { server, hubspot, events } = await api(expired, { credential: { id: "own", authorize } });
      await expect(hubspot.post("/a", { body: { b: 1 } })).rejects.toMatchObject({ status: 401, category: "EXPIRED_AUTHENTICATION" });
      expect(authorize).toHaveBeenCalledTimes(2);
      expect(authorize.mock.calls[1]?.[0]?.rejected).toBe(made[0]);
      expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer 0", "Bearer 1"]);
      expect(events).toEqual([{ type: "request.retried", credentialId: "own", status: 401, reason: "another token", waitMs: 0 }]);
    },
  );

  it("without reload: a 401 that does not say expired is final", async () => {
    const authorize = vi.fn<Credential["authorize"]>(() => bearer("own"));
    const { server, hubspot } = await api(unknownToken, { credential: { id: "own", authorize } });
    await expect(hubspot.get("/a")).rejects.toMatchObject({ status: 401 });
    expect([authorize.mock.calls.length, server.requests.length]).toEqual([1, 1]);
  });

  // Names are the credential's own business, so every value of it is a secret.
  it.each<[string, Authorization]>([
    ["authorization", bearer("canary-token")],
    ["a query parameter", { query: { key: "canary-token" } }],
  ])("an echo of what it put into %s is not quoted", async (_, authorization) => {
    const { hubspot } = await api(echo, { credential: { id: "own", authorize: () => authorization } });
    expect(((await rejection(hubspot.get("/a"))) as Error).message).not.toContain("canary-token");
  });
  it.each<[string, Authorization]>([
    ["Authorization", { headers: { Authorization: "Bearer canary-token" } }],
    ["a header of another name", { headers: { "x-api-key": "canary-token" } }],
  ])("an echo of what it put into %s is not quoted", async (_, authorization) => {
    const { hubspot } = await api(echo, { credential: { id: "own", authorize: () => authorization } });
    expect(((await rejection(hubspot.get("/a"))) as Error).message).not.toContain("canary-token");
  });

  it("HX-04 whose token holds a line break is a TypeError, not a network failure to try again", async () => {
    const { hubspot } = await api(json({}), { credential: { id: "own", authorize: () => bearer("canary\r\nx-evil: 1") } });
    expect(await rejection(hubspot.get("/a"))).toBeInstanceOf(TypeError);
  });

  it("HX-04 whose token holds a line break sends nothing, and is not quoted", async () => {
    const { server, hubspot } = await api(json({}), { credential: { id: "own", authorize: () => bearer("canary\r\nx-evil: 1") } });
    const error = await rejection(hubspot.get("/a"));
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain("canary");
    expect(server.requests).toHaveLength(0);
  });

  it("HX-05 whose header is not authorization cannot be replaced by the caller", async () => {
    const { server, hubspot } = await api(json({}), { credential: { id: "own", authorize: () => ({ headers: { "x-api-key": "own" } }) } });
    await hubspot.get("/a", { headers: { "X-Api-Key": "the caller's" } }).catch(() => undefined);
    expect(server.requests.map(({ headers }) => headers["x-api-key"])).not.toContain("the caller's");
  });
});

/** HubSpot quoting what it was sent. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const sent = [request.headers.authorization, request.headers["x-api-key"], request.url].join(" ");
  json({ status: "error", message: `Bad credentials ${sent}`, category: "X" }, 400)(request, response);
}
