/** The pages between an app and its callback, in a real browser: what a person sees, clicks and types, and where they end up. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.js";
import { describeInBrowser } from "../support/browser.js";
import { startApp } from "./app-on-emulator.js";

const heading = (page: Page): Promise<string> => page.getByRole("heading", { level: 1 }).innerText();

describeInBrowser("consent", (browser) => {
  it("connects the account that the person chose, and the app can call HubSpot", async () => {
    const { origin, emulator } = await startApp();
    const page = await browser.open();
    await page.goto(`${origin}/connect`);
    expect(await heading(page)).toBe("Choose an account");
    await page.getByRole("link", { name: "Harbour Bakery" }).click();
    expect(await heading(page)).toBe("Connect Ledger Sync to Harbour Bakery");
    await page.getByRole("button", { name: "Connect app" }).click();
    expect(await heading(page)).toBe("Connected 24681012");
    await page.goto(`${origin}/contacts`);
    expect(await heading(page)).toBe("10 contacts of 24681012");
    expect(emulator.requests.map(({ route }) => route)).toEqual(["authorize", "authorize", "consent", "token", "objects-list"]);
    expect(browser.errors(page)).toEqual([]);
  });

  it("connects an account in the EU, after a second thought", async () => {
    const { origin, emulator } = await startApp();
    const page = await browser.open();
    await page.goto(`${origin}/connect`);
    await page.getByRole("link", { name: "Harbour Bakery" }).click();
    await page.getByRole("link", { name: "Change the account" }).click();
    await page.getByRole("link", { name: "Nordlicht Optik" }).click();
    await page.getByRole("button", { name: "Connect app" }).click();
    expect(await heading(page)).toBe("Connected 135791113");
    expect(emulator.grants.map(({ refreshToken }) => refreshToken.slice(0, 4))).toEqual(["eu1-"]);
  });

  it("signs in the user that the person chose", async () => {
    const users = [
      { userId: 1, email: "ada@harbour-bakery.example" },
      { userId: 2, email: "femi@harbour-bakery.example" },
    ];
    const { origin, emulator } = await startApp({ accounts: [{ hubId: 77, name: "Harbour Bakery", users }] });
    const page = await browser.open();
    await page.goto(`${origin}/connect`);
    await page.getByRole("link", { name: "Harbour Bakery" }).click();
    await page.getByLabel("Signed in as").selectOption("femi@harbour-bakery.example");
    await page.getByRole("button", { name: "Connect app" }).click();
    expect(await heading(page)).toBe("Connected 77");
    expect(emulator.grants.map(({ userId }) => userId)).toEqual([2]);
  });

  it("tells the app when the person cancels, or leaves it in the dark, as HubSpot may", async () => {
    const { origin, emulator } = await startApp();
    const page = await browser.open();
    const cancel = async (): Promise<void> => {
      await page.goto(`${origin}/connect`);
      await page.getByRole("link", { name: "Harbour Bakery" }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
    };
    await cancel();
    expect(await heading(page)).toBe("Error authorization_denied");
    emulator.settings.denial = "no-callback";
    await cancel();
    expect(await heading(page)).toBe("Not connected");
    expect(emulator.grants).toEqual([]);
  });

  it("says what an app asked for wrongly, and what to fix; the app never hears of it", async () => {
    const { origin, emulator } = await startApp({ app: { requiredScopes: ["crm.objects.contacts.read", "crm.objects.deals.read"] } });
    const page = await browser.open();
    await page.goto(`${origin}/connect`);
    const lacking = new URL(page.url());
    lacking.searchParams.set("scope", "crm.objects.contacts.read");
    expect((await page.goto(lacking.href))?.status()).toBe(400);
    expect(await heading(page)).toBe("Scope mismatch");
    expect(await page.getByRole("alert").innerText()).toContain("lacks scopes that the app requires: crm.objects.deals.read");
    expect(await page.getByRole("main").innerText()).toContain("Add them to the scopes of your client");
    expect(emulator.count("token")).toBe(0);
  });

  it("works by keyboard alone", async () => {
    const { origin } = await startApp();
    const page = await browser.open();
    await page.goto(`${origin}/connect`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // the second account
    await page.getByRole("heading", { name: "Connect Ledger Sync to Nordlicht Optik" }).waitFor();
    const stops: string[] = [];
    for (let stop = 1; stop <= 4; stop++) {
      await page.keyboard.press("Tab");
      stops.push(await page.evaluate("document.activeElement.labels?.[0]?.innerText ?? document.activeElement.textContent"));
    }
    expect(stops).toEqual(["Change the account", "Signed in as", "Connect app", "Cancel"]);
    await page.keyboard.press("Shift+Tab");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Connected 135791113" }).waitFor();
  });

  const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 375, height: 740 } };
  it.each(["light", "dark"] as const)("keeps nobody out, %s, wide and narrow", async (colorScheme) => {
    const { origin, emulator } = await startApp();
    const page = await browser.open({ colorScheme });
    const look = async (name: string): Promise<void> => {
      for (const [size, viewport] of Object.entries(sizes)) {
        await page.setViewportSize(viewport);
        await browser.screenshot(page, `${name}-${colorScheme}-${size}`);
        expect(await accessibilityProblems(page)).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
      }
    };
    await page.goto(`${origin}/connect`);
    const authorizeUrl = page.url();
    await look("chooser");
    await page.getByRole("link", { name: "Nordlicht Optik" }).click();
    await look("consent");
    emulator.settings.denial = "no-callback";
    await page.getByRole("button", { name: "Cancel" }).click();
    await look("cancelled");
    await page.goto(authorizeUrl.replace("contacts", "invoices"));
    await look("scope-mismatch");
  });
});
