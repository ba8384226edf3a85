/**
 * How a command ends: one table from what failed to the status that scripts see. The numbers are documented in docs/cli.md and do not
 * change; whatever is in no row is 1.
 */
import { HubSpotOAuthError, isHubSpotOAuthError } from "../index.js";

/** The statuses. */
export const STATUS = {
  ok: 0,
  /** HubSpot said no, a check found something, or a bug. */
  failed: 1,
  /** Wrong arguments. */
  usage: 2,
  /** Wrong or missing configuration: client id, secret, redirect URI, keys, another app's record. */
  configuration: 3,
  /** The customer has to connect, again or with more scopes. */
  reconnect: 4,
  /** HubSpot or the network; later it may work. */
  unavailable: 5,
  /** The token store failed, or holds what cannot be opened. */
  store: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

/** Wrong arguments, found after they were parsed. The message says what to write instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Configuration that is missing or wrong. The message names the field and never quotes a value. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** The user pressed Ctrl-C, or the machine wants the process gone. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** A command that has said everything there is to say and ends with another status than 0. */
export class Finished extends Error {
  override readonly name = "Finished";
  readonly status: number;

  constructor(status: number) {
    super(`ended with status ${status}`);
    this.status = status;
  }
}

/** What a failure means to a script. */
export function statusOf(error: unknown): number {
  if (error instanceof Finished) return error.status;
  if (error instanceof UsageError) return STATUS.usage;
  if (error instanceof SettingsError) return STATUS.configuration;
  if (!isHubSpotOAuthError(error)) return STATUS.failed;
  switch (error.code) {
    case "configuration":
      return STATUS.configuration;
    case "account_not_connected":
    case "reauthorization_required":
    case "missing_scopes":
      return STATUS.reconnect;
    case "network":
    case "timeout":
    case "rate_limited":
      return STATUS.unavailable;
    case "token_request_failed":
    case "hubspot_api":
      return error.retryable ? STATUS.unavailable : STATUS.failed;
    case "token_store":
    case "decryption":
      return STATUS.store;
    default:
      return STATUS.failed;
  }
}

/** The name of a failure for `--json`: the library's own codes, and three of ours. */
export function codeOf(error: unknown): string {
  if (error instanceof HubSpotOAuthError) return error.code;
  if (error instanceof UsageError) return "usage";
  if (error instanceof SettingsError) return "settings";
  return "failed";
}
