/**
 * `hubspot-oauth emulator`: a HubSpot on loopback, and the environment that makes an application use it. Client id, secret and port are
 * always the same unless told otherwise, so that an `.env` file made once goes on to fit. Nothing here is a secret of anybody's.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { EmulatorOptions, LoggedRequest, LoopbackHubSpotEmulator } from "../../testing/index.js";
import type { CommandContext } from "../command-context.js";
import { UsageError } from "../exit-status.js";
import { plain, type Terminal } from "../terminal.js";

const DEFAULT_PORT = 4110;
const DEFAULT_APP = { clientId: "emulator-client-id", clientSecret: "emulator-client-secret", name: "Emulated app" };

interface EmulatorFlags {
  readonly port: number;
  readonly seed?: string;
  readonly env: "dotenv" | "shell";
  readonly log?: true;
}

/** Adds the command. */
export function addEmulator(program: Command, context: CommandContext): void {
  program
    .command("emulator")
    .description("start a HubSpot emulator on 127.0.0.1, and print the environment for an application that uses it")
    .option("--port <number>", "where it listens; 0: any free port", parsePort, DEFAULT_PORT)
    .option("--seed <file>", "JSON: apps, accounts and switches, as startHubSpotEmulator() takes them")
    .addOption(new Option("--env <format>", "how the environment is printed").choices(["dotenv", "shell"]).default("dotenv"))
    .option("--log", "print each request")
    .action((flags: EmulatorFlags) => runEmulator(flags, context));
}

async function runEmulator(flags: EmulatorFlags, { terminal, signal }: CommandContext): Promise<void> {
  const { startHubSpotEmulator } = await import("../../testing/index.js");
  const seed = flags.seed === undefined ? {} : await readSeed(flags.seed);
  const app = (seed.app ?? seed.apps ?? seed.snapshot) === undefined ? { app: DEFAULT_APP } : {};
  let emulator: LoopbackHubSpotEmulator;
  try {
    emulator = await startHubSpotEmulator({ ...seed, ...app, port: flags.port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE")
      throw new UsageError(`Port ${flags.port} is taken. Choose another one with --port, or any with --port 0.`);
    if (error instanceof TypeError && flags.seed !== undefined) throw new UsageError(`${flags.seed}: ${error.message}`);
    throw error;
  }
  if (flags.log === true) logRequests(emulator, terminal);
  describe(emulator, flags.env, terminal);
  if (!signal.aborted) await once(signal, "abort");
  await emulator.close();
}

/** What an application needs: data on standard output, the rest beside it. */
function describe(emulator: LoopbackHubSpotEmulator, format: EmulatorFlags["env"], terminal: Terminal): void {
  const environment = environmentOf(emulator);
  const entries = Object.entries(environment);
  terminal.say(`A HubSpot emulator listens on ${terminal.paint("bold", emulator.origin)}`);
  for (const account of emulator.accounts) terminal.say(`  account ${account.hubId}  ${plain(account.name)}  (${plain(account.region)})`);
  for (const other of emulator.apps.slice(1)) terminal.say(`  app ${plain(other.clientId)}  ${plain(other.name)}`);
  terminal.say("The environment of an application that uses it:\n");
  terminal.result(
    environment,
    entries.map(([name, value]) => (format === "shell" ? `export ${name}=${quote(value)}` : `${name}=${dotenv(value)}`)).join("\n"),
  );
  terminal.say("\nCtrl-C ends it.");
}

function environmentOf({ app, origin }: LoopbackHubSpotEmulator): Readonly<Record<string, string>> {
  return {
    HUBSPOT_CLIENT_ID: app.clientId,
    HUBSPOT_CLIENT_SECRET: app.clientSecret,
    HUBSPOT_REDIRECT_URI: app.redirectUris[0] ?? "",
    HUBSPOT_SCOPES: app.requiredScopes.join(" "),
    HUBSPOT_AUTHORIZE_ORIGIN: origin,
    HUBSPOT_API_ORIGIN: origin,
  };
}

/** One line for each request, when it is done with. Only method and path: a query or a body may hold tokens. */
function logRequests(emulator: LoopbackHubSpotEmulator, terminal: Terminal): void {
  emulator.watchRequests((request) => {
    if (request.durationMs !== undefined) terminal.say(lineOf(request));
  });
}

function lineOf({ atMs, method, path, route, hubId, status, form }: LoggedRequest): string {
  // The two v1 routes with a token in their path.
  const shown = route.endsWith("-metadata") || route === "refresh-token-delete" ? path.replace(/[^/]*$/, "[redacted]") : path;
  const grant = form?.["grant_type"] === undefined ? "" : ` ${form["grant_type"]}`;
  const time = new Date(atMs).toISOString().slice(11, 19);
  return plain(`${time} ${status ?? "dropped"} ${method} ${shown}${grant}${hubId === undefined ? "" : ` (account ${hubId})`}`);
}

async function readSeed(file: string): Promise<EmulatorOptions> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`The seed file cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"} at ${file}.`);
  }
  try {
    const seed: unknown = JSON.parse(text);
    if (typeof seed === "object" && seed !== null && !Array.isArray(seed)) return seed;
  } catch {
    // Said below: the parser's own message quotes the file.
  }
  throw new UsageError(`${file} is not a JSON object of emulator options, such as { "accounts": [{ "hubId": 123 }] }.`);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError("It must be a number from 0 to 65535.");
  return port;
}

function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** As Node's `--env-file`, dotenv and a shell's `source` read it: quoted only where it has to be. */
function dotenv(value: string): string {
  return /^[\w.:/@+-]*$/.test(value) ? value : quote(value);
}
