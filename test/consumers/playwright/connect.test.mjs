import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { startHubSpotEmulator } from "hubspot-oauth/testing";
import { chromium } from "playwright-core";
import { createApp } from "./app.mjs";

const server = createServer();
let origin, emulator, browser;
before(async () => {
  await once(server.listen(0, "localhost"), "listening");
  origin = `http://localhost:${server.address().port}`;
  emulator = await startHubSpotEmulator({
    app: { redirectUris: [`${origin}/oauth/callback`] },
    accounts: [{ name: "Harbour Bakery", contacts: [{ firstname: "Grace" }] }],
  });
  server.on("request", createApp(emulator.clientOptions()));
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(async () => {
  await browser?.close();
  server.close();
  await emulator?.close();
});

test("a person connects HubSpot and sees the contacts", async () => {
  const page = await browser.newPage();
  await page.goto(origin);
  await page.getByRole("link", { name: "Connect HubSpot" }).click();
  await page.getByRole("link", { name: "Harbour Bakery" }).click(); // the emulator's pages
  await page.getByRole("button", { name: "Connect app" }).click();
  await page.getByText("Grace").waitFor();
  assert.equal(page.url(), `${origin}/`);

  emulator.expireTokens();
  await page.reload();
  await page.getByText("Grace").waitFor();
  assert.equal(emulator.count({ route: "token", grantType: "refresh_token" }), 1);
});
