/** `hubspot-oauth doctor`: looks at a set-up and at a source tree, and says in one screen what is wrong. Status 1 when something is. */
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { CommandContext } from "../command-context.js";
import { Finished, STATUS, UsageError } from "../exit-status.js";
import { type Check, checkAccounts, checkHubSpot, checkNode, checkRedirect, checkSettings, checkStore } from "../health-checks.js";
import { type Session, withSession } from "../session.js";
import { scanSources, type SourceScan } from "../source-scan.js";
import { plain, type Terminal } from "../terminal.js";

interface DoctorFlags {
  readonly exclude?: readonly string[];
  readonly offline?: true;
  readonly probe?: true;
}

const COLOURS = { ok: "green", warning: "yellow", problem: "red", skipped: "dim" } as const;

/** Adds the command. */
export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command("doctor")
    .description("check the configuration, the token store, HubSpot's answer and clock, and a source tree for what HubSpot ends")
    .argument("[folder]", "the source tree", ".")
    .option("--exclude <names...>", "folders and files that are not looked into, besides node_modules and .git")
    .option("--offline", "do not ask HubSpot")
    .option("--probe", "write, read and delete a record in the token store")
    .action((folder: string, flags: DoctorFlags, command: Command) =>
      withSession(command, async (session) => {
        const { terminal, signal } = context;
        const isFolder = await stat(folder).then(
          (found) => found.isDirectory(),
          () => false,
        );
        if (!isFolder) throw new UsageError(`${folder} is not a folder.`);
        const checks = await checkSetUp(session, flags, signal);
        const sources = await scanSources(resolve(folder), { exclude: flags.exclude ?? [], signal });
        report([...checks, sourceCheck(sources)], sources, terminal);
      }),
    );
}

async function checkSetUp(session: Session, flags: DoctorFlags, signal: AbortSignal): Promise<Check[]> {
  const checks = [checkNode()];
  const settings = await checkSettings(session);
  checks.push(settings);
  if (settings.status !== "ok") return checks;
  const oauth = await session.oauth();
  checks.push(await checkRedirect(oauth));
  if (session.settings.oauth === undefined) checks.push(await checkStore(await session.tokenStore(), { write: flags.probe === true }));
  checks.push(await checkAccounts(oauth, session.settings.scopes ?? [], signal));
  if (flags.offline !== true) checks.push(...(await checkHubSpot(oauth, signal)));
  return checks;
}

function sourceCheck({ findings, files, unread }: SourceScan): Check {
  const name = "sources";
  const left = unread.length === 0 ? "" : `; ${unread.length} not read: ${unread.slice(0, 3).join(", ")}${unread.length > 3 ? ", …" : ""}`;
  if (findings.length === 0) return { name, status: "ok", message: `nothing that HubSpot ends, in ${files} files${left}` };
  return { name, status: "problem", message: `${findings.length} places use what HubSpot ends, in ${files} files${left}` };
}

function report(checks: readonly Check[], { findings }: SourceScan, terminal: Terminal): void {
  const lines = checks.map(
    ({ name, status, message }) =>
      `${terminal.paint(COLOURS[status], status.padEnd(8), process.stdout)} ${name.padEnd(14)} ${plain(message)}`,
  );
  const places = findings.map(({ file, line, found, instead }) => `  ${plain(file)}:${line}  ${found}\n      instead: ${instead}`);
  terminal.result({ checks, findings }, [...lines, ...places].join("\n"));
  const problems = checks.filter(({ status }) => status === "problem").length;
  const warnings = checks.filter(({ status }) => status === "warning").length;
  terminal.say(problems + warnings === 0 ? "All is well." : `${problems} problems, ${warnings} warnings.`);
  if (problems > 0) throw new Finished(STATUS.failed);
}
