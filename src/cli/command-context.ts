/** What the program hands to each of its commands. */
import type { Terminal } from "./terminal.js";

/** What every command gets. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Aborts at Ctrl-C and at SIGTERM. */
  readonly signal: AbortSignal;
}
