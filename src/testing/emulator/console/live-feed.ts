/**
 * What open pages hear: server-sent events with rows of the request log and with the parts of the page that became different. It costs
 * nothing while no page is open, gathers what happens within a moment, and keeps no timer and no stream after `close()`.
 */

import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { HubSpotEmulator } from "../hubspot-emulator.js";
import { type Html, html } from "../html.js";
import type { LoggedRequest } from "../request-log.js";
import { type Part, partsOf } from "./parts.js";
import { requestRow } from "./request-row.js";

/** Rows that a page begins with, and the most that one event brings. */
const MAX_ROWS = 100;
const GATHER_MS = 50;
/** Times left go by seconds; and nothing tells when a test itself moves the clock or revokes a grant. */
const BEAT_MS = 1000;
/** A page that reads so slowly is cut off. It comes back by itself, and is then told how things are. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

/** The newest requests as rows, the newest first. */
export function newestRows(emulator: HubSpotEmulator): Html {
  const newest = emulator.requests.slice(-MAX_ROWS).toReversed();
  return html`${newest.map((request) => requestRow(emulator, request))}`;
}

/** The open pages of one emulator. */
export class LiveFeed {
  readonly #emulator: HubSpotEmulator;
  /** What each page was last sent of each part. */
  readonly #pages = new Map<ServerResponse, Map<string, string>>();
  readonly #pending = new Map<number, LoggedRequest>();
  /** The log's first request: when it is another one, the log was emptied. */
  #firstId: number | undefined;
  #beat: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;

  constructor(emulator: HubSpotEmulator) {
    this.#emulator = emulator;
  }

  /** Answers with a stream, which begins with everything. */
  open(response: ServerResponse, headers: OutgoingHttpHeaders): void {
    const rows = newestRows(this.#emulator).text;
    const parts = partsOf(this.#emulator);
    response.writeHead(200, { ...headers, "content-type": "text/event-stream;charset=utf-8" });
    response.once("close", () => this.#leave(response));
    const sent = new Map<string, string>();
    if (this.#pages.size === 0) this.#begin();
    this.#pages.set(response, sent);
    write(response, "log", rows);
    sendParts(response, sent, parts);
  }

  /** Something became different: the pages hear of it in a moment. */
  changed(): void {
    if (this.#pages.size > 0) this.#gathering ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Ends all streams. */
  close(): void {
    for (const response of this.#pages.keys()) {
      response.end();
      this.#leave(response);
    }
  }

  #begin(): void {
    this.#firstId = this.#emulator.requests[0]?.id;
    this.#unwatch = this.#emulator.watchRequests((request) => {
      this.#pending.set(request.id, request);
      if (this.#pending.size > MAX_ROWS) this.#pending.delete(this.#pending.keys().next().value ?? 0);
      this.changed();
    });
    this.#beat = setInterval(() => this.#flush(), BEAT_MS);
  }

  #leave(response: ServerResponse): void {
    this.#pages.delete(response);
    if (this.#pages.size > 0) return;
    clearInterval(this.#beat);
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#pending.clear();
    this.#unwatch?.();
  }

  #flush(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const event = this.#newRows();
    const parts = partsOf(this.#emulator);
    for (const [response, sent] of this.#pages) {
      if (response.writableLength > MAX_UNREAD_BYTES) {
        response.destroy();
        continue;
      }
      if (event !== undefined) write(response, ...event);
      sendParts(response, sent, parts);
    }
  }

  /** What became of the log: `log` replaces all rows, `rows` are new ones or ones that changed, oldest first. */
  #newRows(): ["log" | "rows", unknown] | undefined {
    const firstId = this.#emulator.requests[0]?.id;
    const wasEmptied = this.#firstId !== undefined && firstId !== this.#firstId;
    this.#firstId = firstId;
    const rows = [...this.#pending.values()].map((request) => [`request-${request.id}`, requestRow(this.#emulator, request).text]);
    this.#pending.clear();
    if (wasEmptied) return ["log", newestRows(this.#emulator).text];
    return rows.length === 0 ? undefined : ["rows", rows];
  }
}

function sendParts(response: ServerResponse, sent: Map<string, string>, parts: readonly Part[]): void {
  const changed = new Map<string, string>();
  for (const {
    id,
    html: { text },
    within,
  } of parts) {
    if (sent.get(id) === text && (within === undefined || !changed.has(within))) continue;
    changed.set(id, text);
    sent.set(id, text);
  }
  if (changed.size > 0) write(response, "parts", [...changed]);
}

function write(response: ServerResponse, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
