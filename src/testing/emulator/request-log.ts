/**
 * What the emulator was asked, in order, with secrets: a test tool, so nothing is redacted.
 * An entry is there from the moment its request arrives; its status follows when it was answered.
 */

import type { ParsedRequest } from "./messages.js";

/** The operation a request meant; `unknown` when no route matches. */
export type EmulatorRoute =
  | "authorize"
  | "consent"
  | "token"
  | "introspect"
  | "revoke"
  | "access-token-metadata"
  | "refresh-token-metadata"
  | "refresh-token-delete"
  | "uninstall"
  | "account-info"
  | "objects-list"
  | "objects-create"
  | "objects-read"
  | "objects-update"
  | "objects-archive"
  | "objects-search"
  | "objects-batch-read"
  | "objects-batch-create"
  | "objects-batch-update"
  | "objects-batch-upsert"
  | "objects-batch-archive"
  | "associations-list"
  | "associations-create"
  | "associations-delete"
  | "associations-batch-read"
  | "contacts-v1-list"
  | "engagements-v1-list"
  | "webhook-subscriptions"
  | "webhook-subscription-create"
  | "webhook-subscription-read"
  | "webhook-subscription-update"
  | "webhook-subscription-delete"
  | "webhook-settings"
  | "webhook-settings-update"
  | "webhook-settings-delete"
  | "unknown";

/** One request of the log. */
export interface LoggedRequest {
  /** 1, 2, 3... by arrival; never used again. */
  readonly id: number;
  /** Upper case. */
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Path and query, as sent. */
  readonly url: string;
  /** Of a repeated parameter the first value. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text; empty when there was none. */
  readonly body: string;
  /** The fields of a form body, else undefined. */
  readonly form: Readonly<Record<string, string>> | undefined;
  /** The value of a JSON body, else undefined. */
  readonly json: unknown;
  /** The name of what was asked for; `unknown` when there is no such path. */
  readonly route: EmulatorRoute;
  /** The account that the request's token or code belongs to, as far as it is known. */
  readonly hubId: number | undefined;
  /** The app that the request's token, code or client_id belongs to, as far as it is known. */
  readonly clientId: string | undefined;
  /** Emulator time of arrival. */
  readonly atMs: number;
  /** Undefined until answered, and for good when no answer was begun. */
  readonly status: number | undefined;
  /** Real milliseconds that the emulator took. Undefined until it was done. */
  readonly durationMs: number | undefined;
}

/**
 * Which requests are meant: a route's name, a set of things that must all hold, or a function.
 * `path` may be a regular expression, and so may the value of a header; `clientId` is the app, `grantType` looks into the form.
 */
export type RequestMatch =
  | EmulatorRoute
  | {
      readonly route?: EmulatorRoute;
      readonly method?: string;
      readonly path?: string | RegExp;
      readonly hubId?: number | string;
      readonly clientId?: string;
      readonly grantType?: string;
      /** Names in any case. */
      readonly headers?: Readonly<Record<string, string | RegExp>>;
    }
  | ((request: LoggedRequest) => boolean);

/** Whether a request is meant. */
export function matches(match: RequestMatch | undefined, request: LoggedRequest): boolean {
  if (match === undefined) return true;
  if (typeof match === "function") return match(request);
  if (typeof match === "string") return request.route === match;
  const { route, method, path, hubId, clientId, grantType, headers = {} } = match;
  if (route !== undefined && request.route !== route) return false;
  if (method !== undefined && request.method !== method.toUpperCase()) return false;
  if (path !== undefined && !fits(path, request.path)) return false;
  if (hubId !== undefined && String(request.hubId) !== String(hubId)) return false;
  if (clientId !== undefined && request.clientId !== clientId) return false;
  if (grantType !== undefined && request.form?.["grant_type"] !== grantType) return false;
  return Object.entries(headers).every(([name, value]) => fits(value, request.headers[name.toLowerCase()]));
}

// search() has no memory, as test() has for an expression with the g flag.
function fits(expected: string | RegExp, actual: string | undefined): boolean {
  return typeof expected === "string" ? actual === expected : actual !== undefined && actual.search(expected) !== -1;
}

/** Hears of each request twice: when it arrived, and when the emulator was done with it (`durationMs` is there). */
export type RequestWatcher = (request: LoggedRequest) => void;

type Entry = { -readonly [Name in keyof LoggedRequest]: LoggedRequest[Name] };

/** The log. */
export class RequestLog {
  readonly #entries: LoggedRequest[] = [];
  readonly #watchers = new Set<RequestWatcher>();
  #lastId = 0;

  /** Live view, oldest first. */
  get entries(): readonly LoggedRequest[] {
    return this.#entries;
  }

  /** Notes an arrival; the returned function notes the answer, without a status when none is sent. */
  add(
    request: ParsedRequest,
    { route, hubId, clientId, atMs }: Pick<LoggedRequest, "route" | "hubId" | "clientId" | "atMs">,
  ): [LoggedRequest, (status: number | undefined) => void] {
    const beganMs = performance.now();
    const { method, url, query, headers } = request;
    const path = url.pathname;
    const logged: Entry = {
      id: ++this.#lastId,
      method,
      path,
      url: path + url.search,
      query,
      headers,
      body: "",
      form: undefined,
      json: undefined,
      route,
      hubId,
      clientId,
      atMs,
      status: undefined,
      durationMs: undefined,
    };
    if (request.hasBody) readBodyLater(logged, request);
    this.#entries.push(logged);
    this.#tell(logged);
    const done = (status: number | undefined): void => {
      logged.status = status;
      logged.durationMs = performance.now() - beganMs;
      this.#tell(logged);
    };
    return [logged, done];
  }

  /** Calls `watcher` from now on; what it returns ends that. */
  watch(watcher: RequestWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.length = 0;
  }

  #tell(request: LoggedRequest): void {
    for (const watcher of this.#watchers) watcher(request);
  }
}

/** A body is decoded only for those who look, because a test sends more requests than it looks at. Own properties, so that a copy has them too. */
function readBodyLater(logged: Entry, request: ParsedRequest): void {
  Object.defineProperties(logged, {
    body: { get: () => request.text },
    form: { get: () => request.form },
    json: { get: () => request.json },
  });
}
