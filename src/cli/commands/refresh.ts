/** `hubspot-oauth refresh`: new tokens now, also for an account that is marked dead. Proves client id, secret and grant. */
import type { Command } from "commander";
import { AccountNotConnectedError } from "../../index.js";
import { accountJson } from "../account-rows.js";
import type { CommandContext } from "../command-context.js";
import { withSession } from "../session.js";
import { plain } from "../terminal.js";
import { relativeTo } from "../times.js";

/** Adds the command. */
export function addRefresh(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("refresh")
    .description("refresh an account's tokens now; one that is marked dead is tried, and made active when HubSpot honours it")
    .argument("<account>", "the account's id")
    .action((accountId: string, _flags: object, command: Command) =>
      withSession(command, async (session) => {
        const oauth = await session.oauth();
        await oauth.getAccessToken(accountId, { force: true, signal });
        const account = await oauth.getAccount(accountId);
        // Disconnected by somebody else in between.
        if (account === undefined) throw new AccountNotConnectedError(accountId);
        const ends = relativeTo(Date.now(), account.expiresAtMs);
        terminal.result(accountJson(account), `Refreshed account ${plain(accountId)}: its access token ends ${ends}.`);
      }),
    );
}
