/** The API behind the tokens: who gets in, CRM objects, v1 paging, account-info, app-level keys. */

import { describe, expect, test } from "vitest";
import { type Body, call, connect, send, start } from "./support.js";

const START_MS = Date.UTC(2026, 10, 22);
const CONTACTS = "/crm/v3/objects/contacts";
const READ_WRITE = { scope: "crm.objects.contacts.read crm.objects.contacts.write" };

describe("401", () => {
  test("an expired token says since when, and its correlation id is in the header too", async () => {
    const emulator = await start({ now: () => START_MS });
    const { access_token } = await connect(emulator);
    emulator.advance(1_799_999);
    expect((await call(emulator, CONTACTS, access_token)).status).toBe(200);
    emulator.advance(1);
    expect((await call(emulator, CONTACTS, access_token)).body["message"]).toContain("expired 0 second(s) ago");
    emulator.advance(75_000);
    const { status, body, headers } = await call(emulator, CONTACTS, access_token);
    expect(status).toBe(401);
    expect(body).toEqual({
      status: "error",
      message: "The OAuth token used to make this call expired 75 second(s) ago.",
      correlationId: headers.get("x-hubspot-correlation-id"),
      category: "EXPIRED_AUTHENTICATION",
      context: { "expire time": ["2026-11-22T00:30:00.000Z"] },
    });
  });

  test("a token that cannot be decoded counts as expired since 1970", async () => {
    const emulator = await start({ now: () => START_MS });
    expect((await call(emulator, CONTACTS, "garbage")).body).toMatchObject({
      message: "The OAuth token used to make this call expired 20779 day(s) ago.",
      category: "EXPIRED_AUTHENTICATION",
      context: { "expire time": ["1970-01-01T00:00:00Z"] },
    });
  });

  test.each([undefined, "Basic abc", "Bearer", "pat-na1-x"])("Authorization %s is credentials not found", async (authorization) => {
    const emulator = await start();
    const { status, body } = await send(emulator.origin + CONTACTS, authorization === undefined ? {} : { headers: { authorization } });
    expect(status).toBe(401);
    expect(body).toEqual({
      status: "error",
      message:
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
      correlationId: expect.any(String) as string,
      category: "INVALID_AUTHENTICATION",
    });
  });

  test("expireTokens expires one account's tokens, or all", async () => {
    const emulator = await start();
    const one = await connect(emulator);
    const two = await connect(emulator, {}, { hubId: 135791113 });
    emulator.expireTokens(24681012);
    expect((await call(emulator, CONTACTS, one.access_token)).body["category"]).toBe("EXPIRED_AUTHENTICATION");
    expect((await call(emulator, CONTACTS, two.access_token)).status).toBe(200);
    emulator.expireTokens();
    expect((await call(emulator, CONTACTS, two.access_token)).status).toBe(401);
  });
});

describe("403", () => {
  test("names the scopes, one of which would do", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    const answer = await call(emulator, "/crm/v3/objects/companies", access_token, { method: "POST" });
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({
      status: "error",
      message:
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.",
      correlationId: answer.headers.get("x-hubspot-correlation-id"),
      errors: [
        {
          message: "One or more of the following scopes are required.",
          context: { requiredGranularScopes: ["crm.objects.companies.write"] },
        },
      ],
      links: { scopes: "https://developers.hubspot.com/scopes" },
      category: "MISSING_SCOPES",
    });
  });

  test("another refresh does not help, a reconnect with more scopes does", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    const path = "/crm/v3/objects/deals";
    expect((await call(emulator, path, access_token)).status).toBe(403);
    const more = await connect(emulator, { optional_scope: "crm.objects.deals.read" });
    expect((await call(emulator, path, more.access_token)).status).toBe(200);
  });
});

describe("CRM objects", () => {
  test.each([CONTACTS, "/crm/objects/2026-03/contacts", "/crm/objects/2026-09/contacts"])(
    "%s pages by an after cursor and a link",
    async (path) => {
      const emulator = await start({ accounts: [{ contacts: 5 }] });
      const { access_token } = await connect(emulator);
      const first = (await call(emulator, `${path}?limit=2&properties=email,nothing`, access_token)).body;
      expect(first["results"]).toHaveLength(2);
      const { next } = first["paging"] as { next: { after: string; link: string } };
      expect(next.link).toBe(`${emulator.origin}${path}?limit=2&properties=email%2Cnothing&after=${next.after}`);
      const [record] = first["results"] as Body[];
      const names = ["createdate", "email", "hs_object_id", "lastmodifieddate", "nothing"];
      expect(Object.keys(record?.["properties"] as Body)).toEqual(names);
      const rest = (await call(emulator, `${path}?limit=100&after=${next.after}`, access_token)).body;
      expect(rest["results"]).toHaveLength(3);
      expect("paging" in rest).toBe(false);
    },
  );

  test("a page that ends exactly at the last record has no next", async () => {
    const emulator = await start({ accounts: [{ contacts: 10 }] });
    const { access_token } = await connect(emulator);
    const { body } = await call(emulator, CONTACTS, access_token);
    expect(body["results"]).toHaveLength(10);
    expect("paging" in body).toBe(false);
  });

  test.each(["limit=0", "limit=101", "limit=x", "after=x"])("%s is a validation error", async (query) => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    expect(await call(emulator, `${CONTACTS}?${query}`, access_token)).toMatchObject({
      status: 400,
      body: { category: "VALIDATION_ERROR" },
    });
  });

  test("a contact is created, read, changed and archived", async () => {
    const emulator = await start({ accounts: [{ contacts: [{ email: "ada@example.com" }] }] });
    const { access_token } = await connect(emulator, READ_WRITE);
    const write = (method: string, path: string, body: unknown): ReturnType<typeof call> =>
      call(emulator, path, access_token, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
    const made = await write("POST", CONTACTS, { properties: { email: "new@example.com", firstname: "New" } });
    expect(made.status).toBe(201);
    const path = `${CONTACTS}/${String(made.body["id"])}`;
    const changed = await write("PATCH", path, { properties: { firstname: "Newer" } });
    expect(changed.body).toMatchObject({ properties: { firstname: "Newer", email: "new@example.com" } });
    expect((await call(emulator, path, access_token)).body).toMatchObject({ properties: { firstname: "Newer" }, archived: false });
    const twin = await write("POST", CONTACTS, { properties: { email: "ADA@example.com" } });
    expect(twin).toMatchObject({ status: 409, body: { category: "CONFLICT", message: "Contact already exists. Existing ID: 101" } });
    expect((await write("POST", CONTACTS, ["no properties"])).status).toBe(400);
    expect((await call(emulator, path, access_token, { method: "DELETE" })).status).toBe(204);
    expect((await call(emulator, path, access_token)).status).toBe(404);
    expect((await write("PATCH", path, { properties: {} })).status).toBe(404);
    expect((await call(emulator, `${CONTACTS}?archived=true`, access_token)).body["results"]).toHaveLength(1);
    expect(emulator.accounts[0]?.crm.list("contacts")).toHaveLength(1);
  });

  test("answers carry the OAuth rate-limit headers, without the daily ones", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    const { headers } = await call(emulator, CONTACTS, access_token);
    expect(headers.get("x-hubspot-ratelimit-max")).toBe("110");
    expect(headers.get("x-hubspot-ratelimit-interval-milliseconds")).toBe("10000");
    expect(headers.get("x-hubspot-ratelimit-daily")).toBeNull();
  });
});

describe("private app tokens", () => {
  test("work within their account and scopes, and get the daily headers", async () => {
    const emulator = await start();
    const account = emulator.accounts[1];
    const token = account?.privateApps[0]?.token ?? "";
    expect(token).toMatch(/^pat-eu1-[0-9a-f-]{36}$/u);
    const answer = await call(emulator, CONTACTS, token);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-hubspot-ratelimit-daily")).toBe("250000");
    expect(emulator.requests.at(-1)?.hubId).toBe(account?.hubId);
    const seeded = await start({ accounts: [{ privateApps: [{ token: "pat-na1-1", scopes: ["crm.objects.deals.read"] }] }] });
    expect((await call(seeded, CONTACTS, "pat-na1-1")).status).toBe(403);
    expect((await call(seeded, "/appinstalls/v3/external-install", "pat-na1-1", { method: "DELETE" })).status).toBe(403);
  });
});

describe("v1 lists", () => {
  test("contacts page by vid-offset until has-more is false", async () => {
    const emulator = await start();
    const { access_token } = await connect(emulator);
    const vids: number[] = [];
    let body: Body = { "has-more": true, "vid-offset": 0 };
    while (body["has-more"] === true) {
      const path = `/contacts/v1/lists/all/contacts/all?count=10&vidOffset=${String(body["vid-offset"])}`;
      body = (await call(emulator, path, access_token)).body;
      vids.push(...(body["contacts"] as { vid: number }[]).map(({ vid }) => vid));
    }
    expect(new Set(vids).size).toBe(25);
    expect(vids).toHaveLength(25);
  });

  test("a v1 page that ends exactly at the last record has no more", async () => {
    const emulator = await start({ accounts: [{ contacts: 10, engagements: 10 }] });
    const { access_token } = await connect(emulator);
    const contacts = await call(emulator, "/contacts/v1/lists/all/contacts/all?count=10", access_token);
    expect(contacts.body).toMatchObject({ "has-more": false, "vid-offset": 110 });
    const engagements = await call(emulator, "/engagements/v1/engagements/recent/modified?count=10", access_token);
    expect(engagements.body).toMatchObject({ hasMore: false, offset: 10, total: 10 });
  });

  test("engagements page by offset until hasMore is false, and count them all", async () => {
    const emulator = await start({ now: () => START_MS });
    const { access_token } = await connect(emulator);
    const path = "/engagements/v1/engagements/recent/modified";
    const first = (await call(emulator, `${path}?count=10`, access_token)).body;
    expect(first).toMatchObject({ hasMore: true, offset: 10, total: 12 });
    expect(first["results"]).toHaveLength(10);
    const last = (await call(emulator, `${path}?count=10&offset=10`, access_token)).body;
    expect(last).toMatchObject({ hasMore: false, offset: 12, total: 12 });
    expect((await call(emulator, `${path}?since=${START_MS}`, access_token)).body["total"]).toBe(1);
    expect((await call(emulator, `${path}?count=x`, access_token)).status).toBe(400);
  });
});

describe("account and app", () => {
  test.each(["v3", "2026-03", "2026-09"])("account-info %s tells the UI host and the offset of the moment", async (version) => {
    const emulator = await start({ now: () => START_MS });
    const { access_token } = await connect(emulator, {}, { hubId: 135791113 });
    expect((await call(emulator, `/account-info/${version}/details`, access_token)).body).toEqual({
      portalId: 135791113,
      accountType: "STANDARD",
      timeZone: "Europe/Berlin",
      companyCurrency: "EUR",
      additionalCurrencies: [],
      utcOffset: "+01:00",
      utcOffsetMilliseconds: 3_600_000,
      uiDomain: "app-eu1.hubspot.com",
      dataHostingLocation: "eu1",
    });
    emulator.advance(180 * 86_400_000);
    const later = await connect(emulator);
    const { body } = await call(emulator, `/account-info/${version}/details`, later.access_token);
    expect(body).toMatchObject({ utcOffset: "-04:00", utcOffsetMilliseconds: -14_400_000, uiDomain: "app.hubspot.com" });
  });

  test("an app-level API takes the developer key in the query and nothing else", async () => {
    const emulator = await start();
    const path = `/webhooks/v3/${emulator.app.appId}/subscriptions`;
    expect(await send(`${emulator.origin}${path}?hapikey=${emulator.app.developerApiKey}`)).toMatchObject({
      status: 200,
      body: { results: [] },
    });
    expect((await send(`${emulator.origin}${path}?hapikey=wrong`)).status).toBe(401);
    expect((await call(emulator, path, (await connect(emulator)).access_token)).status).toBe(401);
  });

  test("an unknown path is a 404 and a wrong method a 405, both HubSpot-shaped", async () => {
    const emulator = await start();
    expect(await send(`${emulator.origin}/crm/v9/nothing`)).toMatchObject({ status: 404, body: { status: "error" } });
    const answer = await send(`${emulator.origin}/oauth/v3/token/introspect`);
    expect(answer).toMatchObject({ status: 405, body: { status: "error" } });
    expect(answer.headers.get("allow")).toBe("POST");
  });
});
