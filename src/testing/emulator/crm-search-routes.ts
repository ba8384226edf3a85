/**
 * The CRM search endpoint, with its limits: 200 records a page, 10,000 in all, 3,000 characters of body.
 */

import { validationError } from "./api-errors.js";
import { isObject, invalidBody, represent, sentProperties } from "./crm-representation.js";
import { readSearch, searchRecords } from "./crm-search.js";
import { type EmulatorResponse, json } from "./messages.js";
import { type ObjectContext, objectRoutes } from "./object-routes.js";
import type { Route } from "./route-table.js";

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 200;
const MAX_RESULTS = 10_000;
const MAX_BODY_CHARACTERS = 3_000;

/** The routes of this file. */
export const crmSearchRoutes: readonly Route[] = objectRoutes({
  name: "objects-search",
  method: "POST",
  rest: "/search",
  right: "read",
  handle: search,
});

function search({ request, crm, type, records }: ObjectContext): EmulatorResponse {
  const body = request.json;
  if (!isObject(body)) return invalidBody("a search");
  if (request.text.length > MAX_BODY_CHARACTERS) {
    return validationError(`The body of a search can have at most ${MAX_BODY_CHARACTERS} characters`);
  }
  const wanted = readSearch(body);
  if (typeof wanted === "string") return validationError(wanted);
  const limit = Number(body["limit"] ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) return validationError(`The limit must be from 1 to ${MAX_LIMIT}`);
  const after = Number(body["after"] || 0);
  if (!Number.isInteger(after) || after < 0) return validationError("The 'after' value is not valid");
  // HubSpot says that paging beyond 10,000 is a 400, and no more.
  if (after + limit > MAX_RESULTS) return validationError(`A search gives its first ${MAX_RESULTS} results, and no more`);
  const found = searchRecords({ records, associations: crm.associations, findType: (name) => crm.findType(name) }, wanted);
  const { properties } = body;
  const names = sentProperties(type, Array.isArray(properties) && properties.length > 0 ? properties.map(String) : undefined);
  const results = found.slice(after, after + limit).map((record) => represent(record, names));
  const next = after + limit < found.length ? { paging: { next: { after: String(after + limit) } } } : {};
  return json(200, { total: found.length, results, ...next });
}
