/** The emulator's console in a real browser: what it shows while an app works, what its buttons do, without scripts and without a mouse. */
import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.js";
import { describeInBrowser } from "../support/browser.js";
import { connect } from "../support/setup.js";
import { startApp } from "./app-on-emulator.js";

const rows = (page: Page, part: "Request log" | "List of tokens"): Locator => page.getByRole("region", { name: part }).locator("tbody tr");
const account = (page: Page, name: string): Locator => page.getByRole("listitem").filter({ has: page.getByRole("heading", { name }) });
const status = (page: Page): Locator => page.getByRole("status");
const isLive = (page: Page): Promise<void> => page.getByText("live", { exact: true }).waitFor();

describeInBrowser("the console", (browser) => {
  it("shows a connection as it happens, and the refresh after the tokens were expired", async () => {
    const { origin, emulator } = await startApp();
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    await page.getByText("None yet. Connect an app.").waitFor();

    const tab = await page.context().newPage();
    await tab.goto(`${origin}/connect`);
    await tab.getByRole("link", { name: "Harbour Bakery" }).click();
    await tab.getByRole("button", { name: "Connect app" }).click();
    await rows(page, "Request log").filter({ hasText: "token · authorization_code" }).filter({ hasText: "200" }).waitFor();
    await account(page, "Harbour Bakery").getByText("Ledger Sync").waitFor();
    await rows(page, "List of tokens")
      .filter({ hasText: "Access" })
      .filter({ hasText: /29 min \d+ s|30 min/u })
      .waitFor();
    await rows(page, "List of tokens").filter({ hasText: "Refresh" }).filter({ hasText: "until revoked" }).waitFor();

    await tab.goto(`${origin}/contacts`);
    await page.getByRole("button", { name: "Expire tokens of Harbour Bakery" }).click();
    await status(page).filter({ hasText: "The account's access tokens are expired." }).waitFor();
    await rows(page, "List of tokens").filter({ hasText: "Access" }).filter({ hasText: "expired" }).waitFor();

    await tab.goto(`${origin}/contacts`);
    expect(await tab.getByRole("heading").innerText()).toBe("10 contacts of 24681012");
    await rows(page, "Request log").filter({ hasText: "token · refresh_token" }).waitFor();
    const routes = async (): Promise<readonly (string | undefined)[]> =>
      (await rows(page, "Request log").allInnerTexts()).slice(0, 4).map((row) => /[\w-]+(?: · \w+)?(?=\s+Harbour)/u.exec(row)?.[0]);
    await expect.poll(routes).toEqual(["objects-list", "token · refresh_token", "objects-list", "objects-list"]);
    expect(emulator.count((request) => request.path === "/" || request.path.startsWith("/console"))).toBe(0);
    expect(browser.errors(page)).toEqual([]);
  });

  it("revokes, uninstalls, moves the clock, and empties the log", async () => {
    const { emulator, oauth } = await startApp();
    await connect(oauth, emulator, { hubId: 135791113 });
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    const now = emulator.now();
    await page.getByRole("button", { name: "Advance by + 31 min" }).click();
    await status(page).filter({ hasText: "The clock was moved." }).waitFor();
    expect(emulator.now() - now).toBeGreaterThanOrEqual(31 * 60_000);
    await rows(page, "List of tokens").filter({ hasText: "expired" }).waitFor();
    await page.getByRole("button", { name: "Revoke grant of Nordlicht Optik" }).click();
    await rows(page, "List of tokens").filter({ hasText: "revoked" }).filter({ hasNotText: "until" }).waitFor();
    await page.getByRole("button", { name: "Uninstall from Nordlicht Optik" }).click();
    await rows(page, "List of tokens").filter({ hasText: "stopped" }).waitFor();
    expect(await account(page, "Nordlicht Optik").innerText()).toContain("nothing");
    await page.getByRole("button", { name: "Clear the log" }).click();
    await page.getByText("0 requests").waitFor();
    await expect.poll(() => rows(page, "Request log").count()).toBe(0);
  });

  it("puts faults in force, shows what is left of them, and takes them back", async () => {
    const { origin, emulator, oauth } = await startApp();
    await connect(oauth, emulator);
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    await page.getByLabel("What goes wrong").selectOption("429 rate limit: DAILY");
    await page.getByLabel("For which requests").selectOption("objects-list");
    await page.getByLabel("Of which account").selectOption("of Harbour Bakery");
    await page.getByLabel("How often").selectOption("twice");
    await page.getByRole("button", { name: "Add fault" }).click();
    await page.getByText("objects-list of Harbour Bakery · 2 to come · 0 so far").waitFor();
    const tab = await page.context().newPage();
    await tab.goto(`${origin}/contacts`);
    expect(await tab.getByRole("heading").innerText()).toBe("Error rate_limited");
    await page.getByText("objects-list of Harbour Bakery · 1 to come · 1 so far").waitFor();
    await rows(page, "Request log").filter({ hasText: "429" }).waitFor();
    await page.getByRole("button", { name: "Clear the faults" }).click();
    await page.getByText("None in force.").waitFor();
    await tab.reload();
    expect(await tab.getByRole("heading").innerText()).toBe("10 contacts of 24681012");
  });

  it("goes back to how it began", async () => {
    const { emulator, oauth } = await startApp();
    const [atFirst] = emulator.accounts.map(({ crm }) => crm.list("contacts").length);
    await connect(oauth, emulator);
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    emulator.faults.add({ match: "token", fault: { kind: "hang" } });
    const now = emulator.now();
    await page.getByRole("button", { name: "Advance by + 1 day" }).click();
    await rows(page, "List of tokens").filter({ hasText: "expired" }).waitFor();
    await page.getByRole("button", { name: "Reset the emulator" }).click();
    await status(page).filter({ hasText: "The emulator is as it was at its start." }).waitFor();
    await page.getByText("None in force.").waitFor();
    await page.getByText("0 requests").waitFor();
    await page.getByText("None yet. Connect an app.").waitFor();
    expect(emulator.now() - now).toBeLessThan(86_400_000);
    expect(emulator.accounts[0]?.crm.list("contacts")).toHaveLength(atFirst ?? -1);
    expect(emulator.grants).toEqual([]);
    await connect(oauth, emulator);
    await rows(page, "List of tokens").filter({ hasText: "Access" }).waitFor();
    expect(browser.errors(page)).toEqual([]);
  });

  it("sees what a test does behind its back", async () => {
    const { emulator, oauth } = await startApp();
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    await connect(oauth, emulator);
    await rows(page, "List of tokens").filter({ hasText: "Access" }).waitFor();
    emulator.advance(86_400_000);
    await rows(page, "List of tokens").filter({ hasText: "expired" }).waitFor();
    emulator.clearRequests();
    await page.getByText("0 requests").waitFor();
    expect(await rows(page, "Request log").count()).toBe(0);
  });

  it("keeps at most 200 rows, whatever comes, and stands still while it is paused", async () => {
    const { emulator } = await startApp();
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    const ask = async (path: string, times: number): Promise<void> => {
      for (let round = 0; round < times; round++) await emulator.handle({ method: "GET", url: `${path}/${round}` });
    };
    await ask("/one", 90);
    await rows(page, "Request log").filter({ hasText: "/one/89" }).waitFor();
    await ask("/two", 90);
    await rows(page, "Request log").filter({ hasText: "/two/89" }).waitFor();
    await ask("/three", 90);
    await rows(page, "Request log").filter({ hasText: "/three/89" }).waitFor();
    expect(await rows(page, "Request log").count()).toBe(200);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("paused", { exact: true }).waitFor();
    await ask("/four", 1);
    await page.getByRole("button", { name: "Pause" }).click();
    await rows(page, "Request log").filter({ hasText: "/four/0" }).waitFor();
    await page.getByText("271 requests").waitFor();
  });

  it("says so when the emulator is gone", async () => {
    const { emulator } = await startApp();
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    await emulator.close();
    await page.getByText("not reachable").waitFor();
    await page.getByRole("button", { name: "Advance by + 1 min" }).click();
    await expect.poll(() => status(page).innerText()).toBe("The emulator cannot be reached. Is it still running?");
  });

  it("works without scripts", async () => {
    const { emulator, oauth } = await startApp();
    await connect(oauth, emulator);
    const page = await browser.open({ javaScriptEnabled: false });
    await page.goto(emulator.origin);
    expect(await page.locator("noscript").innerText()).toContain("Scripts are off.");
    expect(await rows(page, "List of tokens").count()).toBe(2);
    expect(await rows(page, "List of tokens").nth(1).innerText()).toMatch(/Access.*(?:29 min \d+ s|30 min)/su);
    await page.getByRole("button", { name: "Expire tokens of Harbour Bakery" }).click();
    await status(page).filter({ hasText: "The account's access tokens are expired." }).waitFor();
    expect(await rows(page, "List of tokens").nth(1).innerText()).toContain("expired");
    await page.getByRole("button", { name: "Add fault" }).click();
    await page.getByText("any request · 1 to come · 0 so far").waitFor();
    expect(await page.getByRole("button", { name: "Pause" }).count()).toBe(0);
  });

  it("works by keyboard alone, and whoever pressed a button stays on it", async () => {
    const { emulator, oauth } = await startApp();
    await connect(oauth, emulator);
    const page = await browser.open();
    await page.goto(emulator.origin);
    await isLive(page);
    const tabTo = async (name: string): Promise<void> => {
      for (let stop = 0; stop < 40; stop++) {
        await page.keyboard.press("Tab");
        const text = String(await page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"));
        if (text === name) return;
      }
      throw new Error(`Tab never came to ${name}`);
    };
    await tabTo("Advance by + 25 min");
    await page.keyboard.press("Enter");
    await status(page).filter({ hasText: "The clock was moved." }).waitFor();
    await tabTo("Uninstall from Harbour Bakery");
    await page.keyboard.press("Space");
    await rows(page, "List of tokens").filter({ hasText: "stopped" }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("uninstall-24681012");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).not.toBe("none");
    await tabTo("Add fault");
    await page.keyboard.press("Enter");
    await page.getByText("any request · 1 to come").waitFor();
  });

  it("does nothing for a form on another site", async () => {
    const { emulator, oauth } = await startApp();
    await connect(oauth, emulator);
    const page = await browser.open();
    await page.route("http://evil.test/", (route) =>
      route.fulfill({
        contentType: "text/html",
        body: `<form method="post" action="${emulator.origin}/console/actions/uninstall"><input name="hub_id" value="24681012"><button>Win</button></form>`,
      }),
    );
    await page.goto("http://evil.test/");
    await page.getByRole("button").click();
    await page.getByText("The console takes requests from its own page only.").waitFor();
    expect(emulator.grants.map(({ revoked }) => revoked)).toEqual([false]);
  });

  const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 375, height: 740 } };
  it.each(["light", "dark"] as const)("keeps nobody out, %s, wide and narrow", async (colorScheme) => {
    const { origin, emulator, oauth } = await startApp();
    for (const hubId of [24681012, 135791113]) await connect(oauth, emulator, { hubId });
    const page = await browser.open({ colorScheme });
    const app = await page.context().newPage();
    await app.goto(`${origin}/contacts`);
    emulator.expireTokens(135791113);
    emulator.faults.add({ fault: { kind: "unauthorized", category: "BLANK" }, match: "objects-list" });
    emulator.faults.add({ fault: { kind: "server-error", status: 503 }, match: { route: "token" }, times: 3 });
    await app.goto(`${origin}/contacts`);
    emulator.respondOnce("unknown", { destroy: true });
    await fetch(`${emulator.origin}/oauth/v1/access-tokens/${"a".repeat(500)}`).catch(() => undefined);
    await fetch(`${emulator.origin}/crm/v3/objects/contacts`);
    await page.goto(emulator.origin);
    await isLive(page);
    await page.getByRole("button", { name: "Advance by + 1 min" }).click();
    await status(page).filter({ hasText: "The clock was moved." }).waitFor();
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      await browser.screenshot(page, `console-${colorScheme}-${size}`);
      expect(await accessibilityProblems(page)).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    }
  });
});
