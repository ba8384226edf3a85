/**
 * The CRM object types: their names, ids, scopes, and the properties HubSpot sends unasked. Standard types are the same in every account;
 * custom ones belong to one account. Holds no records.
 */

/** One object type, as far as the emulator needs it. */
export interface CrmObjectType {
  /** `0-1` and so on; `2-…` for a custom type. */
  readonly id: string;
  /** As it stands in paths: `contacts`, or `p24681012_cars`. */
  readonly name: string;
  /** As it stands in messages and association names: `contact`, or `p24681012_cars`. */
  readonly singular: string;
  /** Any one of these scopes lets a caller read. */
  readonly readScopes: readonly string[];
  /** Any one of these scopes lets a caller write. */
  readonly writeScopes: readonly string[];
  /** The property that holds the time of creation. */
  readonly createdProperty: string;
  /** The property that holds the time of the last change. */
  readonly modifiedProperty: string;
  /** Sent when a caller names no properties. Sorted. */
  readonly defaultProperties: readonly string[];
  /** No two records share a value of one of these; `idProperty` may name them. */
  readonly uniqueProperties: readonly string[];
  /** Where a search's `query` looks. */
  readonly searchedProperties: readonly string[];
}

/** A custom object type of one account. */
export interface CustomObjectOptions {
  /** Lower case letters, digits and `_`. In paths it is `p_{name}` or `p{hubId}_{name}`, or the id. */
  readonly name: string;
  /** HubSpot's id of the type. @default `2-` and a number not used yet */
  readonly objectTypeId?: string | undefined;
  /** No two records share a value of one of these. @default [] */
  readonly uniqueProperties?: readonly string[] | undefined;
  /** Where a search's `query` looks. @default [] */
  readonly searchableProperties?: readonly string[] | undefined;
}

function standard(
  id: string,
  singular: string,
  name: string,
  properties: Pick<CrmObjectType, "modifiedProperty" | "defaultProperties" | "searchedProperties"> & {
    readonly uniqueProperties?: readonly string[];
  },
): CrmObjectType {
  // HubSpot's scope for tickets reads and writes. The granular pair follows the rule of the others.
  const broad = name === "tickets" ? ["tickets"] : [];
  return {
    id,
    name,
    singular,
    readScopes: [...broad, `crm.objects.${name}.read`],
    writeScopes: [...broad, `crm.objects.${name}.write`],
    createdProperty: "createdate",
    uniqueProperties: [],
    ...properties,
  };
}

/** Contacts, companies, deals and tickets, in the order of their ids. */
export const STANDARD_TYPES: readonly CrmObjectType[] = [
  standard("0-1", "contact", "contacts", {
    modifiedProperty: "lastmodifieddate",
    defaultProperties: ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
    uniqueProperties: ["email"],
    searchedProperties: ["firstname", "lastname", "email", "phone", "company", "hs_object_id"],
  }),
  standard("0-2", "company", "companies", {
    modifiedProperty: "hs_lastmodifieddate",
    defaultProperties: ["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
    searchedProperties: ["website", "phone", "name", "domain"],
  }),
  standard("0-3", "deal", "deals", {
    modifiedProperty: "hs_lastmodifieddate",
    defaultProperties: ["amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"],
    searchedProperties: ["dealname", "pipeline", "dealstage", "description", "dealtype"],
  }),
  standard("0-5", "ticket", "tickets", {
    modifiedProperty: "hs_lastmodifieddate",
    defaultProperties: [
      "content",
      "createdate",
      "hs_lastmodifieddate",
      "hs_object_id",
      "hs_pipeline",
      "hs_pipeline_stage",
      "hs_ticket_category",
      "hs_ticket_priority",
      "subject",
    ],
    searchedProperties: ["subject", "content", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_id"],
  }),
];

/** The types one account knows, by every name a path may use. */
export class ObjectTypes {
  readonly #hubId: number;
  readonly #types: CrmObjectType[] = [];
  readonly #byName = new Map<string, CrmObjectType>();

  constructor(hubId: number) {
    this.#hubId = hubId;
    for (const type of STANDARD_TYPES) this.#add(type, [type.id, type.name, type.singular]);
  }

  /** Every type, standard ones first. */
  all(): readonly CrmObjectType[] {
    return this.#types;
  }

  /** A type by its id or by a name, in any case. A custom type's bare name is none: HubSpot does not take it either. */
  find(name: string): CrmObjectType | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
  }

  /** Adds a custom type. Throws a `TypeError` for a name or an id that is taken or malformed. */
  define(options: CustomObjectOptions): CrmObjectType {
    const { name, objectTypeId = `2-${String(1_000_001 + this.#types.length - STANDARD_TYPES.length)}` } = options;
    if (!/^[a-z][a-z0-9_]*$/u.test(name))
      throw new TypeError(`objects: ${JSON.stringify(name)} is no name of a custom object: a-z, 0-9 and _`);
    if (!/^2-\d+$/u.test(objectTypeId)) throw new TypeError(`objects: the id of ${name} must look like 2-123456`);
    const qualified = `p${String(this.#hubId)}_${name}`;
    const names = [objectTypeId, qualified, `p_${name}`];
    const taken = names.find((candidate) => this.#byName.has(candidate));
    if (taken !== undefined) throw new TypeError(`objects: ${taken} is there twice`);
    const { uniqueProperties = [], searchableProperties = [] } = options;
    const type: CrmObjectType = {
      id: objectTypeId,
      name: qualified,
      singular: qualified,
      readScopes: ["crm.objects.custom.read"],
      writeScopes: ["crm.objects.custom.write"],
      createdProperty: "hs_createdate",
      modifiedProperty: "hs_lastmodifieddate",
      defaultProperties: ["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
      uniqueProperties: [...uniqueProperties],
      searchedProperties: [...searchableProperties],
    };
    this.#add(type, names);
    return type;
  }

  #add(type: CrmObjectType, names: readonly string[]): void {
    this.#types.push(type);
    for (const name of names) this.#byName.set(name, type);
  }
}
