/**
 * Associations between CRM records, as far as a sync needs them: make and take away the default one, list, and batch read.
 * `/crm/v4/objects/…` and `/crm/v4/associations/…`, and the dated paths of the same operations.
 */

import { batchAnswer, type BatchError, objectNotFound, validationError } from "./api-errors.js";
import { type AssociationType, associationType, type RecordEnd } from "./associations.js";
import { authenticate, type Caller } from "./bearer.js";
import { readInputs } from "./crm-batch-routes.js";
import type { CrmStore } from "./crm-store.js";
import { lowerBound } from "./lower-bound.js";
import { type EmulatorResponse, empty, json } from "./messages.js";
import { typeFor } from "./object-routes.js";
import type { CrmObjectType } from "./object-types.js";
import { nextPageLink } from "./paging-link.js";
import type { EmulatorRoute } from "./request-log.js";
import type { Route, RouteContext, RouteHandler } from "./route-table.js";

const MAX_LIMIT = 500;
const MAX_INPUTS = 1_000;

interface AssociationContext extends RouteContext {
  readonly crm: CrmStore;
  readonly from: CrmObjectType;
  readonly to: CrmObjectType;
}

const OBJECTS = ["/crm/v4/objects", "/crm/objects/{version:2026-03|2026-09}"];
const BATCHES = ["/crm/v4/associations", "/crm/associations/{version:2026-03|2026-09}"];
const RECORD = "/{fromType}/{id}/associations";

/** The routes of this file. */
export const associationRoutes: readonly Route[] = [
  ...routes("associations-list", "GET", OBJECTS, `${RECORD}/{toType}`, "read", list),
  ...routes("associations-create", "PUT", OBJECTS, `${RECORD}/default/{toType}/{toId}`, "write", create),
  ...routes("associations-delete", "DELETE", OBJECTS, `${RECORD}/{toType}/{toId}`, "write", remove),
  ...routes("associations-batch-read", "POST", BATCHES, "/{fromType}/{toType}/batch/read", "read", batchRead),
];

function routes(
  name: EmulatorRoute,
  method: string,
  bases: readonly string[],
  rest: string,
  right: "read" | "write",
  handle: (context: AssociationContext) => EmulatorResponse,
): Route[] {
  const handler: RouteHandler = (context) => {
    const caller: Caller | EmulatorResponse = authenticate(context, []);
    if ("status" in caller) return caller;
    const from = typeFor(caller, context.params["fromType"] ?? "", right);
    if ("status" in from) return from;
    const to = typeFor(caller, context.params["toType"] ?? "", right);
    if ("status" in to) return to;
    return handle({ ...context, crm: caller.account.crm, from, to });
  };
  return bases.map((base) => ({ name, method, pattern: base + rest, handler }));
}

function list({ request, query, params, crm, from, to }: AssociationContext): EmulatorResponse {
  const id = params["id"] ?? "";
  const limit = Number(query["limit"] ?? MAX_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) return validationError(`The limit must be from 1 to ${MAX_LIMIT}`);
  if (crm.of(from).find(id) === undefined) return objectNotFound();
  const { results, next } = page(crm, { type: from, id }, to, limit, query["after"]);
  if (next === undefined) return json(200, { results });
  return json(200, { results, paging: { next: { after: next, link: nextPageLink(request.url, next) } } });
}

function create({ state, params, crm, from, to }: AssociationContext): EmulatorResponse {
  const one = { type: from, id: params["id"] ?? "" };
  const other = { type: to, id: params["toId"] ?? "" };
  if (missing(crm, one) || missing(crm, other)) return objectNotFound();
  crm.associations.link(one, other);
  const results = [associated(one, other), associated(other, one)];
  return batchAnswer(200, results, [], state.now());
}

function remove({ params, crm, from, to }: AssociationContext): EmulatorResponse {
  crm.associations.unlink({ type: from, id: params["id"] ?? "" }, { type: to, id: params["toId"] ?? "" });
  return empty(204);
}

function batchRead({ state, request, crm, from, to }: AssociationContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  const results: object[] = [];
  const errors: BatchError[] = [];
  for (const input of inputs) {
    const id = String(input["id"]);
    const after = input["after"];
    const found = page(crm, { type: from, id }, to, MAX_LIMIT, typeof after === "string" ? after : undefined);
    const paging = found.next === undefined ? {} : { paging: { next: { after: found.next } } };
    if (found.results.length === 0) errors.push(noneFound(from, id, to));
    else results.push({ from: { id }, to: found.results, ...paging });
  }
  return batchAnswer(200, results, errors, state.now());
}

/** The associated records from the id `after` on. */
function page(
  crm: CrmStore,
  end: RecordEnd,
  to: CrmObjectType,
  limit: number,
  after: string | undefined,
): { readonly results: readonly object[]; readonly next: string | undefined } {
  const ids = crm.associations.of(end, to);
  const start = lowerBound(ids, Number(after ?? 0), (id) => id);
  const { category, typeId } = associationType(end.type, to);
  const results = ids.slice(start, start + limit).map((toObjectId) => ({
    toObjectId,
    associationTypes: [{ category, typeId, label: null }],
  }));
  const next = ids[start + limit];
  return { results, next: next === undefined ? undefined : String(next) };
}

function missing(crm: CrmStore, { type, id }: RecordEnd): boolean {
  return crm.of(type).find(id) === undefined;
}

function associated(one: RecordEnd, other: RecordEnd): object {
  const { category, typeId }: AssociationType = associationType(one.type, other.type);
  const associationSpec = { associationCategory: category, associationTypeId: typeId };
  return { from: { id: one.id }, to: { id: other.id }, associationSpec };
}

function noneFound(from: CrmObjectType, id: string, to: CrmObjectType): BatchError {
  return {
    status: "error",
    category: "OBJECT_NOT_FOUND",
    subCategory: "crm.associations.NO_ASSOCIATIONS_FOUND",
    message: `No ${to.singular} is associated with ${from.singular} ${id}.`,
    context: { fromObjectId: [id], fromObjectType: [from.singular], toObjectType: [to.singular] },
  };
}
