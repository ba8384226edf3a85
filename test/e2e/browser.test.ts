/** What tests in a browser stand on: contexts of their own, HTTPS sites with names, no way out, console errors, the accessibility check. */
import { stat } from "node:fs/promises";
import { expect, it } from "vitest";
import { accessibilityProblems } from "../support/accessibility.js";
import { describeInBrowser } from "../support/browser.js";
import { forwardTo, startHttpsSite } from "../support/https-site.js";
import { httpServer } from "../transport/servers.js";

const page = (body: string, title = "A page"): string =>
  `<!doctype html><html lang="en"><title>${title}</title><main>${body}</main></html>`;

describeInBrowser("the browser of a test", (browser) => {
  it("sends a Secure cookie back to its own site only, and a Lax one not with another site's post", async () => {
    const seen: string[] = [];
    const app = await startHttpsSite("app.example.test", (request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.cookie ?? "-"}`);
      response.setHeader("set-cookie", "__Host-flow=1; Path=/; Secure; HttpOnly; SameSite=Lax");
      response.setHeader("content-type", "text/html").end(page("<h1>App</h1>"));
    });
    const plain = await httpServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(
        page(`<h1>Other</h1><a href="${app}/back">back</a><form method="post" action="${app}/post"><button>post</button></form>`),
      );
    });
    const other = await startHttpsSite("crm.other.test", forwardTo(plain.origin));
    const tab = await browser.open();
    for (const control of ["link", "button"] as const) {
      await tab.goto(`${app}/first`);
      await tab.goto(other);
      await tab.getByRole(control).click();
      await tab.getByRole("heading", { name: "App" }).waitFor();
    }
    const pages = seen.filter((line) => !line.includes("favicon"));
    expect(pages).toEqual(["GET /first -", "GET /back __Host-flow=1", "GET /first __Host-flow=1", "POST /post -"]);
    expect(plain.requests.some(({ headers }) => headers.cookie !== undefined)).toBe(false);
    const fresh = await browser.open();
    expect(await fresh.context().cookies()).toEqual([]);
  });

  it("reaches nothing but this machine", async () => {
    const tab = await browser.open();
    await expect(tab.goto("https://example.com/")).rejects.toThrow("ERR_NAME_NOT_RESOLVED");
  });

  it("notes the errors of a page's console, and takes a picture", async () => {
    const { origin } = await httpServer((_, response) => {
      response.setHeader("content-security-policy", "default-src 'none'");
      response.setHeader("content-type", "text/html").end(page(`<h1>Stopped</h1><script>document.title = "ran"</script>`));
    });
    const tab = await browser.open();
    await tab.goto(origin);
    expect(await tab.title()).toBe("A page");
    expect(browser.errors(tab).join()).toContain("Content Security Policy");
    expect((await stat(await browser.screenshot(tab, "console-errors"))).size).toBeGreaterThan(1000);
  });

  it("sees what keeps people out of a page", async () => {
    const { origin } = await httpServer((request, response) => {
      const input = `<input name="a">`;
      const body = request.url === "/good" ? `<h1>Form</h1><label>Name ${input}</label>` : `<h1>Form</h1>${input}`;
      response.setHeader("content-type", "text/html").end(page(body));
    });
    const tab = await browser.open();
    await tab.goto(`${origin}/good`);
    expect(await accessibilityProblems(tab)).toEqual([]);
    await tab.goto(`${origin}/bad`);
    expect(await accessibilityProblems(tab)).toEqual([expect.stringContaining("label")]);
  });
});
