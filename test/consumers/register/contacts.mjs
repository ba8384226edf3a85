import assert from "node:assert/strict";
import "hubspot-oauth/testing/register";
import { HubSpotHttp, privateAppToken } from "hubspot-oauth";
import nock from "nock";

const hubspot = new HubSpotHttp({ credential: privateAppToken("pat-na1-of-a-test") });

// nock
nock.disableNetConnect();
nock("https://api.hubapi.com")
  .get("/crm/v3/objects/contacts")
  .reply(200, { results: ["by nock"] });
assert.deepEqual(await hubspot.get("/crm/v3/objects/contacts"), { results: ["by nock"] });
nock.restore();

// A fetch that is replaced, after everything was imported
globalThis.fetch = async (url) => Response.json({ results: [`by fetch: ${url}`] });
assert.deepEqual(await hubspot.get("/crm/v3/objects/contacts"), {
  results: ["by fetch: https://api.hubapi.com/crm/v3/objects/contacts"],
});
console.log("ok");
