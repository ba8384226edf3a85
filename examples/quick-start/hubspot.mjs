// @ts-check
/** The set-up: a HubSpot to talk to (the emulator, in this process), and the client of one app. */
import { HubSpotOAuthClient, MemoryTokenStore } from "hubspot-oauth";
import { startHubSpotEmulator } from "hubspot-oauth/testing";
import { Agent } from "undici";

/** @typedef {Awaited<ReturnType<typeof setUp>>} World */

/** @param {string} redirectUri where HubSpot sends the user back to */
export async function setUp(redirectUri) {
  const emulator = await startHubSpotEmulator({ app: { name: "Quick start", redirectUris: [redirectUri] } });

  // At most 50 sockets, so that 1,000 calls at once work on a machine that allows few open files.
  const dispatcher = new Agent({ connections: 50 });

  const oauth = new HubSpotOAuthClient({
    clientId: emulator.app.clientId,
    clientSecret: emulator.app.clientSecret,
    redirectUri,
    scopes: ["crm.objects.contacts.read"],
    optionalScopes: ["crm.objects.companies.read"],
    tokenStore: new MemoryTokenStore(), // gone when the process ends: a real app keeps tokens in its database
    apiVersion: "2026-09",
    dispatcher,
    // Your app leaves these four out, and talks to HubSpot: which allows 110 calls in 10 seconds, not 1,000 at once.
    rateLimit: false,
    authorizeOrigin: emulator.origin,
    apiOrigin: emulator.origin,
    now: () => emulator.now(),
  });

  return {
    emulator,
    oauth,
    async close() {
      await oauth.close();
      await dispatcher.close();
      await emulator.close();
    },
  };
}
