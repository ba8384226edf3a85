/** `hubspot-oauth accounts`: what is connected, and with `--audit` what HubSpot says of it. Never a token. */
import { type Command, Option } from "commander";
import type { AccountSummary } from "../../index.js";
import { accountJson, accountTable, troubleOf } from "../account-rows.js";
import { auditAccounts } from "../audit.js";
import type { CommandContext } from "../command-context.js";
import { Finished, STATUS } from "../exit-status.js";
import { type Session, withSession } from "../session.js";

interface AccountsFlags {
  readonly status?: "active" | "dead";
  readonly audit?: true;
}

/** Adds the command. */
export function addAccounts(program: Command, context: CommandContext): void {
  program
    .command("accounts")
    .description("list the connected accounts")
    .addOption(new Option("--status <status>", "only these").choices(["active", "dead"]).conflicts("audit"))
    .option("--audit", "ask HubSpot about each: dead grants, scopes that drifted; status 1 when it finds any")
    .action((flags: AccountsFlags, command: Command) =>
      withSession(command, (session) => (flags.audit === true ? audit(session, context) : list(session, flags, context))),
    );
}

async function list(session: Session, { status }: AccountsFlags, { terminal, signal }: CommandContext): Promise<void> {
  const oauth = await session.oauth();
  const accounts: AccountSummary[] = [];
  for await (const account of oauth.accounts({ status })) {
    signal.throwIfAborted();
    accounts.push(account);
    terminal.progress(`${accounts.length} accounts`);
  }
  terminal.progress("");
  accounts.sort((a, b) => (a.accountId < b.accountId ? -1 : 1));
  if (accounts.length === 0 && !terminal.json) return terminal.say("No accounts.");
  terminal.result(accounts.map(accountJson), accountTable(accounts, Date.now(), troubleOf));
}

async function audit(session: Session, { terminal, signal }: CommandContext): Promise<void> {
  const oauth = await session.oauth();
  const onProgress = (done: number): void => terminal.progress(`${done} accounts asked about`);
  const audited = await auditAccounts(oauth, session.settings.scopes ?? [], { signal, onProgress });
  terminal.progress("");
  const findings = new Map(audited.map(({ account, findings: found }) => [account.accountId, found.join("; ")]));
  const withFindings = audited.filter(({ findings: found }) => found.length > 0).length;
  terminal.result(
    audited.map(({ account, findings: found }) => ({ ...accountJson(account), findings: found })),
    accountTable(
      audited.map(({ account }) => account),
      Date.now(),
      ({ accountId }) => findings.get(accountId) || "as it should be",
    ),
  );
  terminal.say(`${audited.length} accounts, ${withFindings} with findings.`);
  if (withFindings > 0) throw new Finished(STATUS.failed);
}
