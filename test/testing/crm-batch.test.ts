/** CRM objects by the hundred: what a batch answers when all, some or none of it can be carried out. */

import { describe, expect, test } from "vitest";
import type { EmulatorAccountOptions, LoopbackHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, type Body, call, start } from "./support.js";

const START_MS = Date.UTC(2026, 10, 22);
const TOKEN = "pat-na1-all";
const SCOPES = ["contacts", "companies", "custom"].flatMap((type) => [`crm.objects.${type}.read`, `crm.objects.${type}.write`]);
const CONTACTS = "/crm/v3/objects/contacts";

function account(objects: EmulatorAccountOptions["objects"] = {}): Promise<LoopbackHubSpotEmulator> {
  const privateApps = [{ token: TOKEN, scopes: SCOPES }];
  return start({ now: () => START_MS, accounts: [{ objects: { contacts: 0, companies: 0, deals: 0, ...objects }, privateApps }] });
}

const post = (emulator: LoopbackHubSpotEmulator, path: string, body: unknown): Promise<Answer> =>
  call(emulator, path, TOKEN, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const ids = (answer: Answer): unknown[] => (answer.body["results"] as Body[]).map(({ id }) => id);
const ada = { email: "ada@x.example", firstname: "Ada" };
const bob = { email: "bob@x.example", firstname: "Bob" };

describe("batch read", () => {
  test.each(["/crm/v3/objects/contacts", "/crm/objects/2026-03/contacts", "/crm/objects/2026-09/contacts"])(
    "%s answers 200 when all are there, 207 with the ids that are not",
    async (path) => {
      const emulator = await account({ contacts: [ada, bob] });
      const all = await post(emulator, `${path}/batch/read`, {
        inputs: [{ id: "102" }, { id: "101" }, { id: "102" }],
        properties: ["email"],
      });
      expect(all.status).toBe(200);
      expect(ids(all)).toEqual(["102", "101"]);
      expect("errors" in all.body).toBe(false);
      const some = await post(emulator, `${path}/batch/read`, { inputs: [{ id: "101" }, { id: "7" }, { id: "8" }] });
      expect(some.status).toBe(207);
      expect(some.body).toEqual({
        status: "COMPLETE",
        results: [expect.objectContaining({ id: "101" })],
        numErrors: 1,
        errors: [
          {
            status: "error",
            category: "OBJECT_NOT_FOUND",
            message: "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.",
            context: { ids: ["7", "8"] },
          },
        ],
        startedAt: "2026-11-22T00:00:00.000Z",
        completedAt: "2026-11-22T00:00:00.000Z",
      });
    },
  );

  test("reads by a unique property, and no other", async () => {
    const emulator = await account({ contacts: [ada] });
    const inputs = [{ id: "ADA@x.example" }];
    expect(ids(await post(emulator, `${CONTACTS}/batch/read`, { inputs, idProperty: "email" }))).toEqual(["101"]);
    const refused = await post(emulator, "/crm/v3/objects/companies/batch/read", { inputs, idProperty: "domain" });
    expect(refused).toMatchObject({ status: 400, body: { category: "VALIDATION_ERROR" } });
  });
});

describe("batch create", () => {
  test("is all or nothing", async () => {
    const emulator = await account({ contacts: [ada] });
    const refused = await post(emulator, `${CONTACTS}/batch/create`, { inputs: [{ properties: bob }, { properties: ada }] });
    expect(refused).toMatchObject({ status: 409, body: { category: "CONFLICT", message: "Contact already exists. Existing ID: 101" } });
    const twice = await post(emulator, `${CONTACTS}/batch/create`, { inputs: [{ properties: bob }, { properties: bob }] });
    expect(twice.status).toBe(409);
    expect(emulator.accounts[0]?.crm.list("contacts")).toHaveLength(1);
    const made = await post(emulator, `${CONTACTS}/batch/create`, { inputs: [{ properties: bob }, { properties: { firstname: "Eve" } }] });
    expect(made.status).toBe(201);
    expect(made.body["results"]).toMatchObject([{ properties: bob }, { properties: { firstname: "Eve" } }]);
  });

  test("fails input by input when each has a trace id, which comes back", async () => {
    const emulator = await account({ contacts: [ada] });
    const inputs = [
      { objectWriteTraceId: "one", properties: ada },
      { objectWriteTraceId: "two", properties: bob },
    ];
    const answer = await post(emulator, `${CONTACTS}/batch/create`, { inputs });
    expect(answer.status).toBe(207);
    expect(answer.body).toMatchObject({
      results: [{ properties: bob, objectWriteTraceId: "two" }],
      numErrors: 1,
      errors: [{ category: "CONFLICT", context: { objectWriteTraceId: ["one"] } }],
    });
  });
});

describe("batch update", () => {
  test("changes the records that are there and names the others", async () => {
    const emulator = await account({ contacts: [ada, bob] });
    const inputs = [
      { id: "101", properties: { firstname: "A" } },
      { id: "7", properties: {}, objectWriteTraceId: "seven" },
      { id: "102", properties: { email: "ada@x.example" } },
    ];
    const answer = await post(emulator, `${CONTACTS}/batch/update`, { inputs });
    expect(answer.status).toBe(207);
    expect(answer.body).toMatchObject({
      results: [{ id: "101", properties: { firstname: "A" } }],
      numErrors: 2,
      errors: [
        { category: "OBJECT_NOT_FOUND", context: { ids: ["7"], objectWriteTraceId: ["seven"] } },
        { category: "CONFLICT", message: "Contact already exists. Existing ID: 101" },
      ],
    });
  });

  test("refuses an id twice", async () => {
    const emulator = await account({ contacts: [ada] });
    const inputs = [
      { id: "101", properties: {} },
      { id: "101", properties: {} },
    ];
    expect(await post(emulator, `${CONTACTS}/batch/update`, { inputs })).toMatchObject({
      status: 400,
      body: { message: "Duplicate IDs found in batch input: [101]. IDs must be unique" },
    });
  });
});

describe("batch upsert", () => {
  test("makes what is not there and changes what is, and says which", async () => {
    const cars = { records: [{ vin: "W1", colour: "red" }], uniqueProperties: ["vin"] };
    const emulator = await account({ cars });
    const inputs = ["w1", "W2"].map((id) => ({ id, idProperty: "vin", properties: { colour: "blue" } }));
    const answer = await post(emulator, "/crm/v3/objects/p_cars/batch/upsert", { inputs });
    expect(answer.status).toBe(200);
    expect(answer.body["results"]).toMatchObject([
      { id: "101", new: false, properties: { colour: "blue" } },
      { new: true, properties: { vin: "W2", colour: "blue" } },
    ]);
  });

  test.each([
    [
      "a property that two records may share",
      { id: "x", idProperty: "domain" },
      "Unable to perform update/upsert by non-unique 0-2 property domain",
    ],
    ["the record id", { id: "x", idProperty: "hs_object_id" }, "Unable to perform update/upsert by non-unique 0-2 property hs_object_id"],
    ["no property", { id: "x" }, "idProperty is required for an upsert"],
  ])("by %s is refused", async (_, input, message) => {
    const emulator = await account();
    const body = { inputs: [{ ...input, properties: {} }] };
    expect(await post(emulator, "/crm/v3/objects/companies/batch/upsert", body)).toMatchObject({ status: 400, body: { message } });
  });
});

describe("every batch", () => {
  test("archive answers 204, also for ids that are not there", async () => {
    const emulator = await account({ contacts: 3 });
    const answer = await post(emulator, `${CONTACTS}/batch/archive`, { inputs: [{ id: "101" }, { id: "103" }, { id: "7" }] });
    expect(answer.status).toBe(204);
    expect(emulator.accounts[0]?.crm.list("contacts").map(({ id }) => id)).toEqual(["102"]);
  });

  test.each(["read", "create", "update", "upsert", "archive"])("%s takes 100 inputs and no more", async (verb) => {
    const emulator = await account();
    const inputs = Array.from({ length: 101 }, (_, index) => ({ id: `${index}@x.example`, idProperty: "email", properties: {} }));
    expect((await post(emulator, `${CONTACTS}/batch/${verb}`, { inputs: inputs.slice(1) })).status).toBeLessThan(300);
    expect((await post(emulator, `${CONTACTS}/batch/${verb}`, { inputs })).status).toBe(400);
    expect((await post(emulator, `${CONTACTS}/batch/${verb}`, { inputs: "all" })).status).toBe(400);
    expect(emulator.requests.at(-1)?.route).toBe(`objects-batch-${verb}`);
  });

  test("write scopes are asked for by writes, read scopes by reads", async () => {
    const emulator = await start({
      accounts: [{ privateApps: [{ token: TOKEN, scopes: ["crm.objects.contacts.read"] }] }],
    });
    expect((await post(emulator, `${CONTACTS}/batch/read`, { inputs: [] })).status).toBe(200);
    for (const verb of ["create", "update", "upsert", "archive"]) {
      expect((await post(emulator, `${CONTACTS}/batch/${verb}`, { inputs: [] })).status).toBe(403);
    }
  });
});
