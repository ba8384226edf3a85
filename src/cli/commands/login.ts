/**
 * `hubspot-oauth login`: connects an account from a terminal, for development. With a redirect URI on http://localhost it waits there for
 * the browser; in any case the address that the browser ended at may be pasted instead. The flow is bound to this process: nobody else's
 * callback fits it.
 */
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { type Command, InvalidArgumentError } from "commander";
import { type CompletedAuthorization, type HubSpotOAuthClient, StateMismatchError, TimeoutError } from "../../index.js";
import { CallbackListener, type Taken } from "../callback-listener.js";
import type { CommandContext } from "../command-context.js";
import { UsageError } from "../exit-status.js";
import { openBrowser } from "../open-browser.js";
import { withSession } from "../session.js";
import { plain, type Terminal } from "../terminal.js";

interface LoginFlags {
  readonly account?: string;
  readonly hub?: string;
  readonly scope?: readonly string[];
  readonly browser: boolean;
  readonly timeout: number;
}

/** Adds the command. */
export function addLogin(program: Command, context: CommandContext): void {
  program
    .command("login")
    .description("connect a HubSpot account from this terminal, and keep its tokens in the configured store")
    .option("--account <id>", "reconnect this account: its scopes are asked for again, and no other account will do")
    .option("--hub <id>", "preselect a HubSpot account")
    .option("--scope <scopes...>", "ask for more scopes than the configured ones")
    .option("--no-browser", "only print the address")
    .option("--timeout <seconds>", "how long to wait for the browser", parseSeconds, 300)
    .action((flags: LoginFlags, command: Command) =>
      withSession(command, async (session) => {
        const { accountId, hubId, userId, scopes, reconnected } = await login(await session.oauth(), flags, context);
        context.terminal.result(
          { accountId, hubId, userId, scopes, reconnected },
          `${reconnected ? "Reconnected" : "Connected"} account ${plain(accountId)}: ${plain(scopes.join(" "))}`,
        );
      }),
    );
}

async function login(oauth: HubSpotOAuthClient, flags: LoginFlags, { terminal, signal }: CommandContext): Promise<CompletedAuthorization> {
  const binding = randomBytes(32).toString("base64url");
  const { url } = await oauth.createAuthorization({ binding, accountId: flags.account, hubId: flags.hub, scopes: flags.scope });
  const redirectUri = new URL(url).searchParams.get("redirect_uri") ?? "";
  const flow = new PendingLogin(oauth, binding);
  const listener = CallbackListener.canListen(redirectUri) ? new CallbackListener(redirectUri, (path) => flow.take(path)) : undefined;
  await listener?.listen();

  const interrupt = (): void => flow.fail(signal.reason);
  const late = new TimeoutError(`Nobody came back within ${flags.timeout} seconds. Nothing was stored.`, {
    timeoutMs: flags.timeout * 1_000,
    sent: false,
  });
  const timer = setTimeout(() => flow.fail(late), flags.timeout * 1_000);
  signal.addEventListener("abort", interrupt);
  if (signal.aborted) interrupt();
  terminal.say(`Open this address to connect a HubSpot account:\n\n${url}\n`);
  terminal.say(
    listener === undefined
      ? "Then paste the address that your browser ends at:"
      : `Waiting on ${plain(redirectUri)}. If your browser runs elsewhere, paste the address that it ends at.`,
  );
  const stopReading = readPasted(flow, listener === undefined, terminal);
  if (flags.browser) {
    const opened = openBrowser(url).then((isOpen) => (isOpen ? undefined : terminal.say("No browser could be opened here.")));
    opened.catch(() => undefined);
  }
  try {
    return await flow.completed;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", interrupt);
    stopReading();
    await listener?.close();
  }
}

/** One flow, until the first callback that belongs to it. */
class PendingLogin {
  readonly completed: Promise<CompletedAuthorization>;
  readonly #oauth: HubSpotOAuthClient;
  readonly #binding: string;
  #complete: (done: CompletedAuthorization) => void = () => undefined;
  /** Ends the wait. */
  fail: (reason: unknown) => void = () => undefined;

  constructor(oauth: HubSpotOAuthClient, binding: string) {
    this.#oauth = oauth;
    this.#binding = binding;
    this.completed = new Promise((resolve, reject) => {
      this.#complete = resolve;
      this.fail = reject;
    });
    // It may fail before anybody waits.
    this.completed.catch(() => undefined);
  }

  /** A callback's address, from the browser or from the keyboard. */
  async take(url: string): Promise<Taken> {
    try {
      this.#complete(await this.#oauth.completeAuthorization({ url, binding: this.#binding }));
      return { isOurs: true, message: "The account is connected. You can close this page." };
    } catch (error) {
      // An old tab, or somebody else's link: ours may still come.
      if (error instanceof StateMismatchError && error.reason !== "wrong-account") return { isOurs: false, message: error.message };
      this.fail(error);
      return { isOurs: true, message: error instanceof Error ? error.message : "The account was not connected." };
    }
  }
}

/** Takes addresses from standard input, a line each; answers how to stop. */
function readPasted(flow: PendingLogin, isOnlyWay: boolean, terminal: Terminal): () => void {
  const lines = createInterface({ input: process.stdin });
  let taking = Promise.resolve();
  lines.on("line", (line) => {
    const address = line.trim();
    if (address === "") return;
    taking = taking.then(async () => {
      const { isOurs, message } = await flow.take(address);
      if (!isOurs) terminal.say(`${message}\nPaste the whole address, from http to the end:`);
    });
    taking.catch(() => undefined);
  });
  lines.on("close", () => {
    if (!isOnlyWay) return;
    taking.then(() => flow.fail(new UsageError("The input ended without the address of a callback."))).catch(() => undefined);
  });
  return () => lines.close();
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text) || seconds < 1 || seconds > 3_600)
    throw new InvalidArgumentError("It must be a number of seconds from 1 to 3600.");
  return seconds;
}
