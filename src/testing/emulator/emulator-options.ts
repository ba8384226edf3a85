/**
 * What a test can configure, and the defaults: apps, accounts, and the switches for what HubSpot leaves uncertain.
 * The switches stay changeable while the emulator runs (`emulator.settings`).
 */

import type { AssociationSeed, CrmSeed, CustomObjectSeed } from "./crm-seed.js";
import type { FaultRule } from "./faults.js";
import type { StartTimer } from "./messages.js";
import type { EmulatorLimits, EmulatorTier } from "./rate-limits.js";

/** An OAuth app as its developer configured it at HubSpot. */
export interface EmulatorAppOptions {
  /** Default: a random UUID. */
  readonly clientId?: string;
  /** Default: a random UUID. */
  readonly clientSecret?: string;
  /** Default: a seven-digit number. */
  readonly appId?: number;
  /** Shown on the consent page. Default "Test app". */
  readonly name?: string;
  /** Exact redirect URIs; https, or http on localhost, and no IP address. Default `["http://localhost:3000/oauth/callback"]`. */
  readonly redirectUris?: readonly string[];
  /** `scope` must name all of them. Default `["crm.objects.contacts.read"]`. `oauth` is always there and need not be named. */
  readonly requiredScopes?: readonly string[];
  /** Allowed in `scope` only; the install fails if the account lacks one that was asked for. Default: contacts, companies and deals, read and write. */
  readonly conditionalScopes?: readonly string[];
  /** Allowed in `optional_scope`; dropped without a word if the account lacks one. Default: companies and deals, read and write, and `tickets`. */
  readonly optionalScopes?: readonly string[];
  /**
   * `marketplace`: anybody may install it. `private`: only the accounts in `allowedAccounts`. Limits differ as well (`limits`). Cannot be
   * changed later, as at HubSpot. Default "marketplace".
   */
  readonly distribution?: "marketplace" | "private";
  /** With private distribution, the accounts (hub ids) that may install it: 10 at most. Default none. */
  readonly allowedAccounts?: readonly number[];
  /** Whether the marketplace lists it. One that it does not list may be installed in 25 accounts. Default true. */
  readonly listed?: boolean;
  /** The developer account's `hapikey` for app-level APIs. Default: a random UUID. */
  readonly developerApiKey?: string;
}

/** A person who can log in to an account. */
export interface EmulatorUser {
  /** HubSpot's user id. */
  readonly userId: number;
  readonly email: string;
  /** Whether they may install apps. Default true. */
  readonly superAdmin?: boolean;
  /** Lets somebody who is no super admin install apps. Default false. */
  readonly marketplaceAccess?: boolean;
}

/** A private app (or service key) of one account. */
export interface EmulatorPrivateApp {
  /** `pat-{hublet}-{uuid}`. */
  readonly token: string;
  readonly scopes: readonly string[];
}

/** A customer's HubSpot account (portal). */
export interface EmulatorAccountOptions {
  /** Default: a number not used yet. */
  readonly hubId?: number;
  readonly name?: string;
  /** The hublet: prefix of codes, refresh tokens and private app tokens. Default "na1". */
  readonly region?: string;
  /** The customer's own website, not HubSpot's UI host. */
  readonly hubDomain?: string;
  /** IANA name. Default "US/Eastern". */
  readonly timeZone?: string;
  /** Default "app.hubspot.com", or "app-{region}.hubspot.com" outside na1. */
  readonly uiDomain?: string;
  /** Default: the region. */
  readonly dataHostingLocation?: string;
  /** Default "STANDARD". */
  readonly accountType?: "APP_DEVELOPER" | "DEVELOPER_TEST" | "SANDBOX" | "STANDARD";
  /** The limits of private apps depend on it. Default "starter". */
  readonly tier?: EmulatorTier;
  /** The first one is logged in unless a test says otherwise. Default: one user. */
  readonly users?: readonly EmulatorUser[];
  /** Scopes this account's subscription cannot grant. Default none. */
  readonly unavailableScopes?: readonly string[];
  /** How many contacts to make up, or their properties. Default 25. */
  readonly contacts?: CrmSeed;
  /** As `contacts`. Default 3. */
  readonly companies?: CrmSeed;
  /** As `contacts`. Default 3. */
  readonly deals?: CrmSeed;
  /**
   * The same by object type, and more of them: `{ contacts: 100, tickets: 5, cars: [{ name: "Van" }], "2-123456": 3 }`. Whatever is no standard
   * type becomes a custom one: `cars` is `p_cars` in paths, `2-123456` has that id. Default: no tickets and no custom types.
   */
  readonly objects?: Readonly<Record<string, CrmSeed | CustomObjectSeed>>;
  /** Which of those records belong together. Default none. */
  readonly associations?: readonly AssociationSeed[];
  /** How many engagements (notes) to make up. Default 12. */
  readonly engagements?: number;
  /** Default: one, that may read and write contacts, companies and deals. */
  readonly privateApps?: readonly EmulatorPrivateApp[];
}

/** Switches, most of them for behaviour HubSpot does not pin down. All may be changed on a running emulator. */
export interface EmulatorSettings {
  /**
   * `none`: a refresh answers the same refresh token, and one app, account and user share one across connections (what HubSpot does today).
   * `strict`: each refresh answers a new one; a used one presented again ends the grant. `grace`: a used one still answers for `refreshTokenGraceMs`.
   * @default "none"
   */
  refreshTokenRotation: "none" | "strict" | "grace";
  /** @default 30000 */
  refreshTokenGraceMs: number;
  /**
   * `enforced`: when a challenge was sent, a wrong or missing verifier is BAD_CODE_VERIFIER. `ignored`: never looked at.
   * `rejected`: an authorize URL with a challenge goes back with `error=invalid_request`, a verifier is BAD_CODE_VERIFIER.
   * @default "enforced"
   */
  pkce: "ignored" | "enforced" | "rejected";
  /** Whether token answers carry `user_id`. @default false */
  userIdInTokenResponse: boolean;
  /** From this emulator time on, /oauth/v1/* answers 404. @default 2027-02-16T00:00Z */
  v1SunsetAtMs: number;
  /** true: v1 is off now; false: v1 stays on whatever the time; undefined: `v1SunsetAtMs` decides. @default undefined */
  v1Sunset: boolean | undefined;
  /** Life of access tokens issued from now on. @default 1800 */
  accessTokenLifetimeSeconds: number;
  /** @default 60000 */
  codeLifetimeMs: number;
  /**
   * What Cancel does: back to the app with `error=access_denied` and the state, the same without the state, or nothing at all.
   * @default "redirect"
   */
  denial: "redirect" | "redirect-without-state" | "no-callback";
  /** `legacy`: the bodies of before 2026, `status`, `message` and `correlationId` only. @default "rfc" */
  tokenErrorStyle: "rfc" | "legacy";
  /** HTTP status of BAD_CLIENT_ID and BAD_CLIENT_SECRET. @default 400 */
  clientErrorStatus: 400 | 401;
  /** The field that names the token to introspect: `token`, the older guide's `access_token`/`refresh_token`, or either. @default "either" */
  introspectField: "token" | "named" | "either";
  /** Body of a successful revoke; undefined is an empty one. @default undefined */
  revokeBody: unknown;
  /** Category of the 401 for a token that an uninstall stopped. @default "INVALID_AUTHENTICATION" */
  uninstalledTokenCategory: "INVALID_AUTHENTICATION" | "EXPIRED_AUTHENTICATION";
  /** Which calls are too many and get a 429. `"hubspot"`: as HubSpot publishes them. Undefined: not limited. @default undefined */
  limits: EmulatorLimits | "hubspot" | undefined;
  /** Last edit of every successful token answer: return the body to send, without the fields a test wants gone. @default undefined */
  tokenResponse: ((body: TokenResponseBody) => object) | undefined;
}

/** A successful answer of the token endpoint, in HubSpot's own names. */
export interface TokenResponseBody {
  token_type: string;
  refresh_token?: string;
  access_token: string;
  hub_id?: number;
  user_id?: number;
  scopes: string[];
  expires_in: number;
  token_use: "access_token" | "client_credentials";
}

/** Options of an emulator, whatever its front door. */
export interface EmulatorOptions extends Partial<EmulatorSettings> {
  /** The base clock, milliseconds since 1970; `advance()` adds to it. @default Date.now */
  readonly now?: () => number;
  /** What answers that come late or in drips wait by. Default: `setTimeout`. */
  readonly startTimer?: StartTimer;
  /**
   * Makes every made-up value repeatable: client ids and secrets, codes, tokens, correlation ids, and the dice of faults. Two emulators with
   * one seed make the same tokens, so that those of the one open the other: give each a seed of its own. Default: random.
   */
  readonly seed?: number;
  /** Faults in force from the start. Default none. */
  readonly faults?: readonly FaultRule[];
  /** The one app. */
  readonly app?: EmulatorAppOptions;
  /** Several apps, instead of `app`. */
  readonly apps?: readonly EmulatorAppOptions[];
  /** Default: two accounts, in na1 and eu1. */
  readonly accounts?: readonly EmulatorAccountOptions[];
}

/** Fills the switches in. */
export function resolveSettings(options: EmulatorOptions): EmulatorSettings {
  return {
    refreshTokenRotation: options.refreshTokenRotation ?? "none",
    refreshTokenGraceMs: options.refreshTokenGraceMs ?? 30_000,
    pkce: options.pkce ?? "enforced",
    userIdInTokenResponse: options.userIdInTokenResponse ?? false,
    v1SunsetAtMs: options.v1SunsetAtMs ?? Date.UTC(2027, 1, 16),
    v1Sunset: options.v1Sunset,
    accessTokenLifetimeSeconds: options.accessTokenLifetimeSeconds ?? 1800,
    codeLifetimeMs: options.codeLifetimeMs ?? 60_000,
    denial: options.denial ?? "redirect",
    tokenErrorStyle: options.tokenErrorStyle ?? "rfc",
    clientErrorStatus: options.clientErrorStatus ?? 400,
    introspectField: options.introspectField ?? "either",
    revokeBody: options.revokeBody,
    uninstalledTokenCategory: options.uninstalledTokenCategory ?? "INVALID_AUTHENTICATION",
    limits: options.limits,
    tokenResponse: options.tokenResponse,
  };
}
