// @ts-check
import { CrmPage } from "../../lib/crm-page.jsx";
import { DEALS_SCOPE } from "../../lib/hubspot.js";

export default function Deals() {
  return <CrmPage title="Deals" path="/deals" scope={DEALS_SCOPE} read={readDeals} />;
}

/** @param {import("hubspot-oauth").HubSpotHttp} hubspot */
async function readDeals(hubspot) {
  const query = { limit: 10, properties: "dealname" };
  const { results } = /** @type {{ results: { properties: Record<string, string | null> }[] }} */ (
    await hubspot.get("/crm/v3/objects/deals", { query })
  );
  return results.map(({ properties: { dealname } }) => [dealname ?? ""]);
}
