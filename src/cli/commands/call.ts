/**
 * `hubspot-oauth call`: one call of HubSpot's API as an account. Both bodies are streams, so that neither has to fit in memory; only a
 * person at a screen gets JSON that was read whole, to be indented.
 */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { HubSpotHttp, type HubSpotStream } from "../../index.js";
import type { CommandContext } from "../command-context.js";
import { UsageError } from "../exit-status.js";
import { withSession } from "../session.js";
import { onScreen, plain, type Terminal } from "../terminal.js";

type Pairs = Readonly<Record<string, string[]>>;

interface CallFlags {
  readonly query?: Pairs;
  readonly header?: Pairs;
  readonly data?: string;
  readonly include?: true;
}

/** Adds the command. */
export function addCall(program: Command, { terminal, signal }: CommandContext): void {
  program
    .command("call")
    .description("call HubSpot's API as an account, and print the body of the answer")
    .argument("<account>", "the account's id")
    .argument("<method>", "GET, POST, PUT, PATCH or DELETE", parseMethod)
    .argument("<path>", "such as /crm/v3/objects/contacts")
    .option("--query <name=value>", "a query parameter; may be repeated", collect("="))
    .option("--header <name: value>", "a header; may be repeated", collect(":"))
    .option("--data <body>", "the body: JSON, @file, or - for standard input")
    .option("--include", "print the status and the rate limit that is left, on standard error")
    .action((accountId: string, method: string, path: string, flags: CallFlags, command: Command) =>
      withSession(command, async (session) => {
        const http = new HubSpotHttp({ credential: (await session.oauth()).account(accountId) });
        const headers = Object.fromEntries(
          Object.entries(flags.header ?? {}).map(([name, values]) => [name.toLowerCase(), values.join(", ")]),
        );
        const body = flags.data === undefined ? undefined : await openBody(flags.data);
        const options = {
          ...(flags.query !== undefined && { query: flags.query }),
          ...(body !== undefined && { body }),
          headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
          maxResponseBytes: Number.POSITIVE_INFINITY,
          signal,
        };
        const answer = await http.stream(method, path, options).catch((error: unknown) => {
          // A path, a header or a parameter that cannot be sent.
          throw error instanceof TypeError ? new UsageError(error.message) : error;
        });
        if (flags.include === true) describe(answer, terminal);
        await write(answer, terminal);
      }),
    );
}

async function openBody(data: string): Promise<unknown> {
  if (data === "-") return process.stdin;
  if (!data.startsWith("@")) return data;
  const file = data.slice(1);
  try {
    // Now, so that a file that is not there is a wrong argument and no failed call.
    return createReadStream(file, { fd: await open(file) });
  } catch (error) {
    throw new UsageError(`The body cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown error"} at ${file}.`);
  }
}

function describe({ status, headers }: HubSpotStream, terminal: Terminal): void {
  terminal.say(`HTTP ${status}`);
  for (const [name, value] of Object.entries(headers)) {
    if (/^(?:content-type|x-hubspot-(?:ratelimit|correlation)-?.*)$/.test(name)) terminal.say(`${name}: ${plain(String(value))}`);
  }
}

async function write({ headers, body }: HubSpotStream, terminal: Terminal): Promise<void> {
  const isJson = /^application\/(?:[\w.-]+\+)?json/.test(String(headers["content-type"] ?? ""));
  if (terminal.showsData && !terminal.json && isJson) {
    const content = await text(body);
    if (content !== "") terminal.print(onScreen(JSON.stringify(JSON.parse(content), undefined, 2)));
    return;
  }
  if (!terminal.showsData) return pipeline(body, process.stdout, { end: false });
  await pipeline(body, readable, process.stdout, { end: false });
  terminal.print("");
}

/** The text of a body, for a screen. */
async function* readable(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of body) yield onScreen(decoder.decode(chunk, { stream: true }));
}

function parseMethod(value: string): string {
  const method = value.toUpperCase();
  if (!/^(?:GET|HEAD|POST|PUT|PATCH|DELETE)$/.test(method)) throw new InvalidArgumentError("It must be GET, POST, PUT, PATCH or DELETE.");
  return method;
}

/** Reads `name<separator>value` and keeps those that came before. */
function collect(separator: "=" | ":") {
  return (value: string, before: Pairs = {}): Pairs => {
    const at = value.indexOf(separator);
    if (at < 1) throw new InvalidArgumentError(`It must be name${separator}value.`);
    const name = value.slice(0, at).trim();
    const rest = value.slice(at + 1);
    const earlier = Object.hasOwn(before, name) ? before[name] : [];
    return { ...before, [name]: [...(earlier ?? []), separator === ":" ? rest.trim() : rest] };
  };
}
