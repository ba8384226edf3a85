/** Where this machine's Chromium is: Debian's, or the one that the variable CHROMIUM names. Each test file starts one of its own. */
import { existsSync } from "node:fs";

/** The program, or undefined when there is none. */
export function findChromium(): string | undefined {
  return [process.env["CHROMIUM"], "/usr/bin/chromium"].find((path) => path !== undefined && existsSync(path));
}
