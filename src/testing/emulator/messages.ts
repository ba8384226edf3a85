/**
 * What goes into the emulator and what comes out, whatever carries it: the loopback server, msw handlers, an undici dispatcher.
 * A front door turns its own request into an `EmulatorRequest` and the `EmulatorResponse` back; it holds no HubSpot behaviour.
 */

/** One HTTP request as a front door hands it over. */
export interface EmulatorRequest {
  /** Upper or lower case. */
  readonly method: string;
  /** Absolute, or a path with its query; a path is read as one of `https://api.hubapi.com`. */
  readonly url: string;
  /** Names in any case. A repeated header is joined or an array. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The raw bytes or text; absent when the request has no body. */
  readonly body?: string | Uint8Array | undefined;
}

/** What HubSpot would answer. */
export interface EmulatorResponse {
  /** The HTTP status. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Text (UTF-8) or bytes; empty when there is no body. */
  readonly body: string | Uint8Array;
  /** Set when the answer must not simply be sent. */
  readonly delivery?: Delivery;
}

/**
 * How a front door sends an answer that is to go wrong on the way. Where it has no connection to break (msw), it takes what its client
 * would see: a hang is an answer that never settles, `drop` a network error, `cut` a body that breaks off with an error, or, when it is
 * close-delimited, one that is merely short.
 */
export type Delivery =
  /** Nothing is ever sent. The connection stands until the client, or the emulator's end, closes it. */
  | { readonly kind: "hang" }
  /** The connection is reset before the first byte. */
  | { readonly kind: "drop" }
  /** The answer waits for so long, by `HubSpotEmulator.startTimer()`. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** The body comes in pieces, the first at once, each other one `intervalMs` later, by `HubSpotEmulator.startTimer()`. */
  | { readonly kind: "drip"; readonly bytes: number; readonly intervalMs: number }
  /**
   * Headers and the first `bytes` of the body, then the end. `reset` and `closed`: the headers announced the whole length, and the connection
   * is reset, or closed. `close-delimited`: they announced none, so that nothing shows that something is missing.
   */
  | { readonly kind: "cut"; readonly bytes: number; readonly end: "reset" | "closed" | "close-delimited" };

/** Calls `callback` once, after `delayMs`; what it returns takes that back. */
export type StartTimer = (callback: () => void, delayMs: number) => () => void;

/** A request as the routes work on it. */
export interface ParsedRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: URL;
  /** The query; of a repeated parameter the first value. */
  readonly query: Readonly<Record<string, string>>;
  readonly hasBody: boolean;
  /** The token of `Authorization: Bearer`. */
  readonly bearerToken: string | undefined;
  /** Names in lower case, repeated values joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The fields of an `application/x-www-form-urlencoded` body; of a repeated field the first. Undefined for any other body. */
  readonly form: Readonly<Record<string, string>> | undefined;
  /** The value of a JSON body. Undefined for any other body and for broken JSON. */
  readonly json: unknown;
}

/** Reads a front door's request. Never throws over its body, which is decoded and parsed when a route first asks for it. */
export function parseRequest(request: EmulatorRequest): ParsedRequest {
  const headers: Record<string, string> = {};
  for (const name in request.headers) {
    const value = request.headers[name];
    if (value !== undefined) headers[name.toLowerCase()] = typeof value === "string" ? value : value.join(", ");
  }
  return new LazyRequest(request, headers);
}

class LazyRequest implements ParsedRequest {
  readonly method: string;
  readonly url: URL;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly bearerToken: string | undefined;
  readonly #body: string | Uint8Array | undefined;
  #text: string | undefined;
  #form: { readonly fields: ParsedRequest["form"] } | undefined;
  #json: { readonly value: unknown } | undefined;

  constructor(request: EmulatorRequest, headers: Readonly<Record<string, string>>) {
    this.method = request.method.toUpperCase();
    this.url = new URL(request.url, "https://api.hubapi.com");
    const { search } = this.url;
    this.query = search === "" ? NO_FIELDS : firstValues(new URLSearchParams(search));
    this.headers = headers;
    [, this.bearerToken] = /^Bearer +(?<token>\S+)$/iu.exec(headers["authorization"] ?? "") ?? [];
    this.#body = request.body;
  }

  get hasBody(): boolean {
    return this.#body !== undefined;
  }

  get text(): string {
    return (this.#text ??= typeof this.#body === "string" ? this.#body : new TextDecoder().decode(this.#body));
  }

  get form(): ParsedRequest["form"] {
    const isForm = this.#mediaType() === "application/x-www-form-urlencoded";
    this.#form ??= { fields: isForm ? firstValues(new URLSearchParams(this.text)) : undefined };
    return this.#form.fields;
  }

  get json(): unknown {
    const mediaType = this.#mediaType();
    const isJson = mediaType === "application/json" || mediaType.endsWith("+json");
    this.#json ??= { value: isJson ? parseJson(this.text) : undefined };
    return this.#json.value;
  }

  #mediaType(): string {
    return this.headers["content-type"]?.split(";")[0]?.trim().toLowerCase() ?? "";
  }
}

const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/** The first value of every name. The result has no prototype, so a field named `constructor` is only a field. */
export function firstValues(params: URLSearchParams): Readonly<Record<string, string>> {
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, value] of params) fields[name] ??= value;
  return fields;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the route that needs the body answers 400
  }
}

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): EmulatorResponse {
  return jsonText(status, JSON.stringify(body), headers);
}

/** A JSON answer whose text is there already. */
export function jsonText(status: number, body: string, headers: Readonly<Record<string, string>> = {}): EmulatorResponse {
  return { status, headers: { "content-type": "application/json;charset=utf-8", ...headers }, body };
}

/** An answer without a body. */
export function empty(status: number, headers: Readonly<Record<string, string>> = {}): EmulatorResponse {
  return { status, headers, body: "" };
}
