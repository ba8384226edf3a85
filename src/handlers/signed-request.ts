/**
 * A server's request, proven to be HubSpot's before anybody sees its body. What the adapters share: options, the raw body under a cap, the
 * public URL. `Host` and `X-Forwarded-*` are never read: they are what the caller says.
 */
import { RequestSignatureError } from "../errors.js";
import { checkCount, checkOrigin, ownOptions } from "../option-checks.js";
import {
  type ResolvedSignatureOptions,
  resolveSignatureOptions,
  type SignatureOptions,
  type SignedHeaders,
  type VerifiedSignature,
  verifySignature,
} from "../request-signature.js";

/** How requests are checked. */
export interface SignedRequestOptions extends SignatureOptions {
  /** Where HubSpot reaches this app, such as `https://app.example.com`: the beginning of every URL that it signs. A server cannot know it. */
  readonly publicOrigin: string;
  /** The largest body that is read, in bytes. @default 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
}

/** A request that HubSpot sent. */
export interface VerifiedRequest extends VerifiedSignature {
  /** The raw body, empty when there is none: `JSON.parse(String(body))`. */
  readonly body: Buffer;
}

/** A request as an adapter has it. */
export interface IncomingRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  readonly headers: SignedHeaders;
  readonly body: AsyncIterable<unknown> | Iterable<unknown>;
}

const MAX_BODY_BYTES = 1_048_576;
const KNOWN = ["clientSecret", "versions", "maxAgeMs", "now", "publicOrigin", "maxBodyBytes"];

/**
 * Checks the options once, and answers what checks each request.
 * @throws TypeError that names the wrong option; what it answers rejects with RequestSignatureError.
 */
export function requestVerifier(options: SignedRequestOptions): (request: IncomingRequest) => Promise<VerifiedRequest> {
  const own = ownOptions(options, KNOWN, "The verification of requests");
  const signature: ResolvedSignatureOptions = resolveSignatureOptions(own);
  const maxBytes = own.maxBodyBytes === undefined ? MAX_BODY_BYTES : checkCount(own.maxBodyBytes, "maxBodyBytes");
  checkOrigin(own.publicOrigin, "publicOrigin");
  // In the caller's spelling, since HubSpot signs a spelling.
  const origin = own.publicOrigin.replace(/\/$/, "");

  return async ({ method, target, headers, body: incoming }) => {
    const body = await readBody(incoming, maxBytes);
    const url = `${origin}${target}`;
    // HubSpot sends paths. A proxy's request has a whole URL in this place, and any text may stand there.
    if (!target.startsWith("/") || !URL.canParse(url)) throw new RequestSignatureError("malformed", "The request's target is no path.");
    return { ...verifySignature({ method, url, headers, body }, signature), body };
  };
}

async function readBody(incoming: IncomingRequest["body"], maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("The body was decoded before it was verified: it must stay bytes.");
    length += chunk.length;
    if (length > maxBytes)
      throw new RequestSignatureError("too-large", `The body is larger than ${maxBytes} bytes: see the option maxBodyBytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
