/** Associations: made and taken away in both directions, listed, batch read, and shown on reads and lists. */

import { describe, expect, test } from "vitest";
import type { LoopbackHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, type Body, call, start } from "./support.js";

const TOKEN = "pat-na1-all";
const SCOPES = ["contacts", "companies", "custom"].flatMap((type) => [`crm.objects.${type}.read`, `crm.objects.${type}.write`]);
const privateApps = [
  { token: TOKEN, scopes: [...SCOPES, "tickets"] },
  { token: "pat-na1-contacts", scopes: ["crm.objects.contacts.read", "crm.objects.contacts.write"] },
];
const ids = (...list: number[]): { hs_object_id: string }[] => list.map((id) => ({ hs_object_id: String(id) }));
const objects = { contacts: ids(1, 2), companies: ids(10, 11, 12), tickets: ids(20), cars: ids(30) };

const seeded = (associations: [string, number, string, number][] = []): Promise<LoopbackHubSpotEmulator> =>
  start({
    accounts: [
      { hubId: 5, objects, privateApps, associations: associations.map(([from, fromId, to, toId]) => ({ from, fromId, to, toId })) },
    ],
  });
const send = (emulator: LoopbackHubSpotEmulator, method: string, path: string, body?: unknown, token = TOKEN): Promise<Answer> =>
  call(emulator, path, token, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });

describe.each(["/crm/v4/objects", "/crm/objects/2026-03", "/crm/objects/2026-09"])("%s", (base) => {
  test("a default association holds in both directions, until it is taken away", async () => {
    const emulator = await seeded();
    const made = await send(emulator, "PUT", `${base}/tickets/20/associations/default/contacts/1`);
    expect(made.status).toBe(200);
    expect(made.body).toMatchObject({
      status: "COMPLETE",
      results: [
        { from: { id: "20" }, to: { id: "1" }, associationSpec: { associationCategory: "HUBSPOT_DEFINED", associationTypeId: 16 } },
        { from: { id: "1" }, to: { id: "20" }, associationSpec: { associationCategory: "HUBSPOT_DEFINED", associationTypeId: 15 } },
      ],
    });
    expect(((await send(emulator, "GET", `${base}/contacts/1/associations/tickets`)).body["results"] as Body[]).length).toBe(1);
    await send(emulator, "PUT", `${base}/contact/1/associations/default/ticket/20`);
    const listed = await send(emulator, "GET", `${base}/contacts/1/associations/tickets`);
    expect(listed.body).toEqual({
      results: [{ toObjectId: 20, associationTypes: [{ category: "HUBSPOT_DEFINED", typeId: 15, label: null }] }],
    });
    expect((await send(emulator, "DELETE", `${base}/contacts/1/associations/tickets/20`)).status).toBe(204);
    expect((await send(emulator, "GET", `${base}/tickets/20/associations/contacts`)).body).toEqual({ results: [] });
  });

  test("a list pages by the id to begin with", async () => {
    const emulator = await seeded([10, 12, 11].map((id) => ["contacts", 1, "companies", id]));
    const first = await send(emulator, "GET", `${base}/contacts/1/associations/companies?limit=2`);
    expect((first.body["results"] as Body[]).map(({ toObjectId }) => toObjectId)).toEqual([10, 11]);
    const { next } = first.body["paging"] as { next: { after: string; link: string } };
    expect(next).toEqual({ after: "12", link: `${emulator.origin}${base}/contacts/1/associations/companies?limit=2&after=12` });
    const rest = await send(emulator, "GET", next.link.slice(emulator.origin.length));
    expect(rest.body["results"]).toMatchObject([{ toObjectId: 12 }]);
    expect("paging" in rest.body).toBe(false);
  });

  test("a record that is not there is a 404, a type that is none a 400, scopes of both types are needed", async () => {
    const emulator = await seeded();
    expect((await send(emulator, "PUT", `${base}/contacts/9/associations/default/companies/10`)).status).toBe(404);
    expect((await send(emulator, "PUT", `${base}/contacts/1/associations/default/companies/9`)).status).toBe(404);
    expect((await send(emulator, "GET", `${base}/contacts/9/associations/companies`)).status).toBe(404);
    expect((await send(emulator, "GET", `${base}/contacts/1/associations/lists`)).status).toBe(400);
    const refused = await send(emulator, "GET", `${base}/contacts/1/associations/companies`, undefined, "pat-na1-contacts");
    expect(refused).toMatchObject({
      status: 403,
      body: { errors: [{ context: { requiredGranularScopes: ["crm.objects.companies.read"] } }] },
    });
    expect((await send(emulator, "GET", `${base}/contacts/1/associations/companies?limit=501`)).status).toBe(400);
  });
});

test("an archived record has no associations, and neither have the others with it", async () => {
  const emulator = await seeded([
    ["contacts", 1, "companies", 10],
    ["contacts", 1, "companies", 11],
  ]);
  await send(emulator, "DELETE", "/crm/v3/objects/companies/10");
  expect((await send(emulator, "GET", "/crm/v4/objects/contacts/1/associations/companies")).body["results"]).toMatchObject([
    { toObjectId: 11 },
  ]);
});

test("a custom type's associations are user defined and keep their number", async () => {
  const emulator = await seeded([["cars", 30, "contacts", 1]]);
  const kind = async (path: string): Promise<Body> => {
    const [first] = (await send(emulator, "GET", path)).body["results"] as { associationTypes: Body[] }[];
    return first?.associationTypes[0] ?? {};
  };
  const there = await kind("/crm/v4/objects/p_cars/30/associations/contacts");
  expect(there).toEqual({ category: "USER_DEFINED", typeId: expect.any(Number) as number, label: null });
  expect((await kind("/crm/v4/objects/p5_cars/30/associations/0-1"))["typeId"]).toBe(there["typeId"]);
  expect((await kind("/crm/v4/objects/contacts/1/associations/p_cars"))["typeId"]).not.toBe(there["typeId"]);
});

test.each(["/crm/v4/associations", "/crm/associations/2026-03", "/crm/associations/2026-09"])(
  "%s batch reads: 207 names the records without any",
  async (base) => {
    const emulator = await seeded([["contacts", 1, "companies", 10]]);
    const read = (...inputs: object[]): Promise<Answer> => send(emulator, "POST", `${base}/contacts/companies/batch/read`, { inputs });
    const all = await read({ id: "1" });
    expect(all.status).toBe(200);
    const to = [{ toObjectId: 10, associationTypes: [{ category: "HUBSPOT_DEFINED", typeId: 279, label: null }] }];
    expect(all.body).toMatchObject({ status: "COMPLETE", results: [{ from: { id: "1" }, to }] });
    const some = await read({ id: "1" }, { id: "2" });
    expect(some.status).toBe(207);
    expect(some.body).toMatchObject({
      numErrors: 1,
      errors: [
        {
          status: "error",
          category: "OBJECT_NOT_FOUND",
          subCategory: "crm.associations.NO_ASSOCIATIONS_FOUND",
          message: "No company is associated with contact 2.",
          context: { fromObjectId: ["2"], fromObjectType: ["contact"], toObjectType: ["company"] },
        },
      ],
    });
  },
);

describe("associations= on reads and lists", () => {
  test("shows the types asked for, and nothing where there are none", async () => {
    const emulator = await seeded([
      ["contacts", 1, "companies", 10],
      ["contacts", 1, "tickets", 20],
      ["contacts", 1, "cars", 30],
    ]);
    const associations = {
      companies: { results: [{ id: "10", type: "contact_to_company_unlabeled" }] },
      p5_cars: { results: [{ id: "30", type: "contact_to_p5_cars" }] },
    };
    const path = "/crm/v3/objects/contacts";
    expect((await send(emulator, "GET", `${path}/1?associations=companies,p_cars`)).body["associations"]).toEqual(associations);
    const { results } = (await send(emulator, "GET", `${path}?associations=companies,p_cars`)).body as { results: Body[] };
    expect(results.map((record) => record["associations"])).toEqual([associations, undefined]);
    expect("associations" in (await send(emulator, "GET", `${path}/1`)).body).toBe(false);
    expect((await send(emulator, "GET", `${path}?associations=cars`)).body["message"]).toBe("Unable to infer object type from: cars");
  });
});

describe("associations of a create", () => {
  const create = async (types: unknown[], id = "10"): Promise<[LoopbackHubSpotEmulator, Answer]> => {
    const emulator = await seeded();
    const body = { properties: {}, associations: [{ to: { id }, types }] };
    return [emulator, await send(emulator, "POST", "/crm/v3/objects/contacts", body)];
  };

  test.each([279, 1])("type %i makes one", async (associationTypeId) => {
    const [emulator, made] = await create([{ associationCategory: "HUBSPOT_DEFINED", associationTypeId }]);
    expect(made.status).toBe(201);
    const { body } = await send(emulator, "GET", `/crm/v4/objects/contacts/${String(made.body["id"])}/associations/companies`);
    expect(body["results"]).toMatchObject([{ toObjectId: 10 }]);
  });

  test.each([
    ["a type that leads nowhere", [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 999 }], "10"],
    ["a type of another category", [{ associationCategory: "USER_DEFINED", associationTypeId: 279 }], "10"],
    ["no type", [], "10"],
    ["a record that is not there", [{ associationCategory: "HUBSPOT_DEFINED", associationTypeId: 279 }], "99"],
  ])("%s is refused, and nothing is made", async (_, types, id) => {
    const [emulator, refused] = await create(types, id);
    expect(refused).toMatchObject({ status: 400, body: { category: "VALIDATION_ERROR" } });
    expect(emulator.accounts[0]?.crm.list("contacts")).toHaveLength(2);
  });
});

test.each([
  ["a type that is none", { from: "planes", fromId: 1, to: "contacts", toId: 1 }, 'there is no object type "planes"'],
  ["a record that is not there", { from: "contacts", fromId: 9, to: "companies", toId: 10 }, "there is no record 9 in contacts"],
])("seeding %s is a TypeError", async (_, association, message) => {
  await expect(start({ accounts: [{ objects, associations: [association] }] })).rejects.toThrow(message);
});
