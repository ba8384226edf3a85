/** `paginate`: every page in order, in each of HubSpot's forms, wherever the caller begins. Over real sockets, through `HubSpotHttp`. */
import type { IncomingMessage, RequestListener } from "node:http";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PageRequest, paginate, type PaginateOptions } from "../../src/http/pagination.js";
import { HubSpotHttp } from "../../src/index.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { rejection } from "../transport/ways.js";
import { agent, api, inTurn, json, refusal, itemsOf } from "./support.js";

const CONTACTS = "/crm/v3/objects/contacts";

function cursorOf(place: object): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** The path and query of each request. */
const urls = (server: { readonly requests: readonly IncomingMessage[] }): (string | undefined)[] => server.requests.map(({ url }) => url);

/** One of HubSpot's ways to page: how it reads where to begin, and how it says where the next page begins. */
interface Form {
  readonly path: string;
  readonly size: "count" | "limit";
  readonly begin: (given: URLSearchParams) => number;
  readonly answer: (items: readonly number[], next: number | undefined, whole: { from: number; limit: number; total: number }) => object;
}

const token = (index: number): string => Buffer.from(`=/+ ${index}`).toString("base64");
const counted = (name: string) => (given: URLSearchParams) => Number(given.get(name) ?? 0);
const FORMS: Readonly<Record<string, Form>> = {
  "v3: paging.next.after": {
    path: CONTACTS,
    size: "limit",
    begin: (given) =>
      given.has("after")
        ? Number(
            Buffer.from(given.get("after") ?? "", "base64")
              .toString()
              .slice(4),
          )
        : 0,
    answer: (results, next) => ({
      results,
      ...(next !== undefined && { paging: { next: { after: token(next), link: "https://evil.example/" } } }),
    }),
  },
  "dated: paging.next.after as a number": {
    path: "/crm/objects/2026-09/deals",
    size: "limit",
    begin: counted("after"),
    answer: (results, next) => ({ results, paging: next === undefined ? null : { next: { after: next } } }),
  },
  "v1 contacts: has-more, vid-offset": {
    path: "/contacts/v1/lists/all/contacts/all",
    size: "count",
    begin: counted("vidOffset"),
    answer: (contacts, next, { from }) => ({ contacts, "has-more": next !== undefined, "vid-offset": next ?? from }),
  },
  "v1 recent contacts: vid-offset and time-offset": {
    path: "/contacts/v1/lists/recently_updated/contacts/recent",
    size: "count",
    begin: (given) => (given.has("vidOffset") ? Number(given.get("timeOffset")) - 1_428_000_000_000 : 0),
    answer: (contacts, next = 0) => ({ contacts, "has-more": next > 0, "vid-offset": next % 3, "time-offset": 1_428_000_000_000 + next }),
  },
  "v2 contacts of a company: hasMore, vidOffset": {
    path: "/companies/v2/companies/7/contacts",
    size: "count",
    begin: counted("vidOffset"),
    answer: (contacts, next, { from }) => ({ contacts, hasMore: next !== undefined, vidOffset: next ?? from }),
  },
  "v2 companies: has-more, offset": {
    path: "/companies/v2/companies/paged",
    size: "limit",
    begin: counted("offset"),
    answer: (companies, next, { from }) => ({ companies, "has-more": next !== undefined, offset: next ?? from }),
  },
  "v1 recent engagements: hasMore, offset, total": {
    path: "/engagements/v1/engagements/recent/modified",
    size: "count",
    begin: counted("offset"),
    answer: (results, next, { from, total }) => ({ results, hasMore: next !== undefined, offset: next ?? from, total }),
  },
  "v1 email events: an offset that is a token": {
    path: "/email/public/v1/events",
    size: "limit",
    begin: (given) => Number(given.get("offset")?.slice(6) ?? 0),
    answer: (events, next = 0) => ({ events, hasMore: next > 0, offset: next > 0 ? `token-${next}` : null }),
  },
  "site search: offset, limit, total": {
    path: "/cms/site-search/2026-03/search",
    size: "limit",
    begin: counted("offset"),
    answer: (results, _next, { from, limit, total }) => ({ results, offset: from, limit, total }),
  },
};

/** A list of `total` numbers, 0 and up, at every form's path. */
const numbers =
  (form: Form, total: () => number): RequestListener =>
  (request, response) => {
    const given = new URL(request.url ?? "", "http://localhost").searchParams;
    const limit = Number(given.get(form.size) ?? 2);
    const from = form.begin(given);
    const next = Math.min(from + limit, total());
    const items = Array.from({ length: Math.max(0, next - from) }, (_, index) => from + index);
    json(form.answer(items, next < total() ? next : undefined, { from, limit, total: total() }))(request, response);
  };

describe.each(Object.entries(FORMS))("%s", (_, form) => {
  it("pages together are the list in order, and each page's cursor begins behind it", { timeout: 60_000 }, async () => {
    let total = 0;
    const { hubspot } = await api(numbers(form, () => total));
    const property = fc.asyncProperty(
      fc.nat(40),
      fc.integer({ min: 1, max: 15 }),
      fc.integer({ min: 1, max: 15 }),
      async (length, limit, other) => {
        total = length;
        const expected = Array.from({ length }, (_value, index) => index);
        const pages = await itemsOf(hubspot.paginate(form.path, { limit }).pages());
        expect(pages.flatMap(({ items }) => items)).toEqual(expected);
        expect(pages.map(({ cursor }) => cursor !== undefined)).toEqual(pages.map((_page, index) => index < pages.length - 1));
        for (const [index, { cursor }] of pages.entries()) {
          if (cursor === undefined) continue;
          const rest = await itemsOf(hubspot.paginate(form.path, { cursor, limit: other }));
          expect(rest).toEqual(expected.slice((index + 1) * limit));
        }
      },
    );
    await fc.assert(property, { numRuns: 15 });
  });

  it("each page is asked for once, with the page size under its name and everything else as given", async () => {
    const { server, hubspot } = await api(numbers(form, () => 5));
    const query = { properties: ["email", "first name"], archived: false, none: undefined };
    expect(await itemsOf(hubspot.paginate(`${form.path}?a=b%2Fc`, { query, limit: 2, headers: { "x-a": "1" } }))).toEqual([0, 1, 2, 3, 4]);
    expect(server.requests).toHaveLength(3);
    for (const [index, { url, headers }] of server.requests.entries()) {
      expect(url).toMatch(
        new RegExp(
          `^${form.path}\\?a=b%2Fc&properties=email&properties=first%20name&archived=false&${form.size}=2${index === 0 ? "$" : "&"}`,
        ),
      );
      expect(headers).toMatchObject({ "x-a": "1", authorization: "Bearer pat-na1-canary" });
    }
  });
});

describe("where it begins", () => {
  it.each<[string, string, PaginateOptions]>([
    ["in query", CONTACTS, { query: { after: token(2) } }],
    ["in URLSearchParams", CONTACTS, { query: new URLSearchParams({ after: token(2) }) }],
    ["in the path", `${CONTACTS}?after=${encodeURIComponent(token(2))}`, {}],
    ["in the path and in query, which counts", `${CONTACTS}?after=${encodeURIComponent(token(1))}`, { query: { after: token(2) } }],
    ["in an encoded name", `${CONTACTS}?%61fter=${encodeURIComponent(token(2))}`, {}],
    ["in cursor, which stands above query", CONTACTS, { query: { after: token(4) }, cursor: cursorOf({ after: token(2) }) }],
  ])("after %s: from there on, and never two places in one request", async (_, path, options) => {
    const { server, hubspot } = await api(numbers(FORMS["v3: paging.next.after"]!, () => 6));
    expect(await itemsOf(hubspot.paginate(path, { ...options, limit: 2 }))).toEqual([2, 3, 4, 5]);
    expect(urls(server)).toEqual([2, 4].map((index) => `${CONTACTS}?limit=2&after=${encodeURIComponent(token(index))}`));
  });

  it("an empty after is the first page", async () => {
    const { server, hubspot } = await api(json({ results: [] }));
    await itemsOf(hubspot.paginate(CONTACTS, { query: { after: "", offset: null } }));
    expect(urls(server)).toEqual([CONTACTS]);
  });

  it("a time alone begins there, and goes on with both offsets", async () => {
    const first = json({ contacts: [1], "has-more": true, "vid-offset": 9, "time-offset": 5 });
    const { server, hubspot } = await api(inTurn(first, json({ contacts: [2], "has-more": false, "vid-offset": 1, "time-offset": 1 })));
    const path = "/contacts/v1/lists/recently_updated/contacts/recent";
    expect(await itemsOf(hubspot.paginate(path, { query: new URLSearchParams("timeOffset=8&property=a&property=b") }))).toEqual([1, 2]);
    expect(urls(server)).toEqual([`${path}?property=a&property=b&timeOffset=8`, `${path}?property=a&property=b&vidOffset=9&timeOffset=5`]);
  });

  it("a full URL on the API's origin is the same as its path", async () => {
    const { server, hubspot } = await api(numbers(FORMS["v1 contacts: has-more, vid-offset"]!, () => 3));
    const path = "/contacts/v1/lists/all/contacts/all";
    expect(await itemsOf(hubspot.paginate(`${server.origin}${path}?vidOffset=1`, { limit: 1 }))).toEqual([1, 2]);
    expect(urls(server)).toEqual([`${path}?count=1&vidOffset=1`, `${path}?count=1&vidOffset=2`]);
  });

  it("what the caller does to its options afterwards changes nothing", async () => {
    const { server, hubspot } = await api(numbers(FORMS["v3: paging.next.after"]!, () => 4));
    const query: Record<string, string> = { a: "1" };
    const options = { query, limit: 2 };
    const pages = hubspot.paginate(CONTACTS, options);
    query["a"] = "2";
    options.limit = 1;
    await itemsOf(pages);
    expect(urls(server)).toEqual([`${CONTACTS}?a=1&limit=2`, `${CONTACTS}?a=1&limit=2&after=${encodeURIComponent(token(2))}`]);
  });
});

it("in the emulator: v3, dated and v1 lists of one account, to the end and from the middle", async () => {
  const emulator = await emulate({ accounts: [{ contacts: 23, engagements: 12 }] });
  const { oauth } = clientOf(emulator);
  const hubspot = new HubSpotHttp({
    credential: oauth.account(await connect(oauth, emulator)),
    dispatcher: agent(),
    apiOrigin: emulator.origin,
  });
  const ids = async (path: string, options: PaginateOptions, id: (item: never) => unknown): Promise<unknown[]> => {
    const pages = await itemsOf(hubspot.paginate(path, options).pages());
    const whole = pages.flatMap(({ items }) => items);
    for (const [index, { cursor }] of pages.entries()) {
      const rest = cursor === undefined ? [] : await itemsOf(hubspot.paginate(path, { ...options, cursor }));
      expect(rest).toEqual(whole.slice(pages.slice(0, index + 1).flatMap(({ items }) => items).length));
    }
    return (whole as never[]).map((item) => id(item));
  };
  const contacts = Array.from({ length: 23 }, (_, index) => String(101 + index));
  expect(await ids(CONTACTS, { limit: 10 }, (item: { id: string }) => item.id)).toEqual(contacts);
  expect(await ids("/crm/objects/2026-09/contacts", { limit: 7 }, (item: { id: string }) => item.id)).toEqual(contacts);
  const v1 = "/contacts/v1/lists/all/contacts/all";
  expect(await ids(v1, { limit: 10 }, (item: { vid: number }) => String(item.vid))).toEqual(contacts);
  const engagements = "/engagements/v1/engagements/recent/modified";
  const found = await ids(engagements, { limit: 5 }, (item: { engagement: { id: number } }) => item.engagement.id);
  expect(found).toEqual(Array.from({ length: 12 }, (_, index) => 9001 + index));
});

describe("wrong arguments", () => {
  const call = (request: PageRequest): Promise<unknown> => expect.fail(`a request was made: ${request.path}`);

  it.each<[string, unknown, string?]>([
    ['paginate\\(\\) has no option "after"', { after: "1" }],
    ["limit must be a whole number", { limit: 0 }],
    ["limit must be a whole number", { limit: 1.5 }],
    ["limit is given twice: as an option, and as limit", { limit: 1, query: { limit: 2 } }],
    ["limit is given twice: as an option, and as limit", { limit: 1, query: new URLSearchParams("limit=2") }],
    ["limit is given twice: as an option, and as limit", { limit: 1 }, `${CONTACTS}?limit=2`],
    ["limit is given twice: as an option, and as limit", { limit: 1, method: "POST", body: { limit: 2 } }],
    ["limit is given twice: as an option, and as count", { limit: 1, query: { count: 2 } }, "/contacts/v1/lists"],
    ["timeoutMs must be a whole number", { timeoutMs: 0 }],
    ["itemsKey must be the name", { itemsKey: "" }],
    ["itemsKey must be the name", { itemsKey: 1 }],
    ["method must be", { method: "PUT" }],
    ["method must be", { method: "get" }],
    ["body: GET carries none", { method: "GET", body: {} }],
    ["body must be an object", { body: "a=b" }],
    ["body must be an object", { body: [1] }],
    ["body must be an object", { body: null }],
    ["body must be an object", { body: new URLSearchParams("a=b") }],
    ["query.after must be what HubSpot gave", { query: { after: ["1", "2"] } }],
    ["query.offset must be what HubSpot gave", { query: { offset: true } }],
    ["query.offset must be what HubSpot gave", { query: { offset: Number.NaN } }],
    ["body.after must be what HubSpot gave", { body: { after: [1] } }],
    ['schema\\["~standard"\\] must be an object with the method validate', { schema: { parse: () => 1 } }],
    ["path must be a string", {}, 7 as never],
  ])("%s: TypeError at once", (message, options, path = CONTACTS) => {
    expect(refusal(() => paginate(call, path, options as PaginateOptions))).toMatch(new RegExp(`^${message}`));
  });

  it("a path off the API's origin rejects before anything is sent", async () => {
    const { server, hubspot } = await api(json({ results: [1] }));
    for (const path of ["https://evil.example/a?after=1", "//evil.example/a", "/a b", "/a?b=c#d"]) {
      expect(await rejection(itemsOf(hubspot.paginate(path, { query: { b: "c" } })))).toBeInstanceOf(TypeError);
    }
    expect(server.requests).toHaveLength(0);
  });

  it("PP-01 an option that was not given is not read from Object.prototype", async () => {
    const { server, hubspot } = await api(inTurn(json({ results: [1], paging: { next: { after: "a" } } }), json({ results: [2] })));
    const polluted = {
      cursor: "evil",
      itemsKey: "evil",
      limit: 1,
      method: "POST",
      prefetch: true,
      paging: { next: { after: "evil" } },
      hasMore: true,
      offset: 1,
    };
    for (const [name, value] of Object.entries(polluted))
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
    const items = await itemsOf(hubspot.paginate(CONTACTS, {})).finally(() => {
      for (const name of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, name);
    });
    expect(items).toEqual([1, 2]);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET ${CONTACTS}`, `GET ${CONTACTS}?after=a`]);
  });
});
