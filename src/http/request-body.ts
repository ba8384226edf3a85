/** The body of an API call as it is sent: encoded once, and again sent as it was when a call is repeated; or a stream, which cannot be. */
import type { WireRequest } from "../transport.js";

/** A body with the content type it has when the caller names none. */
export interface EncodedBody {
  readonly content: WireRequest["body"];
  readonly contentType: string | undefined;
}

const NO_BODY: EncodedBody = { content: undefined, contentType: undefined };

/**
 * Encodes a body: `URLSearchParams` as a form; `FormData` as multipart; `Blob` as its bytes; a string or `Uint8Array` as it is when the
 * caller names the content type; anything else as JSON.
 * @throws TypeError for what cannot be sent that way.
 */
export function encodeBody(body: unknown, namedType: string | undefined): EncodedBody | Promise<EncodedBody> {
  if (body === undefined) return NO_BODY;
  if (body instanceof URLSearchParams) return { content: body.toString(), contentType: "application/x-www-form-urlencoded" };
  if ((typeof body === "string" || body instanceof Uint8Array) && namedType !== undefined) return { content: body, contentType: undefined };
  if (isFormData(body)) return bytesOf(multipart(body, namedType));
  if (body instanceof Blob) return bytesOf(new Response(body), body.type);
  if (isByteStream(body)) throw new TypeError("body is a stream: send it with stream(), which does not keep it in memory.");
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) {
    throw new TypeError(
      "body must be a value for JSON, URLSearchParams, FormData, a Blob, or a string or Uint8Array together with a content-type header.",
    );
  }
  const content = JSON.stringify(body) as string | undefined;
  if (content === undefined) throw new TypeError("body cannot be turned into JSON: it is a function or a symbol.");
  return { content, contentType: "application/json" };
}

/** The same for a body that may be sent piece by piece. Files of a form are read while they are sent. */
export function streamBody(body: unknown, namedType: string | undefined): EncodedBody | Promise<EncodedBody> {
  if (isFormData(body)) {
    const { body: content, headers } = multipart(body, namedType);
    return { content: content as unknown as AsyncIterable<Uint8Array>, contentType: headers.get("content-type") ?? undefined };
  }
  if (body instanceof Blob) {
    return { content: body.stream() as unknown as AsyncIterable<Uint8Array>, contentType: body.type || "application/octet-stream" };
  }
  if (isByteStream(body)) return { content: body, contentType: "application/octet-stream" };
  return encodeBody(body, namedType);
}

/** Whether it can be sent only once. */
export function isByteStream(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body && !(body instanceof Uint8Array);
}

/** By name: undici's own class and the one of another realm are as good. */
function isFormData(body: unknown): body is FormData {
  return typeof body === "object" && body !== null && Object.prototype.toString.call(body) === "[object FormData]";
}

function multipart(form: FormData, namedType: string | undefined): Response {
  if (namedType !== undefined) throw new TypeError("headers: leave content-type to FormData, which knows the boundary.");
  if (form instanceof FormData) return new Response(form);
  const copy = new FormData();
  for (const [name, value] of form as FormData) copy.append(name, value);
  return new Response(copy);
}

async function bytesOf(response: Response, type = response.headers.get("content-type") ?? ""): Promise<EncodedBody> {
  return { content: new Uint8Array(await response.arrayBuffer()), contentType: type || "application/octet-stream" };
}
