// The emulator's handlers under the types of the application's own msw, 2 or 3, and its dispatcher under those of undici.
import { HubSpotEmulator } from "hubspot-oauth/testing";
import { hubspotHandlers, mswDispatcher } from "hubspot-oauth/testing/msw";
import { http } from "msw";
import { setupServer } from "msw/node";
import { type Dispatcher, setGlobalDispatcher } from "undici";

const emulator = new HubSpotEmulator();
const server = setupServer(...hubspotHandlers(emulator));
server.use(
  ...hubspotHandlers(),
  http.get("https://api.hubapi.com/x", () => undefined),
);
export const dispatchers = [mswDispatcher(server), mswDispatcher(hubspotHandlers(emulator))];
setGlobalDispatcher(emulator.dispatcher() as object as Dispatcher);
