// @ts-check
/** How the steps are written to the terminal: plain text, aligned. No secret comes through here. */

const WIDTH = 16;
let steps = 0;

/** @param {string} title */
export function printStep(title) {
  console.log(`\n${String(++steps).padStart(2)}  ${title}`);
}

/**
 * @param {string} label
 * @param {string} [value]
 */
export function printLine(label, value = "") {
  console.log(`    ${label.padEnd(WIDTH)}${value}`.trimEnd());
}

/** @param {readonly Readonly<Record<string, string>>[]} rows */
export function printTable(rows) {
  const columns = Object.keys(rows[0] ?? {});
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => (row[column] ?? "").length)));
  /** @param {readonly string[]} cells */
  const line = (cells) => console.log(`    ${cells.map((cell, index) => cell.padEnd((widths[index] ?? 0) + 3)).join("")}`.trimEnd());
  line(columns);
  for (const row of rows) line(columns.map((column) => row[column] ?? ""));
}

const SECRET_FIELDS = new Set(["client_secret", "code", "code_verifier", "refresh_token", "token"]);

/**
 * What the emulator was sent: method, path, form, with secrets left out.
 * @param {import("hubspot-oauth/testing").LoggedRequest} [request]
 */
export function printRequest(request) {
  if (request === undefined) return;
  printLine("sent", `${request.method} ${request.path}`);
  for (const [name, value] of Object.entries(request.form ?? {})) {
    printLine("", `${name.padEnd(WIDTH)}${SECRET_FIELDS.has(name) ? "(hidden)" : value}`);
  }
  printLine("answered", String(request.status));
}

/** @param {string} text */
export function shorten(text) {
  return text.length <= 12 ? text : `${text.slice(0, 8)}…`;
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}
