/**
 * HubSpot's signature headers on the requests it sends to an app. The emulator's own: it shares nothing with the code that checks signatures.
 * HubSpot, "Validating requests", read 2026-11.
 */

import { createHash, createHmac } from "node:crypto";

/** `v1`: webhooks. `v2`: workflow actions and CRM cards. `v3`: the current one. */
export type SignatureVersion = "v1" | "v2" | "v3";

/** A request to sign. */
export interface SignableRequest {
  /** Upper case. @default "POST" */
  readonly method?: string | undefined;
  /** As the app under test is reached: with protocol, host and query. */
  readonly url: string | URL;
  /** The raw body. @default "" */
  readonly body?: string | undefined;
}

// What HubSpot decodes in the URI before it signs for v3. Nothing else: %20, %26, %3D and %2B stay.
const DECODED: Readonly<Record<string, string>> = {
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

/** The headers HubSpot puts on a request: v3's always, beside an older signature when `version` is one. Names in lower case. */
export function signatureHeaders(
  { method = "POST", url, body = "" }: SignableRequest,
  version: SignatureVersion,
  clientSecret: string,
  nowMs: number,
): Record<string, string> {
  const uri = new URL(url).href;
  const timestamp = String(nowMs);
  const decoded = uri.replaceAll(/%[0-9a-f]{2}/giu, (escape) => DECODED[escape.toUpperCase()] ?? escape);
  const signed = method.toUpperCase() + decoded + body + timestamp;
  const current = {
    "x-hubspot-signature-v3": createHmac("sha256", clientSecret).update(signed).digest("base64"),
    "x-hubspot-request-timestamp": timestamp,
  };
  if (version === "v3") return current;
  const older = version === "v1" ? clientSecret + body : clientSecret + method.toUpperCase() + uri + body;
  const hash = createHash("sha256").update(older).digest("hex");
  return { ...current, "x-hubspot-signature": hash, "x-hubspot-signature-version": version };
}
