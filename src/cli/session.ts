/** The configured client and store, opened when a command needs them and closed when it is done. */
import type { Command } from "commander";
import { ConfigurationError, HubSpotOAuthClient, type HubSpotOAuthClientOptions, type TokenStore } from "../index.js";
import { SettingsError } from "./exit-status.js";
import { type OpenedStore, openStore } from "./open-store.js";
import { readSettings, type Settings, VARIABLES } from "./settings.js";

/** Without one of these there is no client. */
const REQUIRED = ["clientId", "clientSecret", "redirectUri", "scopes"] as const;

/** What one command works with. */
export class Session {
  readonly settings: Settings;
  #oauth: HubSpotOAuthClient | undefined;
  #store: OpenedStore | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** The client. @throws SettingsError that names everything that is missing */
  async oauth(): Promise<HubSpotOAuthClient> {
    this.#oauth ??= this.settings.oauth ?? createClient(this.settings, await this.tokenStore());
    return this.#oauth;
  }

  /** The store itself, for what the client does not do. @throws SettingsError */
  async tokenStore(options?: { readonly migratePlaintext?: boolean }): Promise<TokenStore> {
    this.#store ??= await openStore(this.settings, options);
    return this.#store.tokenStore;
  }

  /** Closes what was opened, and what the configuration wants closed. */
  async close(): Promise<void> {
    await this.#oauth?.close();
    await this.#store?.close();
    await this.settings.close?.();
  }
}

/** Runs `use` with a session of the command's configuration. */
export async function withSession<T>(command: Command, use: (session: Session) => Promise<T>): Promise<T> {
  const session = new Session(await readSettings(command.optsWithGlobals()));
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

/** The fields that a client cannot be made without, and that are not there. */
function missingFields(settings: Settings): string[] {
  const given: Partial<HubSpotOAuthClientOptions> = { ...settings.clientOptions, ...definedOptions(settings) };
  return REQUIRED.filter((name) => given[name] === undefined || given[name].length === 0);
}

function createClient(settings: Settings, tokenStore: TokenStore): HubSpotOAuthClient {
  const missing = missingFields(settings);
  if (missing.length > 0) {
    const names = missing.map((name) => `${name} (${VARIABLES[name as (typeof REQUIRED)[number]]})`);
    throw new SettingsError(
      `Not configured: ${names.join(", ")}. Set them in the environment, or in ${settings.file ?? "hubspot-oauth.config.json"}.`,
    );
  }
  try {
    return new HubSpotOAuthClient({
      apiVersion: "2026-09",
      ...settings.clientOptions,
      ...definedOptions(settings),
      tokenStore,
    } as HubSpotOAuthClientOptions);
  } catch (error) {
    if (error instanceof TypeError || error instanceof ConfigurationError)
      throw new SettingsError(`The configuration is not right: ${error.message}`);
    throw error;
  }
}

function definedOptions(settings: Settings): Partial<HubSpotOAuthClientOptions> {
  const { clientId, clientSecret, redirectUri, scopes, optionalScopes, apiVersion, authorizeOrigin, apiOrigin } = settings;
  const all = { clientId, clientSecret, redirectUri, scopes, optionalScopes, apiVersion, authorizeOrigin, apiOrigin };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
