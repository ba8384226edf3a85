/**
 * The seam for faults: a test replaces, holds back or drops the next answer that matches.
 * Deliberately small; a richer fault language belongs on top of it.
 */

import { type EmulatorResponse, json } from "./messages.js";
import { type LoggedRequest, matches, type RequestMatch } from "./request-log.js";

/** What happens to the next matching request instead of the usual. */
export interface ResponseOverride {
  /** Answer with this status; with `headers` and `body`, it replaces HubSpot's answer. Default 200 when `body` is given. */
  readonly status?: number;
  /** Added to the answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A string is sent as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Hold the answer back until this settles. The operation itself is carried out on arrival. */
  readonly until?: PromiseLike<unknown>;
  /** Drop the connection instead of answering (after `until`). */
  readonly destroy?: boolean;
  /**
   * Whether the operation is still carried out before its answer is replaced or dropped: true makes a lost answer.
   * Default: true when the answer is only held back or given more headers, else false.
   */
  readonly process?: boolean;
}

/** A pending override. */
export interface PendingOverride {
  /** Resolves with the request, as soon as it arrives. */
  readonly arrived: Promise<LoggedRequest>;
  /** Takes the override back, if no request met it yet. */
  cancel(): void;
}

interface Entry {
  readonly match: RequestMatch;
  readonly override: ResponseOverride;
  readonly gate: Promise<unknown> | undefined;
  readonly arrive: (request: LoggedRequest) => void;
}

/** The overrides that wait for their request, first come first served. */
export class ResponseOverrides {
  readonly #pending: Entry[] = [];

  /** Registers an override for one request. */
  add(match: RequestMatch, override: ResponseOverride): PendingOverride {
    let arrive: (request: LoggedRequest) => void = () => {};
    const arrived = new Promise<LoggedRequest>((resolve) => (arrive = resolve));
    // A gate that rejects opens as well: it says when, not what. Caught here, it is no unhandled rejection while it waits.
    const gate = override.until === undefined ? undefined : Promise.resolve(override.until).catch(() => undefined);
    const entry: Entry = { match, override, gate, arrive };
    this.#pending.push(entry);
    return { arrived, cancel: () => this.#remove(entry) };
  }

  /** Answers a request: through the override that waits for it, or plainly. */
  async apply(request: LoggedRequest, operate: () => EmulatorResponse): Promise<EmulatorResponse> {
    const entry = this.#pending.find(({ match }) => matches(match, request));
    if (entry === undefined) return operate();
    this.#remove(entry);
    const { status, headers, body, destroy = false } = entry.override;
    const replaces = status !== undefined || body !== undefined || destroy;
    const operated = (entry.override.process ?? !replaces) ? operate() : undefined;
    entry.arrive(request);
    await entry.gate;
    if (destroy) return { status: 0, headers: {}, body: "", destroy: true };
    if (!replaces && operated !== undefined) return { ...operated, headers: { ...operated.headers, ...lowerCase(headers) } };
    if (typeof body === "string" || body === undefined) {
      return {
        status: status ?? 200,
        headers: { ...(body === undefined ? {} : TEXT), ...lowerCase(headers) },
        body: body ?? "",
      };
    }
    return json(status ?? 200, body, lowerCase(headers));
  }

  #remove(entry: Entry): void {
    const index = this.#pending.indexOf(entry);
    if (index !== -1) this.#pending.splice(index, 1);
  }
}

const TEXT = { "content-type": "text/plain;charset=utf-8" };

function lowerCase(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
