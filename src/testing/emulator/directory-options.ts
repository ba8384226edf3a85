/** The apps, accounts and people an emulator begins with, as a test writes them; directory.ts completes them. */

import type { AssociationSeed, CrmSeed, CustomObjectSeed } from "./crm-seed.js";
import type { EmulatorTier } from "./rate-limits.js";

/** An OAuth app as its developer configured it at HubSpot. */
export interface EmulatorAppOptions {
  /** The public half of its credentials. @default a random UUID */
  readonly clientId?: string;
  /** The secret half. @default a random UUID */
  readonly clientSecret?: string;
  /** HubSpot's number for it. @default a seven-digit number */
  readonly appId?: number;
  /** Shown on the consent page. @default "Test app" */
  readonly name?: string;
  /** Exact redirect URIs; https, or http on localhost, and no IP address. @default ["http://localhost:3000/oauth/callback"] */
  readonly redirectUris?: readonly string[];
  /** `scope` must name all of them. `oauth` is always there and need not be named. @default ["crm.objects.contacts.read"] */
  readonly requiredScopes?: readonly string[];
  /** Allowed in `scope` only; the install fails if the account lacks one that was asked for. @default contacts, companies and deals, read and write */
  readonly conditionalScopes?: readonly string[];
  /** Allowed in `optional_scope`; dropped without a word if the account lacks one. @default companies and deals, read and write, and `tickets` */
  readonly optionalScopes?: readonly string[];
  /**
   * `marketplace`: anybody may install it. `private`: only the accounts in `allowedAccounts`. Limits differ as well (`limits`). Cannot be
   * changed later, as at HubSpot. @default "marketplace"
   */
  readonly distribution?: "marketplace" | "private";
  /** With private distribution, the accounts (hub ids) that may install it: 10 at most. @default [] */
  readonly allowedAccounts?: readonly number[];
  /** Whether the marketplace lists it. One that it does not list may be installed in 25 accounts. @default true */
  readonly listed?: boolean;
  /** The developer account's `hapikey` for app-level APIs. @default a random UUID */
  readonly developerApiKey?: string;
}

/** A person who can log in to an account. */
export interface EmulatorUser {
  /** HubSpot's user id. */
  readonly userId: number;
  /** What introspection and the consent page call them. */
  readonly email: string;
  /** Whether they may install apps. @default true */
  readonly superAdmin?: boolean;
  /** Lets somebody who is no super admin install apps. @default false */
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
  /** HubSpot's number for it. @default a number not used yet */
  readonly hubId?: number;
  /** Shown in the account chooser. @default "Account 1", "Account 2" and so on */
  readonly name?: string;
  /** The hublet: prefix of codes, refresh tokens and private app tokens. @default "na1" */
  readonly region?: string;
  /** The customer's own website, not HubSpot's UI host. @default "account-1.example" and so on */
  readonly hubDomain?: string;
  /** IANA name. @default "US/Eastern" */
  readonly timeZone?: string;
  /** HubSpot's own host for its pages. @default "app.hubspot.com", or "app-{region}.hubspot.com" outside na1 */
  readonly uiDomain?: string;
  /** Where its data is. @default the region */
  readonly dataHostingLocation?: string;
  /** As account details have it. @default "STANDARD" */
  readonly accountType?: "APP_DEVELOPER" | "DEVELOPER_TEST" | "SANDBOX" | "STANDARD";
  /** The limits of private apps depend on it. @default "starter" */
  readonly tier?: EmulatorTier;
  /** The first one is logged in unless a test says otherwise. @default one user */
  readonly users?: readonly EmulatorUser[];
  /** Scopes this account's subscription cannot grant. @default [] */
  readonly unavailableScopes?: readonly string[];
  /** How many contacts to make up, or their properties. @default 25 */
  readonly contacts?: CrmSeed;
  /** As `contacts`. @default 3 */
  readonly companies?: CrmSeed;
  /** As `contacts`. @default 3 */
  readonly deals?: CrmSeed;
  /**
   * The same by object type, and more of them: `{ contacts: 100, tickets: 5, cars: [{ name: "Van" }], "2-123456": 3 }`. Whatever is no standard
   * type becomes a custom one: `cars` is `p_cars` in paths, `2-123456` has that id. @default no tickets and no custom types
   */
  readonly objects?: Readonly<Record<string, CrmSeed | CustomObjectSeed>>;
  /** Which of those records belong together. @default [] */
  readonly associations?: readonly AssociationSeed[];
  /** How many engagements (notes) to make up. @default 12 */
  readonly engagements?: number;
  /** Its private apps. @default one, that may read and write contacts, companies and deals */
  readonly privateApps?: readonly EmulatorPrivateApp[];
}
