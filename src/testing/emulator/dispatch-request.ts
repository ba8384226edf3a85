/**
 * Reads what undici hands to a dispatcher (origin, path, query, headers and body, each in several forms) as one plain request.
 */

import { types } from "node:util";

/** The options of `dispatch`, as far as they are read. */
export interface DispatchOptions {
  readonly origin?: string | URL | null | undefined;
  readonly path: string;
  readonly method: string;
  readonly query?: Readonly<Record<string, unknown>> | null | undefined;
  readonly headers?: unknown;
  readonly body?: unknown;
}

/** A request in plain form. */
export interface DispatchedRequest {
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Undefined without a body. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

/** Where a request goes. */
export function urlOf({ origin, path, query }: DispatchOptions): string {
  const url = new URL(path, origin ?? undefined);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of [value].flat()) url.searchParams.append(name, String(one));
  }
  return url.href;
}

/** The whole request. Rejects when its body cannot be read. */
export async function readDispatched(options: DispatchOptions): Promise<DispatchedRequest> {
  const headers = readHeaders(options.headers);
  const { bytes, contentType } = await readBody(options.body);
  if (contentType !== null) headers["content-type"] ??= contentType;
  return { method: options.method.toUpperCase(), url: urlOf(options), headers, body: bytes };
}

function readHeaders(given: unknown): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of headerPairs(given)) {
    if (value === undefined || value === null) continue;
    const key = String(name).toLowerCase();
    const before = headers[key];
    const now = Array.isArray(value) ? value.map(String) : `${value as string}`;
    headers[key] = before === undefined ? now : [before, now].flat();
  }
  return headers;
}

/** undici takes an object, a flat list of names and values, and anything that iterates over pairs. */
function headerPairs(given: unknown): Iterable<readonly [unknown, unknown]> {
  if (given === undefined || given === null) return [];
  if (Array.isArray(given) && !Array.isArray(given[0])) {
    return given.flatMap((name: unknown, index) => (index % 2 === 0 ? [[name, given[index + 1]] as const] : []));
  }
  return Symbol.iterator in Object(given) ? (given as Iterable<readonly [unknown, unknown]>) : Object.entries(given);
}

interface ReadBody {
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  readonly contentType: string | null;
}

async function readBody(body: unknown): Promise<ReadBody> {
  if (body === undefined || body === null) return { bytes: undefined, contentType: null };
  // By tag, not by class: under Jest, and with an undici of one's own, these are not the classes of this realm.
  const tag = Object.prototype.toString.call(body);
  if (tag === "[object FormData]") {
    const form = new FormData();
    for (const [name, value] of body as FormData) form.append(name, value);
    const encoded = new Response(form);
    return { bytes: new Uint8Array(await encoded.arrayBuffer()), contentType: encoded.headers.get("content-type") };
  }
  if (tag === "[object Blob]" || tag === "[object File]") {
    const blob = body as Blob;
    return { bytes: new Uint8Array(await blob.arrayBuffer()), contentType: blob.type === "" ? null : blob.type };
  }
  if (typeof body === "string" || ArrayBuffer.isView(body) || types.isAnyArrayBuffer(body)) return { bytes: copy(body), contentType: null };
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<string | ArrayBufferView | ArrayBuffer>) chunks.push(copy(chunk));
  return { bytes: copy(Buffer.concat(chunks)), contentType: null };
}

function copy(piece: string | ArrayBufferView | ArrayBufferLike): Uint8Array<ArrayBuffer> {
  if (typeof piece === "string") return new TextEncoder().encode(piece);
  return new Uint8Array(
    ArrayBuffer.isView(piece) ? new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength) : new Uint8Array(piece),
  );
}
