/**
 * `HubSpotHttp.paginate`: every page of a list, one request at a time, as items or as pages. It never follows a URL that HubSpot sends: each
 * request goes to the caller's own path with HubSpot's cursor in it, through the `call` that `HubSpotHttp` hands in.
 */
import { HubSpotApiError } from "../errors.js";
import { checkCount, checkMethods, ownOptions } from "../option-checks.js";
import { ownFields } from "../token-set.js";
import { isThenable, listenToAbort, waitFor } from "../waiting.js";
import {
  decodeCursor,
  encodeCursor,
  isPlaceName,
  isSearchPath,
  itemsOf,
  malformed,
  nextPlace,
  pageSizeName,
  type Place,
  placeIn,
  placeKey,
} from "./page-shapes.js";
import type { Query } from "./request-target.js";
import { issuePaths, type StandardResult, type StandardSchema } from "./standard-schema.js";

/** Options of `HubSpotHttp.paginate`. */
export interface PaginateOptions {
  /** Query parameters, sent with every page. HubSpot's `after`, `offset`, `vidOffset` or `timeOffset` among them say where to begin. @default none */
  readonly query?: Query | undefined;
  /** For POST: an object, sent with every page. HubSpot's `after` or `offset` in it says where to begin. @default none */
  readonly body?: object | undefined;
  /** More headers, sent with every page. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Ends the iteration with the signal's reason, wherever it stands. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline of each page's call in milliseconds, not of the whole. @default the client's */
  readonly timeoutMs?: number | undefined;
  /** How each page is asked for. @default "POST" for a CRM search and when there is a `body`, else "GET" */
  readonly method?: "GET" | "POST" | undefined;
  /** Page size, sent as `limit`, or as `count` where v1 and the list search call it that. @default HubSpot's */
  readonly limit?: number | undefined;
  /** The `cursor` of a page: begins after that page. Stands above what `query` or `body` say. @default none: the beginning */
  readonly cursor?: string | undefined;
  /** The member of the body that holds the items. @default `results`, else the one array of the body */
  readonly itemsKey?: string | undefined;
  /** Requests one page ahead while you work on the one before. @default false */
  readonly prefetch?: boolean | undefined;
}

/** Options of a pagination whose items are validated. */
export interface PaginateOptionsWithSchema<Item> extends PaginateOptions {
  /** Any Standard Schema for ONE item: each item becomes what it returns, or `MalformedResponseError`. */
  readonly schema: StandardSchema<Item>;
}

/** One page of a list. */
export interface Page<Item = unknown> {
  /** What the page holds, in the order of HubSpot; what `schema` makes of it, if there is one. */
  readonly items: readonly Item[];
  /** What to pass as `cursor` to begin after this page; `undefined` on the last one. A string to keep, not to read. */
  readonly cursor: string | undefined;
  /** How many items there are in all, where HubSpot says it. */
  readonly total?: number | undefined;
  /** The parsed body as it came. */
  readonly body: unknown;
}

/** A list of HubSpot's. Nothing is sent before it is iterated over, and every iteration begins anew. */
export interface Paginated<Item = unknown> extends AsyncIterable<Item> {
  /** The same list page by page. */
  pages(): AsyncIterable<Page<Item>>;
}

/** One page's call, as `HubSpotHttp` has to make it. */
export interface PageRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly query: Query;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  /** A list is only read, by POST as well: the call may be tried again. */
  readonly idempotent: true;
}

/** Makes one authorized call and answers the parsed body. */
export type PageCall = (request: PageRequest) => Promise<unknown>;

type AnyPaginateOptions<Item> = PaginateOptions & { readonly schema?: StandardSchema<Item> | undefined };

const OPTIONS = ["query", "body", "headers", "signal", "timeoutMs", "schema", "method", "limit", "cursor", "itemsKey", "prefetch"];

/** HubSpot: "The search endpoints are limited to 10,000 total results for any given query." */
const SEARCH_RESULTS = 10_000;
/** The search's own page size when none is given. */
const SEARCH_PAGE = 10;

/** A pagination whose arguments were checked. */
interface Plan<Item> {
  readonly call: PageCall;
  readonly options: AnyPaginateOptions<Item>;
  /** What every page is asked with: no place in it. */
  readonly request: PageRequest;
  /** Method and path, for errors. */
  readonly description: string;
  readonly search: boolean;
  readonly start: Place | undefined;
}

/**
 * All pages of a list. Errors of `call` come through as they are. Whatever ends an iteration, the `cursor` of the last page begins behind it.
 * @throws TypeError that names the wrong option, at once. The iteration throws `MalformedResponseError` for a body that is no page, an item
 * that does not fit the schema and a cursor that comes a second time (it would never end), and `HubSpotApiError` with the category
 * `SEARCH_RESULT_LIMIT` when a search is asked for more than the 10,000 results that HubSpot gives.
 */
export function paginate<Item = unknown>(call: PageCall, path: string, options: AnyPaginateOptions<Item> = {}): Paginated<Item> {
  const plan = planOf(call, path, options);
  return {
    [Symbol.asyncIterator]: () => itemsOfAll(plan),
    pages: () => ({ [Symbol.asyncIterator]: () => pagesOf(plan) }),
  };
}

function planOf<Item>(call: PageCall, path: string, given: AnyPaginateOptions<Item>): Plan<Item> {
  const options = ownOptions(given, OPTIONS, "paginate()");
  const { limit, cursor, itemsKey, schema, query = {}, body, headers, signal, timeoutMs } = options;
  if (typeof path !== "string") throw new TypeError("path must be a string.");
  if (schema !== undefined) checkMethods(schema["~standard"], ["validate"], 'schema["~standard"]');
  if (timeoutMs !== undefined) checkCount(timeoutMs, "timeoutMs");
  if (itemsKey !== undefined && (typeof itemsKey !== "string" || itemsKey === "")) {
    throw new TypeError("itemsKey must be the name of a member of the body.");
  }
  const mark = path.indexOf("?");
  const resource = (mark < 0 ? path : path.slice(0, mark)).replace(/^https?:\/\/[^/]*/, "");
  const method = options.method ?? (body !== undefined || isSearchPath(resource) ? "POST" : "GET");
  if (method !== "GET" && method !== "POST") throw new TypeError('method must be "GET" or "POST".');
  const pageSize = limit === undefined ? {} : { [pageSizeName(resource)]: checkCount(limit, "limit") };
  const asked = method === "POST" ? placelessBody(path, query, body) : placelessQuery(path, mark < 0 ? path.length : mark, query, body);
  for (const name of Object.keys(pageSize)) {
    if (asked.names.has(name)) throw new TypeError(`limit is given twice: as an option, and as ${name} in query or body.`);
  }
  return {
    call,
    options,
    request: {
      method,
      path: asked.path,
      query: method === "GET" ? extended(asked.query, pageSize) : asked.query,
      body: asked.body && { ...asked.body, ...pageSize },
      headers,
      signal,
      timeoutMs,
      idempotent: true,
    },
    description: `${method} ${resource}`,
    search: method === "POST" && isSearchPath(resource),
    start: cursor === undefined ? asked.start : decodeCursor(cursor, method === "POST"),
  };
}

/** What the caller asks for, and apart from it where the caller wants to begin. */
interface Asked {
  readonly path: string;
  readonly query: Query;
  readonly body: Readonly<Record<string, unknown>> | undefined;
  readonly start: Place | undefined;
  /** The names of all parameters. */
  readonly names: ReadonlySet<string>;
}

function placelessBody(path: string, query: Query, given: unknown): Asked {
  if (given !== undefined && Object.prototype.toString.call(given) !== "[object Object]") {
    throw new TypeError("body must be an object: the cursor of the next page is put into it.");
  }
  const members = Object.entries(given ?? {});
  const body = Object.fromEntries(members.filter(([name]) => !isPlaceName(name)));
  return { path, query, body, start: placeIn(members, "body"), names: new Set(members.map(([name]) => name)) };
}

/** A path may bring a query of its own, `paging.next.link` does: what it says of the place must not stay when the place changes. */
function placelessQuery(path: string, mark: number, query: Query, body: unknown): Asked {
  if (body !== undefined) throw new TypeError("body: GET carries none. Use query, or the method POST.");
  const own = path.slice(mark + 1);
  const kept = own.split("&").filter((part) => part !== "" && [...new URLSearchParams(part).keys()].every((name) => !isPlaceName(name)));
  const given = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const parameters: (readonly [string, unknown])[] = [...new URLSearchParams(own), ...given];
  const rest = given.filter(([name]) => !isPlaceName(name));
  return {
    path: path.slice(0, mark) + (kept.length === 0 ? "" : `?${kept.join("&")}`),
    query: query instanceof URLSearchParams ? new URLSearchParams(rest as [string, string][]) : Object.fromEntries(rest),
    body: undefined,
    start: placeIn(parameters, "query"),
    names: new Set(parameters.map(([name]) => name)),
  };
}

function extended(query: Query, more: Readonly<Record<string, string | number>>): Query {
  if (!(query instanceof URLSearchParams)) return { ...query, ...more };
  return new URLSearchParams([...query, ...Object.entries(more).map(([name, value]): [string, string] => [name, String(value)])]);
}

/** What a page was found to be. */
interface Found<Item> {
  readonly page: Page<Item>;
  readonly next: Place | undefined;
  /** A search that ended at its limit without saying so. */
  readonly cut: boolean;
}

async function* pagesOf<Item>(plan: Plan<Item>): AsyncGenerator<Page<Item>, void, undefined> {
  const { signal, prefetch = false } = plan.options;
  signal?.throwIfAborted();
  const seen = new Set<string>();
  // A page requested ahead is in flight while the consumer decides: when it wants no more, that request is stopped.
  const ahead = new AbortController();
  const relay = (): void => ahead.abort(signal?.reason);
  if (prefetch) listenToAbort(signal, relay);
  const request = (place: Place | undefined): Promise<Found<Item>> => pageAt(plan, place, seen, prefetch ? ahead.signal : signal);
  try {
    let pending = request(plan.start);
    for (;;) {
      const { page, next, cut } = await pending;
      if (prefetch && next !== undefined) {
        pending = request(next);
        pending.catch(() => undefined); // Thrown when the consumer asks for that page, if ever.
      }
      yield page;
      signal?.throwIfAborted();
      if (cut) throw searchLimit(plan);
      if (next === undefined) return;
      if (!prefetch) pending = request(next);
    }
  } finally {
    signal?.removeEventListener("abort", relay);
    ahead.abort();
  }
}

async function* itemsOfAll<Item>(plan: Plan<Item>): AsyncGenerator<Item, void, undefined> {
  for await (const { items } of pagesOf(plan)) {
    for (const item of items) {
      plan.options.signal?.throwIfAborted();
      yield item;
    }
  }
}

async function pageAt<Item>(
  plan: Plan<Item>,
  place: Place | undefined,
  seen: Set<string>,
  signal: AbortSignal | undefined,
): Promise<Found<Item>> {
  const { call, options, request, description, search } = plan;
  if (search && Number(place?.["after"]) >= SEARCH_RESULTS) throw searchLimit(plan);
  if (place !== undefined) seen.add(placeKey(place));
  const body = await call({ ...requestAt(request, place, search), signal });
  const { key, items } = itemsOf(body, options.itemsKey, description);
  const next = nextPlace(body, items.length, description, request.method === "POST");
  if (next !== undefined && seen.has(placeKey(next))) {
    throw malformed(description, "leads back to a page that was already read: following it would never end");
  }
  const total = ownFields(body)?.["total"];
  return {
    page: {
      items: options.schema === undefined ? (items as readonly Item[]) : await validated(items, key, options.schema, description, signal),
      cursor: next && encodeCursor(next),
      total: typeof total === "number" ? total : undefined,
      body,
    },
    next,
    cut: search && next === undefined && typeof total === "number" && total > SEARCH_RESULTS,
  };
}

function requestAt(request: PageRequest, place: Place | undefined, search: boolean): PageRequest {
  if (place === undefined) return request;
  if (request.method === "GET") return { ...request, query: extended(request.query, place as Readonly<Record<string, string | number>>) };
  const body: Record<string, unknown> = { ...request.body, ...place };
  // A search's `after` counts results. Its last page ends at the limit, or HubSpot would refuse the part before the limit as well.
  const left = SEARCH_RESULTS - Number(place["after"]);
  if (search && Number.isInteger(left) && Number(body["limit"] ?? SEARCH_PAGE) > left) body["limit"] = left;
  return { ...request, body };
}

function searchLimit({ description }: Plan<unknown>): HubSpotApiError {
  return new HubSpotApiError(
    `HubSpot gives the first 10,000 results of a search and no more (${description}). Narrow the filters, or sort by hs_object_id and go on with ` +
      "a new search whose filter says hs_object_id greater than that of the last result.",
    { status: 400, category: "SEARCH_RESULT_LIMIT" },
  );
}

async function validated<Item>(
  items: readonly unknown[],
  key: string | undefined,
  schema: StandardSchema<Item>,
  description: string,
  signal: AbortSignal | undefined,
): Promise<readonly Item[]> {
  const values: Item[] = [];
  const issues: { readonly message: string; readonly path: readonly (PropertyKey | { readonly key: PropertyKey })[] }[] = [];
  for (const [index, item] of items.entries()) {
    const place = key === undefined ? [index] : [key, index];
    const answer = schema["~standard"].validate(item);
    const result: StandardResult<Item> = isThenable(answer) ? await waitFor(Promise.resolve(answer), { signal }) : answer;
    if (result.issues === undefined) values.push(result.value);
    else if (result.issues.length === 0) issues.push({ message: "refused without a word", path: place });
    else for (const { message, path = [] } of result.issues) issues.push({ message, path: [...place, ...path] });
  }
  if (issues.length > 0) throw malformed(description, `does not fit the schema at: ${issuePaths(issues)}`, issues);
  return values;
}
