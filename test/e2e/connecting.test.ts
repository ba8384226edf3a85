/** Connecting as a person does it, in a browser, on two sites: to the end, half-way, twice, backwards, and away again. */
import { expect, it } from "vitest";
import { describeInBrowser } from "../support/browser.js";
import { startSite } from "./site-on-emulator.js";
import { flowCookies, grant, HARBOUR, heading, historyOf, leaveForHubSpot, NORDLICHT, signIn, text } from "./visits.js";

const MINUTE_MS = 60_000;

describeInBrowser("connecting", (browser) => {
  it("ends on the app's page, with the account connected and no callback in the history", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    await grant(page);
    expect(await heading(page)).toBe("ada's accounts");
    expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
    const { urls } = await historyOf(page);
    expect(urls.at(-1)).toBe(`${site.origin}/`);
    expect(urls.filter((url) => url.startsWith(`${site.origin}/callback`) || /[?&]code=/u.test(url))).toEqual([]);
    expect(browser.errors(page)).toEqual([]);
  });

  it("an account in the EU is connected as any other", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    await grant(page, "Nordlicht Optik");
    await page.getByRole("heading", { name: `${NORDLICHT}` }).waitFor();
    expect(site.emulator.grants.map(({ hubId, refreshToken }) => [hubId, refreshToken.slice(0, 4)])).toEqual([[NORDLICHT, "eu1-"]]);
  });

  it("a person who cancels at HubSpot is told so, keeps nothing of the flow, and can try again", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    await page.getByRole("link", { name: "Harbour Bakery" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    expect(await heading(page)).toBe("HubSpot was not connected");
    expect(await text(page)).toContain("HubSpot says that access was not granted.");
    expect(await flowCookies(page)).toEqual([]);
    expect(site.emulator.count("token")).toBe(0);
    await page.getByRole("link", { name: "Try again" }).click();
    await grant(page);
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
  });

  it("a person who closes HubSpot's tab can begin anew, and the old way back works as well for ten minutes", async () => {
    const site = await startSite();
    const first = await browser.open();
    await signIn(first, site);
    await leaveForHubSpot(first);
    await first.close();

    const page = await first.context().newPage();
    await page.goto(site.origin);
    await leaveForHubSpot(page);
    await grant(page);
    expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
    site.emulator.advance(9 * MINUTE_MS);
    await page.goto(await site.callbackOf(first, NORDLICHT));
    expect(page.url()).toBe(`${site.origin}/`);
    expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`, `${NORDLICHT}`]);
    await leaveForHubSpot(page);
    site.emulator.advance(11 * MINUTE_MS);
    await grant(page);
    expect(await text(page)).toContain("It took longer than ten minutes.");
    expect(await flowCookies(page)).toEqual([]);
    expect(site.emulator.count("token")).toBe(2);
  });

  it("two tabs at once have a flow and a cookie each, and both end well", async () => {
    const site = await startSite();
    const first = await browser.open();
    await signIn(first, site);
    const second = await first.context().newPage();
    await second.goto(site.origin);
    await leaveForHubSpot(first);
    await leaveForHubSpot(second);
    expect(new Set((await flowCookies(first)).map(({ name }) => name)).size).toBe(2);
    await grant(second, "Nordlicht Optik");
    expect(await heading(second)).toBe("ada's accounts");
    expect(await flowCookies(first)).toHaveLength(1);
    await grant(first);
    expect(await heading(first)).toBe("ada's accounts");
    expect(await flowCookies(first)).toEqual([]);
    expect(site.accountsOf("ada")).toEqual([`${NORDLICHT}`, `${HARBOUR}`]);
    const callbacks = site.seen.filter(({ what }) => what === "GET /callback");
    expect(callbacks.map(({ cookies }) => cookies.filter((name) => name.includes("hubspot-oauth")).length)).toEqual([2, 1]);
  });

  it.each([
    ["cookie", "This link cannot be used"],
    ["session", "This link was used before"],
  ] as const)(
    "after the back button, HubSpot's page connects nothing a second time, nor does the history (bound by %s)",
    async (binding, words) => {
      const site = await startSite({ binding });
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      await grant(page);
      await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
      await page.goBack();
      expect(await heading(page)).toBe("Connect Ledger Sync to Harbour Bakery");
      await page.getByRole("button", { name: "Connect app" }).click();
      expect(await heading(page)).toBe(words);
      await page.goBack();
      await page.goForward();
      expect(await heading(page)).toBe(words);
      await page.reload();
      expect(await heading(page)).toBe(words);
      expect(site.emulator.count("token")).toBe(1);
      await page.getByRole("link", { name: "Back" }).click();
      await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    },
  );

  it("a callback that was used is refused, in this browser and in others", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    const callback = await site.callbackOf(page, HARBOUR);
    await page.goto(callback);
    expect(await heading(page)).toBe("ada's accounts");
    await page.goto(callback);
    expect(await heading(page)).toBe("This link cannot be used");
    const other = await browser.open();
    await other.goto(callback);
    expect(await heading(other)).toBe("This link cannot be used");
    expect(site.emulator.count("token")).toBe(1);
    expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
  });

  it("a scope that is missing is asked for by a button, and what needed it works", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    await grant(page);
    await page.getByRole("link", { name: `Deals of ${HARBOUR}` }).click();
    expect(await heading(page)).toBe("Deals are not allowed yet");
    await page.getByRole("button", { name: "Allow deals" }).click();
    expect(await heading(page)).toBe("Connect Ledger Sync to Harbour Bakery");
    expect(await page.getByRole("listitem").filter({ hasText: "crm.objects.deals.read" }).count()).toBe(1);
    await page.getByRole("button", { name: "Connect app" }).click();
    expect(await heading(page)).toMatch(new RegExp(`^\\d+ deals of ${HARBOUR}$`, "u"));
    expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
  });

  it("an account is disconnected by its button, here and at HubSpot, and stays so after the back button", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await leaveForHubSpot(page);
    await grant(page);
    await page.getByRole("button", { name: `Disconnect ${HARBOUR}` }).click();
    await expect.poll(() => page.getByRole("button").count()).toBe(0);
    expect(await heading(page)).toBe("ada's accounts");
    expect(site.accountsOf("ada")).toEqual([]);
    expect(await site.oauth.getAccount(`${HARBOUR}`)).toBeUndefined();
    expect(site.emulator.grants.map(({ revoked }) => revoked)).toEqual([true]);
    await page.goBack();
    await page.goForward();
    expect(await heading(page)).toBe("ada's accounts");
    expect(site.accountsOf("ada")).toEqual([]);
    expect(site.emulator.count("revoke")).toBe(1);
  });

  it("an install from the marketplace, without a state, begins a flow of the app's own, and connects", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await page.goto(`${site.origin}/callback?code=somebodys`);
    expect(await heading(page)).toBe("Choose an account");
    await grant(page);
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    expect(site.emulator.count("token")).toBe(1);
    expect((await page.context().cookies()).map(({ name }) => name)).toEqual(["__Host-session"]);
  });

  it("an install that comes back without a state again waits for a click, and cannot go round", async () => {
    const site = await startSite();
    const page = await browser.open();
    await signIn(page, site);
    await page.goto(`${site.origin}/callback?code=somebodys`);
    await page.goto(`${site.origin}/callback?code=somebodys`);
    expect(await text(page)).toContain("To finish the installation from HubSpot, connect your account here.");
    expect(site.emulator.count("token")).toBe(0);
    await leaveForHubSpot(page);
    await grant(page);
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
  });

  it("needs no mouse: connect, fail, try again, disconnect", async () => {
    const site = await startSite();
    const page = await browser.open();
    const press = async (name: string): Promise<void> => {
      for (let stop = 0; stop < 8; stop++) {
        await page.keyboard.press("Tab");
        const [label, outline] = await page.evaluate<[string, string]>(
          "[document.activeElement.innerText, getComputedStyle(document.activeElement).outlineStyle]",
        );
        if (!label.includes(name)) continue;
        expect(outline).not.toBe("none");
        await page.keyboard.press("Enter");
        return;
      }
      throw new Error(`Tab never came to ${name}`);
    };
    await signIn(page, site);
    await press("Connect HubSpot");
    await page.getByRole("heading", { name: "Choose an account" }).waitFor();
    await press("Harbour Bakery");
    await page.getByRole("button", { name: "Cancel" }).waitFor();
    await press("Cancel");
    await page.getByRole("heading", { name: "HubSpot was not connected" }).waitFor();
    await press("Try again");
    await page.getByRole("heading", { name: "Choose an account" }).waitFor();
    await press("Harbour Bakery");
    await page.getByRole("button", { name: "Connect app" }).waitFor();
    await press("Connect app");
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    await press(`Disconnect ${HARBOUR}`);
    await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor({ state: "detached" });
    expect(site.accountsOf("ada")).toEqual([]);
  });
});
