/**
 * The records of one object type in one account, found by id, by a unique property and by page without a scan, so that 100,000 of them
 * stay usable. Knows nothing of HTTP.
 */

import { lowerBound } from "./lower-bound.js";
import type { CrmObjectType } from "./object-types.js";

/** One CRM record. Times are milliseconds since 1970. */
export interface CrmRecord {
  /** Its `hs_object_id`. */
  readonly id: string;
  /** Its values by property name; `null` is none. */
  readonly properties: Record<string, string | null>;
  /** When it was made. */
  readonly createdAtMs: number;
  /** When it was last changed. */
  updatedAtMs: number;
  /** When it was archived; `undefined` while it is not. */
  archivedAtMs: number | undefined;
}

/** Property values as a caller gives them; `null` or an empty text clears one. */
export type PropertyValues = Readonly<Record<string, string | null>>;

const idOf = (record: CrmRecord): number => Number(record.id);

/** The records of one type, in the order of their ids. */
export class CrmCollection {
  /** Of what the records are. */
  readonly type: CrmObjectType;
  readonly #nextId: (taken?: string) => string;
  readonly #byId = new Map<string, CrmRecord>();
  readonly #live: CrmRecord[] = [];
  readonly #archived: CrmRecord[] = [];
  readonly #unique: ReadonlyMap<string, Map<string, CrmRecord>>;

  /** `nextId` hands out an id, or notes that one is taken. */
  constructor(type: CrmObjectType, nextId: (taken?: string) => string) {
    this.type = type;
    this.#nextId = nextId;
    this.#unique = new Map(type.uniqueProperties.map((name) => [name, new Map<string, CrmRecord>()]));
  }

  /** Every record that is not archived, lowest id first. A live view. */
  list(): readonly CrmRecord[] {
    return this.#live;
  }

  /** The archived records, lowest id first. A live view. */
  listArchived(): readonly CrmRecord[] {
    return this.#archived;
  }

  /** At most `limit` records from the id `from` on, and the one that would come next. */
  page(from: number, limit: number, archived = false): { readonly records: readonly CrmRecord[]; readonly next: CrmRecord | undefined } {
    const all = archived ? this.#archived : this.#live;
    const start = from <= 0 ? 0 : lowerBound(all, from, idOf);
    return { records: all.slice(start, start + limit), next: all[start + limit] };
  }

  /** A record by its id. */
  find(id: string, archived = false): CrmRecord | undefined {
    const record = this.#byId.get(id);
    return record !== undefined && (record.archivedAtMs !== undefined) === archived ? record : undefined;
  }

  /** Whether `idProperty` may name this property. */
  isUnique(property: string): boolean {
    return this.#unique.has(property);
  }

  /** A record that is not archived by the value of a unique property, in any case. */
  findBy(property: string, value: string): CrmRecord | undefined {
    return this.#unique.get(property)?.get(value.toLowerCase());
  }

  /** Another record that already has one of these values where no two records may. */
  twin(properties: PropertyValues, except?: CrmRecord): CrmRecord | undefined {
    for (const name of this.#unique.keys()) {
      const value = properties[name];
      const found = value === undefined || value === null ? undefined : this.findBy(name, value);
      if (found !== undefined && found !== except) return found;
    }
    return undefined;
  }

  /** Adds a record. `hs_object_id` and the time of creation may be given, as a seed does; the id must be free. */
  create(properties: PropertyValues, nowMs: number): CrmRecord {
    const { createdProperty, modifiedProperty } = this.type;
    const id = this.#nextId(properties["hs_object_id"] ?? undefined);
    const createdAtMs = timeIn(properties[createdProperty]) ?? nowMs;
    const updatedAtMs = timeIn(properties[modifiedProperty]) ?? createdAtMs;
    const record: CrmRecord = {
      id,
      properties: {
        [createdProperty]: new Date(createdAtMs).toISOString(),
        [modifiedProperty]: new Date(updatedAtMs).toISOString(),
        hs_object_id: id,
      },
      createdAtMs,
      updatedAtMs,
      archivedAtMs: undefined,
    };
    for (const [name, value] of Object.entries(properties)) {
      if (!Object.hasOwn(record.properties, name)) record.properties[name] = value || null;
    }
    this.add(record);
    return record;
  }

  /** Takes a whole record in, as it is. */
  add(record: CrmRecord): void {
    this.#byId.set(record.id, record);
    insert(record.archivedAtMs === undefined ? this.#live : this.#archived, record);
    if (record.archivedAtMs === undefined) this.#index(record);
  }

  /** Changes some properties of a record; what HubSpot sets itself stays. */
  update(record: CrmRecord, properties: PropertyValues, nowMs: number): void {
    const { createdProperty, modifiedProperty } = this.type;
    this.#unindex(record);
    for (const [name, value] of Object.entries(properties)) {
      if (name !== "hs_object_id" && name !== createdProperty) record.properties[name] = value || null;
    }
    this.#index(record);
    record.properties[modifiedProperty] = new Date(nowMs).toISOString();
    record.updatedAtMs = nowMs;
  }

  /** Archives a record; its unique values are free again. */
  archive(record: CrmRecord, nowMs: number): void {
    this.#unindex(record);
    this.#live.splice(lowerBound(this.#live, idOf(record), idOf), 1);
    record.archivedAtMs = nowMs;
    insert(this.#archived, record);
  }

  #index(record: CrmRecord): void {
    for (const [name, index] of this.#unique) {
      const value = record.properties[name];
      if (value !== undefined && value !== null) index.set(value.toLowerCase(), record);
    }
  }

  #unindex(record: CrmRecord): void {
    for (const [name, index] of this.#unique) {
      const value = record.properties[name];
      if (value !== undefined && value !== null) index.delete(value.toLowerCase());
    }
  }
}

function insert(records: CrmRecord[], record: CrmRecord): void {
  const last = records.at(-1);
  if (last === undefined || idOf(last) < idOf(record)) records.push(record);
  else records.splice(lowerBound(records, idOf(record), idOf), 0, record);
}

function timeIn(value: string | null | undefined): number | undefined {
  const ms = value === undefined || value === null ? Number.NaN : Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}
