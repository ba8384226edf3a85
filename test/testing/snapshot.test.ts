/** Snapshot, restore and reset: everything the emulator remembers, as JSON, and back. */

import { describe, expect, test } from "vitest";
import { type EmulatorSnapshot, HubSpotEmulator, startHubSpotEmulator } from "../../src/testing/index.js";
import { call, connect, exchange, grantCode, post, refresh, send, start } from "./support.js";

const NOW_MS = Date.UTC(2026, 10, 22);
const CONTACTS = "/crm/v3/objects/contacts";
const REDIRECT_URI = "http://localhost:3000/oauth/callback";
const app = { clientId: "client", clientSecret: "secret", appId: 7, developerApiKey: "key", redirectUris: [REDIRECT_URI] };
const objects = { contacts: 2, companies: 1, deals: 0, cars: { records: [{ vin: "W1" }], uniqueProperties: ["vin"] } };
const associations = [{ from: "contacts", fromId: 101, to: "companies", toId: 103 }];
const account = { hubId: 5, objects, associations, privateApps: [{ token: "pat-na1-5", scopes: ["crm.objects.custom.read"] }] };

/** An emulator in the middle of things: a token, a code that waits, changed records, a subscription. */
async function busy(): Promise<{ emulator: Awaited<ReturnType<typeof start>>; tokens: Awaited<ReturnType<typeof connect>>; code: string }> {
  const emulator = await start({ now: () => NOW_MS, refreshTokenRotation: "grace", app, accounts: [account] });
  const first = await connect(emulator);
  const tokens = (await refresh(emulator, first.refresh_token)).body as typeof first;
  const code = await grantCode(emulator);
  const { crm } = emulator.accounts[0] as NonNullable<(typeof emulator.accounts)[0]>;
  const contacts = crm.objects("contacts");
  contacts.create({ email: "new@x.example" }, emulator.now());
  crm.archive(contacts.type, contacts.find("102") as NonNullable<ReturnType<typeof contacts.find>>, emulator.now());
  const body = JSON.stringify({ eventType: "contact.creation", active: true });
  await send(`${emulator.origin}/webhooks/v3/7/subscriptions?hapikey=key`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  emulator.advance(10_000);
  return { emulator, tokens, code };
}

describe("a snapshot", () => {
  test("is JSON, changes nothing and does not change later", async () => {
    const { emulator, tokens } = await busy();
    const snapshot = emulator.snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    const text = JSON.stringify(snapshot);
    expect(emulator.snapshot()).toEqual(snapshot);
    await refresh(emulator, tokens.refresh_token);
    emulator.accounts[0]?.crm.objects("contacts").create({ email: "later@x.example" }, emulator.now());
    emulator.uninstall(5);
    expect(JSON.stringify(snapshot)).toBe(text);
  });

  test("starts another emulator that goes on where the first one was", async () => {
    const { emulator, tokens, code } = await busy();
    const snapshot = JSON.parse(JSON.stringify(emulator.snapshot())) as EmulatorSnapshot;
    const other = await start({ now: () => NOW_MS + 3_600_000, snapshot });
    expect(other.now()).toBe(NOW_MS + 10_000);
    expect(other.settings).toEqual(emulator.settings);
    expect(other.apps).toEqual(emulator.apps);
    const pages = await Promise.all([emulator, other].map((each) => call(each, `${CONTACTS}?associations=companies`, tokens.access_token)));
    expect(pages[1]?.body).toEqual(pages[0]?.body);
    expect(pages[1]?.body["results"]).toMatchObject([{ id: "101", associations: { companies: {} } }, { id: "105" }]);
    expect((await call(other, `${CONTACTS}?archived=true`, tokens.access_token)).body["results"]).toMatchObject([{ id: "102" }]);
    expect((await call(other, "/crm/v3/objects/p_cars/w1?idProperty=vin", "pat-na1-5")).status).toBe(200);
    expect((await exchange(other, code)).status).toBe(200);
    expect((await refresh(other, tokens.refresh_token)).status).toBe(200);
    expect((await send(`${other.origin}/webhooks/v3/7/subscriptions?hapikey=key`)).body["results"]).toMatchObject([{ id: "1001" }]);
    expect(other.accounts[0]?.crm.objects("contacts").create({}, 0).id).toBe("106");
    expect(emulator.grants[0]?.refreshToken).toBe(tokens.refresh_token);
  });

  test("remembers which refresh tokens were used, and which accounts are gone", async () => {
    const { emulator } = await busy();
    const [used] = [...(emulator.grants[0]?.usedRefreshTokens.keys() ?? [])];
    emulator.deleteAccount(5);
    const other = await start({ now: () => NOW_MS, snapshot: emulator.snapshot() });
    expect((await refresh(other, used)).body).toMatchObject({ status: "BAD_HUB" });
    expect(other.accounts[0]?.deleted).toBe(true);
  });

  test("gives way to switches that are options too, and takes no apps or accounts beside it", async () => {
    const { emulator } = await busy();
    const snapshot = emulator.snapshot();
    expect(new HubSpotEmulator({ snapshot, refreshTokenRotation: "strict" }).settings.refreshTokenRotation).toBe("strict");
    for (const more of [{ app }, { apps: [app] }, { accounts: [account] }]) {
      await expect(startHubSpotEmulator({ snapshot, ...more })).rejects.toThrow("Give snapshot, or apps and accounts, not both");
    }
  });

  test.each([{}, { format: 2 }, { format: 1, apps: {} }, { format: 1, apps: [], accounts: [] }])("%j is none", async (value) => {
    const snapshot = value as unknown as EmulatorSnapshot;
    await expect(startHubSpotEmulator({ snapshot })).rejects.toThrow(TypeError);
    const emulator = new HubSpotEmulator();
    expect(() => emulator.restore(snapshot)).toThrow("not one that snapshot() of this version made");
  });
});

describe("restore", () => {
  test("puts tokens, records, switches and the clock back, and begins the log, faults and counts anew", async () => {
    const { emulator, tokens, code } = await busy();
    const { accounts, app: firstApp } = emulator;
    const [held] = accounts;
    emulator.settings.tokenResponse = (body) => ({ ...body, marked: true });
    const snapshot = emulator.snapshot();
    emulator.settings.refreshTokenRotation = "none";
    emulator.settings.limits = { marketplace: { limit: 1, intervalMs: 1_000 } };
    emulator.advance(86_400_000);
    emulator.addRedirectUri("https://other.example/callback");
    emulator.uninstall(5);
    held?.crm.objects("contacts").create({}, 0);
    emulator.faults.add({ fault: { kind: "server-error" }, times: 5 });
    emulator.restore(snapshot);
    expect(emulator.snapshot()).toEqual(snapshot);
    expect(emulator.faults.list()).toEqual([]);
    expect(emulator.requests).toEqual([]);
    expect([emulator.app, emulator.accounts[0]]).toEqual([firstApp, held]);
    expect(emulator.app).toBe(firstApp);
    expect(emulator.accounts[0]).toBe(held);
    expect(held?.crm.list("contacts")).toHaveLength(2);
    expect(emulator.app.redirectUris).toEqual([REDIRECT_URI]);
    for (let index = 0; index < 2; index++) expect((await call(emulator, CONTACTS, tokens.access_token)).status).toBe(200);
    expect((await exchange(emulator, code)).body).toMatchObject({ marked: true });
  });

  test("of another emulator's snapshot makes this one like it", async () => {
    const { emulator, tokens } = await busy();
    const other = await start({ now: () => NOW_MS, accounts: [{}, {}, {}] });
    other.restore(emulator.snapshot());
    expect(other.accounts.map(({ hubId }) => hubId)).toEqual([5]);
    expect(other.app.clientId).toBe("client");
    expect((await call(other, CONTACTS, tokens.access_token)).status).toBe(200);
  });

  test("lets counted calls go", async () => {
    const emulator = await start({ now: () => NOW_MS, limits: { marketplace: { limit: 1, intervalMs: 1_000 } } });
    const { access_token } = await connect(emulator);
    const snapshot = emulator.snapshot();
    expect((await call(emulator, CONTACTS, access_token)).status).toBe(200);
    expect((await call(emulator, CONTACTS, access_token)).status).toBe(429);
    emulator.restore(snapshot);
    expect((await call(emulator, CONTACTS, access_token)).status).toBe(200);
  });
});

describe("reset", () => {
  test("goes back to the moment after construction, with the same ids and secrets", async () => {
    const emulator = await start({ now: () => NOW_MS, accounts: [{ contacts: 3, objects: { cars: 2 } }, {}] });
    const beginning = emulator.snapshot();
    await connect(emulator);
    emulator.settings.pkce = "rejected";
    emulator.advance(5);
    emulator.deleteAccount(30_000_002);
    emulator.addRedirectUri("https://other.example/callback");
    emulator.accounts[0]?.crm.objects("p_cars").create({}, 0);
    expect(emulator.snapshot()).not.toEqual(beginning);
    emulator.reset();
    expect(emulator.snapshot()).toEqual(beginning);
    expect(emulator.requests).toEqual([]);
    await connect(emulator);
    expect(emulator.grants).toHaveLength(1);
  });

  test("of an emulator that began with a snapshot goes back to that, and to the switches it began with", async () => {
    const { emulator } = await busy();
    const other = await start({ now: () => NOW_MS, snapshot: emulator.snapshot(), pkce: "ignored" });
    const beginning = other.snapshot();
    other.uninstall(5);
    other.settings.pkce = "rejected";
    other.reset();
    expect(other.snapshot()).toEqual(beginning);
    expect(other.settings.pkce).toBe("ignored");
  });

  test("repeats a seed's tokens, and its first faults", async () => {
    const faults = [{ match: "introspect", fault: { kind: "server-error" } } as const];
    const emulator = await start({ now: () => NOW_MS, seed: 1, faults });
    const introspect = async (): Promise<number> => (await post(emulator, "/oauth/2026-09/token/introspect", {})).status;
    const one = await connect(emulator);
    expect([await introspect(), await introspect()]).toEqual([500, 400]);
    emulator.reset();
    expect(await connect(emulator)).toEqual(one);
    expect([await introspect(), await introspect()]).toEqual([500, 400]);
  });
});
