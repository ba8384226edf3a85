// @ts-check
/**
 * The client and its handlers. The client is made at the first request, since `next build` loads this file where no secret is.
 * Next loads this file into one process more than once: for pages, and for route handlers. So the client is kept where all of them find it.
 */
import { HubSpotOAuthClient } from "hubspot-oauth";
import { createHandlers } from "hubspot-oauth/handlers/fetch";
import { FileTokenStore } from "hubspot-oauth/stores/file";
import { signedInUser } from "./session.js";

/** What a user can allow later on. */
export const DEALS_SCOPE = "crm.objects.deals.read";

/** @typedef {HubSpotOAuthClient<{ userId: string }>} Client */

const shared = /** @type {{ [key: symbol]: Client | undefined }} */ (globalThis);
const CLIENT = Symbol.for("example.hubspot-client");

/** @returns {Client} */
export function hubspotClient() {
  return (shared[CLIENT] ??= HubSpotOAuthClient.fromEnv({
    tokenStore: new FileTokenStore({ directory: process.env.TOKEN_DIRECTORY ?? ".tokens" }),
    accountId: ({ context }) => context?.userId ?? "", // one HubSpot account per user, found by the user's own id
    apiVersion: "2026-09",
  }));
}

export const handlers = createHandlers(hubspotClient, {
  connectPath: "/hubspot/connect",
  // No `binding`, for want of a session id: each flow gets a cookie of its own. Whose flow it is, `context` says at its end.
  session: async () => {
    const user = await signedInUser();
    return user && { context: { userId: user.id }, accountIds: [user.id] };
  },
  onConnected: ({ accountId, hubId }) => console.log(`${accountId} has connected HubSpot account ${hubId}.`),
  onError: ({ code, error }) => {
    if (error !== undefined) console.error(error);
    return code === "not_signed_in" ? "/" : undefined;
  },
  extraScopes: [DEALS_SCOPE], // what links may ask for by `scope=`
  disconnect: { revoke: "unless-shared" },
});
