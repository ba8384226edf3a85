/** Requests signed as HubSpot signs them, written from HubSpot's page with its table of characters as it stands there. Shares nothing with src. */
import { createHash, createHmac } from "node:crypto";

/** The client secret of HubSpot's examples. */
export const SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
/** When the examples are sent. */
export const SENT_AT_MS = 1_764_000_000_000;

/** What a signature covers. */
export interface Unsigned {
  readonly method: string;
  readonly url: string;
  readonly body: string | Uint8Array;
}

const TABLE: Readonly<Record<string, string>> = {
  "%3A": ":",
  "%2F": "/",
  "%3F": "?",
  "%40": "@",
  "%21": "!",
  "%24": "$",
  "%27": "'",
  "%28": "(",
  "%29": ")",
  "%2A": "*",
  "%2C": ",",
  "%3B": ";",
};

/** A text as UTF-8. */
export function bytesOf(part: string | Uint8Array): Uint8Array {
  return typeof part === "string" ? Buffer.from(part) : part;
}

function sha256(...parts: readonly (string | Uint8Array)[]): string {
  return createHash("sha256")
    .update(Buffer.concat(parts.map(bytesOf)))
    .digest("hex");
}

export function v1Headers({ body }: Unsigned, secret: string = SECRET): Record<string, string> {
  return { "X-HubSpot-Signature": sha256(secret, body), "X-HubSpot-Signature-Version": "v1" };
}

export function v2Headers({ method, url, body }: Unsigned, secret: string = SECRET): Record<string, string> {
  return { "X-HubSpot-Signature": sha256(secret, method, url, body), "X-HubSpot-Signature-Version": "v2" };
}

export function v3Headers(
  { method, url, body }: Unsigned,
  secret: string = SECRET,
  timestamp = String(SENT_AT_MS),
): Record<string, string> {
  let uri = url;
  for (const [encoded, character] of Object.entries(TABLE)) uri = uri.replaceAll(encoded, character);
  const text = Buffer.concat([method, uri, body, timestamp].map(bytesOf));
  return {
    "X-HubSpot-Signature-v3": createHmac("sha256", secret).update(text).digest("base64"),
    "X-HubSpot-Request-Timestamp": timestamp,
  };
}
