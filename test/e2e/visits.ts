/** What a person does in a tab of the app of site-on-emulator.ts, and what a test asks of the browser afterwards. */
import type { Cookie, Page } from "playwright-core";
import type { Site } from "./site-on-emulator.js";

export const HARBOUR = 24681012;
/** In the EU. */
export const NORDLICHT = 135791113;

export const heading = (page: Page): Promise<string> => page.getByRole("heading", { level: 1 }).innerText();
export const text = (page: Page): Promise<string> => page.getByRole("main").innerText();

/** Signs in, and is on the app's first page. */
export async function signIn(page: Page, { origin }: Pick<Site, "origin">, person = "ada"): Promise<void> {
  await page.goto(`${origin}/sign-in?as=${person}`);
}

/** From a page with the link to HubSpot's page "Choose an account". */
export async function leaveForHubSpot(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Connect HubSpot" }).click();
  await page.getByRole("heading", { name: "Choose an account" }).waitFor();
}

/** From "Choose an account" to wherever the app leads. */
export async function grant(page: Page, account: "Harbour Bakery" | "Nordlicht Optik" = "Harbour Bakery"): Promise<void> {
  await page.getByRole("link", { name: account }).click();
  await page.getByRole("button", { name: "Connect app" }).click();
}

/** The cookies of flows that the browser holds. */
export async function flowCookies(page: Page): Promise<readonly Cookie[]> {
  return (await page.context().cookies()).filter(({ name }) => /^(?:__Host-)?hubspot-oauth-[\w-]{8}$/u.test(name));
}

/** The addresses in the tab's history, oldest first, and which of them it is on. */
export async function historyOf(page: Page): Promise<{ readonly urls: readonly string[]; readonly current: number }> {
  const devTools = await page.context().newCDPSession(page);
  const { entries, currentIndex } = await devTools.send("Page.getNavigationHistory");
  await devTools.detach();
  return { urls: entries.map(({ url }) => url), current: currentIndex };
}
