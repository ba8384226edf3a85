// @ts-check
import { CrmPage } from "../../lib/crm-page.jsx";

export default function Contacts() {
  return <CrmPage title="Contacts" path="/contacts" scope="crm.objects.contacts.read" read={readContacts} />;
}

/** @param {import("hubspot-oauth").HubSpotHttp} hubspot */
async function readContacts(hubspot) {
  const query = { limit: 10, properties: "firstname,lastname,email" };
  const { results } = /** @type {{ results: { properties: Record<string, string | null> }[] }} */ (
    await hubspot.get("/crm/v3/objects/contacts", { query })
  );
  return results.map(({ properties: { firstname, lastname, email } }) => [[firstname, lastname].filter(Boolean).join(" "), email ?? ""]);
}
