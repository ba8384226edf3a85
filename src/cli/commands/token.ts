/** `hubspot-oauth token`: a fresh access token for another program, by a pipe. The only command that prints one. */
import type { Command } from "commander";
import type { CommandContext } from "../command-context.js";
import { UsageError } from "../exit-status.js";
import { withSession } from "../session.js";

interface TokenFlags {
  readonly header?: true;
  readonly reveal?: true;
}

/** Adds the command. */
export function addToken(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("token")
    .description("print a fresh access token of an account, refreshed if it has to be")
    .argument("<account>", "the account's id")
    .option("--header", "print it as a header, for curl: hubspot-oauth token 123 --header | curl -H @- ...")
    .option("--reveal", "print it on a screen, too")
    .action((accountId: string, flags: TokenFlags, command: Command) =>
      withSession(command, async (session) => {
        if (terminal.showsData && flags.reveal !== true)
          throw new UsageError("A token does not belong on a screen. Pipe it into the program that needs it, or add --reveal.");
        const accessToken = await (await session.oauth()).getAccessToken(accountId, { signal });
        terminal.result({ accountId, accessToken }, flags.header === true ? `Authorization: Bearer ${accessToken}` : accessToken);
      }),
    );
}
