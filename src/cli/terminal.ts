/**
 * Where commands write and ask: standard output is data and nothing else, standard error is talk. Every text that came from elsewhere
 * (HubSpot, a store, a file name) is written by one line's rules, so that it cannot move the cursor or begin a line of its own.
 */
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { STATUS, UsageError } from "./exit-status.js";

const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** The three streams of the process. */
export class Terminal {
  /** Whether `--json` was given: data is JSON, and so are errors. */
  json = false;

  constructor() {
    // Whoever read us has gone, such as `head`: nothing to complain about, and nobody to complain to.
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? STATUS.ok : STATUS.failed));
    }
  }

  /** Whether a person sees the data as it is printed. */
  get showsData(): boolean {
    return process.stdout.isTTY;
  }

  /** Whether there is somebody to ask. */
  get canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY;
  }

  /** A command's result: `value` with `--json`, else `text`. */
  result(value: unknown, text: string): void {
    this.print(this.json ? JSON.stringify(value, undefined, 2) : text);
  }

  /** A line of data. */
  print(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  /** A line of talk. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Replaces the last progress line where somebody watches; elsewhere nothing is written. */
  progress(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
  }

  /** Whether `progress` is seen. */
  get showsProgress(): boolean {
    return process.stderr.isTTY;
  }

  /** Colours a piece of talk; plain where it is not shown, and with `NO_COLOR`. */
  paint(colour: keyof typeof COLOURS, text: string, stream: NodeJS.WriteStream = process.stderr): string {
    return stream.isTTY && stream.hasColors() ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  }

  /** Asks a question that must be answered with yes. @throws UsageError where there is nobody to ask */
  async confirm(question: string, signal: AbortSignal): Promise<boolean> {
    if (!this.canAsk) throw new UsageError(`${question} There is nobody to ask: add --yes.`);
    // Not as a terminal of its own: Ctrl-C stays a signal, and aborts.
    const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
    try {
      const closed = once(lines, "close", { signal }).then(() => "");
      const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), closed]);
      return /^y(?:es)?$/i.test(answer.trim());
    } finally {
      lines.close();
    }
  }
}

/** A text from elsewhere, on one line and without control characters. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "�");
}

/** A text of several lines from elsewhere, as it may stand on a screen: it cannot move the cursor, colour or name anything. */
export function onScreen(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is replaced
  return text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]|\r(?!\n)/g, "�");
}

/** Columns, each as wide as its widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((wide, row) => row.map((cell, index) => Math.max(wide[index] ?? 0, cell.length)), []);
  return rows
    .map((row) => row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join("  "))
    .join("\n");
}
