/** `paginate` over POST: the CRM search with its 10,000 results, the list search, and v2's search by domain, whose offset is an object. */
import type { RequestListener } from "node:http";
import { describe, expect, it } from "vitest";
import type { PaginateOptions } from "../../src/http/pagination.js";
import { HubSpotApiError } from "../../src/index.js";
import { rejection } from "../transport/ways.js";
import { type Api, api, json } from "./support.js";

const SEARCH = "/crm/v3/objects/contacts/search";

interface Sent {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly body: Record<string, unknown>;
}

/** A server that answers by the JSON body of each request, and keeps what was sent. */
async function searchable(answer: (body: Record<string, unknown>) => object): Promise<Api & { readonly sent: readonly Sent[] }> {
  const sent: Sent[] = [];
  const listener: RequestListener = (request, response) => {
    let text = "";
    request
      .on("data", (chunk: Buffer) => (text += chunk.toString()))
      .on("end", () => {
        const body = JSON.parse(text) as Record<string, unknown>;
        sent.push({ method: request.method, url: request.url, body });
        const said = answer(body);
        json(said, "category" in said ? 400 : 200)(request, response);
      });
  };
  return { ...(await api(listener, { retry: false, rateLimit: false })), sent };
}

/** HubSpot's CRM search over `total` numbers: 400 for a page that reaches beyond the first 10,000. */
const search =
  (total: number, shown: (after: number) => string | number = String) =>
  ({ after = 0, limit = 10 }: Record<string, unknown>): object => {
    const from = Number(after);
    const end = from + Number(limit);
    if (end > 10_000) return { status: "error", category: "VALIDATION_ERROR", message: "beyond 10,000" };
    const results = Array.from({ length: Math.max(0, Math.min(end, total) - from) }, (_, index) => from + index);
    return { total, results, ...(end < total && { paging: { next: { after: shown(end) } } }) };
  };

async function all<T>(source: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of source) into.push(item);
  return into;
}

const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, index) => from + index);

describe("a CRM search", () => {
  it.each([SEARCH, "/crm/objects/2026-09/deals/search", "/crm/objects/2026-09-beta/2-123/search"])(
    "%s is posted, with the same body and the cursor in it for every page",
    async (path) => {
      const { hubspot, sent } = await searchable(search(5));
      const body = { filterGroups: [{ filters: [] }], properties: ["email"] };
      expect(await all(hubspot.paginate(path, { body, limit: 2 }))).toEqual([0, 1, 2, 3, 4]);
      expect(sent).toEqual(
        [{}, { after: "2" }, { after: "4" }].map((place) => ({ method: "POST", url: path, body: { ...body, limit: 2, ...place } })),
      );
      expect(body).toEqual({ filterGroups: [{ filters: [] }], properties: ["email"] });
    },
  );

  it.each<[string, PaginateOptions | undefined]>([
    ["no options", undefined],
    ["an empty body", { body: {} }],
    ["a limit in the body", { body: { limit: 10 } }],
    ["a body without a prototype", { body: Object.assign(Object.create(null) as object, { limit: 10 }) }],
  ])("with %s", async (_, options) => {
    const { hubspot, sent } = await searchable(search(12));
    expect(await all(hubspot.paginate(SEARCH, options))).toEqual(upTo(12));
    expect(sent.map(({ method, body }) => [method, body["after"]])).toEqual([
      ["POST", undefined],
      ["POST", "10"],
    ]);
  });

  it("a query stays in the query, and a number stays a number", async () => {
    const { hubspot, sent } = await searchable(search(4, Number));
    const query = { archived: true, after: "not the search's" };
    expect(await all(hubspot.paginate(SEARCH, { query, body: { after: 1, limit: 2 } }))).toEqual([1, 2, 3]);
    const url = `${SEARCH}?archived=true&after=not%20the%20search's`;
    expect(sent).toEqual([1, 3].map((after) => ({ method: "POST", url, body: { after, limit: 2 } })));
  });

  it("any page's cursor begins behind it", async () => {
    const { hubspot } = await searchable(search(7));
    for await (const { items, cursor, total } of hubspot.paginate(SEARCH, { limit: 3 }).pages()) {
      expect(total).toBe(7);
      if (cursor !== undefined)
        expect(await all(hubspot.paginate(SEARCH, { cursor, limit: 3 }))).toEqual(upTo(7, (items.at(-1) as number) + 1));
    }
  });
});

describe("beyond 10,000 results", () => {
  const limitError = {
    code: "hubspot_api",
    status: 400,
    category: "SEARCH_RESULT_LIMIT",
    retryable: false,
    message: expect.stringMatching(/first 10,000 results.*Narrow the filters.*sort by hs_object_id/) as string,
  };

  it.each([200, 150, 1_000])("with pages of %i all 10,000 come, then a clear error, and HubSpot is not asked beyond", async (limit) => {
    const { hubspot, sent } = await searchable(search(10_001));
    const items: unknown[] = [];
    const error = await rejection(all(hubspot.paginate(SEARCH, { limit, prefetch: limit === 1_000 }), items));
    expect(error).toBeInstanceOf(HubSpotApiError);
    expect(error).toMatchObject(limitError);
    expect(items).toEqual(upTo(10_000));
    expect(sent).toHaveLength(Math.ceil(10_000 / limit));
  });

  it("exactly 10,000 results are no error", async () => {
    const { hubspot } = await searchable(search(10_000));
    expect(await all(hubspot.paginate(SEARCH, { limit: 200 }))).toHaveLength(10_000);
  });

  it("the error comes only to who asks for the page beyond", async () => {
    const { hubspot } = await searchable(search(20_000));
    const pages = hubspot.paginate(SEARCH, { body: { after: "9800", limit: 200 } }).pages();
    const iterator = pages[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    expect(value).toMatchObject({ items: upTo(10_000, 9_800), total: 20_000, cursor: expect.any(String) as string });
    expect(await rejection(iterator.next())).toMatchObject(limitError);
    for await (const page of pages) if (page.items.length > 0) break;
  });

  it.each<[string, PaginateOptions]>([
    ["that begins there", { body: { after: 10_000 } }],
    ["whose cursor begins there", { cursor: Buffer.from('{"after":"12000"}').toString("base64url") }],
  ])("a search %s is refused without a request", async (_, options) => {
    const { hubspot, sent } = await searchable(search(20_000));
    expect(await rejection(all(hubspot.paginate(SEARCH, options)))).toMatchObject(limitError);
    expect(sent).toHaveLength(0);
  });

  it.each<[string, PaginateOptions, unknown]>([
    ["without a limit", { body: { after: "9995" } }, 5],
    ["with a small one", { body: { after: "9995", limit: 4 } }, 4],
    ["with one that fits exactly", { body: { after: "9800" }, limit: 200 }, 200],
  ])("the last page is cut to what HubSpot gives, %s", async (_, options, limit) => {
    const { hubspot, sent } = await searchable(search(9_999));
    await all(hubspot.paginate(SEARCH, options));
    expect(sent[0]?.body["limit"]).toBe(limit);
  });

  it("a search that ends there without a word is an error too: its total says that more was found", async () => {
    const { hubspot } = await searchable(({ after }) => ({
      total: 10_001,
      results: [1],
      ...(after !== "9" && { paging: { next: { after: "9" } } }),
    }));
    const items: unknown[] = [];
    expect(await rejection(all(hubspot.paginate(SEARCH), items))).toMatchObject(limitError);
    expect(items).toEqual([1, 1]);
  });

  it("HubSpot's own refusal of a page comes through", async () => {
    const { hubspot } = await searchable(search(20));
    expect(await rejection(all(hubspot.paginate(SEARCH, { body: { limit: 10_001 } })))).toMatchObject({ category: "VALIDATION_ERROR" });
  });

  it("an after that is no count goes on: the limit is of results, not of text", async () => {
    const { hubspot, sent } = await searchable(({ after }) => ({
      results: [1],
      ...(after === undefined && { paging: { next: { after: "NTI1Cg" } } }),
    }));
    expect(await all(hubspot.paginate(SEARCH, { limit: 3 }))).toEqual([1, 1]);
    expect(sent[1]?.body).toEqual({ limit: 3, after: "NTI1Cg" });
  });

  it("a list that is no search has no such end", async () => {
    const { hubspot } = await searchable(({ after = "10000" }) => ({
      total: 30_000,
      results: [after],
      ...(after === "10000" && { paging: { next: { after: "20000" } } }),
    }));
    expect(await all(hubspot.paginate("/crm/v3/lists/1/memberships", { method: "POST" }))).toEqual(["10000", "20000"]);
  });
});

it("the list search pages by offset and count in the body", async () => {
  for (const path of ["/crm/v3/lists/search", "/crm/lists/2026-03/search"]) {
    const { hubspot, sent } = await searchable(({ offset = 0 }) => ({
      lists: [offset],
      hasMore: Number(offset) < 2,
      offset: Number(offset) + 1,
      total: 3,
    }));
    expect(await all(hubspot.paginate(path, { body: { query: "a" }, limit: 1 }))).toEqual([0, 1, 2]);
    expect(sent.map(({ body }) => body)).toEqual([{}, { offset: 1 }, { offset: 2 }].map((place) => ({ query: "a", count: 1, ...place })));
  }
});

it("an offset that is an object goes back as it came, in a cursor as well", async () => {
  const place = (companyId: number): object => ({ isPrimary: true, companyId });
  const { hubspot, sent } = await searchable(({ offset }) => {
    const { companyId } = (offset ?? { companyId: 0 }) as { companyId: number };
    return { results: [companyId], hasMore: companyId < 2, offset: place(companyId + 1) };
  });
  const companies = (options?: PaginateOptions): ReturnType<typeof hubspot.paginate> =>
    hubspot.paginate("/companies/v2/domains/example.com/companies", { body: { limit: 1, offset: place(0) }, ...options });
  expect(await all(companies())).toEqual([0, 1, 2]);
  expect(sent.map(({ body }) => body)).toEqual([0, 1, 2].map((id) => ({ limit: 1, offset: place(id) })));
  const [first] = await all(companies().pages());
  expect(await all(companies({ cursor: first?.cursor }))).toEqual([1, 2]);
});
