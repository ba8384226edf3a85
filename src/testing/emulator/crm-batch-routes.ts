/**
 * CRM objects by the hundred: batch read, create, update, upsert and archive, with HubSpot's 207 where some inputs failed.
 * A batch create is all or nothing, unless every input brings an `objectWriteTraceId`: then each fails by itself.
 */

import { batchAnswer, type BatchError, objectsNotFound, validationError } from "./api-errors.js";
import type { CrmRecord, PropertyValues } from "./crm-collection.js";
import {
  alreadyExists,
  invalidBody,
  isObject,
  notUnique,
  readProperties,
  refusedValues,
  represent,
  representWhole,
  sentProperties,
} from "./crm-representation.js";
import { type EmulatorResponse, empty } from "./messages.js";
import { type ObjectContext, objectRoutes } from "./object-routes.js";
import type { CrmObjectType } from "./object-types.js";
import type { Route } from "./route-table.js";

const MAX_INPUTS = 100;

type Input = Readonly<Record<string, unknown>>;

/** The routes of this file. */
export const crmBatchRoutes: readonly Route[] = [
  ...objectRoutes({ name: "objects-batch-read", method: "POST", rest: "/batch/read", right: "read", handle: read }),
  ...objectRoutes({ name: "objects-batch-create", method: "POST", rest: "/batch/create", right: "write", handle: create }),
  ...objectRoutes({ name: "objects-batch-update", method: "POST", rest: "/batch/update", right: "write", handle: update }),
  ...objectRoutes({ name: "objects-batch-upsert", method: "POST", rest: "/batch/upsert", right: "write", handle: upsert }),
  ...objectRoutes({ name: "objects-batch-archive", method: "POST", rest: "/batch/archive", right: "write", handle: archive }),
];

/** The `inputs` of a body, or the 400 to answer. */
export function readInputs(body: unknown, max: number): readonly Input[] | EmulatorResponse {
  const inputs = isObject(body) ? body["inputs"] : undefined;
  if (!Array.isArray(inputs) || !inputs.every(isObject)) return invalidBody("inputs that are an array of objects");
  return inputs.length > max ? validationError(`At most ${max} inputs are allowed, and there are ${inputs.length}`) : inputs;
}

function read({ state, request, query, type, records }: ObjectContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  const { properties, idProperty = "hs_object_id" } = request.json as { properties?: unknown; idProperty?: unknown };
  const named = Array.isArray(properties) ? properties.map(String) : undefined;
  const property = String(idProperty);
  if (property !== "hs_object_id" && !records.isUnique(property)) return notUnique(type, property);
  const archived = query["archived"] === "true";
  const names = sentProperties(type, named);
  const found: CrmRecord[] = [];
  const missing: string[] = [];
  for (const input of inputs) {
    const id = String(input["id"]);
    const record = property === "hs_object_id" ? records.find(id, archived) : records.findBy(property, id);
    if (record === undefined) missing.push(id);
    else if (!found.includes(record)) found.push(record);
  }
  const results = found.map((record) => represent(record, names));
  return batchAnswer(200, results, missing.length === 0 ? [] : [objectsNotFound(type, missing)], state.now());
}

function create({ state, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  const eachByItself = inputs.every((input) => typeof input["objectWriteTraceId"] === "string");
  const accepted: { readonly values: PropertyValues; readonly input: Input }[] = [];
  const errors: BatchError[] = [];
  const taken = new Set<string>();
  for (const input of inputs) {
    const properties = readProperties(input);
    const refused =
      properties === undefined ? invalidBody("properties") : (refusedValues(crm, type, properties) ?? repeats(type, properties, taken));
    if (properties !== undefined && refused === undefined) {
      const { hs_object_id: _, ...values } = properties;
      accepted.push({ values, input });
    } else if (refused !== undefined) {
      if (!eachByItself) return refused;
      errors.push(asBatchError(refused, input));
    }
  }
  const results = accepted.map(({ values, input }) => traced(representWhole(records.create(values, state.now())), input));
  return batchAnswer(201, results, errors, state.now());
}

function update({ state, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  const wrong = repeatedIds(inputs) ?? wrongProperty(inputs, type, records.isUnique.bind(records), false);
  if (wrong !== undefined) return wrong;
  const results: object[] = [];
  const errors: BatchError[] = [];
  for (const input of inputs) {
    const id = String(input["id"]);
    const properties = readProperties(input);
    if (properties === undefined) return invalidBody("properties");
    const record = typeof input["idProperty"] === "string" ? records.findBy(input["idProperty"], id) : records.find(id);
    const refused = record === undefined ? undefined : refusedValues(crm, type, properties, record);
    if (record === undefined) errors.push(withTrace(objectsNotFound(type, [id]), input));
    else if (refused !== undefined) errors.push(asBatchError(refused, input));
    else {
      records.update(record, properties, state.now());
      results.push(traced(representWhole(record), input));
    }
  }
  return batchAnswer(200, results, errors, state.now());
}

function upsert({ state, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  const wrong = repeatedIds(inputs) ?? wrongProperty(inputs, type, records.isUnique.bind(records), true);
  if (wrong !== undefined) return wrong;
  const results: object[] = [];
  const errors: BatchError[] = [];
  for (const input of inputs) {
    const id = String(input["id"]);
    const property = String(input["idProperty"]);
    const properties = readProperties(input);
    if (properties === undefined) return invalidBody("properties");
    const found = records.findBy(property, id);
    const { hs_object_id: _, ...values } = { [property]: id, ...properties };
    const refused = refusedValues(crm, type, values, found);
    if (refused !== undefined) {
      errors.push(asBatchError(refused, input));
      continue;
    }
    if (found !== undefined) records.update(found, values, state.now());
    const record = found ?? records.create(values, state.now());
    results.push(traced({ ...representWhole(record), new: found === undefined }, input));
  }
  return batchAnswer(200, results, errors, state.now());
}

function archive({ state, request, crm, type, records }: ObjectContext): EmulatorResponse {
  const inputs = readInputs(request.json, MAX_INPUTS);
  if ("status" in inputs) return inputs;
  for (const input of inputs) {
    const record = records.find(String(input["id"]));
    if (record !== undefined) crm.archive(type, record, state.now());
  }
  return empty(204);
}

/** 409 when an earlier input of the same batch has the same unique value. */
function repeats(type: CrmObjectType, values: PropertyValues, taken: Set<string>): EmulatorResponse | undefined {
  const keys = type.uniqueProperties.flatMap((name) => (values[name] ? [`${name}=${values[name].toLowerCase()}`] : []));
  if (keys.some((key) => taken.has(key))) return alreadyExists(type);
  for (const key of keys) taken.add(key);
  return undefined;
}

function repeatedIds(inputs: readonly Input[]): EmulatorResponse | undefined {
  const ids = inputs.map((input) => String(input["id"]).toLowerCase());
  const repeated = [...new Set(ids.filter((id, index) => ids.indexOf(id) !== index))];
  if (repeated.length === 0) return undefined;
  return validationError(`Duplicate IDs found in batch input: [${repeated.join(", ")}]. IDs must be unique`);
}

function wrongProperty(
  inputs: readonly Input[],
  type: CrmObjectType,
  isUnique: (property: string) => boolean,
  required: boolean,
): EmulatorResponse | undefined {
  for (const { idProperty } of inputs) {
    if (idProperty === undefined && required) return validationError("idProperty is required for an upsert");
    if (idProperty === undefined) continue;
    if (typeof idProperty !== "string") return validationError("idProperty must be a text");
    if (!isUnique(idProperty)) return notUnique(type, idProperty);
  }
  return undefined;
}

function traced(record: Record<string, unknown>, input: Input): object {
  const trace = input["objectWriteTraceId"];
  return typeof trace === "string" ? { ...record, objectWriteTraceId: trace } : record;
}

function withTrace(error: BatchError, input: Input): BatchError {
  const trace = input["objectWriteTraceId"];
  return typeof trace === "string" ? { ...error, context: { ...error.context, objectWriteTraceId: [trace] } } : error;
}

/** The refusal of one input as an entry of a 207. */
function asBatchError(refusal: EmulatorResponse, input: Input): BatchError {
  const { category, message } = JSON.parse(String(refusal.body)) as { category: string; message: string };
  return withTrace({ status: "error", category, message, context: {} }, input);
}
