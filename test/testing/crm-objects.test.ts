/** CRM objects: types by every name, scopes, lists, reads and writes, seeds. */

import { describe, expect, test } from "vitest";
import { type LoopbackHubSpotEmulator, startHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, type Body, call, start } from "./support.js";

const START_MS = Date.UTC(2026, 10, 22);
const TOKEN = "pat-na1-all";
const SCOPES = ["contacts", "companies", "deals", "custom"].flatMap((type) => [`crm.objects.${type}.read`, `crm.objects.${type}.write`]);
const privateApps = [
  { token: TOKEN, scopes: [...SCOPES, "tickets"] },
  { token: "pat-na1-none", scopes: ["oauth"] },
];

const get = (emulator: LoopbackHubSpotEmulator, path: string, token = TOKEN): Promise<Answer> => call(emulator, path, token);
const write = (emulator: LoopbackHubSpotEmulator, method: string, path: string, body?: unknown, token = TOKEN): Promise<Answer> =>
  call(emulator, path, token, { method, body: JSON.stringify(body ?? {}), headers: { "content-type": "application/json" } });

describe("object types", () => {
  const objects = {
    contacts: 1,
    tickets: 1,
    cars: { records: [{ name: "Van", vin: "W1" }], objectTypeId: "2-77", uniqueProperties: ["vin"] },
    "2-123456": 2,
  };

  test.each([
    ["contacts", 1],
    ["contact", 1],
    ["Contacts", 1],
    ["0-1", 1],
    ["tickets", 1],
    ["0-5", 1],
    ["p_cars", 1],
    ["p24681012_cars", 1],
    ["2-77", 1],
    ["2-123456", 2],
  ])("%s is a type", async (name, count) => {
    const emulator = await start({ accounts: [{ hubId: 24681012, objects, privateApps }] });
    for (const path of [`/crm/v3/objects/${name}`, `/crm/objects/2026-03/${name}`, `/crm/objects/2026-09/${name}`]) {
      const { status, body } = await get(emulator, path);
      expect({ path, status, count: (body["results"] as Body[]).length }).toEqual({ path, status: 200, count });
    }
  });

  test.each(["cars", "2-999", "widgets", "constructor", "__proto__"])("%s is none, and the error is HubSpot's", async (name) => {
    const emulator = await start({ accounts: [{ objects, privateApps }] });
    const { status, body } = await get(emulator, `/crm/v3/objects/${name}`);
    expect(status).toBe(400);
    expect(body).toEqual({
      status: "error",
      message: `Unable to infer object type from: ${name}`,
      correlationId: expect.any(String) as string,
    });
  });

  test.each([
    ["contacts", ["crm.objects.contacts.write"]],
    ["tickets", ["tickets", "crm.objects.tickets.write"]],
    ["p_cars", ["crm.objects.custom.write"]],
  ])("%s has scopes of its own", async (name, requiredGranularScopes) => {
    const emulator = await start({ accounts: [{ objects, privateApps }] });
    const { status, body } = await write(emulator, "POST", `/crm/v3/objects/${name}`, {}, "pat-na1-none");
    expect(status).toBe(403);
    expect(body).toMatchObject({ category: "MISSING_SCOPES", errors: [{ context: { requiredGranularScopes } }] });
  });

  test("a custom type sends its own default properties and keeps its times in its own", async () => {
    const emulator = await start({ now: () => START_MS, accounts: [{ objects, privateApps }] });
    const { body } = await get(emulator, "/crm/v3/objects/p_cars?properties=name");
    const properties = {
      hs_createdate: "2026-11-21T23:00:00.000Z",
      hs_lastmodifieddate: "2026-11-21T23:00:00.000Z",
      hs_object_id: expect.any(String) as string,
    };
    expect((body["results"] as Body[])[0]).toMatchObject({ properties: { ...properties, name: "Van" } });
    const plain = (await get(emulator, "/crm/v3/objects/p_cars")).body;
    expect((plain["results"] as Body[])[0]?.["properties"]).toEqual(properties);
  });
});

describe("reads", () => {
  test("a list shows what became of its records, however that happened", async () => {
    let nowMs = START_MS;
    const emulator = await start({ now: () => nowMs, accounts: [{ objects: { contacts: 2 }, privateApps }] });
    const listed = async (query = ""): Promise<unknown[]> => {
      const { body, headers } = await get(emulator, `/crm/v3/objects/contacts${query}`);
      expect(headers.get("date")).toBe(new Date(nowMs).toUTCString());
      return (body["results"] as { properties: Body; archived: boolean }[]).map(({ properties, archived }) =>
        archived ? "archived" : properties["firstname"],
      );
    };
    const contacts = emulator.accounts[0]?.crm.objects("contacts");
    const [first, second] = contacts?.list() ?? [];
    const names = [first?.properties["firstname"], second?.properties["firstname"]];
    expect(await listed()).toEqual(names);
    nowMs += 1_000;
    await write(emulator, "PATCH", `/crm/v3/objects/contacts/${first?.id}`, { properties: { firstname: "Changed" } });
    expect(await listed()).toEqual(["Changed", names[1]]);
    // By hand, as a test may.
    if (second !== undefined) second.properties["firstname"] = "By hand";
    expect(await listed()).toEqual(["Changed", "By hand"]);
    expect(await listed("?properties=lastname")).toEqual([undefined, undefined]);
    await write(emulator, "DELETE", `/crm/v3/objects/contacts/${second?.id}`);
    expect([await listed(), await listed("?archived=true")]).toEqual([["Changed"], ["archived"]]);
  });

  test("a record is read by its id or by a unique property, in any case", async () => {
    const objects = { contacts: [{ email: "Ada@Example.com" }], cars: { records: [{ vin: "W1" }], uniqueProperties: ["vin"] } };
    const emulator = await start({ accounts: [{ objects, privateApps }] });
    expect((await get(emulator, "/crm/v3/objects/contacts/ada%40example.com?idProperty=email")).body).toMatchObject({ id: "101" });
    expect((await get(emulator, "/crm/v3/objects/contacts/101?idProperty=hs_object_id")).status).toBe(200);
    expect((await get(emulator, "/crm/v3/objects/p_cars/w1?idProperty=vin")).status).toBe(200);
    expect((await get(emulator, "/crm/v3/objects/contacts/ada%40example.com")).status).toBe(404);
    expect((await get(emulator, "/crm/v3/objects/contacts/x%40y.z?idProperty=email")).status).toBe(404);
    expect(await get(emulator, "/crm/v3/objects/companies/a.example?idProperty=domain")).toMatchObject({
      status: 400,
      body: { message: "Unable to perform update/upsert by non-unique 0-2 property domain" },
    });
  });

  test("archived records are read and listed only when asked for", async () => {
    const emulator = await start({ accounts: [{ contacts: 3, privateApps }] });
    await write(emulator, "DELETE", "/crm/v3/objects/contacts/102");
    expect((await get(emulator, "/crm/v3/objects/contacts/102")).status).toBe(404);
    expect((await get(emulator, "/crm/v3/objects/contacts/102?archived=true")).body).toMatchObject({
      archived: true,
      archivedAt: expect.any(String) as string,
    });
    const ids = async (query: string): Promise<unknown[]> =>
      ((await get(emulator, `/crm/v3/objects/contacts${query}`)).body["results"] as Body[]).map(({ id }) => id);
    expect(await ids("")).toEqual(["101", "103"]);
    expect(await ids("?archived=true")).toEqual(["102"]);
  });

  test("a record that vanishes between two pages neither repeats nor hides another", async () => {
    const emulator = await start({ accounts: [{ contacts: 6, privateApps }] });
    const { body } = await get(emulator, "/crm/v3/objects/contacts?limit=2");
    for (const id of ["101", "103"]) await write(emulator, "DELETE", `/crm/v3/objects/contacts/${id}`);
    const { after } = (body["paging"] as { next: { after: string } }).next;
    const rest = (await get(emulator, `/crm/v3/objects/contacts?limit=100&after=${after}`)).body["results"] as Body[];
    expect(rest.map(({ id }) => id)).toEqual(["104", "105", "106"]);
  });
});

describe("writes", () => {
  test("an address another contact has is a conflict, until that contact is archived or gets another", async () => {
    const emulator = await start({ accounts: [{ contacts: [{ email: "a@x.example" }, { email: "b@x.example" }], privateApps }] });
    const rename = (id: string, email: string): Promise<Answer> =>
      write(emulator, "PATCH", `/crm/v3/objects/contacts/${id}`, { properties: { email } });
    expect(await rename("102", "A@x.example")).toMatchObject({
      status: 409,
      body: { message: "Contact already exists. Existing ID: 101" },
    });
    expect((await rename("101", "a@x.example")).status).toBe(200);
    expect((await rename("101", "c@x.example")).status).toBe(200);
    expect((await rename("102", "a@x.example")).status).toBe(200);
    await write(emulator, "DELETE", "/crm/v3/objects/contacts/101");
    expect((await write(emulator, "POST", "/crm/v3/objects/contacts", { properties: { email: "c@x.example" } })).status).toBe(201);
  });

  test("null and an empty text clear a property; numbers and booleans become text; an object is no value", async () => {
    const emulator = await start({ accounts: [{ deals: [{ dealname: "One", amount: "5" }], privateApps }] });
    const path = "/crm/v3/objects/deals/129";
    const { id } = ((await get(emulator, "/crm/v3/objects/deals")).body["results"] as Body[])[0] as { id: string };
    const change = (properties: unknown): Promise<Answer> => write(emulator, "PATCH", path.replace("129", id), { properties });
    expect((await change({ amount: 7, closed: true })).body).toMatchObject({ properties: { amount: "7", closed: "true" } });
    expect((await change({ amount: null, dealname: "" })).body).toMatchObject({ properties: { amount: null, dealname: null } });
    expect((await change({ amount: { value: 7 } })).status).toBe(400);
  });

  test("HubSpot sets ids and times, whatever a caller sends, and names of Object's own are plain properties", async () => {
    const emulator = await start({ now: () => START_MS, accounts: [{ contacts: 0, companies: 0, privateApps }] });
    const made = await write(emulator, "POST", "/crm/v3/objects/companies", {
      properties: { hs_object_id: "5", constructor: "c", toString: "t" },
    });
    expect(made.body).toMatchObject({ id: expect.stringMatching(/^1\d\d$/u) as string, createdAt: "2026-11-22T00:00:00.000Z" });
    emulator.advance(1000);
    const path = `/crm/v3/objects/companies/${String(made.body["id"])}`;
    const changed = await write(emulator, "PATCH", path, { properties: { createdate: "2001-01-01" } });
    expect(changed.body).toMatchObject({
      createdAt: "2026-11-22T00:00:00.000Z",
      updatedAt: "2026-11-22T00:00:01.000Z",
      properties: { createdate: "2026-11-22T00:00:00.000Z" },
    });
    expect((await get(emulator, `${path}?properties=constructor,valueOf`)).body).toMatchObject({
      properties: { constructor: "c", valueOf: null },
    });
  });

  test("an address that is none is refused", async () => {
    const emulator = await start({ accounts: [{ privateApps }] });
    const { status, body } = await write(emulator, "POST", "/crm/v3/objects/contacts", { properties: { email: "nobody" } });
    expect(status).toBe(400);
    expect(body).toMatchObject({ category: "VALIDATION_ERROR", message: expect.stringContaining('"error":"INVALID_EMAIL"') as string });
  });
});

describe("seeds", () => {
  test("the same seed gives the same records, whatever the order of its keys", async () => {
    const records = async (objects: Record<string, number>): Promise<unknown> => {
      const emulator = await startHubSpotEmulator({ now: () => START_MS, accounts: [{ objects }] });
      await emulator.close();
      const { crm } = emulator.accounts[0] as NonNullable<(typeof emulator.accounts)[0]>;
      return crm.types.map((type) => [type.id, crm.of(type).list()]);
    };
    const one = await records({ cars: 2, tickets: 2, contacts: 2 });
    expect(await records({ contacts: 2, tickets: 2, cars: 2 })).toEqual(one);
  });

  test("a row may bring its id and its time of creation", async () => {
    const contacts = [{ hs_object_id: "9", createdate: "2020-02-02T00:00:00Z" }, { hs_object_id: "5" }, {}];
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const { body } = await get(emulator, "/crm/v3/objects/contacts");
    expect((body["results"] as Body[]).map(({ id }) => id)).toEqual(["5", "9", "101"]);
    expect((body["results"] as Body[])[1]).toMatchObject({ createdAt: "2020-02-02T00:00:00.000Z" });
  });

  test.each([
    ["a name that is none", { "My Cars": 1 }, 'objects: "My Cars" is no name of a custom object'],
    ["an id that is none", { cars: { objectTypeId: "77" } }, "must look like 2-123456"],
    ["one id for two types", { cars: { objectTypeId: "2-7" }, "2-7": 1 }, "objects: 2-7 is there twice"],
    ["a count that is none", { contacts: -1 }, "contacts must be a count or rows"],
    ["an address twice", { contacts: [{ email: "a@x.example" }, { email: "A@x.example" }] }, "row 2 of contacts repeats"],
    ["a record id twice", { deals: [{ hs_object_id: "1" }, { hs_object_id: "1" }] }, "the id 1 is twice in deals"],
    ["a record id that is none", { deals: [{ hs_object_id: "x" }] }, "hs_object_id must be a whole number"],
  ])("%s is a TypeError", async (_, objects, message) => {
    await expect(startHubSpotEmulator({ accounts: [{ objects }] })).rejects.toThrow(TypeError);
    await expect(startHubSpotEmulator({ accounts: [{ objects }] })).rejects.toThrow(message);
  });

  test("one type given twice is a TypeError", async () => {
    await expect(startHubSpotEmulator({ accounts: [{ contacts: 1, objects: { contacts: 1 } }] })).rejects.toThrow(
      "give contacts or objects.contacts, not both",
    );
  });

  test("100,000 contacts are listed to the end and found by id and by address", async () => {
    const emulator = await start({ accounts: [{ hubDomain: "big.example", contacts: 100_000, privateApps }] });
    const last = await get(emulator, "/crm/v3/objects/contacts?limit=100&after=100001");
    expect(last.body["results"]).toHaveLength(100);
    expect("paging" in last.body).toBe(false);
    const path = "/crm/v3/objects/contacts/contact-100000%40customers.big.example?idProperty=email";
    expect((await get(emulator, path)).body).toMatchObject({ id: "100100" });
    const v1 = await get(emulator, "/contacts/v1/lists/all/contacts/all?count=100&vidOffset=100000");
    expect(v1.body).toMatchObject({ "has-more": false, "vid-offset": 100100 });
  });
});
