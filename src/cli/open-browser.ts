/**
 * Opens a page in the user's browser. The address is parsed, must be https or http on this machine, and goes to the opener as one
 * argument: no shell ever sees it (CVE-2025-6514).
 */
import { spawn } from "node:child_process";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The program that opens an address, and what comes before it. `BROWSER` names another one, without arguments. */
function opener(): readonly [string, ...string[]] {
  const { BROWSER } = process.env;
  if (BROWSER !== undefined && BROWSER !== "") return [BROWSER];
  switch (process.platform) {
    case "darwin":
      return ["open"];
    case "win32":
      return ["rundll32", "url.dll,FileProtocolHandler"];
    default:
      return ["xdg-open"];
  }
}

/** Whether the opener took it. False for an address that is not a web page, and where there is no browser. */
export async function openBrowser(address: string): Promise<boolean> {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const isPage = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
  if (url === undefined || !isPage || url.username !== "" || url.password !== "") return false;
  const [program, ...args] = opener();
  return new Promise((resolve) => {
    // On its own: a browser that was started by this lives longer than we do.
    const child = spawn(program, [...args, url.href], { shell: false, stdio: "ignore", detached: true, windowsHide: true });
    child.once("error", () => resolve(false));
    child.once("exit", (status) => resolve(status === 0));
    child.unref();
  });
}
