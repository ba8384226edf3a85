/**
 * CRM records in HubSpot's JSON, and the bodies callers send: one place for what list, read, write, batch and search have in common.
 */

import { apiError, validationError } from "./api-errors.js";
import { associationType } from "./associations.js";
import type { CrmRecord, PropertyValues } from "./crm-collection.js";
import type { CrmStore } from "./crm-store.js";
import type { EmulatorResponse } from "./messages.js";
import type { CrmObjectType } from "./object-types.js";

/** Which of a record's properties are sent: the ones asked for and the three HubSpot never leaves out, or the type's own choice. */
export function sentProperties(type: CrmObjectType, requested: readonly string[] | undefined): readonly string[] {
  if (requested === undefined) return type.defaultProperties;
  const names = new Set([...requested, type.createdProperty, type.modifiedProperty, "hs_object_id"]);
  names.delete("");
  return [...names].sort();
}

/** The `properties` of a query string. */
export function listedNames(value: string | undefined): readonly string[] | undefined {
  return value?.split(",").map((name) => name.trim());
}

/** A record as HubSpot sends it, with the properties named. */
export function represent(record: CrmRecord, names: readonly string[]): Record<string, unknown> {
  const properties: Record<string, string | null> = {};
  for (const name of names) {
    const value: unknown = record.properties[name];
    properties[name] = typeof value === "string" ? value : null; // what every object inherits is no text
  }
  const body: Record<string, unknown> = {
    id: record.id,
    properties,
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    archived: record.archivedAtMs !== undefined,
  };
  if (record.archivedAtMs !== undefined) body["archivedAt"] = new Date(record.archivedAtMs).toISOString();
  return body;
}

/** What a record was last sent as with the properties that its type chooses, and what that was made of. */
interface KeptText {
  readonly names: readonly string[];
  readonly values: readonly (string | null | undefined)[];
  readonly updatedAtMs: number;
  readonly archivedAtMs: number | undefined;
  readonly text: string;
}

const keptTexts = new WeakMap<CrmRecord, KeptText>();

/** The JSON of `represent()`, kept while nothing in it changes: a test may also write to a record itself. */
export function representedText(record: CrmRecord, names: readonly string[]): string {
  const kept = keptTexts.get(record);
  if (kept !== undefined && isStillTrue(kept, record, names)) return kept.text;
  const { properties, updatedAtMs, archivedAtMs } = record;
  const text = JSON.stringify(represent(record, names));
  keptTexts.set(record, { names, values: names.map((name) => properties[name]), updatedAtMs, archivedAtMs, text });
  return text;
}

function isStillTrue({ names, values, updatedAtMs, archivedAtMs }: KeptText, record: CrmRecord, wanted: readonly string[]): boolean {
  if (names !== wanted || updatedAtMs !== record.updatedAtMs || archivedAtMs !== record.archivedAtMs) return false;
  return names.every((name, index) => record.properties[name] === values[index]);
}

/** A record with every property it has, as HubSpot answers a write. */
export function representWhole(record: CrmRecord): Record<string, unknown> {
  return represent(record, Object.keys(record.properties).sort());
}

/** The `associations` of a record on reads and lists, by the types asked for; undefined when there are none. */
export function representAssociations(crm: CrmStore, type: CrmObjectType, id: string, types: readonly CrmObjectType[]): object | undefined {
  const found = types.flatMap((to) => {
    const ids = crm.associations.of({ type, id }, to);
    const { name } = associationType(type, to);
    return ids.length === 0 ? [] : [[to.name, { results: ids.map((other) => ({ id: String(other), type: name })) }] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

/** The `properties` of a body, as text; undefined when it has none, or one that is no text, number, boolean or null. */
export function readProperties(body: unknown): PropertyValues | undefined {
  const properties = isObject(body) ? body["properties"] : undefined;
  if (!isObject(properties)) return undefined;
  const values: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "string" || value === null) values[name] = value;
    else if (typeof value === "number" || typeof value === "boolean") values[name] = String(value);
    else return undefined;
  }
  return values;
}

/** What is wrong with property values: an e-mail address that is none, or one that another contact has. */
export function refusedValues(
  crm: CrmStore,
  type: CrmObjectType,
  values: PropertyValues,
  record?: CrmRecord,
): EmulatorResponse | undefined {
  const email = type.name === "contacts" ? values["email"] : undefined;
  if (email && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/u.test(email)) {
    const problem = { isValid: false, message: `Email address ${email} is invalid`, error: "INVALID_EMAIL", name: "email" };
    return validationError(`Property values were not valid: ${JSON.stringify([problem])}`);
  }
  const twin = crm.of(type).twin(values, record);
  return twin === undefined ? undefined : alreadyExists(type, twin.id);
}

/** 409: a value that must be unique is another record's. */
export function alreadyExists(type: CrmObjectType, id?: string): EmulatorResponse {
  const name = type.singular.charAt(0).toUpperCase() + type.singular.slice(1);
  return apiError(409, "CONFLICT", `${name} already exists.${id === undefined ? "" : ` Existing ID: ${id}`}`);
}

/** 400: the body is not what it should be. */
export function invalidBody(wanted: string): EmulatorResponse {
  return validationError(`Invalid input JSON: the body must be an object with ${wanted}`);
}

/** 400: `idProperty` names a property that two records may share. */
export function notUnique(type: CrmObjectType, property: string): EmulatorResponse {
  return validationError(`Unable to perform update/upsert by non-unique ${type.id} property ${property}`);
}

/** Whether a parsed JSON value is an object with fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
