/**
 * The web pages that stand between a client and HubSpot's API when something is broken: short, plain, and no JSON.
 */

import type { EmulatorResponse } from "./messages.js";

/** A page under any status. `title` and `detail` are the emulator's own words. */
export function webPage(status: number, title: string, detail: string): EmulatorResponse {
  const body = `<!doctype html>\n<html lang="en"><head><title>${title}</title></head><body><h1>${title}</h1><p>${detail}</p></body></html>\n`;
  return { status, headers: { "content-type": "text/html; charset=UTF-8", "cache-control": "no-store" }, body };
}
