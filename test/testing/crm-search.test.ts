/** The CRM search: every operator, sorts, query, paging and HubSpot's limits. */

import { describe, expect, test } from "vitest";
import type { LoopbackHubSpotEmulator } from "../../src/testing/index.js";
import { type Answer, type Body, call, start } from "./support.js";

const TOKEN = "pat-na1-all";
const privateApps = [{ token: TOKEN, scopes: ["crm.objects.contacts.read", "crm.objects.companies.read"] }];
const PATH = "/crm/v3/objects/contacts/search";

const contacts = [
  { email: "ada@one.example", firstname: "Ada", age: "36", seen: "2026-01-01T00:00:00Z", note: "likes green tea" },
  { email: "bob@two.example", firstname: "bob", age: "9", seen: "2026-02-01T00:00:00Z", note: "greenish" },
  { email: "eve@one.example", firstname: "Eve", age: "100", seen: "2026-03-01T00:00:00Z" },
  { firstname: "Zoë" },
];

const search = (emulator: LoopbackHubSpotEmulator, body: unknown, path = PATH): Promise<Answer> =>
  call(emulator, path, TOKEN, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
const names = ({ body }: Answer): unknown[] => (body["results"] as { properties: Body }[]).map(({ properties }) => properties["firstname"]);
const filters = (...list: unknown[]): object => ({ filterGroups: [{ filters: list }] });

describe("filters", () => {
  test.each([
    [{ propertyName: "firstname", operator: "EQ", value: "ADA" }, ["Ada"]],
    [{ propertyName: "age", operator: "EQ", value: 36 }, ["Ada"]],
    [{ propertyName: "firstname", operator: "NEQ", value: "ada" }, ["bob", "Eve", "Zoë"]],
    [{ propertyName: "age", operator: "NEQ", value: "36" }, ["bob", "Eve"]],
    [{ propertyName: "age", operator: "LT", value: "36" }, ["bob"]],
    [{ propertyName: "age", operator: "LTE", value: "36" }, ["Ada", "bob"]],
    [{ propertyName: "age", operator: "GT", value: "36" }, ["Eve"]],
    [{ propertyName: "age", operator: "GTE", value: "36" }, ["Ada", "Eve"]],
    [{ propertyName: "age", operator: "BETWEEN", value: "9", highValue: "36" }, ["Ada", "bob"]],
    [{ propertyName: "seen", operator: "GT", value: String(Date.UTC(2026, 0, 15)) }, ["bob", "Eve"]],
    [{ propertyName: "seen", operator: "LTE", value: "2026-02-01" }, ["Ada", "bob"]],
    [{ propertyName: "firstname", operator: "IN", values: ["ada", "bob"] }, ["Ada", "bob"]],
    [{ propertyName: "age", operator: "NOT_IN", values: ["36", "9"] }, ["Eve"]],
    [{ propertyName: "note", operator: "HAS_PROPERTY" }, ["Ada", "bob"]],
    [{ propertyName: "note", operator: "NOT_HAS_PROPERTY" }, ["Eve", "Zoë"]],
    [{ propertyName: "constructor", operator: "HAS_PROPERTY" }, []],
    [{ propertyName: "note", operator: "CONTAINS_TOKEN", value: "green" }, ["Ada"]],
    [{ propertyName: "note", operator: "CONTAINS_TOKEN", value: "GREEN*" }, ["Ada", "bob"]],
    [{ propertyName: "email", operator: "CONTAINS_TOKEN", value: "*@one.example" }, ["Ada", "Eve"]],
    [{ propertyName: "email", operator: "CONTAINS_TOKEN", value: "@one.example" }, ["Ada", "Eve"]],
    [{ propertyName: "email", operator: "CONTAINS_TOKEN", value: "one+example" }, []],
    [{ propertyName: "note", operator: "NOT_CONTAINS_TOKEN", value: "green" }, ["bob"]],
    [{ propertyName: "email", operator: "EQ", value: "EVE@one.example" }, ["Eve"]],
    [{ propertyName: "hs_object_id", operator: "EQ", value: "102" }, ["bob"]],
    [{ propertyName: "hs_object_id", operator: "GT", value: "102" }, ["Eve", "Zoë"]],
  ])("%j", async (filter, expected) => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const answer = await search(emulator, filters(filter));
    expect(names(answer)).toEqual(expected);
    expect(answer.body["total"]).toBe(expected.length);
  });

  test("the filters of a group must all hold, one group is enough", async () => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const one = { propertyName: "email", operator: "CONTAINS_TOKEN", value: "*@one.example" };
    const old = { propertyName: "age", operator: "GT", value: "50" };
    const zoe = { propertyName: "firstname", operator: "EQ", value: "zoë" };
    expect(names(await search(emulator, filters(one, old)))).toEqual(["Eve"]);
    expect(names(await search(emulator, { filterGroups: [{ filters: [one, old] }, { filters: [zoe] }] }))).toEqual(["Eve", "Zoë"]);
    const key = { propertyName: "email", operator: "EQ", value: "ada@one.example" };
    expect(names(await search(emulator, filters(key, old)))).toEqual([]);
    expect(names(await search(emulator, { filterGroups: [{ filters: [key] }, { filters: [zoe] }] }))).toEqual(["Ada", "Zoë"]);
  });

  test("associations.company is a property that holds ids", async () => {
    const companies = [{ hs_object_id: "7", name: "One" }];
    const associations = [{ from: "contacts", fromId: 101, to: "companies", toId: 7 }];
    const emulator = await start({ accounts: [{ contacts, objects: { companies }, associations, privateApps }] });
    const by = async (operator: string, value?: string): Promise<unknown[]> =>
      names(await search(emulator, filters({ propertyName: "associations.company", operator, value, values: [value] })));
    expect(await by("EQ", "7")).toEqual(["Ada"]);
    expect(await by("IN", "7")).toEqual(["Ada"]);
    expect(await by("EQ", "8")).toEqual([]);
    expect(await by("NEQ", "7")).toEqual(["bob", "Eve", "Zoë"]);
    expect(await by("HAS_PROPERTY")).toEqual(["Ada"]);
    expect(await by("NOT_HAS_PROPERTY")).toEqual(["bob", "Eve", "Zoë"]);
  });
});

describe("order, query and properties", () => {
  test("without a sort records come as they were created; a sort puts what has no value last", async () => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const sorted = async (...sorts: unknown[]): Promise<unknown[]> => names(await search(emulator, { sorts }));
    expect(await sorted()).toEqual(["Ada", "bob", "Eve", "Zoë"]);
    expect(await sorted({ propertyName: "age", direction: "ASCENDING" })).toEqual(["bob", "Ada", "Eve", "Zoë"]);
    expect(await sorted("age")).toEqual(["bob", "Ada", "Eve", "Zoë"]);
    expect(await sorted({ propertyName: "seen", direction: "DESCENDING" })).toEqual(["Eve", "bob", "Ada", "Zoë"]);
    expect(await sorted("-firstname")).toEqual(["Zoë", "Eve", "bob", "Ada"]);
  });

  test("query looks into the type's own properties, archived records are not found", async () => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    expect(names(await search(emulator, { query: "ONE.example" }))).toEqual(["Ada", "Eve"]);
    expect(names(await search(emulator, { query: "green" }))).toEqual([]);
    const { crm } = emulator.accounts[0] as NonNullable<(typeof emulator.accounts)[0]>;
    const { type } = crm.objects("contacts");
    crm.archive(type, crm.list("contacts")[0] as NonNullable<ReturnType<typeof crm.list>[0]>, 0);
    expect(names(await search(emulator, { query: "one" }))).toEqual(["Eve"]);
  });

  test("the properties asked for come, and the three HubSpot never leaves out; no rate-limit headers", async () => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const { body, headers } = await search(emulator, { properties: ["age"], limit: 1 });
    const [first] = body["results"] as Body[];
    expect(Object.keys(first?.["properties"] as Body)).toEqual(["age", "createdate", "hs_object_id", "lastmodifieddate"]);
    expect(headers.get("x-hubspot-ratelimit-max")).toBeNull();
  });
});

describe("limits", () => {
  test.each(["/crm/v3/objects/contacts/search", "/crm/objects/2026-03/contacts/search", "/crm/objects/2026-09/contacts/search"])(
    "%s pages by a count, 200 at most, to 10,000 in all",
    async (path) => {
      const emulator = await start({ accounts: [{ contacts: 10_100, privateApps }] });
      const first = await search(emulator, { limit: 200 }, path);
      expect(first.body).toMatchObject({ total: 10_100, paging: { next: { after: "200" } } });
      const last = await search(emulator, { limit: 200, after: "9800" }, path);
      expect(last.body["results"]).toHaveLength(200);
      expect(last.body["paging"]).toEqual({ next: { after: "10000" } });
      for (const after of ["10000", "9801"]) expect((await search(emulator, { limit: 200, after }, path)).status).toBe(400);
      expect((await search(emulator, { limit: 201 }, path)).status).toBe(400);
    },
  );

  test("the last page has no next", async () => {
    const emulator = await start({ accounts: [{ contacts: 10, privateApps }] });
    expect("paging" in (await search(emulator, {})).body).toBe(false);
    expect("paging" in (await search(emulator, { limit: 9 })).body).toBe(true);
  });

  const filter = { propertyName: "age", operator: "HAS_PROPERTY" };
  const group = (count: number): object => ({ filters: Array.from({ length: count }, () => filter) });
  test.each([
    ["five groups", { filterGroups: Array.from({ length: 5 }, () => group(1)) }, 200],
    ["six groups", { filterGroups: Array.from({ length: 6 }, () => group(1)) }, 400],
    ["six filters in a group", { filterGroups: [group(6)] }, 200],
    ["seven filters in a group", { filterGroups: [group(7)] }, 400],
    ["18 filters", { filterGroups: [group(6), group(6), group(6)] }, 200],
    ["19 filters", { filterGroups: [group(6), group(6), group(6), group(1)] }, 400],
    ["two sorts", { sorts: ["age", "seen"] }, 400],
    ["an unknown operator", filters({ propertyName: "age", operator: "LIKE", value: "1" }), 400],
    ["an operator without its value", filters({ propertyName: "age", operator: "EQ" }), 400],
    ["BETWEEN without its end", filters({ propertyName: "age", operator: "BETWEEN", value: "1" }), 400],
    ["IN without values", filters({ propertyName: "age", operator: "IN", value: "1" }), 400],
    ["a group without filters", { filterGroups: [{}] }, 400],
    ["a limit of none", { limit: 0 }, 400],
    ["a cursor that is none", { after: "x" }, 400],
    ["3,000 characters", JSON.stringify({ query: "" }).padEnd(3_000), 200],
    ["3,001 characters", JSON.stringify({ query: "" }).padEnd(3_001), 400],
    ["no object", "[]", 400],
  ])("%s", async (_, body, status) => {
    const emulator = await start({ accounts: [{ contacts, privateApps }] });
    const answer = await search(emulator, body);
    expect(answer.status).toBe(status);
    expect(answer.body["category"]).toBe(status === 400 ? "VALIDATION_ERROR" : undefined);
  });
});
