/**
 * One account's CRM records, in memory: contacts, companies, deals, and v1 engagements made up from a seed.
 * Knows nothing of HTTP; `crm-routes.ts` and `legacy-crm-routes.ts` give it HubSpot's shapes.
 */

/** How many records to make up, or the properties of each. */
export type CrmSeed = number | readonly Readonly<Record<string, string>>[];

/** One CRM record. Times are milliseconds since 1970. */
export interface CrmRecord {
  readonly id: string;
  readonly properties: Record<string, string | null>;
  readonly createdAtMs: number;
  updatedAtMs: number;
  archivedAtMs: number | undefined;
}

/** A v1 engagement. */
export interface EngagementRecord {
  readonly id: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly contactId: number | undefined;
  readonly body: string;
}

/** The object types the emulator keeps. */
export type CrmObjectType = "contacts" | "companies" | "deals";

const FIRST_NAMES = ["Ada", "Björn", "Chloé", "Dilip", "Esra", "Femi", "Grace", "Hana", "Ivo", "Júlia"];
const LAST_NAMES = ["Okafor", "Lindqvist", "Moreau", "Sharma", "Yılmaz", "Novák", "O'Brien", "Tanaka"];

/** The records of one account, by object type, in the order of their ids. */
export class CrmStore {
  readonly engagements: EngagementRecord[] = [];
  readonly #records: Record<CrmObjectType, CrmRecord[]> = {
    contacts: [],
    companies: [],
    deals: [],
  };
  #nextId = 101;

  /** Every record that is not archived, lowest id first. */
  list(type: CrmObjectType): readonly CrmRecord[] {
    return this.#records[type].filter((record) => record.archivedAtMs === undefined);
  }

  /** The archived records of a type. */
  listArchived(type: CrmObjectType): readonly CrmRecord[] {
    return this.#records[type].filter((record) => record.archivedAtMs !== undefined);
  }

  /** A record that is not archived. */
  find(type: CrmObjectType, id: string): CrmRecord | undefined {
    return this.list(type).find((record) => record.id === id);
  }

  /** A contact by its e-mail address, in any case. */
  findByEmail(email: string): CrmRecord | undefined {
    return this.list("contacts").find((record) => record.properties["email"]?.toLowerCase() === email.toLowerCase());
  }

  /** Adds a record. */
  create(type: CrmObjectType, properties: Readonly<Record<string, string>>, nowMs: number): CrmRecord {
    const id = String(this.#nextId++);
    const at = new Date(nowMs).toISOString();
    const modifiedName = type === "contacts" ? "lastmodifieddate" : "hs_lastmodifieddate";
    const record: CrmRecord = {
      id,
      properties: { createdate: at, [modifiedName]: at, hs_object_id: id, ...properties },
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      archivedAtMs: undefined,
    };
    this.#records[type].push(record);
    return record;
  }

  /** Changes some properties of a record. */
  update(type: CrmObjectType, record: CrmRecord, properties: Readonly<Record<string, string>>, nowMs: number): void {
    Object.assign(record.properties, properties);
    record.properties[type === "contacts" ? "lastmodifieddate" : "hs_lastmodifieddate"] = new Date(nowMs).toISOString();
    record.updatedAtMs = nowMs;
  }

  /** Fills an empty store. The same seed gives the same records. */
  seed(seeds: { contacts: CrmSeed; companies: CrmSeed; deals: CrmSeed; engagements: number }, domain: string, nowMs: number): void {
    for (const type of ["contacts", "companies", "deals"] as const) {
      const seed = seeds[type];
      const rows = typeof seed === "number" ? Array.from({ length: seed }, (_, index) => madeUp(type, index, domain)) : seed;
      rows.forEach((row, index) => this.create(type, row, nowMs - (rows.length - index) * 3_600_000));
    }
    const contacts = this.list("contacts");
    for (let index = 0; index < seeds.engagements; index++) {
      const atMs = nowMs - index * 60_000;
      const contact = contacts[index % Math.max(contacts.length, 1)];
      this.engagements.push({
        id: 9001 + index,
        createdAtMs: atMs,
        updatedAtMs: atMs,
        contactId: contact === undefined ? undefined : Number(contact.id),
        body: `Note ${index + 1}`,
      });
    }
  }
}

function madeUp(type: CrmObjectType, index: number, domain: string): Record<string, string> {
  switch (type) {
    case "contacts": {
      const firstname = FIRST_NAMES[index % FIRST_NAMES.length] ?? "Ada";
      const lastname = LAST_NAMES[index % LAST_NAMES.length] ?? "Okafor";
      return { email: `contact-${index + 1}@customers.${domain}`, firstname, lastname };
    }
    case "companies":
      return { name: `Company ${index + 1}`, domain: `company-${index + 1}.example` };
    case "deals":
      return {
        dealname: `Deal ${index + 1}`,
        amount: String((index + 1) * 1000),
        dealstage: "appointmentscheduled",
        pipeline: "default",
      };
  }
}
