/** Everything an emulator remembers, as plain data. emulator-memory.ts takes it and puts it back. */

import type { AppWebhooks } from "./app-webhooks.js";
import type { CrmSnapshot } from "./crm-snapshot.js";
import type { EmulatorAccount, EmulatorApp } from "./directory.js";
import type { EmulatorSettings } from "./emulator-settings.js";
import type { SavedTokens } from "./state.js";

/** An account without its records. */
type AccountDetails = Omit<EmulatorAccount, "crm">;

/** Everything an emulator remembers, as JSON keeps it. It holds tokens and secrets, all of them made up. */
export interface EmulatorSnapshot {
  /** Of this snapshot; another number is refused. */
  readonly format: 1;
  /** The emulator's time. */
  readonly nowMs: number;
  /** How many made-up values a seeded emulator has given out. */
  readonly drawn: number;
  /** The switches, but for functions. */
  readonly settings: Partial<EmulatorSettings>;
  /** The apps, with their secrets. */
  readonly apps: readonly EmulatorApp[];
  /** The accounts, with their records. */
  readonly accounts: readonly (AccountDetails & { readonly crm: CrmSnapshot })[];
  /** Codes, grants and access tokens. */
  readonly tokens: SavedTokens;
  /** What each app has subscribed to. */
  readonly webhooks: readonly (readonly [appId: number, webhooks: AppWebhooks])[];
}

/** Throws a `TypeError` for what `snapshot()` cannot have made. */
export function assertSnapshot(snapshot: Partial<Record<keyof EmulatorSnapshot, unknown>>): void {
  const { format, apps, accounts, tokens } = snapshot;
  if (format !== 1 || !Array.isArray(apps) || !Array.isArray(accounts) || typeof tokens !== "object") {
    throw new TypeError("snapshot: not one that snapshot() of this version made");
  }
}
