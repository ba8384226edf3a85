/**
 * Who may use the console: this machine's browser on the console's own page, and programs. Not another site that a browser has open:
 * neither by a form or a script across sites, nor under a name of its own that it lets resolve to 127.0.0.1 (DNS rebinding).
 */

import type { IncomingMessage } from "node:http";

const OWN_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Why a request is refused, or undefined when it is not. */
export function refusal({ method, url = "/", headers }: IncomingMessage): string | undefined {
  const host = headers.host ?? "";
  if (!URL.canParse(`http://${host}`) || !OWN_NAMES.has(new URL(`http://${host}`).hostname)) {
    return "The console answers under 127.0.0.1 and localhost only.";
  }
  // A link on another page may lead here. Everything else has to come from the console itself; programs send neither header.
  const isVisit = method !== "POST" && url.split("?", 1)[0] === "/";
  const site = headers["sec-fetch-site"] ?? "same-origin";
  const foreign = (site !== "same-origin" && site !== "none") || (headers.origin ?? `http://${host}`) !== `http://${host}`;
  return foreign && !isVisit ? "The console takes requests from its own page only." : undefined;
}
