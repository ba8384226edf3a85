/**
 * The answers that handlers give by themselves: redirects, small pages, and JSON for who asked for that. Every text here is fixed; what comes
 * from outside are paths of the application's own origin, escaped. No script, nothing loaded, no frame around it.
 */
import { createHash } from "node:crypto";
import type { HeaderReader } from "./same-origin.js";

/** A link on a page: a path on the application's own origin. */
export interface PageLink {
  readonly label: string;
  readonly path: string;
}

/** What a page or its JSON form says. */
export interface PageContent {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  readonly links: readonly PageLink[];
  /** The JSON form, beside `message`. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const STYLE =
  ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;color:#1d2a35;background:#fff;margin:0}" +
  "main{max-width:34rem;margin:15vh auto 2rem;padding:0 1.5rem}h1{font-size:1.5rem;line-height:1.25}" +
  "a{display:inline-block;color:#0a5aa8;margin:.5rem 1.5rem 0 0}" +
  // The first of several links is what most people came for.
  "a:first-child:not(:only-child){padding:.5rem 1rem;border-radius:.375rem;color:#fff;background:#0a5aa8;text-decoration:none}" +
  "a:focus-visible{outline:3px solid;outline-offset:2px}" +
  "@media(prefers-color-scheme:dark){body{color:#e3e8ec;background:#14191e}a{color:#8cc2f7}" +
  "a:first-child:not(:only-child){color:#14191e;background:#8cc2f7}}";
const CONTENT_SECURITY_POLICY =
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** On every answer: the URL that is being answered may hold a code and a state. */
const PRIVATE = { "cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff" };

/** Leaves this URL by GET (303), whatever its method was. */
export function redirect(location: string, cookies: readonly (string | undefined)[] = []): Response {
  return withCookies(new Response(null, { status: 303, headers: { ...PRIVATE, location } }), cookies);
}

/** An answer without a body. */
export function bare(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers: { ...PRIVATE, ...headers } });
}

/** JSON, for who asked for it. */
export function json(
  status: number,
  body: unknown,
  cookies: readonly (string | undefined)[] = [],
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...PRIVATE, vary: "accept", "content-type": "application/json", ...headers };
  return withCookies(new Response(JSON.stringify(body), { status, headers: all }), cookies);
}

/** A page, or JSON when the request prefers that. */
export function page(header: HeaderReader, content: PageContent, cookies: readonly (string | undefined)[] = []): Response {
  const { status, title, text, links, headers } = content;
  if (wantsJson(header)) return json(status, { ...content.json, message: text }, cookies, headers);
  const list = links.map(({ label, path }) => `<a href="${escapeHtml(path)}">${escapeHtml(label)}</a>`).join("");
  const html =
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>` +
    `<body><main><h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p><p>${list}</p></main></body></html>`;
  const all = {
    ...PRIVATE,
    vary: "accept",
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-frame-options": "DENY",
    ...headers,
  };
  return withCookies(new Response(html, { status, headers: all }), cookies);
}

/** Whether the request asks for JSON and not for a page. */
export function wantsJson(header: HeaderReader): boolean {
  const accept = header("accept") ?? "";
  return /application\/json/i.test(accept) && !/text\/html/i.test(accept);
}

/** An application's own response, with what every answer of a handler carries. @throws TypeError when it cannot be sent. */
export function adopt(response: Response, cookies: readonly (string | undefined)[]): Response {
  const { status, statusText, body } = response;
  const copy = new Response(body, { status, statusText, headers: new Headers(response.headers) });
  for (const [name, value] of Object.entries(PRIVATE)) copy.headers.set(name, value);
  return withCookies(copy, cookies);
}

function withCookies(response: Response, cookies: readonly (string | undefined)[]): Response {
  for (const cookie of cookies) if (cookie !== undefined) response.headers.append("set-cookie", cookie);
  return response;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
