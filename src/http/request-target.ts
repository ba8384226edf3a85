/**
 * The path, query and headers of an API call, checked before anything is sent. A path can never change the origin that the
 * token goes to, and a header can never replace the credential.
 */

/** A value in a query. `undefined` and `null` leave the parameter out; an array repeats it. */
export type QueryValue = string | number | boolean | null | undefined | readonly (string | number | boolean)[];

/** Query parameters of a call. */
export type Query = Readonly<Record<string, QueryValue>> | URLSearchParams;

// One slash to begin with, and only characters that may stand in a URL as they are.
const PATH = /^\/(?!\/)[\w\-.~!$&'()*+,;=:@%/]*(\?[\w\-.~!$&'()*+,;=:@%/?]*)?$/;
const DOT_SEGMENT = /\/(\.|%2e){1,2}(\/|$|\?)/i;

/**
 * Path and query as they go on the wire.
 * @throws TypeError for anything but a path on the API's own origin; ids in it must be `encodeURIComponent`-ed.
 */
export function requestTarget(apiOrigin: string, path: string, query?: Query, extra?: Readonly<Record<string, string>>): string {
  const local = typeof path === "string" && path.startsWith(`${apiOrigin}/`) ? path.slice(apiOrigin.length) : path;
  if (typeof local !== "string" || !PATH.test(local) || DOT_SEGMENT.test(local)) {
    throw new TypeError(
      `path must begin with one "/" and stay on ${apiOrigin}: no other origin, no "//", no "\\", no "." segments, no "#" or spaces. Put ids through encodeURIComponent().`,
    );
  }
  const text = query instanceof URLSearchParams ? appendForm("", query) : appendRecord("", query);
  const target = withQuery(local, text);
  return extra === undefined ? target : credentialTarget(target, extra);
}

/**
 * Puts a credential's query parameters behind a call's own.
 * @throws TypeError when the call has set one of them: which of the two counts would be HubSpot's guess.
 */
export function credentialTarget(target: string, extra: Readonly<Record<string, string>>): string {
  for (const name of Object.keys(extra)) {
    if (new URLSearchParams(target.split("?")[1]).has(name)) throw new TypeError(`query.${name} cannot be set: the credential decides it.`);
  }
  return withQuery(target, appendRecord("", extra));
}

function withQuery(target: string, text: string): string {
  return text === "" ? target : `${target}${target.includes("?") ? "&" : "?"}${text}`;
}

function appendForm(text: string, query: URLSearchParams): string {
  let joined = text;
  for (const [name, value] of query) joined = append(joined, name, value);
  return joined;
}

function appendRecord(text: string, query: Readonly<Record<string, QueryValue>> | undefined): string {
  let joined = text;
  if (query === undefined) return joined;
  for (const name of Object.keys(query)) {
    const value = query[name];
    if (value === undefined || value === null) continue;
    if (!Array.isArray(value)) joined = append(joined, name, value);
    else for (const single of value as readonly unknown[]) joined = append(joined, name, single);
  }
  return joined;
}

function append(text: string, name: string, value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") {
    throw new TypeError(`query.${name} must be a string, a number, a boolean or an array of these.`);
  }
  try {
    const encoded = Number.isSafeInteger(value) ? String(value) : encodeURIComponent(value);
    return `${text}${text === "" ? "" : "&"}${encodeURIComponent(name)}=${encoded}`;
  } catch {
    throw new TypeError(`query.${/^[\w.-]+$/.test(name) ? name : JSON.stringify(name)} is not well-formed Unicode.`); // a lone surrogate
  }
}

/** Headers that decide where a request goes, how long it is, or whose it is. */
const RESERVED = new Set([
  "authorization",
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * The caller's headers in lower case.
 * @throws TypeError for a reserved name in any letter case, and for names or values that could not be one header.
 */
export function requestHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  for (const name of Object.keys(headers)) {
    if (RESERVED.has(name.toLowerCase()))
      throw new TypeError(`headers.${name} cannot be set: the credential and the connection decide it.`);
  }
  return lowerCaseHeaders(headers);
}

/** Headers in lower case, each once. @throws TypeError that names a header which could not be one; its value is not quoted. */
export function lowerCaseHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const checked = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    if (!/^[\w!#$%&'*+\-.^`|~]+$/.test(name)) throw new TypeError(`headers: ${JSON.stringify(name)} is not a header name.`);
    if (Object.hasOwn(checked, lower)) throw new TypeError(`headers.${name} is given twice, in two letter cases.`);
    if (typeof value !== "string" || !/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) {
      throw new TypeError(`headers.${name} must be a string without line breaks or control characters.`);
    }
    checked[lower] = value;
  }
  return checked;
}
