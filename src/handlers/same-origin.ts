/**
 * Where a request comes from, by what only browsers can say: another site, this one, or a browser that reads ahead. Pure; a request that
 * no browser sent passes, since cross-site forgery needs a browser.
 */

/** A request's headers by lower-case name. */
export type HeaderReader = (name: string) => string | undefined;

/** The headers as Node has them. HTTP/2 has `:authority` in the place of `host`. */
export function nodeHeaders(headers: Readonly<Record<string, string | readonly string[] | undefined>>): HeaderReader {
  return (name) => (headers[name] ?? (name === "host" ? headers[":authority"] : undefined))?.toString();
}

/**
 * Whether a page of another site may have sent this request. Fetch Metadata decides; before it existed, browsers sent `Origin` with each POST.
 * @param options.sameSite whether another host of the same site counts as this one.
 */
export function isCrossSite(header: HeaderReader, options: { readonly sameSite: boolean }): boolean {
  const site = header("sec-fetch-site");
  if (site !== undefined) return site !== "same-origin" && site !== "none" && !(options.sameSite && site === "same-site");
  const origin = header("origin");
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== header("host");
}

/** Whether the browser only reads ahead: nobody has clicked yet. */
export function isPrefetch(header: HeaderReader): boolean {
  return ["sec-purpose", "purpose", "x-purpose", "x-moz"].some((name) => /prefetch|prerender|preview/i.test(header(name) ?? ""));
}
