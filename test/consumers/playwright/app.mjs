import { HubSpotHttp, HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { createHandlers } from "hubspot-oauth/handlers/node";

/** The application, for `createServer()`. In production its settings name HubSpot, in a test the emulator. */
export function createApp(settings) {
  const oauth = new HubSpotOAuthClient({ ...settings, tokenStore: new MemoryTokenStore() });
  let accountId; // a real app keeps it with its user
  const { connect, callback } = createHandlers(oauth, {
    session: () => ({}),
    connectPath: "/connect",
    onConnected: (result) => void (accountId = result.accountId),
  });
  return async (request, response) => {
    const path = request.url.split("?", 1)[0];
    if (path === "/connect") return connect(request, response);
    if (path === "/oauth/callback") return callback(request, response);
    response.setHeader("content-type", "text/html");
    if (accountId === undefined) return response.end(`<a href="/connect">Connect HubSpot</a>`);
    const hubspot = new HubSpotHttp({ credential: oauth.account(accountId) });
    const { results } = await hubspot.get("/crm/v3/objects/contacts", { query: { properties: "firstname" } });
    response.end(`<ul>${results.map(({ properties }) => `<li>${properties.firstname}</li>`).join("")}</ul>`);
  };
}
