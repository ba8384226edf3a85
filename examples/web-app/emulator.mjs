// @ts-check
/**
 * The HubSpot that an example talks to. An environment that names an app (`HUBSPOT_CLIENT_ID`) means the real one. Without that, an emulator is
 * started in this process, and the answer is the environment that makes an app use it.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { startHubSpotEmulator } from "hubspot-oauth/testing";

/**
 * @param {object} options
 * @param {string} options.name the app's name on the consent page
 * @param {string} options.scopes what it asks everybody for
 * @param {string} [options.callbackPath]
 * @param {import("hubspot-oauth/testing").EmulatorOptions["accounts"]} [options.accounts]
 */
export async function hubspotFor({ name, scopes, callbackPath = "/hubspot/callback", accounts }) {
  const { PORT = "3000", HUBSPOT_CLIENT_ID, HUBSPOT_REDIRECT_URI } = process.env;
  if (HUBSPOT_CLIENT_ID) {
    const env = { PORT, HUBSPOT_SCOPES: scopes, HUBSPOT_REDIRECT_URI: `http://localhost:${PORT}${callbackPath}`, ...process.env };
    return { env, emulator: undefined, close: async () => undefined };
  }
  // The redirect URI has the port in it, so it has to be known first. Yours is at HubSpot, and does not move.
  const port = await freePort(Number(PORT));
  const redirectUri = HUBSPOT_REDIRECT_URI ?? `http://localhost:${port}${callbackPath}`;
  const app = { name, redirectUris: [redirectUri], requiredScopes: scopes.split(" ") };
  const emulator = await startHubSpotEmulator({ app, ...(accounts && { accounts }) });
  const env = {
    ...process.env,
    PORT: String(port),
    HUBSPOT_CLIENT_ID: emulator.app.clientId,
    HUBSPOT_CLIENT_SECRET: emulator.app.clientSecret,
    HUBSPOT_REDIRECT_URI: redirectUri,
    HUBSPOT_SCOPES: scopes,
    HUBSPOT_AUTHORIZE_ORIGIN: emulator.origin,
    HUBSPOT_API_ORIGIN: emulator.origin,
  };
  return { env, emulator, close: () => emulator.close() };
}

/**
 * The port that was asked for, or the next one that is free.
 * @param {number} port
 * @returns {Promise<number>}
 */
async function freePort(port) {
  const server = createServer();
  try {
    server.listen(port, "localhost");
    await once(server, "listening");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EADDRINUSE") throw error;
    return freePort(port + 1);
  }
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : port;
}
