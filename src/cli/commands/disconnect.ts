/** `hubspot-oauth disconnect`: revokes the grant and deletes the record, after it has asked. */
import type { Command } from "commander";
import { AccountNotConnectedError } from "../../index.js";
import type { CommandContext } from "../command-context.js";
import { Finished, STATUS, statusOf } from "../exit-status.js";
import { withSession } from "../session.js";
import { plain } from "../terminal.js";

interface DisconnectFlags {
  readonly yes?: true;
  readonly uninstall?: true;
  readonly revoke: boolean;
}

/** Adds the command. */
export function addDisconnect(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("disconnect")
    .description("revoke an account's grant and delete its tokens; the tokens are deleted even when HubSpot cannot be reached")
    .argument("<account>", "the account's id")
    .option("--uninstall", "remove the app from the HubSpot account, for all its users")
    .option("--no-revoke", "leave the grant alone, such as one that other connections share")
    .option("--yes", "do not ask")
    .action((accountId: string, flags: DisconnectFlags, command: Command) =>
      withSession(command, async (session) => {
        const oauth = await session.oauth();
        const account = await oauth.getAccount(accountId);
        if (account === undefined) throw new AccountNotConnectedError(accountId);
        const what = flags.uninstall === true ? "and remove the app from it, for all its users" : "and delete its tokens";
        if (flags.yes !== true && !(await terminal.confirm(`Disconnect HubSpot account ${plain(accountId)} ${what}?`, signal))) {
          terminal.say("Nothing was done.");
          throw new Finished(STATUS.failed);
        }
        // Without --no-revoke the client's own rule holds: with account ids of one's own, a grant may be shared.
        const revoke = flags.revoke ? {} : { revoke: false };
        const { revoked, uninstalled, errors } = await oauth.disconnect(accountId, {
          uninstall: flags.uninstall === true,
          ...revoke,
          signal,
        });
        const done = [revoked ? "the grant is revoked" : "the grant is not revoked", ...(uninstalled ? ["the app is uninstalled"] : [])];
        terminal.result(
          { accountId, revoked, uninstalled, errors: errors.map(({ message }) => message) },
          `Disconnected account ${plain(accountId)}: its tokens are deleted, ${done.join(", ")}.`,
        );
        for (const error of errors) terminal.say(plain(error.message));
        if (errors.length > 0) throw new Finished(statusOf(errors[0]));
      }),
    );
}
