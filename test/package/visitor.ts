/** A browser as far as HTTP goes: keeps the cookies of one app, leaves redirects to the test, and grants on the emulator's pages. */

/** Sends one request; `form` makes it a form's post. */
export type Visit = (method: "GET" | "POST", target: string, form?: Record<string, string>) => Promise<Response>;

/** A browser with no cookies yet. What it sends to other origins than the app's has none of them. */
export function visitor(origin: string): Visit {
  const cookies = new Map<string, string>();
  return async (method, target, form) => {
    const url = new URL(target, origin);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: { ...(url.origin === origin && { cookie }), "sec-fetch-site": "same-origin", accept: "text/html" },
      ...(form !== undefined && { body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = "", attributes = ""] = /^([^=]+)=([^;]*)(.*)$/.exec(line) ?? [];
      const isGone = /max-age=0|expires=Thu, 01 Jan 1970/i.test(attributes);
      if (isGone) cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
}

/** Where a redirect leads. */
export function locationOf(response: Response): string {
  return response.headers.get("location") ?? "";
}

/** Grants at the emulator what the answer of `connect` leads to, and gives the callback's answer. */
export async function grant(visit: Visit, connecting: Response, hubId = "24681012"): Promise<Response> {
  const granted = await visit("POST", locationOf(connecting), { hub_id: hubId, decision: "grant" });
  return visit("GET", locationOf(granted));
}

/** The text of a page without its markup, entities resolved. */
export async function textOf(response: Response): Promise<string> {
  const html = (await response.text()).replace(/<(style|script)\b.*?<\/\1>/gs, "");
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(x?)([\da-f]+);/gi, (_, hex: string, code: string) => String.fromCodePoint(parseInt(code, hex === "" ? 10 : 16)))
    .replaceAll("&quot;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
}

/** Where the link, or the button's form, with this label leads. */
export function targetOf(html: string, label: string): string {
  const plain = html.replaceAll("<!-- -->", "");
  const link = new RegExp(`<a [^>]*href="([^"]*)"[^>]*>${label}</a>`).exec(plain)?.[1];
  const form = new RegExp(`<form [^>]*action="([^"]*)"[^>]*>(?:(?!</form>).)*<button[^>]*>${label}</button>`, "s").exec(plain)?.[1];
  const target = link ?? form;
  if (target === undefined) throw new Error(`There is no link or button "${label}" in ${html}`);
  return target.replaceAll("&#38;", "&").replaceAll("&amp;", "&").replaceAll("&#x27;", "'");
}
