/** One account's CRM as plain data, and back. */

import type { CrmRecord } from "./crm-collection.js";
import { CrmStore, type EngagementRecord } from "./crm-store.js";
import type { CustomObjectOptions } from "./object-types.js";

/** Everything a CRM holds. */
export interface CrmSnapshot {
  /** The id that the next record gets. */
  readonly nextId: number;
  /** The custom types as they were defined. */
  readonly customTypes: readonly CustomObjectOptions[];
  /** By object type id, lowest record id first; archived records too. */
  readonly records: Readonly<Record<string, readonly CrmRecord[]>>;
  /** From type, from id, to type, to id; each association once. */
  readonly associations: readonly (readonly [string, string, string, string])[];
  /** v1 engagements. */
  readonly engagements: readonly EngagementRecord[];
}

/** What a CRM holds now. The parts are the store's own: copy before they change. */
export function snapshotCrm(crm: CrmStore): CrmSnapshot {
  const records = crm.types.map((type) => {
    const collection = crm.of(type);
    return [type.id, [...collection.list(), ...collection.listArchived()]] as const;
  });
  return {
    nextId: crm.nextId,
    customTypes: crm.customTypes,
    records: Object.fromEntries(records),
    associations: crm.associations.pairs(),
    engagements: crm.engagements,
  };
}

/** A CRM with what a snapshot holds. Throws a `TypeError` for one that names a type it does not define. */
export function restoreCrm(hubId: number, snapshot: CrmSnapshot): CrmStore {
  const crm = new CrmStore(hubId, snapshot.nextId);
  for (const options of snapshot.customTypes) crm.define(options);
  for (const [typeId, records] of Object.entries(snapshot.records)) {
    const collection = crm.objects(typeId);
    // JSON knows no `undefined`: what is not archived has no such time.
    for (const record of records) collection.add({ ...record, properties: { ...record.properties }, archivedAtMs: record.archivedAtMs });
  }
  for (const [fromType, fromId, toType, toId] of snapshot.associations) {
    crm.associations.link({ type: crm.objects(fromType).type, id: fromId }, { type: crm.objects(toType).type, id: toId });
  }
  crm.engagements.push(...snapshot.engagements.map((engagement) => ({ ...engagement, contactId: engagement.contactId })));
  return crm;
}
