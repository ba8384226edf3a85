/** `npm run demo` as people meet it: the dashboard and the emulator's pages in Chromium, from sign-in to disconnect. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.js";
import { describeInBrowser } from "../support/browser.js";
import { startExample } from "./example-process.js";

describeInBrowser("npm run demo", (browser) => {
  it("can be walked by a person: sign in, connect, contacts, allow deals, disconnect", async () => {
    const example = await startExample("demo");
    const page = await browser.open();
    const link = (name: string): Promise<void> => page.getByRole("link", { name, exact: true }).click();
    const button = (name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();
    await page.goto(example.origin);
    await look(page, "sign-in");
    await button("Sign in as Ada Okafor");
    await link("Connect an account");
    await page.getByRole("link", { name: "Harbour Bakery" }).click();
    await button("Connect app");
    await page.getByRole("heading", { level: 1, name: "harbour-bakery.example" }).waitFor();
    await look(page, "account");
    expect(page.url()).toBe(`${example.origin}/accounts/24681012?done=connected`);
    expect((await page.context().cookies()).map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
      ["session", true, "Lax"],
    ]);

    await page.goto(`${example.origin}/accounts/24681012/contacts`);
    await page.getByRole("cell", { name: /^contact-1@/u }).waitFor();
    await page.goto(`${example.origin}/accounts/24681012/deals`);
    await look(page, "deals-not-allowed");
    await link("Allow deals");
    await page.getByText("crm.objects.deals.read").waitFor();
    await button("Connect app");
    await page.waitForURL(`${example.origin}/accounts/24681012?done=reconnected`);
    await page.goto(`${example.origin}/accounts/24681012/deals`);
    await look(page, "deals");
    expect(await page.getByRole("row").count()).toBeGreaterThan(1);

    await page.goto(`${example.origin}/accounts/24681012/disconnect`);
    await look(page, "disconnect");
    await button("Disconnect");
    await page.waitForURL(`${example.origin}/?done=disconnected`);
    await page.getByText("No account yet").waitFor();
    // A page of status 403 is an error to a console.
    expect(browser.errors(page).filter((line) => !line.includes("status of 403"))).toEqual([]);
    expect(await example.interrupt()).toEqual({ status: 0, leftovers: false });
  });

  async function look(page: Page, name: string): Promise<void> {
    await browser.screenshot(page, `dashboard-${name}`);
    expect(await accessibilityProblems(page)).toEqual([]);
  }
});
