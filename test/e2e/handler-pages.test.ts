/** The pages that handlers answer with by themselves, as people see them: light and dark, wide and narrow, with everything axe looks for. */
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.js";
import { describeInBrowser } from "../support/browser.js";
import { startHttpsSite } from "../support/https-site.js";
import { page as html, startSite } from "./site-on-emulator.js";
import { grant, HARBOUR, heading, leaveForHubSpot, NORDLICHT, signIn } from "./visits.js";

const sizes = { desktop: { width: 1280, height: 900 }, phone: { width: 320, height: 640 } };

describeInBrowser("a page of the handlers", (browser) => {
  it.each(["light", "dark"] as const)("keeps nobody out, %s, wide and narrow", async (colorScheme) => {
    const site = await startSite();
    const { origin, emulator } = site;
    const page = await browser.open({ colorScheme });
    const look = async (name: string, title: string): Promise<void> => {
      expect(await heading(page)).toBe(title);
      expect(await page.title()).toBe(title);
      for (const [size, viewport] of Object.entries(sizes)) {
        await page.setViewportSize(viewport);
        await browser.screenshot(page, `handlers-${name}-${colorScheme}-${size}`);
        expect(await accessibilityProblems(page)).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
      }
      expect(await backgroundOf(page)).toBe(colorScheme);
    };
    await page.goto(`${origin}/connect`);
    await look("not-signed-in", "Please sign in");
    await signIn(page, site);
    await page.goto(`${origin}/callback?code=somebodys&state=nonsense`);
    await look("damaged", "HubSpot was not connected");
    const evil = await startHttpsSite("evil.test", (_, response) => {
      response.setHeader("content-type", "text/html").end(html("Elsewhere", `<a href="${origin}/connect">Ledger Sync</a>`));
    });
    await page.goto(evil);
    await page.getByRole("link", { name: "Ledger Sync" }).click();
    await look("ask-first", "Connect HubSpot");
    await leaveForHubSpot(page);
    await grant(page);
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    await page.goto(`${origin}/connect?account=${HARBOUR}`);
    await page.goto(await emulator.authorize(page.url().replace(`/oauth/${HARBOUR}/`, "/oauth/"), { hubId: NORDLICHT }));
    await look("wrong-account", "This is another HubSpot account");
    await page.goto(origin);
    emulator.respondOnce("revoke", { status: 503 });
    await page.getByRole("button", { name: `Disconnect ${HARBOUR}` }).click();
    await look("half-disconnected", "Disconnected here, but not at HubSpot");
  });
});

/** Whether the page took the colours that the person's system asks for. */
async function backgroundOf(page: Page): Promise<"light" | "dark"> {
  const colour = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
  const brightness = Math.max(...(colour.match(/\d+/gu) ?? []).map(Number));
  return brightness > 127 ? "light" : "dark";
}
