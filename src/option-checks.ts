/** Checks of what callers pass in. Each throws a `TypeError` that names the option and says what to do. */

/**
 * The options that were really given, on a null prototype: nothing is read from a polluted `Object.prototype`. Refuses options that do not
 * exist: a misspelt `scope` must not mean "no scopes".
 */
export function ownOptions<T extends object>(options: T, known: readonly string[], where: string): T {
  if (typeof options !== "object" || (options as unknown) === null) throw new TypeError(`${where} takes an object of options.`);
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`${where} has no option "${key}". It has: ${known.join(", ")}.`);
  }
  return Object.assign(Object.create(null) as T, options);
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a URL's host is this machine. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.has(url.hostname);
}

/** An origin such as `https://api.hubapi.com`, without a slash at the end. `http` only on loopback, for tests. */
export function checkOrigin(value: unknown, name: string): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url)))) {
    throw new TypeError(`${name} must be an https origin such as "https://api.hubapi.com" (http only for localhost).`);
  }
  if (
    url.username !== "" ||
    url.password !== "" ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== "" ||
    url.hostname.endsWith(".")
  ) {
    throw new TypeError(`${name} must be an origin only: no user name, path, query, fragment or trailing dot.`);
  }
  return url.origin;
}

/** A whole number of milliseconds or bytes, at least `least`. */
export function checkCount(value: unknown, name: string, least = 1): number {
  // 2^31 - 1: setTimeout fires at once for anything longer.
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > 2_147_483_647) {
    throw new TypeError(`${name} must be a whole number of at least ${least} (and below 2^31).`);
  }
  return value;
}

/** A function, or `undefined` when left out. */
export function checkFunction(value: unknown, name: string): void {
  if (value !== undefined && typeof value !== "function") throw new TypeError(`${name} must be a function.`);
}

/** An object with these methods. */
export function checkMethods(value: unknown, methods: readonly string[], name: string): void {
  const target = value as Record<string, unknown> | null | undefined;
  for (const method of methods) {
    if (typeof target?.[method] !== "function") throw new TypeError(`${name} must be an object with the method ${method}().`);
  }
}

/** A User-Agent that can travel in a header. */
export function checkUserAgent(value: unknown): string {
  if (typeof value !== "string" || !/^[\u0020-\u007e]{1,200}$/.test(value))
    throw new TypeError("userAgent must be 1 to 200 printable ASCII characters.");
  return value;
}

/** The two ways to replace the transport. */
export function checkTransport(options: { readonly dispatcher?: unknown; readonly fetch?: unknown }): void {
  if (options.dispatcher !== undefined) checkMethods(options.dispatcher, ["dispatch"], "dispatcher");
  checkFunction(options.fetch, "fetch");
  if (options.dispatcher !== undefined && options.fetch !== undefined) throw new TypeError("Pass dispatcher or fetch, not both.");
}

/** An account id: any string of 1 to 255 characters that is one line of well-formed text. There is no default account. */
export function checkAccountId(value: unknown): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (typeof value !== "string" || value === "" || value.length > 255 || /[\u0000-\u001f\u007f]|\p{Surrogate}/u.test(value)) {
    throw new TypeError("accountId must be a string of 1 to 255 characters without control characters.");
  }
  return value;
}

/** A token that can travel in a header and in a form: visible ASCII (RFC 6749 appendix A.12 and A.17). */
export function checkToken(value: unknown, name: string): string {
  if (typeof value !== "string" || !/^[\u0021-\u007e]+$/.test(value)) {
    throw new TypeError(`${name} must be a non-empty string of visible ASCII characters.`);
  }
  return value;
}
