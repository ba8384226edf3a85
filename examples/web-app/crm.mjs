// @ts-check
/** What the app does with HubSpot, for one user: the state of the connection, contacts, and deals once the user allows those, too. */
import { HubSpotHttp, isHubSpotOAuthError } from "hubspot-oauth";
import { z } from "zod";

/** What a user can allow later on. */
export const DEALS_SCOPE = "crm.objects.deals.read";

const Contacts = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      properties: z.object({ firstname: z.string().nullish(), lastname: z.string().nullish(), email: z.string().nullish() }),
    }),
  ),
});
const Deals = z.object({ results: z.array(z.object({ id: z.string(), properties: z.object({ dealname: z.string().nullish() }) })) });

/** @typedef {Pick<import("hubspot-oauth").HubSpotOAuthClient, "account" | "requireScopes">} Client */

/**
 * @param {Client} oauth
 * @param {string} accountId
 */
export async function readContacts(oauth, accountId) {
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  const query = { limit: 10, properties: "firstname,lastname,email" };
  const { results } = await hubspot.get("/crm/v3/objects/contacts", { query, schema: Contacts });
  return results.map(({ properties: { firstname, lastname, email } }) => [[firstname, lastname].filter(Boolean).join(" "), email ?? ""]);
}

/**
 * @param {Client} oauth
 * @param {string} accountId
 */
export async function readDeals(oauth, accountId) {
  await oauth.requireScopes(accountId, [DEALS_SCOPE]); // HubSpot would refuse the call as well; this asks the store, not HubSpot
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  const { results } = await hubspot.get("/crm/v3/objects/deals", { query: { limit: 10, properties: "dealname" }, schema: Deals });
  return results.map(({ properties: { dealname } }) => [dealname ?? ""]);
}

/**
 * What to tell the user when a call failed, and which link helps: to connect (again), and with which scopes.
 * @param {unknown} error
 * @returns {{ readonly status: number, readonly text: string, readonly connect?: { readonly scope?: string } }}
 */
export function explain(error) {
  if (!isHubSpotOAuthError(error)) {
    console.error(error);
    return { status: 500, text: "Something went wrong in this app." };
  }
  switch (error.code) {
    case "account_not_connected":
      return { status: 409, text: "HubSpot is not connected yet.", connect: {} };
    case "reauthorization_required":
      return { status: 409, text: "HubSpot has ended the connection. Please connect again.", connect: {} };
    case "missing_scopes":
      return { status: 403, text: "This needs a permission that you have not given yet.", connect: { scope: error.scopes.join(" ") } };
    default:
      console.error(error);
      return error.retryable
        ? { status: 503, text: "HubSpot cannot be reached right now. Please try again in a moment." }
        : { status: 502, text: "HubSpot gave an answer that this app cannot use." };
  }
}
