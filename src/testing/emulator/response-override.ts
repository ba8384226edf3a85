/**
 * The short way to one fault, `emulator.respondOnce()`: replace, hold back or drop the next answer that matches.
 */

import type { FaultRule } from "./faults.js";
import type { LoggedRequest, RequestMatch } from "./request-log.js";

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

/** The rule that an override is short for. */
export function overrideRule(match: RequestMatch, { destroy, until, ...answer }: ResponseOverride): FaultRule {
  if (destroy !== true) return { match, until, fault: { kind: "answer", ...answer } };
  return { match, until, fault: { kind: "reset", when: answer.process === true ? "processed" : "before" } };
}
