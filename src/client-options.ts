/** The options of `HubSpotOAuthClient`: documented, checked and made complete once, so that nothing behind this file has a default. */
import type { FetchLike, DispatcherLike } from "./transport.js";
import type { EventListener } from "./events.js";
import { checkRedirectUri, checkScopes } from "./oauth/authorize.js";
import { API_ORIGIN, API_VERSIONS, type ApiVersion, AUTHORIZE_ORIGIN } from "./oauth/endpoints.js";
import type { RateLimitOptions } from "./http/rate-limit.js";
import { ownOptions, checkCount, checkFunction, checkMethods, checkOrigin, checkTransport, checkUserAgent } from "./option-checks.js";
import { MemoryStateStore } from "./stores/memory.js";
import type { StateStore, TokenStore } from "./stores/store.js";
import { VERSION } from "./version.js";

/** What is known of a grant when its account id is chosen. */
export interface GrantIdentity<Context> {
  /** The HubSpot account. */
  readonly hubId: string;
  /** The user who connected, when HubSpot says. */
  readonly userId: string | undefined;
  /** What `createAuthorization` or `saveTokens` was given. */
  readonly context: Context | undefined;
}

/** Options of `HubSpotOAuthClient`. */
export interface HubSpotOAuthClientOptions<Context = unknown> {
  /** The app's client id. */
  readonly clientId: string;
  /** The app's client secret. Goes into form bodies only. */
  readonly clientSecret: string;
  /** Exactly one of the redirect URLs configured in the app. https, or http on localhost; HubSpot refuses IP addresses. */
  readonly redirectUri: string;
  /** Sent as `scope`: every required scope of the app, and those conditionally required ones you want. */
  readonly scopes: readonly string[];
  /** Sent as `optional_scope`; HubSpot drops silently what the account cannot grant. @default [] */
  readonly optionalScopes?: readonly string[] | undefined;
  /** Where tokens are kept. There is no default: losing it means asking every customer to connect again. */
  readonly tokenStore: TokenStore;
  /** Remembers used states; share one between processes, or a replayed callback is exchanged in another. @default a `MemoryStateStore`: single use within one process only */
  readonly stateStore?: StateStore | undefined;
  /** Seals the state; at least 32 characters or bytes. @default the client secret */
  readonly stateSecret?: string | Uint8Array | undefined;
  /** PKCE, S256 (RFC 7636), beside the client secret. @default true */
  readonly pkce?: boolean | undefined;
  /**
   * Which OAuth endpoints to call. `auto`: v1 until 2027-02-02 and `2026-09` from then on, or as soon as v1 answers 404 or 410.
   * New apps: pin `"2026-09"`. @default "auto"
   */
  readonly apiVersion?: ApiVersion | undefined;
  /** Where users authorize: `https://app-eu1.hubspot.com` for a region. @default "https://app.hubspot.com" */
  readonly authorizeOrigin?: string | undefined;
  /** Where the API is. @default "https://api.hubapi.com" */
  readonly apiOrigin?: string | undefined;
  /** The key of a grant in the store. With it, a missing user id is looked up, so that two users of a portal never share a key. @default the hub id */
  readonly accountId?: ((grant: GrantIdentity<Context>) => string) | undefined;
  /** How long a cached token is used before the store is asked whether it still stands, in milliseconds. @default 60_000 */
  readonly cacheMs?: number | undefined;
  /** Deadline of one request to an OAuth endpoint, in milliseconds; at most 60,000. @default 15_000 */
  readonly timeoutMs?: number | undefined;
  /**
   * The limits that all API calls of this app's accounts keep to, per account, before HubSpot has to refuse them; with `store`, together
   * with other processes. `false`: no limiter. @default HubSpot's limits for OAuth apps, in this process
   */
  readonly rateLimit?: RateLimitOptions | false | undefined;
  /** An undici 7 or 8 dispatcher to send by: a proxy, a MockAgent. Trusted: it sees the secrets. @default the application's global one, else an Agent of our own */
  readonly dispatcher?: DispatcherLike | undefined;
  /** A `fetch` to send by, instead of a dispatcher. Trusted: it sees the secrets. @default none: a dispatcher is used */
  readonly fetch?: FetchLike | undefined;
  /** The wall clock, in milliseconds since 1970. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Sent as `User-Agent`. @default "hubspot-oauth/<version>" */
  readonly userAgent?: string | undefined;
  /** Called with every event, synchronously. @default nobody listens */
  readonly onEvent?: EventListener | undefined;
}

/** The options with every default in place. */
export type ResolvedOptions<Context> = {
  readonly [Name in keyof HubSpotOAuthClientOptions<Context>]-?: Name extends "accountId" | "rateLimit" | "dispatcher" | "fetch" | "onEvent"
    ? HubSpotOAuthClientOptions<Context>[Name]
    : Exclude<HubSpotOAuthClientOptions<Context>[Name], undefined>;
};

const KNOWN = [
  "clientId",
  "clientSecret",
  "redirectUri",
  "scopes",
  "optionalScopes",
  "tokenStore",
  "stateStore",
  "stateSecret",
  "pkce",
  "apiVersion",
  "authorizeOrigin",
  "apiOrigin",
  "accountId",
  "cacheMs",
  "timeoutMs",
  "rateLimit",
  "dispatcher",
  "fetch",
  "now",
  "userAgent",
  "onEvent",
];

/** @throws TypeError that names the wrong option. */
export function resolveOptions<Context>(given: HubSpotOAuthClientOptions<Context>): ResolvedOptions<Context> {
  const options = ownOptions(given, KNOWN, "HubSpotOAuthClient");
  const authorizeOrigin =
    options.authorizeOrigin === undefined ? AUTHORIZE_ORIGIN : checkOrigin(options.authorizeOrigin, "authorizeOrigin");
  const scopes = checkScopes(options.scopes, "scopes");
  if (scopes.length === 0) throw new TypeError('scopes must name at least one scope; ["oauth"] when the app requires no other.');
  const optionalScopes = checkScopes(options.optionalScopes ?? [], "optionalScopes");
  const both = optionalScopes.find((scope) => scopes.includes(scope));
  if (both !== undefined) throw new TypeError(`scopes and optionalScopes both hold ${both}: HubSpot knows it as one or the other.`);
  checkMethods(options.tokenStore, ["get", "set", "delete"], "tokenStore");
  if (options.stateStore !== undefined) checkMethods(options.stateStore, ["consume"], "stateStore");
  if (options.pkce !== undefined && typeof options.pkce !== "boolean") throw new TypeError("pkce must be true or false.");
  if (options.apiVersion !== undefined && !API_VERSIONS.includes(options.apiVersion))
    throw new TypeError(`apiVersion must be one of ${API_VERSIONS.join(", ")}.`);
  checkTransport(options);
  checkFunction(options.accountId, "accountId");
  checkFunction(options.now, "now");
  checkFunction(options.onEvent, "onEvent");
  return {
    clientId: checkCredential(options.clientId, "clientId"),
    clientSecret: checkCredential(options.clientSecret, "clientSecret"),
    redirectUri: checkRedirectUri(options.redirectUri, authorizeOrigin),
    scopes,
    optionalScopes,
    tokenStore: options.tokenStore,
    stateStore: options.stateStore ?? new MemoryStateStore(),
    stateSecret: options.stateSecret === undefined ? options.clientSecret : checkStateSecret(options.stateSecret),
    pkce: options.pkce ?? true,
    apiVersion: options.apiVersion ?? "auto",
    authorizeOrigin,
    apiOrigin: options.apiOrigin === undefined ? API_ORIGIN : checkOrigin(options.apiOrigin, "apiOrigin"),
    accountId: options.accountId,
    cacheMs: options.cacheMs === undefined ? 60_000 : checkCount(options.cacheMs, "cacheMs", 0),
    timeoutMs: options.timeoutMs === undefined ? 15_000 : checkTimeout(options.timeoutMs),
    rateLimit: options.rateLimit,
    dispatcher: options.dispatcher,
    fetch: options.fetch,
    now: options.now ?? Date.now,
    userAgent: options.userAgent === undefined ? `hubspot-oauth/${VERSION}` : checkUserAgent(options.userAgent),
    onEvent: options.onEvent,
  };
}

/** What `fromEnv` reads. */
const FROM_ENV = {
  clientId: "HUBSPOT_CLIENT_ID",
  clientSecret: "HUBSPOT_CLIENT_SECRET",
  redirectUri: "HUBSPOT_REDIRECT_URI",
} as const;

/** Options from the environment; what is passed in wins. @throws TypeError that names the variable that is missing. */
export function optionsFromEnv<Context>(
  options: Partial<HubSpotOAuthClientOptions<Context>> & Pick<HubSpotOAuthClientOptions<Context>, "tokenStore">,
  env: Readonly<Record<string, string | undefined>>,
): HubSpotOAuthClientOptions<Context> {
  const given = ownOptions(options, KNOWN, "HubSpotOAuthClient.fromEnv");
  const read = (name: keyof typeof FROM_ENV): string => {
    const value = given[name] ?? env[FROM_ENV[name]];
    if (value === undefined || value === "") throw new TypeError(`${FROM_ENV[name]} is not set. Set it, or pass the option ${name}.`);
    return value;
  };
  const scopes = given.scopes ?? list(env["HUBSPOT_SCOPES"]);
  if (scopes === undefined)
    throw new TypeError("HUBSPOT_SCOPES is not set: scopes separated by spaces. Set it, or pass the option scopes.");
  return {
    ...given,
    clientId: read("clientId"),
    clientSecret: read("clientSecret"),
    redirectUri: read("redirectUri"),
    scopes,
    optionalScopes: given.optionalScopes ?? list(env["HUBSPOT_OPTIONAL_SCOPES"]),
    authorizeOrigin: given.authorizeOrigin ?? (env["HUBSPOT_AUTHORIZE_ORIGIN"] || undefined),
    apiOrigin: given.apiOrigin ?? (env["HUBSPOT_API_ORIGIN"] || undefined),
  };
}

function list(value: string | undefined): string[] | undefined {
  const scopes = value?.split(/[\s,]+/).filter(Boolean);
  return scopes?.length === 0 ? undefined : scopes;
}

function checkCredential(value: unknown, name: string): string {
  if (typeof value !== "string" || !/^[\u0021-\u007e]+$/.test(value))
    throw new TypeError(`${name} must be a non-empty string of visible ASCII characters, as HubSpot shows it in the app's settings.`);
  return value;
}

function checkStateSecret(value: unknown): string | Uint8Array {
  if ((typeof value !== "string" && !(value instanceof Uint8Array)) || value.length < 32) {
    throw new TypeError("stateSecret must be at least 32 random characters or bytes.");
  }
  return value;
}

/** The lease on an account outlasts this deadline, so it has an upper bound. */
function checkTimeout(value: unknown): number {
  const timeoutMs = checkCount(value, "timeoutMs");
  if (timeoutMs > 60_000) throw new TypeError("timeoutMs must be at most 60,000.");
  return timeoutMs;
}
