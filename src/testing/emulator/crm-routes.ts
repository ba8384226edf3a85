/**
 * CRM objects (contacts, companies, deals) under `/crm/v3/objects/{type}` and `/crm/objects/{2026-03|2026-09}/{type}`: list, read, create,
 * update, archive.
 */

import { apiError, objectNotFound, validationError } from "./api-errors.js";
import { authenticate, type Caller, rateLimitHeaders } from "./bearer.js";
import type { CrmObjectType, CrmRecord } from "./crm-store.js";
import { type EmulatorResponse, empty, json } from "./messages.js";
import type { EmulatorRoute } from "./request-log.js";
import type { Route, RouteContext, RouteHandler } from "./route-table.js";

const DEFAULT_PROPERTIES: Readonly<Record<CrmObjectType, readonly string[]>> = {
  contacts: ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
  companies: ["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
  deals: ["amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"],
};
const ALWAYS_SENT: Readonly<Record<CrmObjectType, readonly string[]>> = {
  contacts: ["createdate", "hs_object_id", "lastmodifieddate"],
  companies: ["createdate", "hs_lastmodifieddate", "hs_object_id"],
  deals: ["createdate", "hs_lastmodifieddate", "hs_object_id"],
};
const MAX_LIMIT = 100;

type ObjectHandler = (context: RouteContext, caller: Caller, type: CrmObjectType) => EmulatorResponse;

/** The CRM object routes. */
export const crmRoutes: readonly Route[] = [
  ...objectRoutes("objects-list", "GET", "", "read", list),
  ...objectRoutes("objects-create", "POST", "", "write", create),
  ...objectRoutes("objects-read", "GET", "/{id}", "read", read),
  ...objectRoutes("objects-update", "PATCH", "/{id}", "write", update),
  ...objectRoutes("objects-archive", "DELETE", "/{id}", "write", archive),
];

function objectRoutes(name: EmulatorRoute, method: string, rest: string, right: "read" | "write", handle: ObjectHandler): Route[] {
  const type = "{type:contacts|companies|deals}";
  const handler: RouteHandler = (context) => {
    const objectType = context.params["type"] as CrmObjectType; // the pattern lets nothing else through
    const caller = authenticate(context, [`crm.objects.${objectType}.${right}`]);
    if ("status" in caller) return caller;
    const response = handle(context, caller, objectType);
    return { ...response, headers: { ...response.headers, ...rateLimitHeaders(context.request) } };
  };
  return [`/crm/v3/objects/${type}${rest}`, `/crm/objects/{version:2026-03|2026-09}/${type}${rest}`].map((pattern) => ({
    name,
    method,
    pattern,
    handler,
  }));
}

function list({ query, request }: RouteContext, { account }: Caller, type: CrmObjectType): EmulatorResponse {
  const limit = Number(query["limit"] ?? 10);
  if (!Number.isInteger(limit) || limit < 1) return validationError(`Invalid limit: ${query["limit"]}`);
  if (limit > MAX_LIMIT) return validationError(`The limit must be at most ${MAX_LIMIT}`);
  const archived = query["archived"] === "true";
  const records = archived ? account.crm.listArchived(type) : account.crm.list(type);
  const after = query["after"];
  // The cursor is the id to begin with, so records that vanish between two pages neither repeat nor hide others.
  const rest = after === undefined ? records : records.filter((record) => Number(record.id) >= Number(after));
  if (after !== undefined && !/^\d+$/u.test(after)) return validationError(`The 'after' value is not valid: ${after}`);
  const results = rest.slice(0, limit).map((record) => represent(record, type, query["properties"]));
  const next = rest[limit];
  if (next === undefined) return json(200, { results });
  const link = new URL(request.url);
  link.searchParams.set("after", next.id);
  return json(200, { results, paging: { next: { after: next.id, link: link.href } } });
}

function read({ query, params }: RouteContext, { account }: Caller, type: CrmObjectType): EmulatorResponse {
  const record = account.crm.find(type, params["id"] ?? "");
  return record === undefined ? objectNotFound() : json(200, represent(record, type, query["properties"]));
}

function create({ state, request }: RouteContext, { account }: Caller, type: CrmObjectType): EmulatorResponse {
  const properties = readProperties(request.json);
  if (properties === undefined) return invalidBody();
  const twin = properties["email"] === undefined ? undefined : account.crm.findByEmail(properties["email"]);
  if (type === "contacts" && twin !== undefined) {
    return apiError(409, "CONFLICT", `Contact already exists. Existing ID: ${twin.id}`);
  }
  const record = account.crm.create(type, properties, state.now());
  return json(201, represent(record, type, Object.keys(record.properties).join(",")));
}

function update({ state, request, params }: RouteContext, { account }: Caller, type: CrmObjectType): EmulatorResponse {
  const properties = readProperties(request.json);
  if (properties === undefined) return invalidBody();
  const record = account.crm.find(type, params["id"] ?? "");
  if (record === undefined) return objectNotFound();
  account.crm.update(type, record, properties, state.now());
  return json(200, represent(record, type, Object.keys(record.properties).join(",")));
}

function archive({ state, params }: RouteContext, { account }: Caller, type: CrmObjectType): EmulatorResponse {
  const record = account.crm.find(type, params["id"] ?? "");
  if (record !== undefined) record.archivedAtMs = state.now();
  return empty(204);
}

function represent(record: CrmRecord, type: CrmObjectType, requested: string | undefined): object {
  const names = requested === undefined ? DEFAULT_PROPERTIES[type] : [...requested.split(","), ...ALWAYS_SENT[type]];
  const properties = [...new Set(names)].filter((name) => name !== "").sort();
  return {
    id: record.id,
    properties: Object.fromEntries(properties.map((name) => [name, record.properties[name] ?? null])),
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    archived: record.archivedAtMs !== undefined,
    ...(record.archivedAtMs === undefined ? {} : { archivedAt: new Date(record.archivedAtMs).toISOString() }),
  };
}

function readProperties(body: unknown): Record<string, string> | undefined {
  const properties = typeof body === "object" && body !== null && "properties" in body ? body.properties : undefined;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) return undefined;
  return Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, String(value)]));
}

function invalidBody(): EmulatorResponse {
  return validationError("Invalid input JSON: the body must be an object with properties");
}
