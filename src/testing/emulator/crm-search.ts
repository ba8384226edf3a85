/**
 * The CRM search: which records a body means, and in which order. Pure; `crm-search-routes.ts` answers with it.
 * HubSpot, "Search the CRM", read 2026-11: groups are joined by OR, the filters of a group by AND. Where that page is silent, this is chosen: a
 * record without the property matches NOT_HAS_PROPERTY alone, text compares in any case, and `query` finds parts of words.
 */

import type { Associations } from "./associations.js";
import type { CrmCollection, CrmRecord } from "./crm-collection.js";
import { isObject } from "./crm-representation.js";
import type { CrmObjectType } from "./object-types.js";

const OPERATORS = [
  "EQ",
  "NEQ",
  "LT",
  "LTE",
  "GT",
  "GTE",
  "BETWEEN",
  "IN",
  "NOT_IN",
  "HAS_PROPERTY",
  "NOT_HAS_PROPERTY",
  "CONTAINS_TOKEN",
  "NOT_CONTAINS_TOKEN",
] as const;

const MAX_GROUPS = 5;
const MAX_GROUP_FILTERS = 6;
const MAX_FILTERS = 18;

interface Filter {
  readonly propertyName: string;
  readonly operator: (typeof OPERATORS)[number];
  readonly value: string;
  readonly highValue: string;
  readonly values: readonly string[];
}

/** A search that was understood. */
export interface CrmSearch {
  readonly groups: readonly (readonly Filter[])[];
  readonly sort: { readonly propertyName: string; readonly descending: boolean } | undefined;
  readonly query: string | undefined;
}

/** Reads a body's filters, sort and query; a text says what is wrong with them. */
export function readSearch(body: Readonly<Record<string, unknown>>): CrmSearch | string {
  const { filterGroups = [], sorts = [], query } = body;
  if (!Array.isArray(filterGroups)) return "filterGroups must be an array";
  const groups: Filter[][] = [];
  for (const group of filterGroups as unknown[]) {
    const filters = readGroup(group);
    if (typeof filters === "string") return filters;
    groups.push(filters);
  }
  if (groups.length > MAX_GROUPS) return `There can be at most ${MAX_GROUPS} filterGroups`;
  if (groups.some((group) => group.length > MAX_GROUP_FILTERS)) return `There can be at most ${MAX_GROUP_FILTERS} filters in a group`;
  if (groups.flat().length > MAX_FILTERS) return `There can be at most ${MAX_FILTERS} filters in all`;
  if (!Array.isArray(sorts) || sorts.length > 1) return "sorts must be an array of at most one sort";
  const sort = sorts.length === 0 ? undefined : readSort(sorts[0]);
  if (typeof sort === "string") return sort;
  return { groups, sort, query: typeof query === "string" && query !== "" ? query.toLowerCase() : undefined };
}

function readGroup(group: unknown): Filter[] | string {
  const filters = isObject(group) ? group["filters"] : undefined;
  if (!Array.isArray(filters) || filters.length === 0) return "Every filter group must have filters";
  const read: Filter[] = [];
  for (const filter of filters as unknown[]) {
    const { propertyName, operator: given, value, highValue, values } = isObject(filter) ? filter : {};
    const operator = OPERATORS.find((known) => known === given);
    if (typeof propertyName !== "string" || propertyName === "") return "Every filter must have a propertyName";
    if (operator === undefined) return `Invalid operator: ${JSON.stringify(given)}`;
    const isList = operator === "IN" || operator === "NOT_IN";
    const needsValue = !isList && operator !== "HAS_PROPERTY" && operator !== "NOT_HAS_PROPERTY";
    if (isList && !Array.isArray(values)) return `${operator} needs values`;
    if (needsValue && !isScalar(value)) return `${operator} needs a value`;
    if (operator === "BETWEEN" && !isScalar(highValue)) return "BETWEEN needs a highValue";
    const listed = Array.isArray(values) ? values.map(String) : [];
    read.push({ propertyName, operator, value: text(value), highValue: text(highValue), values: listed });
  }
  return read;
}

/** `{ propertyName, direction }`, or the short form `name` and `-name`. */
function readSort(sort: unknown): NonNullable<CrmSearch["sort"]> | string {
  if (typeof sort === "string" && sort !== "") {
    return { propertyName: sort.replace(/^-/u, ""), descending: sort.startsWith("-") };
  }
  const { propertyName, direction = "ASCENDING" } = isObject(sort) ? sort : {};
  if (typeof propertyName !== "string") return "A sort must have a propertyName";
  if (direction !== "ASCENDING" && direction !== "DESCENDING") return `Invalid direction: ${JSON.stringify(direction)}`;
  return { propertyName, descending: direction === "DESCENDING" };
}

/** Where a search looks. */
export interface SearchedAccount {
  readonly records: CrmCollection;
  readonly associations: Associations;
  readonly findType: (name: string) => CrmObjectType | undefined;
}

/** The records that match, in order: by the sort, those without a value last; else as they were created. */
export function searchRecords(account: SearchedAccount, { groups, sort, query }: CrmSearch): readonly CrmRecord[] {
  const { records } = account;
  const tests = groups.map((group) => group.map((filter) => filterTest(filter, account)));
  const wanted = (record: CrmRecord): boolean =>
    (tests.length === 0 || tests.some((group) => group.every((test) => test(record)))) &&
    (query === undefined || records.type.searchedProperties.some((name) => record.properties[name]?.toLowerCase().includes(query)));
  const matching = candidates(records, groups).filter(wanted);
  if (sort === undefined) return matching;
  const { propertyName, descending } = sort;
  const keyed = matching.map((record) => ({ record, key: comparable(record.properties[propertyName]) }));
  const sign = descending ? -1 : 1;
  const last = (key: number | string): number => Number(key === "");
  keyed.sort((one, other) => last(one.key) - last(other.key) || sign * order(one.key, other.key));
  return keyed.map(({ record }) => record);
}

/** The few records that can match at all, when one group asks for an id or a unique value; else all. */
function candidates(records: CrmCollection, groups: CrmSearch["groups"]): readonly CrmRecord[] {
  const [group = []] = groups;
  const exact =
    groups.length === 1 ? group.find(({ operator, propertyName }) => operator === "EQ" && isKey(records, propertyName)) : undefined;
  if (exact === undefined) return records.list();
  const found = exact.propertyName === "hs_object_id" ? records.find(exact.value) : records.findBy(exact.propertyName, exact.value);
  return found === undefined ? [] : [found];
}

function isKey(records: CrmCollection, property: string): boolean {
  return property === "hs_object_id" || records.isUnique(property);
}

function filterTest(filter: Filter, account: SearchedAccount): (record: CrmRecord) => boolean {
  const { propertyName, operator } = filter;
  if (propertyName.startsWith("associations.")) return associationTest(filter, account);
  const matches = valueTest(filter);
  return (record) => {
    const value = Object.hasOwn(record.properties, propertyName) ? record.properties[propertyName] : null;
    if (value === undefined || value === null) return operator === "NOT_HAS_PROPERTY";
    return matches(value);
  };
}

/** `associations.contact` and so on: a pseudo-property that holds the ids of the records a record belongs to. */
function associationTest({ propertyName, operator, value, values }: Filter, account: SearchedAccount): (record: CrmRecord) => boolean {
  const type = account.findType(propertyName.slice("associations.".length));
  const { records, associations } = account;
  return ({ id }) => {
    const end = { type: records.type, id };
    if (type === undefined) return operator === "NOT_HAS_PROPERTY";
    if (operator === "HAS_PROPERTY" || operator === "NOT_HAS_PROPERTY") {
      return associations.of(end, type).length > 0 === (operator === "HAS_PROPERTY");
    }
    const some = (operator === "EQ" || operator === "NEQ" ? [value] : values).some((other) => associations.has(end, { type, id: other }));
    return operator === "EQ" || operator === "IN" ? some : !some;
  };
}

function valueTest({ operator, value, highValue, values }: Filter): (value: string) => boolean {
  const low = comparable(value);
  const high = comparable(highValue);
  const listed = new Set(values.map(comparable));
  switch (operator) {
    case "EQ":
      return (own) => order(comparable(own), low) === 0;
    case "NEQ":
      return (own) => order(comparable(own), low) !== 0;
    case "LT":
      return (own) => order(comparable(own), low) < 0;
    case "LTE":
      return (own) => order(comparable(own), low) <= 0;
    case "GT":
      return (own) => order(comparable(own), low) > 0;
    case "GTE":
      return (own) => order(comparable(own), low) >= 0;
    case "BETWEEN":
      return (own) => order(comparable(own), low) >= 0 && order(comparable(own), high) <= 0;
    case "IN":
      return (own) => listed.has(comparable(own));
    case "NOT_IN":
      return (own) => !listed.has(comparable(own));
    case "HAS_PROPERTY":
      return () => true;
    case "NOT_HAS_PROPERTY":
      return () => false;
    case "CONTAINS_TOKEN":
      return tokenTest(value);
    case "NOT_CONTAINS_TOKEN": {
      const contains = tokenTest(value);
      return (own) => !contains(own);
    }
  }
}

/** A whole word, or with `*` a part of one: `*@example.com` is every address there. */
function tokenTest(value: string): (value: string) => boolean {
  const pattern = value
    .split("*")
    .map(literally)
    .join(String.raw`\S*`);
  const start = /^[\p{L}\p{N}]/u.test(value) ? String.raw`(?<![\p{L}\p{N}])` : "";
  const end = /[\p{L}\p{N}]$/u.test(value) ? String.raw`(?![\p{L}\p{N}])` : "";
  const expression = new RegExp(start + pattern + end, "iu");
  return (own) => expression.test(own);
}

/** `RegExp.escape` is too new for Node 20. */
function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`);
}

/** Numbers and times as numbers (a time may be given in milliseconds or as ISO 8601), everything else as text in lower case. */
function comparable(value: string | null | undefined): number | string {
  if (value === undefined || value === null || value === "") return "";
  if (/^-?\d+(?:\.\d+)?$/u.test(value)) return Number(value);
  const ms = /^\d{4}-\d\d-\d\d(?:T|$)/u.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? value.toLowerCase() : ms;
}

/** Numbers before text. */
function order(one: number | string, other: number | string): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (typeof one === "string" && typeof other === "string") return one < other ? -1 : Number(one > other);
  return typeof one === "number" ? -1 : 1;
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function text(value: unknown): string {
  return isScalar(value) ? String(value) : "";
}
