/** How long a call may take, how it is stopped, and what it leaves open. */
import { getEventListeners } from "node:events";
import { describe, expect, it, vi } from "vitest";
import { type Authorization, type Credential, HubSpotHttp, privateAppToken, TimeoutError } from "../../src/index.js";
import type { WireRequest, WireResponse } from "../../src/transport.js";
import { gate } from "../support/scripted-store.js";
import { rawServer } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { agent, type Api, api, inTurn, json } from "./support.js";

const BEARER: Authorization = { headers: { authorization: "Bearer own" } };

describe("the deadline of a call", () => {
  it("covers a slow token: nothing is sent, and the error says so", async () => {
    const { server, hubspot } = await api(json({}), {
      credential: { id: "own", authorize: () => new Promise<Authorization>(() => undefined) },
    });
    const error = await rejection(hubspot.get("/a", { timeoutMs: 30 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ timeoutMs: 30, sent: false, retryable: true });
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    ["the answer", () => rawServer("")],
    ["the body", () => rawServer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")],
  ])("covers %s", async (_, start) => {
    const { origin } = await start();
    const hubspot = new HubSpotHttp({ credential: privateAppToken("p"), apiOrigin: origin, dispatcher: agent(), timeoutMs: 400 });
    await expect(hubspot.get("/a")).rejects.toMatchObject({ code: "timeout", timeoutMs: 400, sent: true });
  });

  it("is one for the token, the request and its replay together", async () => {
    let nowMs = 1_000;
    vi.spyOn(performance, "now").mockImplementation(() => nowMs);
    const left: number[] = [];
    const send = async (request: WireRequest): Promise<WireResponse> => {
      left.push(request.leftMs ?? request.timeoutMs);
      nowMs += 50;
      return { status: 401, headers: {}, body: Buffer.from('{"category":"EXPIRED_AUTHENTICATION"}') };
    };
    const authorize = async (): Promise<Authorization> => {
      nowMs += 10;
      return { ...BEARER };
    };
    const runtime = { apiOrigin: "https://api.hubapi.com", send };
    const call = (timeoutMs: number): Promise<unknown> =>
      rejection(new HubSpotHttp({ credential: { id: "own", authorize, runtime } }).get("/a", { timeoutMs }));
    expect(await call(100)).toMatchObject({ status: 401 });
    expect(left).toEqual([90, 30]);
    expect(await call(65)).toMatchObject({ code: "timeout" });
    expect(left).toEqual([90, 30, 55]);
  });

  it("is named in its error as it was set, not as what was left of it", async () => {
    const { origin } = await rawServer("");
    const hubspot = new HubSpotHttp({ credential: { id: "own", authorize: async () => BEARER }, apiOrigin: origin, dispatcher: agent() });
    await expect(hubspot.get("/a", { timeoutMs: 40 })).rejects.toMatchObject({
      timeoutMs: 40,
      message: expect.stringContaining("within 40 ms") as string,
    });
  });
});

describe("an abort", () => {
  const reason = new Error("enough");

  it("before the call sends nothing", async () => {
    const { server, hubspot } = await api(json({}));
    expect(await rejection(hubspot.get("/a", { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.requests).toHaveLength(0);
  });

  it.each<[string, (abort: () => void) => Promise<Api>]>([
    [
      "while waiting for the token",
      (abort) =>
        api(json({}), {
          credential: {
            id: "own",
            authorize: () => {
              setImmediate(abort);
              return new Promise<Authorization>(() => undefined);
            },
          },
        }),
    ],
    ["while waiting for the answer", (abort) => api(() => abort())],
    [
      "in the body",
      (abort) =>
        api((_request, response) => {
          response.write("{", abort);
        }),
    ],
  ])("%s rejects with the signal's reason", async (_, start) => {
    const controller = new AbortController();
    const { hubspot } = await start(() => controller.abort(reason));
    expect(await rejection(hubspot.get("/a", { signal: controller.signal }))).toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("while another token is waited for rejects with the signal's reason", async () => {
    const controller = new AbortController();
    const asked = gate();
    const authorize: Credential["authorize"] = (options) => {
      if (options?.rejected === undefined) return BEARER;
      asked.open();
      return new Promise<Authorization>(() => undefined);
    };
    const { hubspot } = await api(inTurn(json({ category: "EXPIRED_AUTHENTICATION" }, 401)), { credential: { id: "own", authorize } });
    const call = rejection(hubspot.get("/a", { signal: controller.signal }));
    await asked.opened;
    controller.abort(reason);
    expect(await call).toBe(reason);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it("while the schema is waited for rejects with the signal's reason", { timeout: 500 }, async () => {
    const controller = new AbortController();
    const { hubspot } = await api(json({}));
    const validate = (): Promise<never> => {
      controller.abort(reason);
      return new Promise(() => undefined);
    };
    expect(
      await rejection(hubspot.get("/a", { signal: controller.signal, schema: { "~standard": { version: 1, vendor: "test", validate } } })),
    ).toBe(reason);
  });
});

it("HX-09 10,000 answers that nobody looks at keep no more sockets than the pool has", { timeout: 60_000 }, async () => {
  const answers = [json({ results: ["x".repeat(2_000)] }), json({ category: "X" }, 400), json("not asked for", 302)];
  const { server, hubspot } = await api((request, response) => answers[Number(request.url?.slice(1))]?.(request, response), {
    dispatcher: agent({ connections: 8 }),
  });
  for (let batch = 0; batch < 20; batch++) {
    await Promise.allSettled(Array.from({ length: 500 }, (_, index) => hubspot.get(`/${index % 3}`)));
  }
  expect(server.requests).toHaveLength(10_000);
  expect(server.sockets.length).toBeLessThanOrEqual(8);
});

describe("an answer that cannot be used", () => {
  const retry = { baseDelayMs: 1, maxDelayMs: 1 };

  it("and is cut short is asked for once more; one that is too large is not fetched twice", async () => {
    const cut = await api((_request, response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"a":'), {
      retry,
    });
    expect(await rejection(cut.hubspot.get("/a"))).toMatchObject({ code: "malformed_response" });
    expect(cut.server.requests).toHaveLength(2);
    const large = await api(json({ text: "x".repeat(2_000) }), { retry, maxResponseBytes: 1_000 });
    expect(await rejection(large.hubspot.get("/a"))).toMatchObject({ code: "malformed_response" });
    expect(large.server.requests).toHaveLength(1);
  });
});
