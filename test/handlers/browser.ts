/**
 * A browser as far as handlers can see one: cookies per browser, Fetch Metadata, no redirect followed unasked. Every answer it gets is held to
 * what all answers of the handlers have in common.
 */
import { expect } from "vitest";

/** What a handler answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly location: string | undefined;
  /** Paths that the page links to, as a browser reads them. */
  readonly links: readonly string[];
}

/** A person's browser. */
export class Browser {
  readonly #origin: string;
  readonly #cookies = new Map<string, string>();

  constructor(origin: string, cookies: Readonly<Record<string, string>> = {}) {
    this.#origin = origin;
    for (const [name, value] of Object.entries(cookies)) this.#cookies.set(name, value);
  }

  /** The flow cookies it holds now. */
  get flowCookies(): string[] {
    return [...this.#cookies.keys()].filter((name) => /^hubspot-oauth-[\w-]{8}$/.test(name));
  }

  /** Forgets all cookies but the application's session. */
  forgetFlows(): void {
    for (const name of this.#cookies.keys()) if (name !== "sid") this.#cookies.delete(name);
  }

  /** Typed into the address bar, or a link clicked that leads here. Headers set to "" are not sent. */
  async visit(target: string, init: { method?: string; headers?: Readonly<Record<string, string>>; body?: string } = {}): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { accept: "text/html", "sec-fetch-site": "none", cookie, ...init.headers };
    const url = new URL(target, this.#origin);
    const response = await fetch(url, {
      redirect: "manual",
      method: init.method ?? "GET",
      ...(init.body !== undefined && { body: init.body }),
      headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== "")),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/Max-Age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const answer = {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: response.headers.get("location") ?? undefined,
    };
    assertCommon(answer, url);
    return { ...answer, links: [...answer.text.matchAll(/href="([^"]*)"/g)].map(([, path = ""]) => path.replaceAll("&amp;", "&")) };
  }

  /** A form of the application's own page, submitted. */
  submit(target: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const form = { "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", origin: this.#origin };
    return this.visit(target, { method: "POST", body: "csrf=1", headers: { ...form, ...headers } });
  }
}

/** CB-07 and CB-03: what holds for every answer, whatever happened. */
function assertCommon({ status, headers, text, location }: Omit<Answer, "links">, url: URL): void {
  expect(headers.get("cache-control")).toBe("no-store");
  expect(headers.get("referrer-policy")).toBe("no-referrer");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect([301, 302, 307, 308], "only 303 leaves by GET for sure").not.toContain(status);
  if (text !== "" && headers.get("content-type")?.startsWith("text/html") === true) {
    expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
    expect(text).not.toMatch(/<script|<img| on\w+=|at .*\.ts:\d/i);
  }
  for (const name of ["code", "state", "error_description"]) {
    const secret = url.searchParams.get(name) ?? "";
    if (secret.length < 8) continue;
    for (const given of [text, location ?? "", headers.get("set-cookie") ?? ""]) expect(given, `the ${name}`).not.toContain(secret);
  }
}
