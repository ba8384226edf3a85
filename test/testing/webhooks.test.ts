/** Webhooks: the app-level API behind a developer API key, and signed deliveries to an app that listens. */

import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { LoopbackHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, type Body, call, connect, send, start } from "./support.js";

const NOW_MS = Date.UTC(2026, 10, 22);
const SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
const APP = { clientId: "client", clientSecret: SECRET, appId: 54_321, developerApiKey: "developer-key" };

const api = (emulator: LoopbackHubSpotEmulator, method: string, path: string, body?: unknown): Promise<Answer> =>
  send(`${emulator.origin}/webhooks/${path}?hapikey=developer-key`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });

describe.each(["v3", "2026-03", "2026-09"])("/webhooks/%s", (version) => {
  test("subscriptions are made, listed, switched and deleted", async () => {
    const emulator = await start({ now: () => NOW_MS, app: APP });
    const path = `${version}/54321/subscriptions`;
    const made = await api(emulator, "POST", path, { eventType: "contact.propertyChange", propertyName: "email" });
    expect(made.status).toBe(201);
    const at = "2026-11-22T00:00:00.000Z";
    const subscription = {
      id: "1001",
      eventType: "contact.propertyChange",
      propertyName: "email",
      active: false,
      createdAt: at,
      updatedAt: at,
    };
    expect(made.body).toEqual(subscription);
    expect((await api(emulator, "GET", path)).body).toEqual({ results: [subscription] });
    emulator.advance(1000);
    const changed = await api(emulator, "PATCH", `${path}/1001`, { active: true });
    expect(changed.body).toEqual({ ...subscription, active: true, updatedAt: "2026-11-22T00:00:01.000Z" });
    expect((await api(emulator, "GET", `${path}/1001`)).body).toEqual(changed.body);
    expect((await api(emulator, "DELETE", `${path}/1001`)).status).toBe(204);
    for (const method of ["GET", "DELETE"]) expect((await api(emulator, method, `${path}/1001`)).status).toBe(404);
    expect((await api(emulator, "PATCH", `${path}/1001`, { active: true })).status).toBe(404);
  });

  test("settings are put, read and deleted", async () => {
    const emulator = await start({ now: () => NOW_MS, app: APP });
    const path = `${version}/54321/settings`;
    expect((await api(emulator, "GET", path)).status).toBe(404);
    const settings = { targetUrl: "https://app.example/hook", throttling: { maxConcurrentRequests: 10 } };
    expect((await api(emulator, "PUT", path, settings)).body).toMatchObject({ ...settings, createdAt: "2026-11-22T00:00:00.000Z" });
    expect((await api(emulator, "GET", path)).body).toMatchObject(settings);
    expect((await api(emulator, "DELETE", path)).status).toBe(204);
    expect((await api(emulator, "GET", path)).status).toBe(404);
  });
});

test("the developer key of the app opens it, and neither another app's, nor a user's token, nor a private app's", async () => {
  const emulator = await start({ apps: [APP, { appId: 2, developerApiKey: "other-key" }] });
  const path = `${emulator.origin}/webhooks/v3/54321/subscriptions`;
  const { access_token } = await connect(emulator);
  expect((await send(`${path}?hapikey=developer-key`)).status).toBe(200);
  for (const query of ["", "?hapikey=", "?hapikey=other-key", `?hapikey=${access_token}`])
    expect((await send(path + query)).status).toBe(401);
  const pat = emulator.accounts[0]?.privateApps[0]?.token ?? "";
  for (const token of [access_token, pat]) expect((await call(emulator, "/webhooks/v3/54321/subscriptions", token)).status).toBe(401);
  expect((await send(`${emulator.origin}/webhooks/v3/2/subscriptions?hapikey=other-key`)).body).toEqual({ results: [] });
});

test.each([
  ["POST", "subscriptions", {}],
  ["POST", "subscriptions", { eventType: "creation" }],
  ["POST", "subscriptions", { eventType: "contact.propertyChange" }],
  ["POST", "subscriptions", { eventType: "contact.creation", active: "yes" }],
  ["PUT", "settings", { targetUrl: "nowhere", throttling: {} }],
  ["PUT", "settings", { targetUrl: "https://app.example" }],
])("%s %s %j is a validation error", async (method, path, body) => {
  const emulator = await start({ app: APP });
  expect(await api(emulator, method, `v3/54321/${path}`, body)).toMatchObject({ status: 400, body: { category: "VALIDATION_ERROR" } });
});

interface Received {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An app that listens: what it received, and what it answers. */
async function app(status = 200): Promise<{ origin: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      received.push({ url: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(status).end("noted");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

describe("deliverWebhook", () => {
  test("posts the events with all HubSpot sends along, signed by v1 and v3, at the emulator's time", async () => {
    const emulator = await start({ now: () => NOW_MS, app: APP, accounts: [{ hubId: 62_515 }] });
    emulator.advance(5_000);
    const { origin, received } = await app(204);
    const url = `${origin}/hook?tenant=a%40b%20c&x=%28%2B`;
    const events = [
      { subscriptionType: "contact.creation", objectId: 123 },
      { subscriptionType: "deal.deletion", eventId: 7 },
    ];
    const answer = await emulator.deliverWebhook(url, events);
    const [request] = received as [Received];
    expect(answer).toEqual({ status: 204, body: "", sent: request.body });
    expect(JSON.parse(request.body)).toMatchObject([
      {
        subscriptionType: "contact.creation",
        objectId: 123,
        portalId: 62_515,
        appId: 54_321,
        occurredAt: NOW_MS + 5_000,
        attemptNumber: 0,
      },
      { subscriptionType: "deal.deletion", eventId: 7 },
    ]);
    const timestamp = String(NOW_MS + 5_000);
    const decoded = `${origin}/hook?tenant=a@b%20c&x=(%2B`;
    expect(request.url).toBe("/hook?tenant=a%40b%20c&x=%28%2B");
    expect(request.headers).toMatchObject({
      "content-type": "application/json",
      "x-hubspot-signature-version": "v1",
      "x-hubspot-signature": createHash("sha256")
        .update(SECRET + request.body)
        .digest("hex"),
      "x-hubspot-request-timestamp": timestamp,
      "x-hubspot-signature-v3": createHmac("sha256", SECRET).update(`POST${decoded}${request.body}${timestamp}`).digest("base64"),
    });
  });

  test("another app, another signature, other headers", async () => {
    const emulator = await start({ apps: [APP, { clientId: "second", clientSecret: "s2", appId: 2 }] });
    const { origin, received } = await app();
    await emulator.deliverWebhook(origin, [{ subscriptionType: "x.y" }], { clientId: "second", signature: "v2" });
    await emulator.deliverWebhook(origin, [], { signature: "v3", headers: { "x-hubspot-signature-v3": "forged" } });
    const [second, forged] = received as [Received, Received];
    const hash = createHash("sha256").update(`s2POST${origin}/${second.body}`).digest("hex");
    expect(second.headers).toMatchObject({ "x-hubspot-signature-version": "v2", "x-hubspot-signature": hash });
    expect((JSON.parse(second.body) as Body[])[0]).toMatchObject({ appId: 2 });
    expect(forged.headers["x-hubspot-signature-v3"]).toBe("forged");
    expect(forged.headers["x-hubspot-signature"]).toBeUndefined();
    await expect(emulator.deliverWebhook(origin, [], { clientId: "nobody" })).rejects.toThrow('there is no app "nobody"');
  });

  test("an app's error is its answer; nobody there, or an abort, rejects", async () => {
    const emulator = await start();
    const { origin } = await app(500);
    expect(await emulator.deliverWebhook(origin, [])).toMatchObject({ status: 500, body: "noted" });
    await expect(emulator.deliverWebhook("http://127.0.0.1:1", [])).rejects.toThrow("ECONNREFUSED");
    await expect(emulator.deliverWebhook(origin, [], { signal: AbortSignal.abort() })).rejects.toThrow("abort");
  });
});

describe("signRequest", () => {
  // The v1 hash is HubSpot's own example; the others are computed from the example's inputs.
  const body = '{"example_field":"example_value"}';
  const event =
    '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]';
  const url = "https://www.example.com/webhook_uri";
  test.each([
    ["v1", { url, body: event }, "x-hubspot-signature", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"],
    ["v2", { url, method: "GET" }, "x-hubspot-signature", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"],
    ["v2", { url, body }, "x-hubspot-signature", "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"],
    ["v3", { url, body }, "x-hubspot-signature-v3", "iAAr/vm9iLVYRV+5o2mXGvGuMFgZpiu3UjfFa2OswfU="],
  ] as const)("%s of %j", async (version, request, header, expected) => {
    const emulator = await start({ now: () => 1_764_000_000_000, app: APP });
    expect(emulator.signRequest({ ...request, version })[header]).toBe(expected);
  });

  test("an unknown client is a TypeError", async () => {
    const emulator = await start();
    expect(() => emulator.signRequest({ url, clientId: "nobody" })).toThrow(TypeError);
  });
});
