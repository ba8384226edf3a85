/** What is special to msw: handlers of the application's own beside the emulator's, and calls of undici that msw does not see. */
import { http, HttpResponse, passthrough } from "msw";
import { setupServer } from "msw/node";
import { request, setGlobalDispatcher } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { type HubSpotHandlers, hubspotHandlers, mswDispatcher } from "../../src/testing/msw.js";
import { rejection } from "../transport/ways.js";

const CONTACTS = "https://api.hubapi.com/crm/v3/objects/contacts";

type Undici = Parameters<typeof setGlobalDispatcher>[0];

function handlersWithToken(): { handlers: HubSpotHandlers; headers: { authorization: string } } {
  const handlers = hubspotHandlers();
  onTestFinished(() => handlers.emulator.close());
  return { handlers, headers: { authorization: `Bearer ${handlers.emulator.accounts[0]?.privateApps[0]?.token}` } };
}

test("without an emulator one is made, and answers every version", async () => {
  const { handlers } = handlersWithToken();
  const dispatcher = mswDispatcher(handlers) as unknown as Undici;
  for (const version of ["v1", "v3", "2026-03", "2026-09"]) {
    const { statusCode, body } = await request(`https://api.hubapi.com/oauth/${version}/token`, { method: "POST", dispatcher });
    await body.dump();
    expect(statusCode).toBe(400);
  }
  expect(handlers.emulator.count("token")).toBe(4);
});

test("a handler that a test adds to the server wins, also for undici", async () => {
  const { handlers, headers } = handlersWithToken();
  const server = setupServer(...handlers);
  const dispatcher = mswDispatcher(server) as unknown as Undici;
  server.use(http.get(CONTACTS, () => HttpResponse.json({ results: [] }), { once: true }));
  expect(await (await request(CONTACTS, { headers, dispatcher })).body.json()).toEqual({ results: [] });
  expect(await (await request(CONTACTS, { headers, dispatcher })).body.json()).toMatchObject({ paging: {} });
});

test("cookies, an empty answer and a network error of a handler reach undici as they are", async () => {
  const dispatcher = mswDispatcher([
    http.get("https://api.hubapi.com/cookies", () => {
      const headers = new Headers([
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
      ]);
      return new HttpResponse(null, { status: 204, headers });
    }),
    http.get("https://api.hubapi.com/broken", () => HttpResponse.error()),
  ]) as unknown as Undici;
  const cookies = await request("https://api.hubapi.com/cookies", { dispatcher });
  expect([cookies.statusCode, cookies.headers["set-cookie"], await cookies.body.text()]).toEqual([204, ["a=1", "b=2"], ""]);
  expect(await rejection(request("https://api.hubapi.com/broken", { dispatcher }))).toMatchObject({ code: "UND_ERR_SOCKET" });
});

test("a request that no handler answers is refused, and so is one that would pass through", async () => {
  const dispatcher = mswDispatcher([http.get(CONTACTS, () => passthrough())]) as unknown as Undici;
  for (const [method, url] of [
    ["GET", CONTACTS],
    ["POST", "https://api.hubapi.com/oauth/2026-09/token"],
  ] as const) {
    const error = await rejection(request(`${url}?hapikey=secret`, { method, dispatcher }));
    expect(error).toMatchObject({ code: "ECONNREFUSED", message: `msw has no handler for ${method} ${url}` });
  }
});
