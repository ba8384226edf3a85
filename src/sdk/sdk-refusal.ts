/**
 * Reads from what a call of `@hubspot/api-client` came to whether HubSpot refused the token, and whether the call can be made again. Typed
 * calls reject with an `ApiException`; `apiRequest` resolves with a `Response`, whatever its status. Takes nothing away from the caller.
 */
import { ownFields } from "../token-set.js";

/** A 401 or a 403. */
export interface SdkRefusal {
  readonly status: 401 | 403;
  readonly category: unknown;
}

/** The part of a `Response` that is looked at: node-fetch's under 13, the global one under 14. */
interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  clone(): { readonly body: AsyncIterable<Uint8Array> | null };
}

// HubSpot's refusals are far shorter. node-fetch stops a clone after 16 KB that the caller has not read of the original, and never goes on.
const MOST_BYTES = 8192;

/** What a rejected call was refused with. */
export function refusalOfError(error: unknown): SdkRefusal | undefined {
  const { code, body } = (error ?? {}) as { readonly code?: unknown; readonly body?: unknown };
  if (code !== 401 && code !== 403) return undefined;
  // The body is text where the SDK knows no form for it.
  return { status: code, category: typeof body === "string" ? categoryInJson(body) : ownFields(body)?.["category"] };
}

/** What a `Response` refuses, read from a clone of it. Anything else was not refused. */
export async function refusalOfValue(value: unknown): Promise<SdkRefusal | undefined> {
  if (!isResponse(value)) return undefined;
  const { status } = value;
  if (status !== 401 && status !== 403) return undefined;
  const type = value.headers.get("content-type");
  if (type !== null && !/[/+]json\b/i.test(type)) return { status, category: undefined };
  return { status, category: categoryInJson(await beginning(value)) };
}

/**
 * Whether arguments can be sent a second time. A stream is spent by the first, and a form of the package `form-data` is one; buffers,
 * strings, plain values and the platform's `FormData` and `Blob` are not.
 */
export function isRepeatable(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return true;
  const { pipe, getReader, [Symbol.asyncIterator]: iterator } = value as Record<PropertyKey, unknown>;
  if ([pipe, getReader, iterator].some((member) => typeof member === "function")) return false;
  // Deep enough for `apiRequest({ body })` and for the files among the arguments of a typed call.
  return depth === 3 || Object.values(value).every((member) => isRepeatable(member, depth + 1));
}

function isResponse(value: unknown): value is ResponseLike {
  const response = (value ?? {}) as Partial<ResponseLike>;
  return typeof response.status === "number" && typeof response.clone === "function";
}

/** The first bytes of a clone's body. The caller's own is untouched, and breaks by itself if the connection does. */
async function beginning(response: ResponseLike): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const iterator = response.clone().body?.[Symbol.asyncIterator]();
    for (let next = await iterator?.next(); next?.done === false; next = await iterator?.next()) {
      chunks.push(next.value);
      length += next.value.length;
      if (length > MOST_BYTES) {
        // Not waited for: one half of a web stream is not done before the other is.
        iterator?.return?.().catch(() => undefined);
        return "";
      }
    }
  } catch {
    return ""; // No category to be had: the status decides.
  }
  return Buffer.concat(chunks).toString();
}

function categoryInJson(text: string): unknown {
  try {
    return ownFields(JSON.parse(text))?.["category"];
  } catch {
    return undefined; // Not JSON: the status decides.
  }
}
