/**
 * CRM objects one at a time, and lists of them: list, read, create, update, archive.
 */

import { objectNotFound, unknownObjectType, validationError } from "./api-errors.js";
import { associatedType } from "./associations.js";
import type { CrmRecord } from "./crm-collection.js";
import {
  invalidBody,
  isObject,
  listedNames,
  notUnique,
  readProperties,
  refusedValues,
  represent,
  representAssociations,
  representedText,
  representWhole,
  sentProperties,
} from "./crm-representation.js";
import { type EmulatorResponse, empty, json, jsonText } from "./messages.js";
import { type ObjectContext, objectRoutes } from "./object-routes.js";
import type { CrmObjectType } from "./object-types.js";
import { nextPageLink } from "./paging-link.js";
import type { Route } from "./route-table.js";

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

/** The routes of this file. */
export const crmRoutes: readonly Route[] = [
  ...objectRoutes({ name: "objects-list", method: "GET", rest: "", right: "read", handle: list }),
  ...objectRoutes({ name: "objects-create", method: "POST", rest: "", right: "write", handle: create }),
  ...objectRoutes({ name: "objects-read", method: "GET", rest: "/{id}", right: "read", handle: read }),
  ...objectRoutes({ name: "objects-update", method: "PATCH", rest: "/{id}", right: "write", handle: update }),
  ...objectRoutes({ name: "objects-archive", method: "DELETE", rest: "/{id}", right: "write", handle: archive }),
];

function list({ query, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const limit = Number(query["limit"] ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1) return validationError(`Invalid limit: ${query["limit"]}`);
  if (limit > MAX_LIMIT) return validationError(`The limit must be at most ${MAX_LIMIT}`);
  const from = query["after"];
  if (from !== undefined && !/^\d+$/u.test(from)) return validationError(`The 'after' value is not valid: ${from}`);
  const associated = associatedTypes(crm.findType.bind(crm), query["associations"]);
  if ("status" in associated) return associated;
  // The cursor is the id to begin with, so records that vanish between two pages neither repeat nor hide others.
  const page = records.page(Number(from ?? 0), limit, query["archived"] === "true");
  const names = sentProperties(type, listedNames(query["properties"]));
  const results = page.records.map((record) =>
    associated.length === 0 ? representedText(record, names) : JSON.stringify(withAssociations(crm, type, record, names, associated)),
  );
  const after = page.next?.id;
  const paging = after === undefined ? "" : `,"paging":${JSON.stringify({ next: { after, link: nextPageLink(request.url, after) } })}`;
  return jsonText(200, `{"results":[${results.join(",")}]${paging}}`);
}

function read(context: ObjectContext): EmulatorResponse {
  const { query, crm, type } = context;
  const associated = associatedTypes(crm.findType.bind(crm), query["associations"]);
  if ("status" in associated) return associated;
  const record = find(context, query["archived"] === "true");
  if ("status" in record) return record;
  return json(200, withAssociations(crm, type, record, sentProperties(type, listedNames(query["properties"])), associated));
}

function create({ state, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const properties = readProperties(request.json);
  if (properties === undefined) return invalidBody("properties");
  const targets = readTargets(request.json, type, crm.types);
  if ("status" in targets) return targets;
  const missing = targets.find((target) => crm.of(target.type).find(target.id) === undefined);
  if (missing !== undefined) return validationError(`The ${missing.type.singular} ${missing.id} to associate with does not exist`);
  const refused = refusedValues(crm, type, properties);
  if (refused !== undefined) return refused;
  const { hs_object_id: _, ...values } = properties;
  const record = records.create(values, state.now());
  for (const target of targets) crm.associations.link({ type, id: record.id }, target);
  return json(201, representWhole(record));
}

function update(context: ObjectContext): EmulatorResponse {
  const { state, request, crm, type, records } = context;
  const properties = readProperties(request.json);
  if (properties === undefined) return invalidBody("properties");
  const record = find(context, false);
  if ("status" in record) return record;
  const refused = refusedValues(crm, type, properties, record);
  if (refused !== undefined) return refused;
  records.update(record, properties, state.now());
  return json(200, representWhole(record));
}

function archive({ state, params, crm, type, records }: ObjectContext): EmulatorResponse {
  const record = records.find(params["id"] ?? "");
  if (record !== undefined) crm.archive(type, record, state.now());
  return empty(204);
}

/** The record of a path, by its id or by `idProperty`. */
function find({ params, query, type, records }: ObjectContext, archived: boolean): CrmRecord | EmulatorResponse {
  const id = params["id"] ?? "";
  const property = query["idProperty"] ?? "hs_object_id";
  if (property === "hs_object_id") return records.find(id, archived) ?? objectNotFound();
  return records.isUnique(property) ? (records.findBy(property, id) ?? objectNotFound()) : notUnique(type, property);
}

function withAssociations(
  crm: ObjectContext["crm"],
  type: CrmObjectType,
  record: CrmRecord,
  names: readonly string[],
  associated: readonly CrmObjectType[],
): object {
  const associations = associated.length === 0 ? undefined : representAssociations(crm, type, record.id, associated);
  const body = represent(record, names);
  return associations === undefined ? body : { ...body, associations };
}

function associatedTypes(
  findType: (name: string) => CrmObjectType | undefined,
  value: string | undefined,
): readonly CrmObjectType[] | EmulatorResponse {
  const types: CrmObjectType[] = [];
  for (const name of value?.split(",") ?? []) {
    const type = findType(name.trim());
    if (type === undefined) return unknownObjectType(name);
    types.push(type);
  }
  return types;
}

/** The `associations` of a create: `[{ to: { id }, types: [{ associationCategory, associationTypeId }] }]`. */
function readTargets(
  body: unknown,
  from: CrmObjectType,
  types: readonly CrmObjectType[],
): readonly { readonly type: CrmObjectType; readonly id: string }[] | EmulatorResponse {
  const given = isObject(body) ? (body["associations"] ?? []) : [];
  if (!Array.isArray(given)) return invalidBody("associations that are an array");
  const targets: { type: CrmObjectType; id: string }[] = [];
  for (const entry of given as unknown[]) {
    const to = isObject(entry) && isObject(entry["to"]) ? entry["to"]["id"] : undefined;
    const specs = isObject(entry) && Array.isArray(entry["types"]) ? (entry["types"] as unknown[]) : [];
    const [spec] = specs;
    const type = isObject(spec) ? associatedType(from, spec["associationCategory"], spec["associationTypeId"], types) : undefined;
    if (type === undefined) return validationError(`No association type of ${from.singular} is ${JSON.stringify(spec)}`);
    targets.push({ type, id: String(to) });
  }
  return targets;
}
