/**
 * The records an account begins with: counted and made up, or written out by the test. The same seed gives the same records at the same
 * time of day; nothing is drawn at random.
 */

import type { RecordEnd } from "./associations.js";
import type { PropertyValues } from "./crm-collection.js";
import type { CrmStore } from "./crm-store.js";
import { type CrmObjectType, type CustomObjectOptions, STANDARD_TYPES } from "./object-types.js";

/**
 * How many records to make up, or the properties of each. A row may give its own `hs_object_id` and time of creation; without them ids count
 * up from 101 through all types, in the order of `contacts`, `companies`, `deals`, `tickets`, custom types.
 */
export type CrmSeed = number | readonly PropertyValues[];

/** A custom object type with its records. */
export interface CustomObjectSeed extends Omit<CustomObjectOptions, "name"> {
  /** How many to make up, or their properties. @default 0 */
  readonly records?: CrmSeed | undefined;
}

/** Two records that belong together, by type (as in paths; a custom type by its seeded name too) and `hs_object_id`. */
export interface AssociationSeed {
  /** Type of the one. */
  readonly from: string;
  /** Its id. */
  readonly fromId: string | number;
  /** Type of the other. */
  readonly to: string;
  /** Its id. */
  readonly toId: string | number;
}

/** Everything an account's CRM is seeded with. */
export interface CrmSeeds {
  /** `contacts`, `companies`, `deals`, `tickets`, a custom type's name, or a custom type's id. */
  readonly objects: Readonly<Record<string, CrmSeed | CustomObjectSeed>>;
  readonly engagements: number;
  readonly associations: readonly AssociationSeed[];
}

const FIRST_NAMES = ["Ada", "Björn", "Chloé", "Dilip", "Esra", "Femi", "Grace", "Hana", "Ivo", "Júlia"];
const LAST_NAMES = ["Okafor", "Lindqvist", "Moreau", "Sharma", "Yılmaz", "Novák", "O'Brien", "Tanaka"];
const HOUR_MS = 3_600_000;

/** Fills an empty store. Throws a `TypeError` that names a wrong seed. */
export function seedCrm(crm: CrmStore, seeds: CrmSeeds, domain: string, nowMs: number): void {
  const typesBySeed = new Map<string, CrmObjectType>();
  for (const [key, seed] of ordered(seeds.objects)) {
    const definition = typeof seed === "object" && !Array.isArray(seed) ? (seed as CustomObjectSeed) : undefined;
    const rows = (definition === undefined ? (seed as CrmSeed) : definition.records) ?? 0;
    const type = STANDARD_TYPES.find((candidate) => candidate.name === key) ?? crm.define(customOptions(key, definition));
    typesBySeed.set(key, type);
    fill(crm, type, key, rows, domain, nowMs);
  }
  for (const seed of seeds.associations) associate(crm, seed, typesBySeed);
  addEngagements(crm, seeds.engagements, nowMs);
}

/** Standard types first, in their usual order, so that an option's place in the source does not change ids. */
function ordered(objects: CrmSeeds["objects"]): (readonly [string, CrmSeed | CustomObjectSeed])[] {
  const isStandard = (key: string): boolean => STANDARD_TYPES.some((type) => type.name === key);
  const standard = STANDARD_TYPES.filter((type) => objects[type.name] !== undefined).map(({ name }) => [name, objects[name] ?? 0] as const);
  return [...standard, ...Object.entries(objects).filter(([key]) => !isStandard(key))];
}

function customOptions(key: string, definition: CustomObjectSeed | undefined): CustomObjectOptions {
  const { records: _, ...options } = definition ?? {};
  return /^2-\d+$/u.test(key) ? { ...options, name: `object_${key.slice(2)}`, objectTypeId: key } : { ...options, name: key };
}

function fill(crm: CrmStore, type: CrmObjectType, key: string, seed: CrmSeed, domain: string, nowMs: number): void {
  const collection = crm.of(type);
  const count = typeof seed === "number" ? seed : seed.length;
  if (!Number.isSafeInteger(count) || count < 0) throw new TypeError(`objects: ${key} must be a count or rows, not ${count}`);
  for (let index = 0; index < count; index++) {
    const row = typeof seed === "number" ? madeUp(type, key, index, domain) : (seed[index] as PropertyValues);
    const twin = collection.twin(row);
    const id = row["hs_object_id"];
    if (twin !== undefined) throw new TypeError(`objects: row ${index + 1} of ${key} repeats a unique value of row ${twin.id}`);
    if (typeof id === "string" && collection.find(id) !== undefined) throw new TypeError(`objects: the id ${id} is twice in ${key}`);
    collection.create(row, nowMs - (count - index) * HOUR_MS);
  }
}

function madeUp(type: CrmObjectType, key: string, index: number, domain: string): PropertyValues {
  const number = String(index + 1);
  switch (type.name) {
    case "contacts": {
      const firstname = FIRST_NAMES[index % FIRST_NAMES.length] ?? "Ada";
      const lastname = LAST_NAMES[index % LAST_NAMES.length] ?? "Okafor";
      return { email: `contact-${number}@customers.${domain}`, firstname, lastname };
    }
    case "companies":
      return { name: `Company ${number}`, domain: `company-${number}.example` };
    case "deals":
      return { dealname: `Deal ${number}`, amount: `${number}000`, dealstage: "appointmentscheduled", pipeline: "default" };
    case "tickets":
      return { subject: `Ticket ${number}`, content: `Question ${number}`, hs_pipeline: "0", hs_pipeline_stage: "1" };
    default:
      return { name: `${key} ${number}` };
  }
}

function associate(crm: CrmStore, seed: AssociationSeed, typesBySeed: ReadonlyMap<string, CrmObjectType>): void {
  const end = (side: string, id: string | number): RecordEnd => {
    const type = typesBySeed.get(side) ?? crm.findType(side);
    if (type === undefined) throw new TypeError(`associations: there is no object type ${JSON.stringify(side)}`);
    if (crm.of(type).find(String(id)) === undefined) throw new TypeError(`associations: there is no record ${id} in ${side}`);
    return { type, id: String(id) };
  };
  crm.associations.link(end(seed.from, seed.fromId), end(seed.to, seed.toId));
}

function addEngagements(crm: CrmStore, count: number, nowMs: number): void {
  const contacts = crm.list("contacts");
  for (let index = 0; index < count; index++) {
    const atMs = nowMs - index * 60_000;
    const contact = contacts[index % Math.max(contacts.length, 1)];
    const contactId = contact === undefined ? undefined : Number(contact.id);
    crm.engagements.push({ id: 9001 + index, createdAtMs: atMs, updatedAtMs: atMs, contactId, body: `Note ${index + 1}` });
  }
}
