/**
 * The apps and accounts an emulator begins with: options in, complete records with defaults out.
 * Checks redirect URIs by HubSpot's rule, so that a test cannot rely on one HubSpot would refuse.
 */

import { isIP } from "node:net";
import { type CrmSeeds, seedCrm } from "./crm-seed.js";
import { CrmStore } from "./crm-store.js";
import type { EmulatorAccountOptions, EmulatorAppOptions, EmulatorPrivateApp, EmulatorUser } from "./directory-options.js";
import type { Randomness } from "./randomness.js";
import type { EmulatorTier } from "./rate-limits.js";

/** An app, complete. */
export interface EmulatorApp {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly appId: number;
  readonly name: string;
  /** Grows by `emulator.addRedirectUri()`. */
  readonly redirectUris: readonly string[];
  readonly requiredScopes: readonly string[];
  readonly conditionalScopes: readonly string[];
  readonly optionalScopes: readonly string[];
  readonly distribution: "marketplace" | "private";
  readonly allowedAccounts: readonly number[];
  readonly listed: boolean;
  readonly developerApiKey: string;
}

/** An account, complete. */
export interface EmulatorAccount {
  readonly hubId: number;
  readonly name: string;
  readonly region: string;
  readonly hubDomain: string;
  readonly timeZone: string;
  readonly uiDomain: string;
  readonly dataHostingLocation: string;
  readonly accountType: "APP_DEVELOPER" | "DEVELOPER_TEST" | "SANDBOX" | "STANDARD";
  readonly tier: EmulatorTier;
  readonly users: readonly EmulatorUser[];
  readonly unavailableScopes: readonly string[];
  readonly privateApps: readonly EmulatorPrivateApp[];
  /** Its CRM records. */
  readonly crm: CrmStore;
  /** Set by `emulator.deleteAccount()`. */
  readonly deleted: boolean;
}

/** HubSpot's cap for private distribution. */
const MAX_ALLOWED = 10;

const readAndWrite = (...types: string[]): string[] => types.flatMap((type) => [`crm.objects.${type}.read`, `crm.objects.${type}.write`]);

const DEFAULT_ACCOUNTS: readonly EmulatorAccountOptions[] = [
  { hubId: 24681012, name: "Harbour Bakery", hubDomain: "harbour-bakery.example" },
  {
    hubId: 135791113,
    name: "Nordlicht Optik",
    region: "eu1",
    hubDomain: "nordlicht-optik.example",
    timeZone: "Europe/Berlin",
  },
];

/** Completes the apps' options. The redirect URIs stay writable for `emulator.addRedirectUri()`. */
export function createApps(
  options: readonly EmulatorAppOptions[],
  random: Randomness,
): (EmulatorApp & { readonly redirectUris: string[] })[] {
  const apps = options.map((app, index) => ({
    clientId: app.clientId ?? random.uuid(),
    clientSecret: app.clientSecret ?? random.uuid(),
    appId: app.appId ?? 1_234_567 + index,
    name: app.name ?? (index === 0 ? "Test app" : `Test app ${index + 1}`),
    redirectUris: [...(app.redirectUris ?? ["http://localhost:3000/oauth/callback"])],
    requiredScopes: [...(app.requiredScopes ?? ["crm.objects.contacts.read"])],
    conditionalScopes: [...(app.conditionalScopes ?? readAndWrite("contacts", "companies", "deals"))],
    optionalScopes: [...(app.optionalScopes ?? [...readAndWrite("companies", "deals"), "tickets"])],
    distribution: app.distribution ?? "marketplace",
    allowedAccounts: [...(app.allowedAccounts ?? [])],
    listed: app.listed ?? true,
    developerApiKey: app.developerApiKey ?? random.uuid(),
  }));
  if (apps.length === 0) throw new TypeError("apps: at least one app is needed");
  assertUnique(
    "apps: clientId",
    apps.map((app) => app.clientId),
  );
  for (const app of apps) {
    app.redirectUris.forEach(assertRedirectUri);
    if (app.allowedAccounts.length > MAX_ALLOWED) throw new TypeError(`apps: allowedAccounts may name ${MAX_ALLOWED} accounts at most`);
  }
  return apps;
}

/** Completes the accounts' options and seeds their records. */
export function createAccounts(
  options: readonly EmulatorAccountOptions[] | undefined,
  random: Randomness,
  nowMs: number,
): EmulatorAccount[] {
  const accounts = (options ?? DEFAULT_ACCOUNTS).map((account, index) => createAccount(account, index, random, nowMs));
  assertUnique(
    "accounts: hubId",
    accounts.map((account) => String(account.hubId)),
  );
  return accounts;
}

function createAccount(options: EmulatorAccountOptions, index: number, random: Randomness, nowMs: number): EmulatorAccount {
  if (options.users?.length === 0) throw new TypeError("accounts: users must not be empty");
  const region = options.region ?? "na1";
  const hubDomain = options.hubDomain ?? `account-${index + 1}.example`;
  const hubId = options.hubId ?? 30_000_001 + index;
  const crm = new CrmStore(hubId);
  seedCrm(crm, crmSeeds(options), hubDomain, nowMs);
  return {
    hubId,
    name: options.name ?? `Account ${index + 1}`,
    region,
    hubDomain,
    timeZone: options.timeZone ?? "US/Eastern",
    uiDomain: options.uiDomain ?? (region === "na1" ? "app.hubspot.com" : `app-${region}.hubspot.com`),
    dataHostingLocation: options.dataHostingLocation ?? region,
    accountType: options.accountType ?? "STANDARD",
    tier: options.tier ?? "starter",
    users: options.users ?? [{ userId: 70_001 + index, email: `owner@${hubDomain}` }],
    unavailableScopes: options.unavailableScopes ?? [],
    privateApps: options.privateApps ?? [
      {
        token: `pat-${region}-${random.uuid()}`,
        scopes: readAndWrite("contacts", "companies", "deals"),
      },
    ],
    crm,
    deleted: false,
  };
}

function crmSeeds(options: EmulatorAccountOptions): CrmSeeds {
  const { contacts, companies, deals, objects = {}, engagements = 12, associations = [] } = options;
  const short = { contacts, companies, deals };
  for (const name of ["contacts", "companies", "deals"] as const) {
    if (short[name] !== undefined && objects[name] !== undefined)
      throw new TypeError(`accounts: give ${name} or objects.${name}, not both`);
  }
  const { contacts: people = contacts ?? 25, companies: firms = companies ?? 3, deals: sales = deals ?? 3 } = objects;
  return { objects: { ...objects, contacts: people, companies: firms, deals: sales }, engagements, associations };
}

/** HubSpot's rule: https, or http on localhost; never an IP address. Throws a TypeError that names the URI. */
export function assertRedirectUri(uri: string): void {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/gu, "") ?? "";
  const allowed = url?.protocol === "https:" || (url?.protocol === "http:" && host === "localhost");
  if (!allowed || isIP(host) !== 0) {
    throw new TypeError(`redirectUris: ${JSON.stringify(uri)} is not one HubSpot accepts: https, or http://localhost, and no IP address`);
  }
}

function assertUnique(what: string, values: readonly string[]): void {
  if (new Set(values).size !== values.length) throw new TypeError(`${what} must be unique`);
}
