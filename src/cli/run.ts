/**
 * One run of the program: arguments in, exit status out. Failures are told in one line on standard error; a stack only with
 * `HUBSPOT_OAUTH_DEBUG=1`.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addAccounts } from "./commands/accounts.js";
import { addCall } from "./commands/call.js";
import { addDisconnect } from "./commands/disconnect.js";
import { addDoctor } from "./commands/doctor.js";
import { addEmulator } from "./commands/emulator.js";
import { addInspect } from "./commands/inspect.js";
import { addLogin } from "./commands/login.js";
import { addRefresh } from "./commands/refresh.js";
import { addRotateKeys } from "./commands/rotate-keys.js";
import { addToken } from "./commands/token.js";
import type { CommandContext } from "./command-context.js";
import { codeOf, Finished, Interrupted, STATUS, statusOf } from "./exit-status.js";
import { plain, Terminal } from "./terminal.js";

/** How long something that a configuration file left open may hold the process when the command is done. */
const LINGER_MS = 1_000;

/** Runs a command line, without the program's name, and sets the process's exit status. */
export async function run(args: readonly string[]): Promise<void> {
  const terminal = new Terminal();
  const signal = interruption();
  const program = createProgram({ terminal, signal });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? STATUS.ok : STATUS.usage;
    else process.exitCode = signal.aborted ? STATUS.interrupted : fail(terminal, error);
  }
  // Unref'd: it does nothing where nothing is left open.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

function createProgram(context: CommandContext): Command {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string };
  const program = new Command("hubspot-oauth")
    .description("HubSpot's OAuth from the command line: connect accounts, look at them, call HubSpot, run an emulator.")
    .version(version)
    .option("--config <file>", "instead of hubspot-oauth.config.mjs, .js or .json in this folder")
    .option("--env-file <file>", "read the environment from a file, too; what is set already stays")
    .option("--json", "print data, and errors, as JSON")
    .showHelpAfterError("(add --help for what there is)")
    .exitOverride()
    .hook("preAction", () => {
      context.terminal.json = program.opts()["json"] === true;
    });
  const commands = [
    ...[addLogin, addAccounts, addToken, addCall, addInspect, addRefresh, addDisconnect],
    ...[addRotateKeys, addDoctor, addEmulator],
  ];
  for (const add of commands) add(program, context);
  return program;
}

/** Says what failed. */
function fail(terminal: Terminal, error: unknown): number {
  const status = statusOf(error);
  if (error instanceof Error && !(error instanceof Finished)) {
    if (terminal.json) terminal.say(JSON.stringify({ error: { code: codeOf(error), message: error.message } }));
    else terminal.say(`${terminal.paint("red", "error")} ${error.message.split("\n").map(plain).join("\n")}`);
    if (process.env["HUBSPOT_OAUTH_DEBUG"] === "1") terminal.say(error.stack ?? "");
  }
  return status;
}

/** The first signal lets a command end by itself, the second ends it. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(STATUS.interrupted);
      controller.abort(new Interrupted(name));
    });
  }
  return controller.signal;
}
