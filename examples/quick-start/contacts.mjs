// @ts-check
/** What this app does with HubSpot: a page of contacts. The schema (zod here) checks the answer and gives it its type. */
import { z } from "zod";

const ContactPage = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      properties: z.object({ firstname: z.string().nullish(), lastname: z.string().nullish(), email: z.string().nullish() }),
    }),
  ),
});

/**
 * @param {import("hubspot-oauth").HubSpotHttp} hubspot
 * @param {number} limit
 */
export async function readContacts(hubspot, limit) {
  const page = await hubspot.get("/crm/v3/objects/contacts", {
    query: { limit, properties: "firstname,lastname,email" },
    schema: ContactPage,
  });
  return page.results.map(({ id, properties: { firstname, lastname, email } }) => ({
    id,
    name: [firstname, lastname].filter(Boolean).join(" "),
    email: email ?? "",
  }));
}
