// @ts-check
/**
 * `npm run demo`: the dashboard on an emulated HubSpot with three accounts, whose own page shows and bends what happens there. What the dashboard
 * stores goes in the end. With `HUBSPOT_CLIENT_ID` in the environment it runs against the HubSpot named there, and what it stores stays.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hubspotFor } from "../web-app/emulator.mjs";
import { createApp } from "./app.mjs";
import { BASIC_SCOPE } from "./features.mjs";
import { Sessions } from "./sessions.mjs";
import { openStorage } from "./storage.mjs";

const { env, emulator, close } = await hubspotFor({
  name: "Connections",
  scopes: BASIC_SCOPE,
  accounts: [
    { hubId: 24681012, name: "Harbour Bakery", hubDomain: "harbour-bakery.example", contacts: 64, companies: 12, deals: 23 },
    { hubId: 135791113, name: "Nordlicht Optik", hubDomain: "nordlicht-optik.example", region: "eu1", timeZone: "Europe/Berlin" },
    {
      hubId: 86420864,
      name: "Corner Books",
      hubDomain: "corner-books.example",
      contacts: 7,
      unavailableScopes: ["crm.objects.deals.read"],
    },
  ],
});
Object.assign(process.env, env);

// The emulator forgets everything when it ends, so what the dashboard knows of it goes as well.
const scratch = emulator && (await mkdtemp(join(tmpdir(), "hubspot-oauth-demo-")));
const namespace = scratch && `demo-${randomBytes(4).toString("hex")}`;
const storage = await openStorage({ ...env, ...(scratch && { DATA_DIRECTORY: scratch, NAMESPACE: namespace }) });

const sessions = new Sessions(env.HUBSPOT_REDIRECT_URI?.startsWith("https:") ?? false);
const app = createApp({ storage, sessions, ...(emulator && { now: () => emulator.now() }) });
const style = await readFile(new URL("style.css", import.meta.url));
const server = createServer((request, response) => {
  if (request.url === "/style.css") response.writeHead(200, { "content-type": "text/css; charset=utf-8" }).end(style);
  else app.listener(request, response);
});
server.listen(Number(env.PORT), "localhost");
await once(server, "listening");

if (emulator !== undefined) {
  console.log(`HubSpot is the emulator at ${emulator.origin}/: its page shows every request, and lets you break things.`);
  console.log("No account is needed, and nothing leaves this machine.");
}
console.log(`Tokens are sealed and kept in ${storage.name}.\n`);
console.log(`Open http://localhost:${env.PORT}/\nCtrl-C ends it.`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());

async function stop() {
  server.close();
  server.closeAllConnections();
  await app.close(); // waits for refreshes under way, so it comes before the storage
  if (scratch !== undefined) await storage.clear();
  await storage.close();
  await close();
  if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  console.log("\nStopped.");
}
