// @ts-check
/** What the app does with a HubSpot account, and the permission each part needs. The first is asked of everybody, the others when wanted. */
import { HubSpotHttp } from "hubspot-oauth";
import { z } from "zod";

/**
 * @typedef {object} Feature
 * @property {string} path in URLs, and HubSpot's name of the object
 * @property {string} label
 * @property {string} scope
 * @property {readonly { readonly label: string, readonly properties: readonly string[] }[]} columns a cell is made of these properties
 */

/** @type {readonly Feature[]} */
export const features = [
  {
    path: "contacts",
    label: "Contacts",
    scope: "crm.objects.contacts.read",
    columns: [
      { label: "Name", properties: ["firstname", "lastname"] },
      { label: "Email", properties: ["email"] },
    ],
  },
  {
    path: "companies",
    label: "Companies",
    scope: "crm.objects.companies.read",
    columns: [
      { label: "Name", properties: ["name"] },
      { label: "Domain", properties: ["domain"] },
    ],
  },
  {
    path: "deals",
    label: "Deals",
    scope: "crm.objects.deals.read",
    columns: [
      { label: "Deal", properties: ["dealname"] },
      { label: "Stage", properties: ["dealstage"] },
    ],
  },
];

/** What is asked of everybody, and what a link may ask for besides. */
export const [BASIC_SCOPE = "", ...EXTRA_SCOPES] = features.map(({ scope }) => scope);

const CrmRecord = z.object({ id: z.string(), properties: z.record(z.string(), z.string().nullable()) });
const PAGE_SIZE = 10;

/**
 * One page of records, as rows of cells.
 * @param {import("hubspot-oauth").HubSpotOAuthClient<any>} oauth
 * @param {string} accountId
 * @param {Feature} feature
 * @param {string | undefined} cursor where to go on, as the page before has said
 */
export async function readRecords(oauth, accountId, feature, cursor) {
  await oauth.requireScopes(accountId, [feature.scope]);
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId), timeoutMs: 8_000 }); // somebody is waiting for the page
  const properties = feature.columns.flatMap((column) => column.properties).join(",");
  const list = hubspot.paginate(`/crm/v3/objects/${feature.path}`, { query: { properties }, schema: CrmRecord, limit: PAGE_SIZE, cursor });
  for await (const { items, cursor: next } of list.pages()) {
    const rows = items.map((item) =>
      feature.columns.map((column) =>
        column.properties
          .map((name) => item.properties[name])
          .filter(Boolean)
          .join(" "),
      ),
    );
    return { rows, next };
  }
  return { rows: [], next: undefined };
}
