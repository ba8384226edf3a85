/** The emulator's dispatcher under undici itself: its calls, its fetch, its interceptors, and as the global one. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable, Writable } from "node:stream";
import {
  Agent,
  FormData as UndiciFormData,
  getGlobalDispatcher,
  interceptors,
  request,
  RetryAgent,
  setGlobalDispatcher,
  stream,
} from "undici";
import { expect, onTestFinished, test } from "vitest";
import { HubSpotHttp, privateAppToken } from "../../src/index.js";
import { type Fault, HubSpotEmulator, type InMemoryDispatcher } from "../../src/testing/index.js";
import { rejection } from "../transport/ways.js";

const CONTACTS = "https://api.hubapi.com/crm/v3/objects/contacts";

/** As undici's own type: an application in TypeScript writes the same. */
type Undici = Parameters<typeof setGlobalDispatcher>[0];

function emulate(): { emulator: HubSpotEmulator; dispatcher: InMemoryDispatcher & Undici; authorization: string } {
  const emulator = new HubSpotEmulator();
  onTestFinished(() => emulator.close());
  const authorization = `Bearer ${emulator.accounts[0]?.privateApps[0]?.token}`;
  return { emulator, dispatcher: emulator.dispatcher() as InMemoryDispatcher & Undici, authorization };
}

async function* pieces(): AsyncGenerator<Buffer> {
  yield Buffer.from(`{"properties":`);
  yield Buffer.from(`{"email":"a@b.example"}}`);
}

test.each([
  ["text", () => `{"properties":{"email":"a@b.example"}}`],
  ["bytes", () => Buffer.from(`{"properties":{"email":"a@b.example"}}`)],
  ["a stream", () => Readable.from([`{"properties":`, `{"email":"a@b.example"}}`])],
  ["an async iterable", () => pieces() as unknown as Readable],
  ["a blob", () => new Blob([`{"properties":{"email":"a@b.example"}}`]) as unknown as Readable],
])("a body of undici's request may be %s", async (_, body) => {
  const { emulator, dispatcher, authorization } = emulate();
  const headers = { authorization, "content-type": "application/json" };
  const answer = await request(CONTACTS, { method: "POST", headers, body: body(), dispatcher });
  expect([answer.statusCode, await answer.body.json()]).toMatchObject([201, { properties: { email: "a@b.example" } }]);
  expect(emulator.last()?.json).toEqual({ properties: { email: "a@b.example" } });
});

test("a form with files arrives as multipart, with its boundary", async () => {
  const { emulator, dispatcher } = emulate();
  const form = new UndiciFormData();
  form.append("file", new Blob(["a,b"]), "contacts.csv");
  await (await request("https://api.hubapi.com/files/v3/files", { method: "POST", body: form, dispatcher })).body.dump();
  expect(emulator.last()?.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/u);
  expect(emulator.last()?.body).toContain('filename="contacts.csv"');
});

test("headers may be an object, a flat list or an iterable of pairs, and a query is part of the URL", async () => {
  const { emulator, dispatcher, authorization } = emulate();
  for (const headers of [{ authorization }, ["authorization", authorization], new Map([["authorization", authorization]])]) {
    const { statusCode, body } = await request(CONTACTS, { headers, query: { limit: 2, properties: ["email", "phone"] }, dispatcher });
    expect([statusCode, ((await body.json()) as { results: unknown[] }).results.length]).toEqual([200, 2]);
    expect(emulator.last()?.url).toBe("/crm/v3/objects/contacts?limit=2&properties=email&properties=phone");
  }
});

test("undici's stream and pipe read it", async () => {
  const { dispatcher, authorization } = emulate();
  const chunks: Buffer[] = [];
  await stream(CONTACTS, { method: "GET", headers: { authorization }, dispatcher }, ({ statusCode }) => {
    expect(statusCode).toBe(200);
    return new Writable({ write: (chunk: Buffer, _encoding, done) => (chunks.push(chunk), done()) });
  });
  expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ paging: {} });
});

test.each<[string, (dispatcher: InMemoryDispatcher & Undici) => { dispatch: unknown }]>([
  ["its own compose", (dispatcher) => dispatcher.compose(interceptors.retry({ minTimeout: 1 }))],
  ["its own compose, given a list", (dispatcher) => dispatcher.compose([interceptors.retry({ minTimeout: 1 })])],
  ["a RetryAgent around it", (dispatcher) => new RetryAgent(dispatcher, { minTimeout: 1 })],
])("interceptors work by %s", async (_, compose) => {
  const { emulator, dispatcher, authorization } = emulate();
  emulator.respondOnce("objects-list", { status: 503 });
  const answer = await request(CONTACTS, { headers: { authorization }, dispatcher: compose(dispatcher) as Undici });
  expect([answer.statusCode, Object.keys((await answer.body.json()) as object)]).toEqual([200, ["results", "paging"]]);
  expect(emulator.requests.map(({ status }) => status)).toEqual([503, 200]);
});

test("as the global dispatcher it answers the global fetch, and the library's calls even under a test runner", async () => {
  const { emulator, dispatcher, authorization } = emulate();
  const before = getGlobalDispatcher();
  onTestFinished(() => setGlobalDispatcher(before));
  setGlobalDispatcher(dispatcher);
  expect((await fetch(`${CONTACTS}?limit=1`, { headers: { authorization } })).status).toBe(200);
  // Not by the global fetch: a runner may keep one of another realm, which would not see this dispatcher.
  const { fetch: native } = globalThis;
  onTestFinished(() => void (globalThis.fetch = native));
  globalThis.fetch = () => Promise.reject(new Error("not by fetch"));
  const hubspot = new HubSpotHttp({ credential: privateAppToken(authorization.slice(7)) });
  expect(await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 1 } })).toMatchObject({ results: [{}] });
  expect(emulator.count("objects-list")).toBe(2);
});

test.each(["https://api.hubapi.com", "https://api.hubspot.com", "https://api-eu1.hubapi.com", "https://app-na2.hubspot.com"])(
  "it answers for %s",
  async (origin) => {
    const { dispatcher, authorization } = emulate();
    const { statusCode, body } = await request(`${origin}/crm/v3/objects/contacts`, { headers: { authorization }, dispatcher });
    await body.dump();
    expect(statusCode).toBe(200);
  },
);

test.each(["https://api.hubapi.com.evil.example", "https://hubapi.com", "http://api.hubapi.com", "https://api.example.com"])(
  "a request to %s is refused, and says so",
  async (origin) => {
    const { emulator, dispatcher } = emulate();
    expect(await rejection(request(`${origin}/crm/v3/objects/contacts`, { dispatcher }))).toMatchObject({
      code: "ECONNREFUSED",
      message: `GET ${origin} is not HubSpot: nothing here answers for it`,
    });
    expect(emulator.requests).toEqual([]);
  },
);

test("requests to other origins go to the dispatcher that is named for them", async () => {
  const server = createServer((_request, response) => response.end("the app itself")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const agent = new Agent();
  onTestFinished(async () => {
    await agent.close();
    server.close();
  });
  const { emulator, authorization } = emulate();
  const dispatcher = emulator.dispatcher({ otherwise: agent }) as InMemoryDispatcher & Undici;
  const own = await request(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { dispatcher });
  expect(await own.body.text()).toBe("the app itself");
  const hubspot = await request(CONTACTS, { headers: { authorization }, dispatcher });
  await hubspot.body.dump();
  expect([hubspot.statusCode, emulator.requests.length]).toEqual([200, 1]);
});

test("an abort ends the request, before its answer and before it was sent", async () => {
  const { emulator, dispatcher } = emulate();
  emulator.respondOnce({ path: "/crm/v3/objects/contacts" }, { until: new Promise(() => undefined) });
  const abort = new AbortController();
  const arrived = emulator.nextRequest();
  const waiting = rejection(request(CONTACTS, { dispatcher, signal: abort.signal }));
  await arrived;
  abort.abort(new Error("enough"));
  expect(await waiting).toBe(abort.signal.reason);
  expect(await rejection(request(CONTACTS, { dispatcher, signal: AbortSignal.abort(abort.signal.reason) }))).toBe(abort.signal.reason);
  expect(emulator.requests).toHaveLength(1);
});

test.each<Fault>([{ kind: "delay" }, { kind: "drip", bytes: 100 }])("closing the emulator ends the timer of a $kind", async (fault) => {
  let stops = 0;
  let started = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (started = resolve));
  const startTimer = (): (() => void) => {
    started();
    return () => void stops++;
  };
  const emulator = new HubSpotEmulator({ startTimer });
  emulator.faults.add({ fault });
  const dispatcher = emulator.dispatcher() as InMemoryDispatcher & Undici;
  const broken = rejection(request(CONTACTS, { dispatcher }).then(({ body }) => body.text()));
  await waiting;
  await emulator.close();
  expect(await broken).toMatchObject({ code: "UND_ERR_DESTROYED" });
  expect(stops).toBe(1);
});

test("closing the emulator breaks off what is on its way, and refuses what comes later", async () => {
  const { emulator, dispatcher } = emulate();
  emulator.respondOnce({ path: "/crm/v3/objects/contacts" }, { until: new Promise(() => undefined) });
  const arrived = emulator.nextRequest();
  const waiting = rejection(request(CONTACTS, { dispatcher }));
  await arrived;
  await emulator.close();
  expect(await waiting).toMatchObject({ code: "UND_ERR_DESTROYED" });
  expect(await rejection(request(CONTACTS, { dispatcher }))).toMatchObject({ code: "UND_ERR_CLOSED" });
});
