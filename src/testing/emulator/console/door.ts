/**
 * The console: the page at the root of an emulator that listens, for a person who watches and plays with it. Its requests never reach the
 * emulated HubSpot and never enter the request log. It shows no token, code or secret, only fingerprints.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { refusal } from "./access.js";
import { perform } from "./actions.js";
import { LiveFeed } from "./live-feed.js";
import { consolePage } from "./page.js";
import { SCRIPT } from "./script.js";
import { STYLE } from "./style.js";

const MAX_FORM_BYTES = 16 * 1024;

/** Everything comes from the emulator itself, and nobody else may show it in a frame. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  // Not no-referrer: with that, browsers send `Origin: null` along with the console's own forms.
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
} as const;

/** The console of one emulator. */
export class EmulatorConsole {
  readonly #emulator: HubSpotEmulator;
  readonly #origin: string;
  readonly #feed: LiveFeed;

  /** `origin` is where the emulator listens, for people to read. */
  constructor(emulator: HubSpotEmulator, origin: string) {
    this.#emulator = emulator;
    this.#origin = origin;
    this.#feed = new LiveFeed(emulator);
  }

  /** Whether a request is for the console, and not for HubSpot. */
  takes(request: IncomingMessage): boolean {
    const path = pathOf(request);
    // An API call of the root carries a token; who looks at the page has none.
    const isVisit = (request.method === "GET" || request.method === "HEAD") && request.headers.authorization === undefined;
    return (path === "/" && isVisit) || path.startsWith("/console/");
  }

  /** Answers a request that `takes` said yes to. Rejects when the body cannot be read. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refused = refusal(request);
    if (refused !== undefined) return send(response, 403, "text/plain", `${refused}\n`);
    const path = pathOf(request);
    const [, action] = /^\/console\/actions\/(?<name>[a-z-]+)$/u.exec(path) ?? [];
    if (action !== undefined)
      return request.method === "POST" ? this.#act(action, request, response) : send(response, 405, "text/plain", "POST only\n");
    if (request.method !== "GET" && request.method !== "HEAD") return send(response, 405, "text/plain", "GET only\n");
    if (path === "/console/events") return this.#feed.open(response, HEADERS);
    if (path === "/console/console.css") return send(response, 200, "text/css", STYLE);
    if (path === "/console/console.js") return send(response, 200, "text/javascript", SCRIPT);
    if (path !== "/") return send(response, 404, "text/plain", "There is nothing here.\n");
    const done = new URL(request.url ?? "/", this.#origin).searchParams.get("done");
    return send(response, 200, "text/html", consolePage(this.#emulator, this.#origin, done).text);
  }

  /** Ends the streams and timers of all open pages. */
  close(): void {
    this.#feed.close();
  }

  /** Without scripts a browser goes back to the page; the page's own script wants the sentence. */
  async #act(action: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const outcome = perform(this.#emulator, action, new URLSearchParams(await readForm(request)));
    this.#feed.changed();
    if (!outcome.ok) return send(response, 400, "text/plain", `${outcome.sentence}\n`);
    if (request.headers.accept?.includes("text/html") !== true) return send(response, 200, "text/plain", outcome.sentence);
    response.writeHead(303, { ...HEADERS, location: `/?done=${action}` }).end();
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?", 1)[0] ?? "/";
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": `${type};charset=utf-8`, "content-length": Buffer.byteLength(text) }).end(text);
}

async function readForm(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8") as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_FORM_BYTES) throw new Error("form too large");
  }
  return text;
}
