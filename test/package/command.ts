/** Runs other programs for the package tests: what a user of the package would type, in an environment that shows no test runner. */
import { spawn } from "node:child_process";

export interface Command {
  readonly cwd: string | URL;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program and gives what it wrote to standard output; rejects with all it wrote when it fails. */
export async function run(program: string, args: readonly string[], { cwd, env = {} }: Command): Promise<string> {
  // Not ours: under VITEST and NODE_TEST_CONTEXT the library sends its requests another way than in production.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(?:VITEST|JEST_|NODE_|npm_(?!config_))|^(?:TEST|DEV|PROD|MODE)$/.test(name),
  );
  const child = spawn(program, args, { cwd, env: { ...Object.fromEntries(inherited), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let everything = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    everything += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (everything += text));
  const status = await new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with status ${status}:\n${everything}`);
  return output;
}
