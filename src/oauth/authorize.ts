/**
 * The two ends of the user's trip to HubSpot: the authorize URL (RFC 6749 section 4.1.1) and what the callback's query says
 * (section 4.1.2). Pure: nothing is sent, stored or believed here.
 */
import { StateMismatchError } from "../errors.js";
import { isLoopback } from "../option-checks.js";
import { safeText } from "../safe-text.js";
import { AUTHORIZE_ORIGIN } from "./endpoints.js";

/** What goes into an authorize URL. */
export interface AuthorizeRequest {
  readonly origin: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly optionalScopes: readonly string[];
  readonly state: string;
  /** Preselects an account: HubSpot takes it as a path segment. */
  readonly hubId: string | undefined;
  /** PKCE, S256 (RFC 7636). */
  readonly codeChallenge: string | undefined;
}

/** The authorize URL, each parameter once, spaces as `%20`. */
export function buildAuthorizeUrl(request: AuthorizeRequest): string {
  const query: [string, string | undefined][] = [
    ["client_id", request.clientId],
    ["redirect_uri", request.redirectUri],
    ["scope", request.scopes.join(" ")],
    ["optional_scope", request.optionalScopes.join(" ") || undefined],
    ["state", request.state],
    ["code_challenge", request.codeChallenge],
    ["code_challenge_method", request.codeChallenge === undefined ? undefined : "S256"],
  ];
  const encoded = query.flatMap(([name, value]) => (value === undefined ? [] : `${name}=${encodeURIComponent(value)}`));
  const account = request.hubId === undefined ? "" : `/${checkHubId(request.hubId)}`;
  return `${request.origin}/oauth${account}/authorize?${encoded.join("&")}`;
}

/** A HubSpot account id: digits. */
export function checkHubId(value: unknown): string {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw new TypeError('hubId must be a string of digits, such as "12345678".');
  return value;
}

/** Scopes as RFC 6749 section 3.3 has them, each once. */
export function checkScopes(value: unknown, name: string): readonly string[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of scopes, such as ["crm.objects.contacts.read"].`);
  const seen = new Set<string>();
  for (const scope of value as readonly unknown[]) {
    if (typeof scope !== "string" || !/^[\u0021\u0023-\u005b\u005d-\u007e]+$/.test(scope)) {
      throw new TypeError(`${name} must hold single scopes: non-empty, without spaces, quotes or backslashes.`);
    }
    if (seen.has(scope)) throw new TypeError(`${name} holds ${scope} twice.`);
    seen.add(scope);
  }
  return [...seen];
}

/** An absolute redirect URI, kept byte for byte: HubSpot compares it as a string, at the authorize page and at the exchange. */
export function checkRedirectUri(value: unknown, authorizeOrigin: string): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || typeof value !== "string" || value.includes("#") || url.username !== "" || url.password !== "") {
    throw new TypeError(
      'redirectUri must be an absolute URL without fragment or user name, such as "https://app.example.com/oauth/callback".',
    );
  }
  const isIp = /^[\d.]+$|^\[/.test(url.hostname);
  if (isIp && isHubSpot(authorizeOrigin))
    throw new TypeError("redirectUri must not be an IP address: HubSpot refuses it. Use a domain, or http://localhost for development.");
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))) {
    throw new TypeError("redirectUri must be https (http only on localhost, for development).");
  }
  return value;
}

function isHubSpot(authorizeOrigin: string): boolean {
  return authorizeOrigin === AUTHORIZE_ORIGIN || /\.hubspot(qa)?\.com$/.test(new URL(authorizeOrigin).hostname);
}

/** A path on the application's own origin: whatever a browser or a framework makes of it, it stays there. */
export function checkReturnTo(value: unknown): string {
  if (typeof value !== "string" || !staysOnOrigin(value)) {
    throw new TypeError(
      'returnTo must be a path on your own origin, such as "/settings?tab=crm": one "/" first, no other origin, no "." segments, at most 1,024 characters.',
    );
  }
  return value;
}

function staysOnOrigin(value: string): boolean {
  if (value.length > 1_024 || !/^\/(?![/\\])[\u0021\u0023-\u005b\u005d-\u007e]*$/.test(value)) return false;
  const path = value.split(/[?#]/, 1)[0] ?? "";
  let decoded: string;
  try {
    // Normalised, because some do: a full-width slash is a slash to them.
    decoded = decodeURIComponent(path).normalize("NFKC");
  } catch {
    return false; // Not percent-encoding: frameworks disagree about what it means.
  }
  // Frameworks that decode or normalise before they redirect must not arrive at "//evil.example".
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  if (/[\u0000-\u001f\\]/.test(decoded) || decoded.includes("//") || /\/\.{1,2}(\/|$)/.test(decoded)) return false;
  return new URL(value, "https://origin.invalid").origin === "https://origin.invalid";
}

/** What the callback's query says. Nothing of it is trusted before the state was opened. */
export interface CallbackParameters {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly errorDescription: string | undefined;
}

/** Parameters that must not be repeated (RFC 6749 section 3.1, RFC 9207). */
const SINGLE = ["state", "code", "error", "error_description", "error_uri", "iss"];
const MAX_CODE_LENGTH = 8_192;

/**
 * Reads the query of a callback URL, absolute or relative.
 * @throws StateMismatchError (`malformed`) for repeated or contradictory parameters and for what could not be a code.
 */
export function parseCallback(url: string | URL): CallbackParameters {
  const text = String(url);
  const query = new URLSearchParams(text.includes("?") ? text.slice(text.indexOf("?") + 1).split("#", 1)[0] : "");
  for (const name of SINGLE) {
    if (query.getAll(name).length > 1)
      throw new StateMismatchError("malformed", `The callback repeats the parameter ${name}. Nothing was exchanged; start the flow again.`);
  }
  const state = query.get("state") ?? undefined;
  const code = query.get("code") ?? undefined;
  const error = query.get("error") ?? undefined;
  if (code !== undefined && error !== undefined)
    throw new StateMismatchError("malformed", "The callback holds both a code and an error. Nothing was exchanged; start the flow again.");
  if (code !== undefined && (code.length > MAX_CODE_LENGTH || !/^[\u0020-\u007e]+$/.test(code))) {
    throw new StateMismatchError(
      "malformed",
      "The callback's code is not one (RFC 6749 appendix A.11). Nothing was exchanged; start the flow again.",
    );
  }
  return {
    state: state === "" ? undefined : state,
    code,
    // RFC 6749 section 4.1.2.1 says which characters; anything else is not an error code.
    error: error === undefined || /^[\u0020-\u0021\u0023-\u005b\u005d-\u007e]{1,200}$/.test(error) ? error : "unnamed",
    errorDescription: safeText(query.get("error_description")),
  };
}
