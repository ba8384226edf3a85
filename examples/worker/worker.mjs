// @ts-check
/** One of several equal processes: calls HubSpot for every account, again and again, and reports what that took. */
import { setTimeout as sleep } from "node:timers/promises";
import { HubSpotHttp } from "hubspot-oauth";
import { openClient } from "./client.mjs";

const report = { calls: 0, refreshes: 0, "races lost": 0, errors: 0 };
const client = await openClient(process.env, (event) => {
  if (event.type === "refresh.succeeded") report.refreshes++;
  if (event.type === "refresh.lost-race") report["races lost"]++;
});
const { oauth } = client;

/** @param {string} accountId */
async function readContacts(accountId) {
  // The token comes from memory, from the store when another process has refreshed, or from HubSpot: at the right moment, and once.
  const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
  try {
    await hubspot.get("/crm/v3/objects/contacts", { query: { limit: 10 } });
    report.calls++;
  } catch (error) {
    report.errors++;
    console.error(accountId, error);
  }
}

// Without the parent there is nobody to report to.
process.once("disconnect", () => process.exit());

/** @type {string[]} */
const accountIds = [];
for await (const { accountId } of oauth.accounts({ status: "active" })) accountIds.push(accountId);

const endMs = Date.now() + Number(process.env["SECONDS"]) * 1_000;
while (Date.now() < endMs) {
  await Promise.all(accountIds.map(readContacts));
  await sleep(200);
}

await client.close();
process.send?.(report);
process.disconnect?.();
