/**
 * Whether a request that says it comes from HubSpot does: webhooks, workflow actions, cards, `hubspot.fetch`. HubSpot signs with the app's
 * client secret, in three versions. Pure: nothing is read, sent or remembered here; src/handlers reads the requests of servers.
 * Never takes a lesser signature where a better one came, and never says by how much a wrong one was wrong.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { RequestSignatureError } from "./errors.js";
import { checkCount, checkFunction, ownOptions } from "./option-checks.js";

/** `v3` covers method, URL, body and time; `v2` method, URL and body; `v1` the body alone. Only v3 is safe against replay. */
export type SignatureVersion = "v1" | "v2" | "v3";

/** A request's headers: a `Headers`, Node's `request.headers`, or any record; the names in any letter case. */
export type SignedHeaders = Iterable<readonly [string, string]> | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What decides, besides the request. */
export interface SignatureOptions {
  /** The app's client secret. Several while it is being changed: a signature by any of them is right. */
  readonly clientSecret: string | readonly string[];
  /**
   * The versions that are accepted. HubSpot sends v3 along with the others. Of several, the best one that came decides, right or wrong.
   * v1 and v2 prove no time: who has seen such a request once can send it again for ever.
   * @default ["v3"]
   */
  readonly versions?: readonly SignatureVersion[] | undefined;
  /** How far a v3 request's time may be from now, in milliseconds, in the past and in the future. @default 300_000, as HubSpot says */
  readonly maxAgeMs?: number | undefined;
  /** The time in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** A request, as it came over the wire. */
export interface SignedRequest {
  /** Such as `POST`. */
  readonly method: string;
  /** The whole URL that HubSpot called: public scheme and host, path, query as it was sent. */
  readonly url: string | URL;
  readonly headers: SignedHeaders;
  /** The raw body: bytes, or text that was decoded as UTF-8. `undefined` when there is none. */
  readonly body: string | Uint8Array | ArrayBuffer | undefined;
}

/** What was proven. */
export interface VerifiedSignature {
  /** The version that decided. */
  readonly version: SignatureVersion;
  /** When HubSpot sent the request, in milliseconds; `undefined` for v1 and v2, which do not say. */
  readonly sentAtMs: number | undefined;
}

const SIGNATURE = "x-hubspot-signature";
const VERSION = "x-hubspot-signature-version";
const SIGNATURE_V3 = "x-hubspot-signature-v3";
const TIMESTAMP = "x-hubspot-request-timestamp";

const KNOWN = ["clientSecret", "versions", "maxAgeMs", "now", "method", "url", "headers", "body"];
const MAX_AGE_MS = 300_000;

/**
 * Proves that HubSpot sent this request. It throws instead of answering false, so that a forgotten `if` refuses and not admits; what a
 * refused request asks for must not be done. (https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests)
 * @throws RequestSignatureError, whose `reason` says why. TypeError for arguments that cannot be right, such as a parsed body.
 * @example
 * verifyHubSpotSignature({ clientSecret, method: "POST", url: `https://app.example.com${request.url}`, headers: request.headers, body: rawBody });
 */
export function verifyHubSpotSignature(options: SignatureOptions & SignedRequest): VerifiedSignature {
  const own = ownOptions(options, KNOWN, "verifyHubSpotSignature()");
  return verifySignature(own, resolveSignatureOptions(own));
}

/** What decides, complete. */
export interface ResolvedSignatureOptions {
  readonly secrets: readonly string[];
  readonly accepted: readonly SignatureVersion[];
  readonly maxAgeMs: number;
  readonly now: () => number;
}

/** @throws TypeError that names the wrong option. */
export function resolveSignatureOptions({ clientSecret, versions, maxAgeMs, now }: SignatureOptions): ResolvedSignatureOptions {
  checkFunction(now, "now");
  return {
    secrets: checkSecrets(clientSecret),
    accepted: checkVersions(versions),
    maxAgeMs: maxAgeMs === undefined ? MAX_AGE_MS : checkCount(maxAgeMs, "maxAgeMs"),
    now: now ?? Date.now,
  };
}

/** As `verifyHubSpotSignature`, with options that were checked before. */
export function verifySignature({ method, url, headers, body }: SignedRequest, options: ResolvedSignatureOptions): VerifiedSignature {
  const request = { method: checkMethod(method), url: checkUrl(url), body: checkBody(body) };
  const best = bestSignature(headerReader(headers), options.accepted);
  const expected = options.secrets.map((secret) => expectedSignature(best, request, secret));
  if (!expected.some((text) => isEqual(text, best.text))) {
    throw new RequestSignatureError(
      "mismatch",
      `The ${best.version} signature is not one of this request by this client secret. If the request is genuine: pass the raw body, the public URL that HubSpot called, and the secret of the app that it calls for.`,
    );
  }
  if (best.timestamp === undefined) return { version: best.version, sentAtMs: undefined };
  const sentAtMs = Number(best.timestamp);
  if (Math.abs(options.now() - sentAtMs) > options.maxAgeMs) {
    throw new RequestSignatureError(
      "expired",
      "The request is genuine, but its time is too far from now: a replay, a slow proxy, or this machine's clock.",
    );
  }
  return { version: best.version, sentAtMs };
}

interface Signature {
  readonly version: SignatureVersion;
  readonly text: string;
  /** v3 only: milliseconds, as they were sent, since that text is signed. */
  readonly timestamp?: string;
}

/** The signature that decides: the best accepted one that is there. A wrong one is never passed over for a lesser one. */
function bestSignature(header: (name: string) => string | undefined, accepted: readonly SignatureVersion[]): Signature {
  const v3 = header(SIGNATURE_V3);
  if (v3 !== undefined && accepted.includes("v3")) {
    // v3 has a header of its own and no version header: that one, if it came, belongs to the older signature.
    // The text before it is signed without a border: a leading zero could be a digit of the URL.
    const timestamp = formed(header(TIMESTAMP), /^[1-9]\d{0,14}$/, TIMESTAMP);
    return { version: "v3", text: formed(v3, /^[A-Za-z0-9+/]{43}=$/, SIGNATURE_V3), timestamp };
  }
  const older = header(SIGNATURE);
  if (older === undefined && v3 === undefined) {
    throw new RequestSignatureError("missing", `The request has neither ${SIGNATURE_V3} nor ${SIGNATURE}: HubSpot did not send it.`);
  }
  const version = older === undefined ? undefined : formed(header(VERSION), /^v\d{1,3}$/, VERSION);
  if (older === undefined || (version !== "v1" && version !== "v2") || !accepted.includes(version)) {
    const came = [...(v3 === undefined ? [] : ["v3"]), ...(version === undefined ? [] : [version])].join(" and ");
    throw new RequestSignatureError(
      "unaccepted-version",
      `The request is signed by ${came} only, and accepted are ${accepted.join(", ")}: see the option versions.`,
    );
  }
  return { version, text: formed(older, /^[0-9a-f]{64}$/, SIGNATURE) };
}

function formed(value: string | undefined, form: RegExp, name: string): string {
  if (value === undefined || !form.test(value)) {
    throw new RequestSignatureError("malformed", `The header ${name} is ${value === undefined ? "missing" : "not of HubSpot's form"}.`);
  }
  return value;
}

function expectedSignature(signature: Signature, { method, url, body }: CheckedRequest, secret: string): string {
  switch (signature.version) {
    case "v1":
      return createHash("sha256").update(secret).update(body).digest("hex");
    case "v2":
      return createHash("sha256").update(secret).update(method).update(url).update(body).digest("hex");
    case "v3":
      return createHmac("sha256", secret)
        .update(method)
        .update(url.replaceAll(SIGNED_DECODED, decodeURIComponent))
        .update(body)
        .update(signature.timestamp ?? "")
        .digest("base64");
  }
}

/** What HubSpot signs decoded: `:/?@!$'()*,;`. All else it signs as it was sent, `%20`, `%26` and `%3D` among it. */
const SIGNED_DECODED = /%(?:3a|2f|3f|40|21|24|27|28|29|2a|2c|3b)/gi;

/** Constant time for texts of one length, which the form of the header has made sure of. */
function isEqual(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** Reads a header by its lower-case name. One that came twice is refused: two readers could take a different one of them. */
function headerReader(headers: SignedHeaders): (name: string) => string | undefined {
  if (typeof headers !== "object" || (headers as unknown) === null)
    throw new TypeError("headers must be the request's: a Headers, Node's request.headers, or a record of names and values.");
  const found = new Map<string, unknown[]>();
  for (const [name, value] of Symbol.iterator in headers ? (headers as Iterable<readonly [string, unknown]>) : Object.entries(headers)) {
    if (typeof name !== "string" || value === undefined) continue;
    const values = Array.isArray(value) ? (value as readonly unknown[]) : [value];
    found.set(name.toLowerCase(), [...(found.get(name.toLowerCase()) ?? []), ...values]);
  }
  return (name) => {
    const values = found.get(name) ?? [];
    if (values.length > 1) throw new RequestSignatureError("malformed", `The header ${name} came ${values.length} times.`);
    const [value] = values;
    if (value !== undefined && typeof value !== "string") throw new RequestSignatureError("malformed", `The header ${name} is not text.`);
    return value;
  };
}

interface CheckedRequest {
  readonly method: string;
  readonly url: string;
  readonly body: string | Uint8Array;
}

function checkSecrets(value: unknown): readonly string[] {
  const secrets: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (secrets.length === 0 || !secrets.every((secret): secret is string => typeof secret === "string" && secret !== ""))
    throw new TypeError("clientSecret must be the app's client secret, or a list of at least one: non-empty strings.");
  return secrets;
}

function checkVersions(value: unknown): readonly SignatureVersion[] {
  if (value === undefined) return ["v3"];
  const versions: readonly unknown[] = Array.isArray(value) ? value : [];
  if (versions.length === 0 || !versions.every((version): version is SignatureVersion => /^v[123]$/.test(String(version))))
    throw new TypeError('versions must be a list of "v3", "v2" and "v1", at least one.');
  return versions;
}

function checkMethod(value: unknown): string {
  if (typeof value !== "string" || !/^[A-Za-z]+$/.test(value)) throw new TypeError('method must be the request\'s method, such as "POST".');
  return value.toUpperCase();
}

/** Kept as it was written: v2 signs it so, byte for byte. */
function checkUrl(value: unknown): string {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== "string" || !/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new TypeError(
      'url must be the whole public URL that HubSpot called, such as "https://app.example.com/webhooks": behind a proxy that is not what the server sees.',
    );
  }
  return text;
}

function checkBody(value: unknown): string | Uint8Array {
  if (value === undefined) return "";
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError(
    "body must be the raw body, as bytes or text, and not what a parser made of it: HubSpot signs the bytes, and JSON.stringify gives others. Undefined if there is none.",
  );
}
