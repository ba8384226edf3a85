/** The apps, accounts and people an emulator begins with, as a test writes them; directory.ts completes them. */

import type { AssociationSeed, CrmSeed, CustomObjectSeed } from "./crm-seed.js";
import type { EmulatorTier } from "./rate-limits.js";

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
