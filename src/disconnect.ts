/** The order in which an account is disconnected: uninstall if asked, revoke, delete. The local record goes even when HubSpot is down. */
import { ReauthorizationRequiredError } from "./errors.js";
import type { StoredTokens } from "./token-set.js";

/** What `disconnect` did. The local record is gone in any case. */
export interface Disconnection {
  readonly uninstalled: boolean;
  readonly revoked: boolean;
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
  readonly remove: (grantId: string) => Promise<void>;
}

/** `undefined` when the account was not connected. */
export async function disconnect(accountId: string, steps: DisconnectSteps): Promise<Disconnection | undefined> {
  const record = await steps.read();
  if (record === undefined) return undefined;
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
  const { revoke } = steps;
  const revoked = await attempt(
    revoke &&
      (async () => {
        if (latest?.refreshToken === undefined) throw new ReauthorizationRequiredError(accountId, "no_refresh_token");
        await revoke(latest.refreshToken);
      }),
  );
  await steps.remove((latest ?? record).grantId);
  return { uninstalled, revoked, errors };
}
