/**
 * Which CRM record of one account belongs to which: default (unlabelled) associations, always there in both directions.
 * Labels and primary companies are not known here.
 */

import { lowerBound } from "./lower-bound.js";
import type { CrmObjectType } from "./object-types.js";

/** One record, by its type and id. */
export interface RecordEnd {
  /** Its object type. */
  readonly type: CrmObjectType;
  /** Its `hs_object_id`. */
  readonly id: string;
}

/** What kind of association two types have in one direction. */
export interface AssociationType {
  /** HubSpot's own, or one of the account. */
  readonly category: "HUBSPOT_DEFINED" | "USER_DEFINED";
  /** HubSpot's number for it, one for each direction. */
  readonly typeId: number;
  /** As the v3 APIs name it: `deal_to_contact`. */
  readonly name: string;
}

// HubSpot's ids of the unlabelled types, by direction. "Association type IDs", read 2026-11.
const TYPE_IDS: Readonly<Record<string, number>> = {
  "0-1>0-1": 449,
  "0-1>0-2": 279,
  "0-1>0-3": 4,
  "0-1>0-5": 15,
  "0-2>0-1": 280,
  "0-2>0-2": 450,
  "0-2>0-3": 342,
  "0-2>0-5": 340,
  "0-3>0-1": 3,
  "0-3>0-2": 341,
  "0-3>0-3": 451,
  "0-3>0-5": 27,
  "0-5>0-1": 16,
  "0-5>0-2": 339,
  "0-5>0-3": 28,
  "0-5>0-5": 452,
};
// The primary company's types: what a create may name as well. Here they make the same unlabelled association.
const PRIMARY_TYPE_IDS: Readonly<Record<string, number>> = {
  "0-1>0-2": 1,
  "0-2>0-1": 2,
  "0-3>0-2": 5,
  "0-2>0-3": 6,
  "0-2>0-5": 25,
  "0-5>0-2": 26,
};

/** The default association from one type to another. */
export function associationType(from: CrmObjectType, to: CrmObjectType): AssociationType {
  const direction = `${from.id}>${to.id}`;
  const typeId = TYPE_IDS[direction];
  const name = `${from.singular}_to_${to.singular}`;
  // HubSpot numbers the types of custom objects as they are made. Any number will do, as long as it stays the same.
  if (typeId === undefined) return { category: "USER_DEFINED", typeId: 1 + pairNumber(from, to), name };
  return { category: "HUBSPOT_DEFINED", typeId, name: direction in PRIMARY_TYPE_IDS ? `${name}_unlabeled` : name };
}

function pairNumber(from: CrmObjectType, to: CrmObjectType): number {
  const number = (type: CrmObjectType): number => Number(type.id.replace("-", ""));
  return (number(from) * 7919 + number(to)) % 1_000_003;
}

/** The type that an association type id of `from` leads to. */
export function associatedType(
  from: CrmObjectType,
  category: unknown,
  typeId: unknown,
  types: readonly CrmObjectType[],
): CrmObjectType | undefined {
  return types.find((to) => {
    const known = associationType(from, to);
    if (known.category !== category) return false;
    return known.typeId === typeId || (known.category === "HUBSPOT_DEFINED" && PRIMARY_TYPE_IDS[`${from.id}>${to.id}`] === typeId);
  });
}

/** The associations of one account. */
export class Associations {
  /** By direction, `0-1>0-2`, and record: the other ends' ids, ascending. */
  readonly #links = new Map<string, Map<string, number[]>>();

  /** Associates two records, in both directions. Doing it again changes nothing. */
  link(one: RecordEnd, other: RecordEnd): void {
    this.#add(one, other);
    this.#add(other, one);
  }

  /** Takes an association away, in both directions. */
  unlink(one: RecordEnd, other: RecordEnd): void {
    this.#remove(one, other);
    this.#remove(other, one);
  }

  /** Takes every association of a record away. */
  drop(end: RecordEnd, types: readonly CrmObjectType[]): void {
    for (const type of types) for (const id of [...this.of(end, type)]) this.unlink(end, { type, id: String(id) });
  }

  /** The ids of the records of `type` that belong to a record, ascending. */
  of(end: RecordEnd, type: CrmObjectType): readonly number[] {
    return this.#links.get(`${end.type.id}>${type.id}`)?.get(end.id) ?? [];
  }

  /** Whether two records belong together. */
  has(end: RecordEnd, other: RecordEnd): boolean {
    const ids = this.of(end, other.type);
    return ids[lowerBound(ids, Number(other.id), (id) => id)] === Number(other.id);
  }

  /** Every association once, for a snapshot: the direction of the lower type id, or record id, first. */
  pairs(): (readonly [fromType: string, fromId: string, toType: string, toId: string])[] {
    return [...this.#links].flatMap(([direction, links]) => {
      const [from = "", to = ""] = direction.split(">");
      return [...links].flatMap(([id, others]) =>
        others.filter((other) => from < to || (from === to && Number(id) <= other)).map((other) => [from, id, to, String(other)] as const),
      );
    });
  }

  #add(end: RecordEnd, other: RecordEnd): void {
    const direction = `${end.type.id}>${other.type.id}`;
    let links = this.#links.get(direction);
    if (links === undefined) this.#links.set(direction, (links = new Map<string, number[]>()));
    let ids = links.get(end.id);
    if (ids === undefined) links.set(end.id, (ids = []));
    const place = lowerBound(ids, Number(other.id), (id) => id);
    if (ids[place] !== Number(other.id)) ids.splice(place, 0, Number(other.id));
  }

  #remove(end: RecordEnd, other: RecordEnd): void {
    const ids = this.of(end, other.type) as number[];
    const place = lowerBound(ids, Number(other.id), (id) => id);
    if (ids[place] === Number(other.id)) ids.splice(place, 1);
  }
}
