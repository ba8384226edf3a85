/**
 * What a client is configured with to talk to an emulator, in the names of `HubSpotOAuthClient`'s options.
 */

import type { EmulatorApp } from "./directory.js";
import type { InMemoryDispatcher } from "./dispatcher.js";

/** How requests reach an emulator. */
interface EmulatorDoor {
  readonly authorizeOrigin: string;
  readonly apiOrigin: string;
  /** For an emulator that does not listen. */
  readonly dispatcher?: InMemoryDispatcher;
}

/** All that `new HubSpotOAuthClient()` needs but a store. */
export interface EmulatorClientOptions extends EmulatorDoor {
  readonly clientId: string;
  readonly clientSecret: string;
  /** The app's first. */
  readonly redirectUri: string;
  /** The app's required ones. */
  readonly scopes: readonly string[];
  /** The emulator's clock. */
  readonly now: () => number;
}

/** Puts them together. */
export function clientOptionsOf(emulator: { readonly app: EmulatorApp; now(): number }, door: EmulatorDoor): EmulatorClientOptions {
  const { clientId, clientSecret, redirectUris, requiredScopes } = emulator.app;
  return { clientId, clientSecret, redirectUri: redirectUris[0] ?? "", scopes: requiredScopes, now: () => emulator.now(), ...door };
}
