/**
 * Tests in real Chromium: one browser per `describeInBrowser`, a fresh context (cookies, storage, cache) per `open()`, all gone afterwards.
 * It reaches this machine only: `*.test` is 127.0.0.1, and no other name resolves. Certificates are not checked, so that a site of
 * `https-site.ts` will do. A test that fails says where its pages were and what their consoles said, and leaves a picture of each.
 *
 * `SCREENSHOTS=folder npx vitest run test/e2e` keeps the pictures that tests take; without it they go to a temporary folder.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, inject, onTestFinished } from "vitest";

/** What a test gets. */
export interface TestBrowser {
  /** A page in a context of its own. `options` are Playwright's: `colorScheme`, `viewport`, `javaScriptEnabled`... */
  open(options?: BrowserContextOptions): Promise<Page>;
  /** A page in a browser of its own, whose settings forbid cookies to every site. */
  openWithoutCookies(options?: BrowserContextOptions): Promise<Page>;
  /** The errors that a page's console showed so far, uncaught exceptions too: what its Content-Security-Policy stopped, for one. */
  errors(page: Page): readonly string[];
  /** Takes a picture of the whole page and answers its path. */
  screenshot(page: Page, name: string): Promise<string>;
}

const flags = [
  "--no-sandbox", // Chromium as root starts only so.
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

const program = inject("chromium");

/** A `describe` whose tests have a browser. Skipped without one; the set-up of the run has said so, or failed when CI is set. */
export function describeInBrowser(name: string, tests: (browser: TestBrowser) => void): void {
  describe.skipIf(program === undefined)(`${name} (Chromium)`, { timeout: 60_000 }, () => {
    let browser: Browser;
    const pictures = new Pictures();
    const errors = new WeakMap<Page, string[]>();

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: program ?? "", args: flags });
    }, 60_000);
    afterAll(async () => {
      await browser.close();
      await pictures.tidy();
    }, 60_000);

    async function open(options: BrowserContextOptions = {}): Promise<Page> {
      return pageOf(await browser.newContext({ ignoreHTTPSErrors: true, ...options }));
    }

    async function openWithoutCookies(options: BrowserContextOptions = {}): Promise<Page> {
      const folder = await mkdtemp(join(tmpdir(), "hubspot-oauth-chromium-"));
      // Ends last: what a test registers first runs last.
      onTestFinished(() => rm(folder, { recursive: true }));
      await mkdir(join(folder, "Default"));
      const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
      await writeFile(join(folder, "Default/Preferences"), JSON.stringify(settings));
      const start = { executablePath: program ?? "", args: flags, ignoreHTTPSErrors: true };
      return pageOf(await chromium.launchPersistentContext(folder, { ...start, ...options }));
    }

    async function pageOf(context: BrowserContext): Promise<Page> {
      context.setDefaultTimeout(10_000);
      context.on("page", (page) => errors.set(page, listen(page)));
      onTestFinished(async ({ task }) => {
        if (task.result?.state === "fail") await tell(context.pages());
        await context.close();
      });
      return context.newPage();
    }

    async function tell(pages: readonly Page[]): Promise<void> {
      for (const page of pages) {
        const path = await pictures.take(page, `failed-${process.pid}-${Date.now()}`, { keep: true });
        console.error([`The page was at ${page.url()} (${path})`, ...(errors.get(page) ?? [])].join("\n  console: "));
      }
    }

    tests({ open, openWithoutCookies, errors: (page) => errors.get(page) ?? [], screenshot: (page, title) => pictures.take(page, title) });
  });
}

function listen(page: Page): string[] {
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  return errors;
}

/** The folder of the pictures; a temporary one is made with the first, and goes unless a failure is in it. */
class Pictures {
  #temporary: Promise<string> | undefined;
  #keep = false;

  async take(page: Page, name: string, { keep = false } = {}): Promise<string> {
    this.#keep ||= keep;
    const path = join(await this.#folder(), `${name}.png`);
    await page.screenshot({ path, fullPage: true, animations: "disabled" });
    return path;
  }

  async tidy(): Promise<void> {
    if (this.#temporary !== undefined && !this.#keep) await rm(await this.#temporary, { recursive: true });
  }

  async #folder(): Promise<string> {
    const named = process.env["SCREENSHOTS"];
    if (named === undefined) return (this.#temporary ??= mkdtemp(join(tmpdir(), "hubspot-oauth-pictures-")));
    await mkdir(named, { recursive: true });
    return resolve(named);
  }
}
