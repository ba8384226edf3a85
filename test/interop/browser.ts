/** A user in front of a browser: keeps cookies, follows redirects, signs in, says yes or no. It never leaves the server it was sent to. */

/** What the user does at the server's pages. */
export interface Visit {
  /** HubSpot account and user, as `<hubId>-<userId>`. */
  readonly user?: string;
  readonly answer?: "grant" | "deny at login" | "deny at consent";
}

/** The server showed a page that leads nowhere. */
export class DeadEnd extends Error {
  readonly status: number;

  constructor(status: number, page: string) {
    super(`${status} ${page}`);
    this.status = status;
  }
}

/** The user whom `Visit.user` means when it says nothing. */
export const USER = "51234567-1001";
const MOST_STEPS = 20;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

/** One browser with its cookies. */
export class Browser {
  readonly #cookies = new Map<string, Cookie>();

  /**
   * Opens an authorize URL and goes wherever the server sends it.
   * @returns the URL of the callback: the first redirect to another origin. It is not visited.
   * @throws DeadEnd when the server shows a page without a form.
   */
  async visit(authorizeUrl: string, { user = USER, answer = "grant" }: Visit = {}): Promise<string> {
    const { origin } = new URL(authorizeUrl);
    let url = new URL(authorizeUrl);
    let form: URLSearchParams | undefined;
    for (let step = 0; step < MOST_STEPS; step++) {
      const response: Response = await fetch(url, {
        redirect: "manual",
        headers: { cookie: this.#cookiesFor(url) },
        ...(form !== undefined && { method: "POST", body: form }),
      });
      this.#keep(response);
      const location = response.headers.get("location");
      const page = await response.text();
      if (location !== null) {
        url = new URL(location, url);
        form = undefined;
        // As the server wrote it, not as URL would.
        if (url.origin !== origin) return location;
        continue;
      }
      const prompt = /<input type="hidden" name="prompt" value="(\w+)">/.exec(page)?.[1];
      if (prompt === undefined) throw new DeadEnd(response.status, page);
      form = new URLSearchParams({ prompt, user, choice: answer === `deny at ${prompt}` ? "deny" : "continue" });
    }
    throw new Error(`The server redirected more than ${MOST_STEPS} times.`);
  }

  #cookiesFor({ pathname }: URL): string {
    const fitting = [...this.#cookies.values()].filter(({ path }) => pathname === path || pathname.startsWith(path.replace(/\/?$/, "/")));
    return fitting.map(({ name, value }) => `${name}=${value}`).join("; ");
  }

  #keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split(/; */);
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      const attribute = (wanted: string): string | undefined =>
        attributes.find((text) => text.toLowerCase().startsWith(`${wanted}=`))?.slice(wanted.length + 1);
      const path = attribute("path") ?? "/";
      const expires = Date.parse(attribute("expires") ?? "");
      if (expires <= Date.now()) this.#cookies.delete(`${path} ${name}`);
      else this.#cookies.set(`${path} ${name}`, { name, value, path });
    }
  }
}
