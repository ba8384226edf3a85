/** What `paginate` makes of odd and hostile bodies, of items that do not fit the schema and of cursors from elsewhere. */
import type { RequestListener } from "node:http";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { decodeCursor, encodeCursor, nextPlace, type Place, placeKey } from "../../src/http/page-shapes.js";
import type { paginate, PaginateOptions } from "../../src/http/pagination.js";
import { MalformedResponseError } from "../../src/index.js";
import type { StandardSchema } from "../../src/http/standard-schema.js";
import { httpServer } from "../transport/servers.js";
import { rejection } from "../transport/ways.js";
import { api, inTurn, json, refusal, itemsOf } from "./support.js";

const PATH = "/crm/v3/objects/contacts";
const FIRST = json({ results: [1], paging: { next: { after: "a" } } });

/** JSON as a server writes it: `__proto__` is a member like any other. */
const text =
  (body: string): RequestListener =>
  (_request, response) =>
    response.writeHead(200, { "content-type": "application/json" }).end(body);

describe("the items of a body", () => {
  it.each<[string, string, unknown[], string?]>([
    ["results", '{"results":[1],"errors":[],"extra":[2]}', [1]],
    ["the only array", '{"deals":[1,2],"hasMore":false,"offset":0}', [1, 2]],
    ["the only array, empty", '{"lists":[]}', []],
    ["the one that itemsKey names", '{"results":[1],"objects":[2]}', [2], "objects"],
    ["a body that is an array", "[1,2]", [1, 2]],
    ["null and nested things among them", '{"results":[null,{"results":[3]}]}', [null, { results: [3] }]],
    ["__proto__ when it is the only array", '{"__proto__":[1]}', [1]],
    ["a __proto__ with results is none of the body's", '{"__proto__":{"results":[9]},"items":[1]}', [1]],
  ])("%s", async (_, body, items, itemsKey) => {
    const { hubspot } = await api(text(body));
    expect(await itemsOf(hubspot.paginate(PATH, { itemsKey }))).toEqual(items);
  });

  it.each<[string, string, RegExp, string?]>([
    ["no body", "", /is not a page: its body is no object/],
    ["null", "null", /is not a page: its body is no object/],
    ["a string", '"canary"', /is not a page: its body is no object/],
    ["a number", "7", /is not a page: its body is no object/],
    ["an empty object", "{}", /is not a page: it has no array of items/],
    ["an object for results", '{"results":{"length":1,"0":"canary"}}', /has no array "results"/],
    ["null for results", '{"results":null,"other":["canary"]}', /has no array "results"/],
    ["two arrays", '{"a":["canary"],"b":[],"canary canary":[]}', /has 3 arrays: name .* in the option itemsKey/],
    ["nothing under itemsKey", '{"results":["canary"]}', /has no array "objects"/, "objects"],
    ["an array where itemsKey is given", '["canary"]', /its body is no object/, "results"],
    ["results only in a __proto__", '{"__proto__":{"results":["canary"]}}', /it has no array of items/],
  ])("%s: MalformedResponseError that says what to do and quotes nothing", async (_, body, message, itemsKey) => {
    const { hubspot } = await api(text(body));
    const error = await rejection(itemsOf(hubspot.paginate(`${PATH}?secret=canary`, { itemsKey })));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect((error as Error).message).toMatch(/^HubSpot's answer to GET \/crm\/v3\/objects\/contacts (?:is|has) /);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toContain("canary");
  });
});

describe("where the next page begins", () => {
  it.each<[string, string]>([
    ["no paging", "{}"],
    ["paging null", '{"paging":null}'],
    ["no next", '{"paging":{"prev":{"before":"a","link":"/a"}}}'],
    ["next null", '{"paging":{"next":null}}'],
    ["an empty next", '{"paging":{"next":{}}}'],
    ["after null", '{"paging":{"next":{"after":null}}}'],
    ["after empty", '{"paging":{"next":{"after":"","link":""}}}'],
    ["has-more false with an offset", '{"has-more":false,"vid-offset":7}'],
    ["hasMore null", '{"hasMore":null,"offset":7}'],
    ["an offset alone", '{"offset":7}'],
    ["a total that is reached", '{"offset":1,"limit":1,"total":2}'],
    ["a total that is passed", '{"offset":5,"limit":10,"total":2}'],
    ["an offset that is no count", '{"offset":-1,"limit":10,"total":20}'],
    ["an offset beyond counting", '{"offset":1e300,"limit":10,"total":1e301}'],
    ["next only in a __proto__", '{"__proto__":{"paging":{"next":{"after":"a"}}},"paging":{"__proto__":{"next":{"after":"a"}}}}'],
  ])("%s: this is the last page", async (_, body) => {
    const { server, hubspot } = await api(text(`{"results":[1],${body.slice(1)}`.replace(",}", "}")));
    const pages = await itemsOf(hubspot.paginate(PATH).pages());
    expect(pages).toMatchObject([{ items: [1], cursor: undefined }]);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, object]>([
    ["a string for paging", { paging: "canary" }],
    ["an array for paging", { paging: ["canary"] }],
    ["a string for next", { paging: { next: "canary" } }],
    ["true for after", { paging: { next: { after: true } } }],
    ["an object for after", { paging: { next: { after: { canary: 1 } } } }],
    ["an array for after", { paging: { next: { after: ["canary"] } } }],
    ["SS-03 a link and nothing else", { paging: { next: { link: "https://evil.example/canary" } } }],
    ["text for has-more", { "has-more": "canary", "vid-offset": 1 }],
    ["a number for hasMore", { hasMore: 1, offset: 1 }],
    ["has-more without an offset", { "has-more": true }],
    ["hasMore with null", { hasMore: true, offset: null }],
    ["hasMore with an object, which no query can hold", { hasMore: true, offset: { canary: 1 } }],
    ["an array for vid-offset", { "has-more": true, "vid-offset": ["canary"] }],
    ["an object for time-offset", { "has-more": true, "vid-offset": 1, "time-offset": { canary: 1 } }],
  ])("%s: MalformedResponseError, since an end would lose records", async (_, more) => {
    const { server, hubspot } = await api(json({ results: [1], ...more }));
    const error = await rejection(itemsOf(hubspot.paginate(PATH)));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect((error as Error).message).not.toMatch(/canary|evil/);
    expect(server.requests).toHaveLength(1);
  });

  it.each(["https://evil.example/crm?after=b", "//evil.example/a", "/crm/v3/objects/deals?after=b", "javascript:alert(1)", 7, { a: 1 }])(
    "SS-03 a link to %s is not followed, only its after",
    async (link) => {
      const evil = await httpServer(json({ results: ["evil"] }));
      const given = typeof link === "string" ? link.replace("https://evil.example", evil.origin) : link;
      const { server, hubspot } = await api(
        inTurn(json({ results: [1], paging: { next: { after: "a", link: given } } }), json({ results: [2] })),
      );
      expect(await itemsOf(hubspot.paginate(PATH))).toEqual([1, 2]);
      expect(server.requests.map(({ url }) => url)).toEqual([PATH, `${PATH}?after=a`]);
      expect(evil.requests).toHaveLength(0);
    },
  );

  it.each<[string | number, string]>([
    ["https://evil.example/?a=b#c", "https%3A%2F%2Fevil.example%2F%3Fa%3Db%23c"],
    ["a&limit=1&hapikey=x", "a%26limit%3D1%26hapikey%3Dx"],
    ["../../x\r\nhost: evil", "..%2F..%2Fx%0D%0Ahost%3A%20evil"],
    [0, "0"],
    [9_007_199_254_740_991, "9007199254740991"],
    ["9007199254740993", "9007199254740993"],
  ])("after %j goes back as one value, whatever is in it", async (after, encoded) => {
    const { server, hubspot } = await api(inTurn(json({ results: [], paging: { next: { after } } }), json({ results: [] })));
    await itemsOf(hubspot.paginate(PATH));
    expect(server.requests[1]?.url).toBe(`${PATH}?after=${encoded}`);
  });

  const next = (after: unknown): RequestListener => json({ results: [1], paging: { next: { after } } });
  it.each<[string, RequestListener[], number, PaginateOptions?]>([
    ["the same after again", [next("a")], 2],
    ["the same after as number and text", [next(5), next("5")], 2],
    ["a circle of three", [next("a"), next("b"), next("c"), next("a")], 4],
    ["the place where the caller began", [next("a")], 1, { query: { after: "a" } }],
    ["the place of the caller's cursor", [next("a")], 1, { cursor: encodeCursor({ after: "a" }) }],
    ["an offset that stands still", [json({ results: [1], hasMore: true, offset: 0 })], 2],
    ["a vid-offset that stands still", [json({ contacts: [], "has-more": true, "vid-offset": 3 })], 2],
    ["two offsets that stand still", [json({ contacts: [], "has-more": true, "vid-offset": 3, "time-offset": 4 })], 2],
    ["a server that counts but does not move", [json({ results: [1], offset: 0, limit: 1, total: 9 })], 2],
  ])("%s: MalformedResponseError instead of a loop without end", async (_, answers, requests, options) => {
    const { server, hubspot } = await api(inTurn(...answers));
    const error = await rejection(itemsOf(hubspot.paginate(PATH, options)));
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect((error as Error).message).toMatch(/leads back to a page that was already read/);
    expect(server.requests).toHaveLength(requests);
  });

  it("a time-offset that moves while the vid-offset stays is progress", async () => {
    const page = (time: number): RequestListener => json({ contacts: [time], "has-more": time > 1, "vid-offset": 3, "time-offset": time });
    const { hubspot } = await api(inTurn(page(3), page(2), page(1)));
    expect(await itemsOf(hubspot.paginate("/contacts/v1/lists/7/contacts/recent"))).toEqual([3, 2, 1]);
  });

  it("a counted page is followed from behind what came, whatever limit it claims; an empty one by its limit", async () => {
    const page = (results: number[], offset: number): RequestListener => json({ results, offset, limit: 10, total: 15 });
    const { server, hubspot } = await api(inTurn(page([1, 2], 0), page([], 2), page([3, 4, 5], 12)));
    expect(await itemsOf(hubspot.paginate(PATH))).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests.map(({ url }) => url)).toEqual(["", "?offset=2", "?offset=12"].map((query) => PATH + query));
  });

  it("no body whatever makes nextPlace throw anything but MalformedResponseError, and what it answers survives a cursor", () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(true, false, 3, "x"));
    const body = fc.record(
      {
        paging: fc.oneof(value, fc.record({ next: fc.oneof(value, fc.record({ after: value, link: value }, { requiredKeys: [] })) })),
        "has-more": value,
        hasMore: value,
        offset: value,
        "vid-offset": value,
        "time-offset": value,
        limit: value,
        total: value,
      },
      { requiredKeys: [] },
    );
    const property = fc.property(body, fc.nat(3), fc.boolean(), (fields, count, inBody) => {
      let place: Place | undefined;
      try {
        place = nextPlace(JSON.parse(JSON.stringify(fields)), count, "GET /a", inBody);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedResponseError);
      }
      if (place !== undefined) expect({ ...decodeCursor(encodeCursor(place), inBody) }).toEqual(place);
    });
    expect(() => fc.assert(property, { numRuns: 500 })).not.toThrow();
  });
});

describe("a cursor", () => {
  it.each<[string, unknown]>([
    ["empty", ""],
    ["HubSpot's own after", "525"],
    ["no JSON", Buffer.from("{").toString("base64url")],
    ["an array", Buffer.from('["after"]').toString("base64url")],
    ["of nothing", encodeCursor({})],
    ["with another parameter", encodeCursor({ after: "1", hapikey: "canary" })],
    ["with a __proto__", Buffer.from('{"after":"1","__proto__":{"a":"b"}}').toString("base64url")],
    ["with an empty value", encodeCursor({ after: "" })],
    ["with null", Buffer.from('{"after":null}').toString("base64url")],
    ["with an object, for GET", encodeCursor({ offset: { companyId: 1 } })],
    ["with an object in an object", Buffer.from('{"offset":{"a":{"b":1}}}').toString("base64url")],
    ["with two values for one name", Buffer.from('{"after":"1","after":"2"}').toString("base64url")],
    ["with a space at the end", `${encodeCursor({ after: "1" })} `],
    ["a number", 525],
    ["an object", { after: "1" }],
  ])("%s: TypeError at once, and no request", async (_, cursor) => {
    const { server, hubspot } = await api(json({ results: [] }));
    const message = refusal(() => hubspot.paginate(PATH, { cursor: cursor as string }));
    expect(message).toMatch(/^cursor must be the cursor of a page/);
    expect(message).not.toContain("canary");
    expect(server.requests).toHaveLength(0);
  });

  it("comes back as the place it was, type and all, and as text that any URL or cookie holds", () => {
    const scalar = fc.oneof(fc.string({ minLength: 1, unit: "grapheme" }), fc.integer(), fc.maxSafeInteger());
    const place = fc.oneof(
      fc.record({ after: scalar }),
      fc.record({ offset: scalar }),
      fc.record({ vidOffset: scalar, timeOffset: scalar }, { requiredKeys: ["vidOffset"] }),
    );
    const property = fc.property(place, (given) => {
      const cursor = encodeCursor(given);
      expect(cursor).toMatch(/^[\w-]+$/);
      expect({ ...decodeCursor(cursor, false) }).toEqual({ ...given });
      expect(placeKey(decodeCursor(cursor, false))).toBe(placeKey(given as Place));
    });
    expect(() => fc.assert(property)).not.toThrow();
  });
});

describe("a schema", () => {
  const Contact = z.object({ id: z.string(), properties: z.object({ email: z.string().nullable().default(null) }) });

  it("makes each item what it returns, in the types as well", async () => {
    const { hubspot } = await api(
      json({
        results: [
          { id: "1", properties: {} },
          { id: "2", properties: { email: "a@b.c" }, extra: 1 },
        ],
      }),
    );
    const contacts = hubspot.paginate(PATH, { schema: Contact });
    expectTypeOf(contacts).toEqualTypeOf<ReturnType<typeof paginate<z.output<typeof Contact>>>>();
    const found: z.output<typeof Contact>[] = [];
    for await (const contact of contacts) found.push(contact);
    for await (const { items } of contacts.pages()) expectTypeOf(items).toEqualTypeOf<readonly z.output<typeof Contact>[]>();
    expect(found.map(({ id, properties }) => [id, properties.email])).toEqual([
      ["1", null],
      ["2", "a@b.c"],
    ]);
    for await (const item of hubspot.paginate(PATH)) expectTypeOf(item).toBeUnknown();
  });

  it.each<[string, object, string]>([
    ["under its key", { results: [{ id: "1" }, { id: 2 }, { id: "3", a: 1 }] }, "results.1.id, results.2.a"],
    ["under another key", { deals: [{ id: "1" }, { id: 2 }], hasMore: false }, "deals.1.id"],
    ["in a bare array", [{ id: "1" }, null], "1"],
  ])("refuses %s by the item's index, and quotes no value", async (_, body, where) => {
    const schema: StandardSchema<object> = {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) => {
          if (value === null) return { issues: [{ message: "canary" }] };
          if (Object.hasOwn(value as object, "a")) return { issues: [{ message: "canary", path: [{ key: "a" }] }] };
          return typeof (value as { id: unknown }).id === "string"
            ? { value: value as object }
            : { issues: [{ message: "canary", path: ["id"] }] };
        },
      },
    };
    const { hubspot } = await api(json(body));
    const error = (await rejection(itemsOf(hubspot.paginate(PATH, { schema })))) as MalformedResponseError;
    expect(error).toBeInstanceOf(MalformedResponseError);
    expect(error.message).toBe(`HubSpot's answer to GET ${PATH} does not fit the schema at: ${where}.`);
    expect(error.issues).toHaveLength(where.split(", ").length);
    expect(error.issues[0]).toMatchObject({ message: "canary", path: expect.arrayContaining([1]) as unknown });
  });

  it("an asynchronous one is waited for, item by item in order", async () => {
    const { hubspot } = await api(json({ results: [3, 1, 2] }));
    const schema = z.number().transform((value) => new Promise<string>((resolve) => setImmediate(resolve, `#${value}`)));
    expect(await itemsOf(hubspot.paginate(PATH, { schema }))).toEqual(["#3", "#1", "#2"]);
  });

  it("a refusal without an issue is a refusal: no item is dropped in silence", async () => {
    const schema: StandardSchema<number> = { "~standard": { version: 1, vendor: "test", validate: () => ({ issues: [] }) } };
    const { hubspot } = await api(json({ results: [1] }));
    expect(await rejection(itemsOf(hubspot.paginate(PATH, { schema })))).toMatchObject({
      message: expect.stringContaining("results.0.") as string,
    });
  });

  it("an item that does not fit ends at its page: the pages before it are delivered, and their cursor begins there", async () => {
    const { hubspot } = await api(inTurn(FIRST, json({ results: [2, "x"] }), json({ results: [2, 3] })));
    const seen: number[] = [];
    let cursor: string | undefined;
    const run = async (): Promise<void> => {
      for await (const page of hubspot.paginate(PATH, { schema: z.number(), cursor }).pages()) {
        seen.push(...page.items);
        ({ cursor } = page);
      }
    };
    expect(await rejection(run())).toMatchObject({ message: expect.stringContaining("results.1.") as string });
    expect([seen, cursor]).toEqual([[1], encodeCursor({ after: "a" })]);
    await run();
    expect(seen).toEqual([1, 2, 3]);
  });

  it("what it throws itself comes through", async () => {
    const bug = new RangeError("a bug in the schema");
    const { hubspot } = await api(FIRST);
    const schema = z.unknown().transform(() => {
      throw bug;
    });
    expect(await rejection(itemsOf(hubspot.paginate(PATH, { schema })))).toBe(bug);
  });
});
