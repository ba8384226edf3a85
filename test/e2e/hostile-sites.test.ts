/** What other sites, other people and strict browsers do to a flow: cookies proven by the browser itself, on two sites over HTTPS. */
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { describeInBrowser } from "../support/browser.js";
import { startHttpsSite } from "../support/https-site.js";
import { startApp } from "./app-on-emulator.js";
import { page as html, type Site, startSite } from "./site-on-emulator.js";
import { flowCookies, grant, HARBOUR, heading, leaveForHubSpot, NORDLICHT, signIn, text } from "./visits.js";

/** What came with the requests for a path. */
const cookiesAt = ({ seen }: Site, what: string): readonly (readonly string[])[] =>
  seen.filter((request) => request.what === what).map(({ cookies }) => cookies);

/** A site whose page has `body`, and the headers that `headers` says. */
async function evilSite(
  host: `${string}.test`,
  body: string,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): Promise<string> {
  return startHttpsSite(host, (_, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader("content-type", "text/html").end(html("Win a prize", body));
  });
}

const form = (method: "get" | "post", action: string): string => `<form method="${method}" action="${action}"><button>Win</button></form>`;
const win = (page: Page): Promise<void> => page.getByRole("button", { name: "Win" }).click();

describeInBrowser("in a browser that meets other sites", (browser) => {
  describe("the cookie of a flow", () => {
    it("is __Host-, Secure, HttpOnly, SameSite=Lax, for /, of no domain, comes back from HubSpot's site, and is gone after that", async () => {
      const site = await startSite();
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      const [cookie, ...others] = await flowCookies(page);
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ domain: "app.example.test", path: "/", httpOnly: true, secure: true, sameSite: "Lax" });
      expect(cookie?.name).toMatch(/^__Host-hubspot-oauth-[\w-]{8}$/u);
      const lifeSeconds = (cookie?.expires ?? 0) - Date.now() / 1_000;
      expect(lifeSeconds).toBeGreaterThan(0);
      expect(lifeSeconds).toBeLessThanOrEqual(600);

      const tab = await page.context().newPage();
      await tab.goto(site.origin);
      expect(await tab.evaluate("document.cookie")).toBe("");
      await grant(page);
      expect(await heading(page)).toBe("ada's accounts");
      expect(cookiesAt(site, "GET /callback")).toEqual([["__Host-session", cookie?.name]]);
      expect(await flowCookies(page)).toEqual([]);
    });

    it("does not come with what another site's page posts, fetches, loads or frames", async () => {
      const site = await startSite();
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      const callback = await site.callbackOf(page, HARBOUR);
      const evil = await evilSite(
        "evil.test",
        `<img alt="" src="${callback}"><iframe title="App" src="${callback}"></iframe>${form("post", callback)}`,
      );
      const tab = await page.context().newPage();
      await tab.goto(evil);
      await tab.evaluate(`fetch(${JSON.stringify(callback)}, { mode: "no-cors", credentials: "include" })`);
      await win(tab);
      await expect.poll(() => cookiesAt(site, "POST /callback")).toEqual([[]]);
      expect(cookiesAt(site, "GET /callback")).toEqual([[], [], []]);
      expect(site.emulator.count("token")).toBe(0);
      await grant(page);
      await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    });

    it("cannot be planted by a sibling host, which can plant others", async () => {
      const site = await startSite();
      const attacker = await browser.open();
      await signIn(attacker, site, "mallory");
      await leaveForHubSpot(attacker);
      const [own] = await flowCookies(attacker);
      const callback = await site.callbackOf(attacker, NORDLICHT);
      const planted = ["Path=/", "Path=/; Domain=example.test"].map((where) => `${own?.name}=${own?.value}; Secure; ${where}`);
      const sibling = await evilSite("shop.example.test", form("get", "/"), {
        "set-cookie": [...planted, "other=1; Path=/; Secure; Domain=example.test"],
      });
      const victim = await browser.open();
      await signIn(victim, site);
      await victim.goto(sibling);
      await victim.goto(callback);
      expect(await heading(victim)).toBe("This link cannot be used");
      expect(cookiesAt(site, "GET /callback").map((names) => names.toSorted())).toEqual([["__Host-session", "other"]]);
      expect(site.emulator.count("token")).toBe(0);
    });

    it("has neither prefix nor Secure on http://localhost, and works there", async () => {
      const { origin, emulator } = await startApp();
      const page = await browser.open();
      await page.goto(`${origin}/connect`);
      const [cookie] = await flowCookies(page);
      expect(cookie).toMatchObject({ domain: "localhost", path: "/", httpOnly: true, secure: false, sameSite: "Lax" });
      expect(cookie?.name).toMatch(/^hubspot-oauth-/u);
      await grant(page);
      expect(await heading(page)).toBe(`Connected ${HARBOUR}`);
      expect(emulator.count("token")).toBe(1);
    });

    it("that was cleared on the way ends the flow on a page that says so, and the link on it begins another", async () => {
      const site = await startSite();
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      await page.context().clearCookies({ name: /hubspot-oauth/u });
      await grant(page);
      expect(await text(page)).toContain("or cookies are blocked");
      expect(site.emulator.count("token")).toBe(0);
      await page.getByRole("link", { name: "Try again" }).click();
      await grant(page);
      await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
    });
  });

  describe("a browser that forbids cookies", () => {
    it("connects nothing and is told why, on every try", async () => {
      const site = await startSite();
      const page = await browser.openWithoutCookies({ extraHTTPHeaders: { "x-signed-in-as": "ada" } });
      await page.goto(site.origin);
      await leaveForHubSpot(page);
      await grant(page);
      expect(await text(page)).toContain("or cookies are blocked");
      await page.getByRole("link", { name: "Try again" }).click();
      await grant(page);
      expect(await text(page)).toContain("or cookies are blocked");
      expect([site.emulator.count("token"), site.accountsOf("ada")]).toEqual([0, []]);
    });

    it("is not sent round and round by an install from the marketplace: a page waits for a click", async () => {
      const site = await startSite();
      const page = await browser.openWithoutCookies({ extraHTTPHeaders: { "x-signed-in-as": "ada" } });
      await page.goto(`${site.origin}/callback?code=somebodys`);
      expect(await heading(page)).toBe("Connect HubSpot");
      expect(site.seen).toEqual([{ what: "GET /callback", cookies: [] }]);
    });
  });

  describe("an app whose session cookie is SameSite=Strict", () => {
    it("connects with a cookie of the flow's own, although no session comes back from HubSpot's site", async () => {
      const site = await startSite({ sameSite: "Strict" });
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      const [cookie] = await flowCookies(page);
      await grant(page);
      // The page that the callback leads to is still part of the way back: to the app, nobody is signed in there.
      expect(await heading(page)).toBe("Signed out");
      expect(cookiesAt(site, "GET /callback")).toEqual([[cookie?.name]]);
      expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
      await page.getByRole("link", { name: "Start" }).click();
      expect(await heading(page)).toBe("ada's accounts");
    });

    it("is signed in at once if onConnected answers with a page that goes on by itself", async () => {
      const site = await startSite({ sameSite: "Strict", onwardPage: true });
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      await grant(page);
      await page.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
      expect(await heading(page)).toBe("ada's accounts");
    });

    it("installs from the marketplace with one click more", async () => {
      const site = await startSite({ sameSite: "Strict" });
      const page = await browser.open();
      await signIn(page, site);
      await page.goto(await evilSite("marketplace.test", `<a href="${site.origin}/callback?code=somebodys">Install</a>`));
      await page.getByRole("link", { name: "Install" }).click();
      expect(await heading(page)).toBe("Please sign in");
      await page.getByRole("link", { name: "Try again" }).click();
      await grant(page);
      await expect.poll(() => site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
      expect(site.emulator.count("token")).toBe(1);
    });

    it("connects nothing if it binds flows to that session: the person is told, and nothing is sent to HubSpot", async () => {
      const site = await startSite({ sameSite: "Strict", binding: "session" });
      const page = await browser.open();
      await signIn(page, site);
      await leaveForHubSpot(page);
      await grant(page);
      expect(await heading(page)).toBe("This link cannot be used");
      expect(cookiesAt(site, "GET /callback")).toEqual([[]]);
      expect(site.emulator.count("token")).toBe(0);
    });
  });

  describe("somebody else's callback", () => {
    it.each(["cookie", "session"] as const)(
      "connects nothing in a victim's browser, and leaves the victim's own flow alone (bound by %s)",
      async (binding) => {
        const site = await startSite({ binding });
        const attacker = await browser.open();
        await signIn(attacker, site, "mallory");
        await leaveForHubSpot(attacker);
        const victim = await browser.open();
        await signIn(victim, site);
        await leaveForHubSpot(victim);
        const own = await flowCookies(victim);

        const tab = await victim.context().newPage();
        const evil = await evilSite("evil.test", `<a href="${await site.callbackOf(attacker, NORDLICHT)}">Win</a>`);
        await tab.goto(evil);
        await tab.getByRole("link", { name: "Win" }).click();
        await tab.getByRole("link", { name: "Try again" }).waitFor();
        expect(await text(tab)).toContain(binding === "cookie" ? "another browser began" : "begun in another browser or session");
        expect(site.emulator.count("token")).toBe(0);
        expect(await flowCookies(victim)).toEqual(own);
        await grant(victim);
        await victim.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
        expect([site.accountsOf("ada"), site.accountsOf("mallory")]).toEqual([[`${HARBOUR}`], []]);
      },
    );

    it("without a state leads the victim to an own flow at most, whose account the victim chooses", async () => {
      const site = await startSite();
      const attacker = await browser.open();
      await signIn(attacker, site, "mallory");
      await leaveForHubSpot(attacker);
      const stolen = new URL(await site.callbackOf(attacker, NORDLICHT));
      stolen.searchParams.delete("state");
      const victim = await browser.open();
      await signIn(victim, site);
      await victim.goto(stolen.href);
      expect(await heading(victim)).toBe("Choose an account");
      expect(site.emulator.count("token")).toBe(0);
      await grant(victim);
      await victim.getByRole("heading", { name: `${HARBOUR}` }).waitFor();
      expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
    });
  });

  describe("a page of another site", () => {
    // Strict and Lax cookies would stay at home anyway: with None, only what the handlers do stands in the way.
    it.each(["evil.test", "shop.example.test"] as const)(
      "at %s cannot disconnect an account, even with the session's cookie",
      async (host) => {
        const site = await startSite({ sameSite: "None" });
        const page = await browser.open();
        await signIn(page, site);
        await leaveForHubSpot(page);
        await grant(page);
        await page.goto(await evilSite(host, form("post", `${site.origin}/disconnect?account=${HARBOUR}`)));
        await win(page);
        expect(await heading(page)).toBe("This came from another site");
        expect(cookiesAt(site, "POST /disconnect")).toEqual([["__Host-session"]]);
        expect(site.accountsOf("ada")).toEqual([`${HARBOUR}`]);
        expect(site.emulator.grants.map(({ revoked }) => revoked)).toEqual([false]);
      },
    );

    it("cannot begin a flow, by link, form, picture or frame: a page asks first, and goes on with a click there", async () => {
      const site = await startSite({ sameSite: "None" });
      const page = await browser.open();
      await signIn(page, site);
      const target = `${site.origin}/connect?return_to=/deals`;
      const evil = await evilSite(
        "evil.test",
        `<img alt="" src="${target}"><iframe title="App" src="${target}"></iframe>${form("post", target)}<a href="${target}">Prize</a>`,
      );
      const controls = [page.getByRole("button", { name: "Win" }), page.getByRole("link", { name: "Prize" })];
      for (const control of controls) {
        await page.goto(evil);
        await control.click();
        expect(await text(page)).toContain("Do you want to connect HubSpot?");
      }
      expect(await flowCookies(page)).toEqual([]);
      expect(site.emulator.requests).toEqual([]);
      await leaveForHubSpot(page);
      expect(await flowCookies(page)).toHaveLength(1);
    });
  });
});
