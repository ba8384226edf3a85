/**
 * One account's CRM, in memory: the records of every object type it knows, their associations, and v1 engagements.
 * Knows nothing of HTTP; the route files give it HubSpot's shapes.
 */

import { Associations } from "./associations.js";
import { CrmCollection, type CrmRecord } from "./crm-collection.js";
import { type CrmObjectType, type CustomObjectOptions, ObjectTypes } from "./object-types.js";

/** A v1 engagement. */
export interface EngagementRecord {
  /** Counts up, apart from the records. */
  readonly id: number;
  /** When it was made, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /** When it was last changed, in milliseconds since 1970. */
  readonly updatedAtMs: number;
  /** The contact it is about. */
  readonly contactId: number | undefined;
  /** Its text. */
  readonly body: string;
}

/** The CRM of one account. */
export class CrmStore {
  /** v1 engagements. */
  readonly engagements: EngagementRecord[] = [];
  /** Which records belong together. */
  readonly associations: Associations = new Associations();
  readonly #types: ObjectTypes;
  readonly #collections = new Map<CrmObjectType, CrmCollection>();
  readonly #customTypes: CustomObjectOptions[] = [];
  #nextId: number;

  /** `nextId` is the first record's id that is not given. */
  constructor(hubId: number, nextId = 101) {
    this.#types = new ObjectTypes(hubId);
    this.#nextId = nextId;
  }

  /** The id of the next record. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Every object type, standard ones first. */
  get types(): readonly CrmObjectType[] {
    return this.#types.all();
  }

  /** The custom types as they were defined. */
  get customTypes(): readonly CustomObjectOptions[] {
    return this.#customTypes;
  }

  /** Adds a custom object type. Throws a `TypeError` for a name or an id that is taken or malformed. */
  define(options: CustomObjectOptions): CrmObjectType {
    const type = this.#types.define(options);
    this.#customTypes.push({ ...options, objectTypeId: type.id });
    return type;
  }

  /** An object type by any of its names, as they stand in paths. */
  findType(name: string): CrmObjectType | undefined {
    return this.#types.find(name);
  }

  /** The records of a type. */
  of(type: CrmObjectType): CrmCollection {
    let collection = this.#collections.get(type);
    if (collection === undefined) {
      collection = new CrmCollection(type, (taken) => this.#takeId(taken));
      this.#collections.set(type, collection);
    }
    return collection;
  }

  /** The records of a type by any of its names: `contacts`, `0-1`, `p_cars`. Throws a `TypeError` for a type the account does not know. */
  objects(name: string): CrmCollection {
    const type = this.findType(name);
    if (type === undefined) throw new TypeError(`This account has no object type ${JSON.stringify(name)}`);
    return this.of(type);
  }

  /** Every record of a type that is not archived, lowest id first. Throws as `objects()` does. */
  list(name: string): readonly CrmRecord[] {
    return this.objects(name).list();
  }

  /** Archives a record and takes its associations away. */
  archive(type: CrmObjectType, record: CrmRecord, nowMs: number): void {
    this.of(type).archive(record, nowMs);
    this.associations.drop({ type, id: record.id }, this.types);
  }

  #takeId(taken: string | undefined): string {
    if (taken === undefined) return String(this.#nextId++);
    if (!/^[1-9]\d{0,14}$/u.test(taken)) throw new TypeError(`hs_object_id must be a whole number, not ${JSON.stringify(taken)}`);
    this.#nextId = Math.max(this.#nextId, Number(taken) + 1);
    return taken;
  }
}
