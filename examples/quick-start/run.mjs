// @ts-check
/**
 * `npm start`: connects to an emulated HubSpot and calls it, step by step, and exits.
 * `npm start -- --browser`: the same flow as a small web app, for you to click through.
 */
import { startBrowserApp } from "./browser.mjs";
import { setUp } from "./hubspot.mjs";
import { runScript } from "./scripted.mjs";

if (process.argv.includes("--browser")) {
  const app = await startBrowserApp(Number(process.env["PORT"] ?? 3000));
  console.log(`Open ${app.url}\n\nHubSpot is the emulator at ${app.hubspotUrl}: no account is needed, and nothing leaves this machine.`);
  console.log("Open that one as well to watch it: what the app asks for, and how long its tokens live.");
  console.log("Ctrl-C stops both.");
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void app.close().then(() => console.log("\nStopped.")));
} else {
  const world = await setUp("http://localhost:3000/oauth/callback");
  await runScript(world);
  await world.close();
}
