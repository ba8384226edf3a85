/**
 * HubSpot's list endpoints say in four ways where the next page begins. This reads their bodies and sends nothing; `pagination.ts` calls it.
 * Of what a body says about the next page only cursors are read: `paging.next.link` is a URL that a token would follow, so it is never used.
 *
 * HubSpot's pages, read 2026-11: "Search the CRM" (`paging.next.after`, back as `after`; the dated APIs and the v3 lists do the same) ·
 * "Get all contacts" (`has-more`, `vid-offset`, back as `vidOffset`) · "How do I use vidOffset and timeOffset" (both together) · "Get contacts
 * at a company" (`hasMore`, `vidOffset`) · "Get all companies" and "Search lists" (`has-more` or `hasMore`, `offset`) · "Search for companies
 * by domain" (an `offset` that is an object, in the body) · "Site search API guide" (`offset`, `limit`, `total`: the caller counts).
 */
import { MalformedResponseError } from "../errors.js";
import { ownFields } from "../token-set.js";

/** HubSpot's own parameters for where a page begins, in the order in which they stand in a cursor. */
const PLACE_NAMES = ["after", "offset", "vidOffset", "timeOffset"] as const;

type Scalar = string | number;

/** Where a page begins: HubSpot's parameters by name, with the values that HubSpot gave. Opaque, but for counted pages and a search's limit. */
export type Place = Readonly<Record<string, Scalar | Readonly<Record<string, Scalar | boolean>>>>;

/**
 * Where the caller wants to begin, by HubSpot's own parameters.
 * @throws TypeError that names the one that is no place.
 */
export function placeIn(parameters: Iterable<readonly [string, unknown]>, where: "body" | "query"): Place | undefined {
  const given = new Map(parameters);
  const named = PLACE_NAMES.filter((name) => !isNothing(given.get(name)));
  for (const name of named) {
    if (!isUsable(given.get(name), where === "body")) throw new TypeError(`${where}.${name} must be what HubSpot gave: text or a number.`);
  }
  return named.length === 0 ? undefined : (Object.fromEntries(named.map((name) => [name, given.get(name)])) as Place);
}

/** Whether a query or body parameter says where a page begins. */
export function isPlaceName(name: string): boolean {
  return (PLACE_NAMES as readonly string[]).includes(name);
}

/**
 * Where HubSpot says the next page begins; `undefined` on the last page.
 * @throws MalformedResponseError when there is a next page and no telling where: an end that was none would lose records in silence.
 */
export function nextPlace(body: unknown, itemCount: number, request: string, inBody: boolean): Place | undefined {
  const fields = ownFields(body);
  if (fields === undefined) return undefined; // A bare array is the whole list.
  const more = fields["has-more"] ?? fields["hasMore"];
  const place = placeByAfter(fields, request) ?? (isNothing(more) ? placeByCount(fields, itemCount) : placeByOffset(fields, more, request));
  if (place !== undefined && !Object.values(place).every((value) => isUsable(value, inBody))) {
    throw malformed(request, "says that there are more pages, but not where the next one begins");
  }
  return place;
}

function placeByAfter(fields: Readonly<Record<string, unknown>>, request: string): Place | undefined {
  const next = object(object(fields["paging"], "paging", request)?.["next"], "paging.next", request);
  const after = next?.["after"];
  // Whoever gives a link means a next page; "after" alone may be empty on the last one.
  if (isNothing(after) && isNothing(next?.["link"])) return undefined;
  return { after: after as Scalar };
}

function placeByOffset(fields: Readonly<Record<string, unknown>>, more: unknown, request: string): Place | undefined {
  if (more === false) return undefined;
  if (more !== true) throw malformed(request, "does not say with true or false whether there are more pages");
  const vidOffset = fields["vid-offset"] ?? fields["vidOffset"];
  if (isNothing(vidOffset)) return { offset: fields["offset"] as Scalar };
  const timeOffset = fields["time-offset"] ?? fields["timeOffset"];
  return { vidOffset: vidOffset as Scalar, ...(!isNothing(timeOffset) && { timeOffset: timeOffset as Scalar }) };
}

/** No word about a next page, but a total: the next page begins behind what came. Counting too far would lose records, so `limit` is not trusted. */
function placeByCount({ offset, limit, total }: Readonly<Record<string, unknown>>, itemCount: number): Place | undefined {
  if (!isCount(offset) || !isCount(limit) || !isCount(total)) return undefined;
  const next = offset + (itemCount === 0 ? limit : itemCount);
  return next > offset && next < total ? { offset: next } : undefined;
}

/** A value that can go back to HubSpot: into a query only text and numbers, into a JSON body also an object of such. */
function isUsable(value: unknown, inBody: boolean): boolean {
  if (typeof value === "string") return value !== "";
  if (typeof value === "number") return Number.isFinite(value);
  const parts = inBody ? Object.values(ownFields(value) ?? {}) : [];
  return parts.length > 0 && parts.every((part) => typeof part === "boolean" || isUsable(part, false));
}

/** The array of a page's items, and its name in the body; `undefined` when the body is the array. */
export function itemsOf(
  body: unknown,
  itemsKey: string | undefined,
  request: string,
): { readonly key: string | undefined; readonly items: readonly unknown[] } {
  if (itemsKey === undefined && Array.isArray(body)) return { key: undefined, items: body };
  const fields = ownFields(body);
  if (fields === undefined) throw malformed(request, "is not a page: its body is no object");
  const key = itemsKey ?? (Object.hasOwn(fields, "results") ? "results" : onlyArray(fields, request));
  const items = fields[key];
  if (!Array.isArray(items)) throw malformed(request, `has no array "${key}"`);
  return { key, items };
}

function onlyArray(fields: Readonly<Record<string, unknown>>, request: string): string {
  const [key, ...others] = Object.keys(fields).filter((name) => Array.isArray(fields[name]));
  if (key === undefined) throw malformed(request, "is not a page: it has no array of items");
  if (others.length === 0) return key;
  // Their names are not quoted: nobody here knows the token that an answer might echo in them.
  throw malformed(request, `has ${others.length + 1} arrays: name the one that holds the items in the option itemsKey`);
}

/** A place as the string that users keep: it says nothing to them and comes back as it was. */
export function encodeCursor(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/**
 * The place in a cursor. A cursor may come back through a browser, so that nothing but a place is read from it.
 * @throws TypeError for anything that `encodeCursor` did not make.
 */
export function decodeCursor(cursor: unknown, inBody: boolean): Place {
  const place = typeof cursor === "string" ? ownFields(parsed(Buffer.from(cursor, "base64url").toString())) : undefined;
  const entries = Object.entries(place ?? {});
  if (
    place === undefined ||
    entries.length === 0 ||
    !entries.every(([name, value]) => isPlaceName(name) && isUsable(value, inBody)) ||
    encodeCursor(place as Place) !== cursor
  ) {
    throw new TypeError(
      "cursor must be the cursor of a page that paginate() gave. A bare `after` or `offset` of HubSpot's belongs in query (GET) or body (POST).",
    );
  }
  return place as Place;
}

/** The same for the same place, whether its numbers came as numbers or as text. */
export function placeKey(place: Place): string {
  return JSON.stringify(Object.entries(place).map(([name, value]) => [name, typeof value === "object" ? value : String(value)]));
}

/** Whether a path is a CRM search, which takes POST and ends at 10,000 results. */
export function isSearchPath(path: string): boolean {
  return /^\/crm\/(?:v\d+\/objects|objects\/[\w.-]+)\/[\w.%~-]+\/search\/?$/.test(path);
}

/** What an endpoint calls the page size: `limit`, and in most of v1 and the list search `count`. */
export function pageSizeName(path: string): "count" | "limit" {
  return /^\/contacts\/v1\/|\/recent\/|^\/companies\/v2\/companies\/[^/]+\/(?:contacts|vids)$|^\/crm\/(?:v\d+\/lists|lists\/[^/]+)\/search$/.test(
    path,
  )
    ? "count"
    : "limit";
}

/** An answer that no page can be made of. */
export function malformed(request: string, what: string, issues?: readonly unknown[]): MalformedResponseError {
  return new MalformedResponseError(`HubSpot's answer to ${request} ${what}.`, { status: 200, issues });
}

function object(value: unknown, name: string, request: string): Readonly<Record<string, unknown>> | undefined {
  const fields = ownFields(value);
  if (fields === undefined && value !== undefined && value !== null) throw malformed(request, `has a ${name} that is no object`);
  return fields;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not one of ours: the caller says so.
  }
}
