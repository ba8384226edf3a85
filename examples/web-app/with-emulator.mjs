// @ts-check
/** `node --import ./examples/web-app/with-emulator.mjs app.mjs`: gives an app that reads its environment a HubSpot to talk to. */
import { hubspotFor } from "./emulator.mjs";

const { env, emulator, close } = await hubspotFor({ name: "Example app", scopes: "crm.objects.contacts.read" });
Object.assign(process.env, env);
if (emulator !== undefined) {
  console.log(`HubSpot is the emulator at ${emulator.origin}: no account is needed, and nothing leaves this machine.`);
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void close());
}
