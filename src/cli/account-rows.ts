/** Accounts as the commands show them: as they are for programs, in a table for people. */
import type { AccountSummary } from "../index.js";
import { plain, table } from "./terminal.js";
import { relativeTo } from "./times.js";

/** An account as JSON: the error is reduced to what can be read. */
export function accountJson({ lastError, ...account }: AccountSummary): object {
  return { ...account, lastError: lastError === undefined ? undefined : { code: lastError.code, message: lastError.message } };
}

/** A table with a heading; `note` is what else is to be said of an account. */
export function accountTable(accounts: readonly AccountSummary[], nowMs: number, note: (account: AccountSummary) => string): string {
  const heading = ["ACCOUNT", "STATUS", "CONNECTED", "REFRESHED", "TOKEN ENDS", "SCOPES", "NOTE"];
  const rows = accounts.map((account) => [
    plain(account.accountId),
    account.status,
    relativeTo(nowMs, account.connectedAtMs),
    relativeTo(nowMs, account.refreshedAtMs),
    relativeTo(nowMs, account.expiresAtMs),
    String(account.scopes.length),
    plain(note(account)),
  ]);
  return table([heading, ...rows]);
}

/** Why an account does not work. */
export function troubleOf({ reason, lastError }: AccountSummary): string {
  return lastError?.message ?? reason ?? "";
}
