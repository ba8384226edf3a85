/**
 * What `HubSpotHttp` authorizes a call with: an account of an OAuth app, a private app token or service key, or a developer API key.
 * Anybody can write one; it must never log what it hands out.
 */
import { createHash } from "node:crypto";
import type { EventListener } from "./events.js";
import type { RateLimiter } from "./http/rate-limit.js";
import type { Open } from "./stream-transport.js";
import type { Send } from "./transport.js";

/** What goes into a request. Plain on purpose: it holds secrets, and a redacting object would only hide that. */
export interface Authorization {
  /** Added to those of the request, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Added to the query, such as `hapikey`. */
  readonly query?: Readonly<Record<string, string>>;
}

/** The way to HubSpot of the client that a credential came from, so that a `HubSpotHttp` is cheap to build per request. */
export interface HttpRuntime {
  /** Where the API is: the token goes nowhere else. */
  readonly apiOrigin: string;
  /** Sends one request and reads the whole answer. */
  readonly send: Send;
  /** The same for bodies that are streams. Absent in runtimes of your own: `stream` and `fetch` then take the way of a `HubSpotHttp` without a client. */
  readonly open?: Open | undefined;
  /** The limits that all calls of this client's accounts keep to; absent when the client's `rateLimit` is false. */
  readonly limiter?: RateLimiter | undefined;
  /** The client's listener, for calls that have none of their own. */
  readonly onEvent?: EventListener | undefined;
}

/** Options of `Credential.authorize`. */
export interface AuthorizeOptions {
  /** The very object returned before, which HubSpot refused as expired: another token, or a rejection. Compared by identity. @default none */
  readonly rejected?: Authorization | undefined;
  /** Stops the waiting, never a refresh that others wait for. */
  readonly signal?: AbortSignal | undefined;
}

/** Authorizes API calls. */
export interface Credential {
  /** A key for limits, events and errors; never secret. `"<clientId>:<accountId>"` for an account. */
  readonly id: string;
  /** The account, when the credential belongs to one. */
  readonly accountId?: string | undefined;
  /** What to send with the next call. Synchronous when nothing has to be waited for. */
  authorize(options?: AuthorizeOptions): Authorization | Promise<Authorization>;
  /**
   * Looks once whether somebody else has changed the token in the meantime, without refreshing: called after a 401 that does not say
   * "expired", and after a 403 for missing scopes. Absent: such answers are final.
   */
  reload?(options?: { readonly signal?: AbortSignal | undefined }): Promise<Authorization>;
  /** The way to HubSpot that comes with the credential. */
  readonly runtime?: HttpRuntime | undefined;
}

/** The credential of one connected account, from `oauth.account(id)`. */
export interface AccountCredential extends Credential {
  readonly accountId: string;
  readonly runtime: HttpRuntime;
  reload(options?: { readonly signal?: AbortSignal | undefined }): Promise<Authorization>;
}

/**
 * What to try after a 401 or 403, once; `undefined`: nothing. HubSpot: a 401 is no sign that a new token must be fetched, so only
 * `EXPIRED_AUTHENTICATION` refreshes; otherwise, and for missing scopes, another process may have changed the token, which is looked up.
 */
export function authorizationAfter(
  { status, category }: { readonly status: number; readonly category: unknown },
  credential: Credential,
  options: AuthorizeOptions,
): Authorization | Promise<Authorization> | undefined {
  if (status === 401 && category === "EXPIRED_AUTHENTICATION") return credential.authorize(options);
  return status === 401 || category === "MISSING_SCOPES" ? credential.reload?.({ signal: options.signal }) : undefined;
}

/** Whether a value can travel in a header and is not two values: visible ASCII only (RFC 6750 section 2.1). */
function assertToken(value: unknown, name: string, hint: string): asserts value is string {
  if (typeof value !== "string" || !/^[\u0021-\u007e]+$/.test(value)) {
    throw new TypeError(`${name} must be a non-empty string of visible ASCII characters. ${hint}`);
  }
}

/**
 * A private app's access token or a service key (`pat-…`), sent as a Bearer header. It does not expire, so a 401 is final.
 * @param token takes `undefined` so that `privateAppToken(process.env.HUBSPOT_TOKEN)` fails here, with the reason, and not at the first call.
 * @throws TypeError when the token is missing or could not travel in a header.
 */
export function privateAppToken(token: string | undefined): Credential {
  assertToken(token, "token", "Pass the private app token or service key; is the environment variable set?");
  const authorization: Authorization = Object.freeze({ headers: Object.freeze({ authorization: `Bearer ${token}` }) });
  return { id: `private-app:${fingerprint(token)}`, authorize: () => authorization };
}

/**
 * A developer API key, sent as `?hapikey=`, which is HubSpot's form and why it is redacted everywhere else. Only the app-level APIs
 * (such as webhook subscriptions) still take it; the account-level API key ended on 2022-11-30.
 * @throws TypeError when the key is missing.
 */
export function developerApiKey(key: string | undefined): Credential {
  assertToken(key, "key", "Pass the developer API key; is the environment variable set?");
  const authorization: Authorization = Object.freeze({ query: Object.freeze({ hapikey: key }) });
  return { id: `developer-api-key:${fingerprint(key)}`, authorize: () => authorization };
}

/** Tells two tokens apart in limits and events without saying anything of either. */
function fingerprint(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url").slice(0, 12);
}
