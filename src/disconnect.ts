/** The order in which an account is disconnected: uninstall if asked, revoke, delete. The local record goes even when HubSpot is down. */
import type { AccountRecords } from "./account-records.js";
import { ConfigurationError, DecryptionError, ReauthorizationRequiredError } from "./errors.js";
import { ownOptions } from "./option-checks.js";
import type { StoredTokens } from "./token-set.js";

/**
 * Whether `disconnect` revokes the refresh token. `"unless-shared"`: not when another stored connection of the same HubSpot account has the
 * same one, for which the store is listed and read once through.
 */
export type RevokeChoice = boolean | "unless-shared";

/** Options of `disconnect`. */
export interface DisconnectOptions {
  /** HubSpot may have given one refresh token to several connections of a portal. @default true with the default account ids, false with an `accountId` option */
  readonly revoke?: RevokeChoice | undefined;
  /** Removes the app for the whole portal, every connection of it. @default false */
  readonly uninstall?: boolean | undefined;
  /** Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What `disconnect` did. The local record is gone in any case. */
export interface Disconnection {
  /** Whether HubSpot has removed the app from the HubSpot account. */
  readonly uninstalled: boolean;
  /** Whether HubSpot has taken the refresh token back. */
  readonly revoked: boolean;
  /**
   * The account ids of the connections for whose sake nothing was revoked: they have the same refresh token, or a record that cannot be read.
   * Only with `revoke: "unless-shared"`.
   */
  readonly sharedWith?: readonly string[];
  /** What HubSpot did not do, and why. */
  readonly errors: readonly Error[];
}

/** The steps, as the client makes them. */
export interface DisconnectSteps {
  /** The record as it stands now. */
  readonly read: () => Promise<StoredTokens | undefined>;
  /** Absent: not wanted. */
  readonly uninstall: (() => Promise<void>) | undefined;
  readonly revoke: ((refreshToken: string) => Promise<void>) | undefined;
  /** Where to look for connections that share the refresh token. Absent: not wanted. */
  readonly others: AccountRecords | undefined;
  readonly remove: (grantId: string) => Promise<void>;
}

/** @throws TypeError that names the wrong option: a misspelt choice must not revoke. */
export function checkDisconnectOptions(given: DisconnectOptions): DisconnectOptions {
  const options = ownOptions(given, ["revoke", "uninstall", "signal"], "disconnect");
  const { revoke } = options;
  if (revoke !== undefined && typeof revoke !== "boolean" && revoke !== "unless-shared")
    throw new TypeError('revoke must be true, false or "unless-shared".');
  return options;
}

/** `undefined` when the account was not connected. */
export async function disconnect(accountId: string, steps: DisconnectSteps): Promise<Disconnection | undefined> {
  const record = await steps.read();
  if (record === undefined) return undefined;
  // Before anything is done: a store that cannot be looked through must not end a connection of somebody else.
  const sharedWith = steps.others === undefined ? [] : await sharing(record, steps.others);
  const errors: Error[] = [];
  const attempt = async (step: (() => Promise<void>) | undefined): Promise<boolean> => {
    if (step === undefined) return false;
    try {
      await step();
      return true;
    } catch (error) {
      errors.push(error as Error);
      return false;
    }
  };
  const uninstalled = await attempt(steps.uninstall);
  // The uninstall may have refreshed.
  const latest = uninstalled || errors.length > 0 ? await steps.read() : record;
  const revoke = sharedWith.length > 0 ? undefined : steps.revoke;
  const revoked = await attempt(
    revoke &&
      (async () => {
        if (latest?.refreshToken === undefined) throw new ReauthorizationRequiredError(accountId, "no_refresh_token");
        await revoke(latest.refreshToken);
      }),
  );
  await steps.remove((latest ?? record).grantId);
  return { uninstalled, revoked, ...(sharedWith.length > 0 && { sharedWith }), errors };
}

/** The other connections that live by the same refresh token, and those that may: whose record nobody can read until it is repaired. */
async function sharing({ accountId, refreshToken }: StoredTokens, records: AccountRecords): Promise<string[]> {
  const found: string[] = [];
  if (refreshToken === undefined) return found;
  for await (const id of records.list()) {
    if (id === accountId) continue;
    try {
      if ((await records.read(id))?.refreshToken === refreshToken) found.push(id);
    } catch (error) {
      // One such record must not keep everybody else connected for ever.
      if (!(error instanceof DecryptionError || error instanceof ConfigurationError)) throw error;
      found.push(id);
    }
  }
  return found;
}
