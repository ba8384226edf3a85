/**
 * A WHATWG `fetch` with a credential: for clients that take a `fetch` of their own, such as openapi-fetch and ky. The same token, limits
 * and tries as `HubSpotHttp`'s methods, and the answer is a `Response` whatever its status.
 */
import { type Open, type OpenedResponse, webStream } from "../stream-transport.js";
import { malformed, type WireRequest } from "../transport.js";
import { TimeoutError } from "../errors.js";
import { waitFor } from "../waiting.js";
import type { ApiCaller } from "./api-caller.js";
import { Call } from "./call.js";
import { checkMethod } from "./http-options.js";
import { isByteStream } from "./request-body.js";
import { requestHeaders, requestTarget } from "./request-target.js";

/**
 * `fetch`, bound to a credential. Differs from the global one where a token is at stake: it goes to the API's origin alone (another one is
 * a TypeError), redirects are answered and not followed, `authorization` cannot be replaced, and what fails on the way rejects with this
 * library's errors (`NetworkError`, `ReauthorizationRequiredError`, …). A path such as `/crm/v3/objects/contacts` is enough for a URL.
 * Read or cancel every body: one that is neither keeps its connection. Bodies given as streams are sent once; all others are sent again after a token that ran out.
 */
export type BoundFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What it stands on. */
export interface BoundFetchOptions {
  readonly caller: ApiCaller;
  readonly open: Open;
  readonly apiOrigin: string;
  readonly timeoutMs: number;
}

/** Headers that a `fetch` ignores, by the Fetch standard ("forbidden request-headers") or because the connection decides them. */
const IGNORED = ["connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];
/** A Request does not say what its body was made of: up to here it is read before it is sent, so that it can be sent again. */
const REPLAYED_BYTES = 1_048_576;
/** Statuses whose Response may have no body. */
const BODYLESS = new Set([204, 205, 304]);

/** Makes one. */
export function bindFetch({ caller, open, apiOrigin, timeoutMs }: BoundFetchOptions): BoundFetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    const streams = isByteStream(init?.body);
    const absolute = url.startsWith("/") ? apiOrigin + url : url;
    // A Request listens to its signal for as long as it lives: we listen ourselves, and no longer than the call.
    const signal = (init?.signal === undefined && input instanceof Request ? input.signal : init?.signal) ?? undefined;
    const request = new Request(input instanceof Request ? input : absolute, { ...init, signal: null, ...(streams && { duplex: "half" }) });
    const { method } = request;
    checkMethod(method);
    const target = requestTarget(apiOrigin, request.url.split("#", 1)[0] ?? "");
    for (const name of IGNORED) request.headers.delete(name);
    const call = new Call(method, target, {
      headers: requestHeaders(Object.fromEntries(request.headers)),
      schema: undefined,
      signal,
      timeoutMs,
      maxResponseBytes: Number.POSITIVE_INFINITY,
      idempotent: undefined,
      returnsRefusals: true,
    });
    call.content = streams
      ? (request.body as unknown as AsyncIterable<Uint8Array>)
      : await waitFor(replayable(request, init?.body !== undefined && init.body !== null), {
          signal,
          ms: timeoutMs,
          onTimeout: () => {
            throw new TimeoutError(`The call's ${timeoutMs} ms were over before its body was to be had.`, { timeoutMs, sent: false });
          },
        });
    const answer = await caller.run(call, open, toResponse);
    return Object.defineProperty(answer, "url", { value: apiOrigin + target });
  };
}

/** The body as bytes when that is what it was made of, or when it is small; else as a stream. */
async function replayable(request: Request, fromBytes: boolean): Promise<WireRequest["body"]> {
  if (request.body === null) return undefined;
  if (fromBytes) return new Uint8Array(await request.arrayBuffer());
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const piece = await reader.read();
    if (piece.done) return Buffer.concat(chunks, bytes);
    chunks.push(piece.value);
    bytes += piece.value.byteLength;
    if (bytes > REPLAYED_BYTES) return rest(chunks, reader);
  }
}

async function* rest(
  chunks: readonly Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel();
  }
}

function toResponse({ status, headers, body, stream }: OpenedResponse, request: WireRequest): Response {
  if (status > 599) throw malformed(request, status, "has a status that no Response can have");
  const list = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((single): [string, string] => [name, single]),
  );
  const streamed = stream && webStream(stream, () => stream.destroy());
  const content = BODYLESS.has(status) ? null : (streamed ?? new Uint8Array(body));
  if (content === null) stream?.resume();
  return new Response(content, { status, headers: list });
}
