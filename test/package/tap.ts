/** Runs a file of `node:test` with the installed package, and counts what it reports. */
import { run } from "./command.js";

/** `node ...args` in `cwd`. The report stands in `text`, for a failure's message. */
export async function runTap(
  binary: string,
  args: readonly string[],
  options: Parameters<typeof run>[2],
): Promise<{ readonly passed: number; readonly failed: number; readonly text: string }> {
  const text = await run(binary, ["--test-reporter=tap", ...args], options);
  const count = (result: string): number => Number(new RegExp(`^# ${result} (\\d+)$`, "m").exec(text)?.[1]);
  return { passed: count("pass"), failed: count("fail"), text };
}
