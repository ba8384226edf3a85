/** An example as its user has it: `npm run example:...` in a terminal, until Ctrl-C. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Example {
  /** What it said to open. */
  readonly origin: string;
  /** Everything it printed so far. */
  output(): string;
  /** Ctrl-C, and how it ended: the status of the command, and whether one of its processes is still there. */
  interrupt(): Promise<{ readonly status: number | null; readonly leftovers: boolean }>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Readonly<Record<string, string>> };

/**
 * Runs the command of a script of package.json and waits for `Open http://...`. Not by npm itself: its `pre` scripts would build again what
 * the other tests are using, and after Ctrl-C it says no more than that it was interrupted.
 */
export async function startExample(script: string, env: Readonly<Record<string, string>> = {}): Promise<Example> {
  // A process group of its own is what a terminal gives a command, and what Ctrl-C goes to.
  const child = spawn("sh", ["-c", `exec ${scripts[script] ?? "false"}`], {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: process.env["TMPDIR"], PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const group = -(child.pid ?? 0);
  const signal = (name: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(group, name);
    } catch {
      return false; // Nobody is left.
    }
  };
  onTestFinished(() => void signal("SIGKILL"));
  const ended = once(child, "close") as Promise<[number | null]>;
  let output = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  const origin = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      output += `${line}\n`;
      const found = /^Open (http:\/\/localhost:\d+)\/$/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    void ended.then(([status]) => reject(new Error(`${script} ended with status ${status}:\n${output}`)));
  });
  return {
    origin,
    output: () => output,
    async interrupt() {
      signal("SIGINT");
      const [status] = await ended;
      // A process that has ended counts until its parent, or the system, has looked at it. Of those of others nobody tells when that is.
      for (const giveUpMs = performance.now() + 10_000; signal(0) && performance.now() < giveUpMs;) await turn(20);
      return { status, leftovers: signal(0) };
    },
  };
}

/** With a HubSpot of its own, an example takes the port that it was told: its redirect URI is at HubSpot. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
