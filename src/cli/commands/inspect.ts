/** `hubspot-oauth inspect`: what is stored of an account beside what HubSpot says of its token (RFC 7662). Never the token. */
import type { Command } from "commander";
import { AccountNotConnectedError } from "../../index.js";
import { accountJson } from "../account-rows.js";
import type { CommandContext } from "../command-context.js";
import { withSession } from "../session.js";
import { plain, table } from "../terminal.js";
import { duration, relativeTo } from "../times.js";

/** Adds the command. */
export function addInspect(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("inspect")
    .description("show what is stored of an account, and what HubSpot says of it")
    .argument("<account>", "the account's id")
    .action((accountId: string, _flags: object, command: Command) =>
      withSession(command, async (session) => {
        const oauth = await session.oauth();
        const accessToken = await oauth.getAccessToken(accountId, { signal });
        const [hubspot, stored] = await Promise.all([oauth.introspect(accessToken, { signal }), oauth.getAccount(accountId)]);
        // Disconnected by somebody else in between.
        if (stored === undefined) throw new AccountNotConnectedError(accountId);
        const now = Date.now();
        const rows: (readonly [string, string])[] = [
          ["account", stored.accountId],
          ["status", stored.status],
          ["connected", relativeTo(now, stored.connectedAtMs)],
          ["refreshed", relativeTo(now, stored.refreshedAtMs)],
          ["scopes on record", stored.scopes.join(" ")],
          ["known to HubSpot", hubspot.active ? "yes" : "no: its access token is not active"],
        ];
        if (hubspot.active) {
          rows.push(
            ["HubSpot account", `${hubspot.hubId ?? "not said"}${hubspot.hubDomain === undefined ? "" : ` (${hubspot.hubDomain})`}`],
            ["connected by", `${hubspot.user ?? "not said"}${hubspot.userId === undefined ? "" : ` (user ${hubspot.userId})`}`],
            ["app", hubspot.appId ?? "not said"],
            ["scopes granted", hubspot.scopes?.join(" ") ?? "not said"],
            ["token ends in", hubspot.expiresInMs === undefined ? "not said" : duration(hubspot.expiresInMs)],
          );
        }
        terminal.result({ stored: accountJson(stored), hubspot }, table(rows.map(([name, value]) => [name, plain(value)])));
      }),
    );
}
