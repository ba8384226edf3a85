// What a benchmark leaves behind: a JSON file with all it measured, a Markdown page with its tables and charts, and the same tables on the
// terminal. Each says with which versions, on which machine, from which commit and when.
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * `{ date, commit, node, platform, cpu, cores, memoryGiB, versions }`. `packages` are names, whose versions are those installed here, or an
 * object of versions, for what is installed or running elsewhere.
 */
export async function environment({ node = process.version, packages = [] } = {}) {
  return {
    date: new Date().toISOString().replace(/:\d\d\.\d+Z$/, "Z"),
    commit: commit(),
    node,
    platform: `${platform()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: Array.isArray(packages) ? await installed(packages) : packages,
  };
}

async function installed(packages) {
  const version = async (name) => JSON.parse(await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  return Object.fromEntries(await Promise.all(packages.map(async (name) => [name, await version(name)])));
}

/** Results and documents do not count as a change: they change nothing of what is measured. */
function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed = git("status", "--porcelain", "--", "src", "bench", "package.json", ":!bench/results");
    return `${git("rev-parse", "--short", "HEAD")}${changed === "" ? "" : ", with changes"}`;
  } catch {
    return "unknown"; // Not a clone: an unpacked archive.
  }
}

/** Where to write, by the flags that each benchmark has: a quick run leaves nothing unless it is told where. */
export function resultsFolder({ quick, out }) {
  if (out !== undefined) return resolve(out);
  return quick ? undefined : join(ROOT, "bench/results");
}

/** Writes `name`.json, `name`.md and the charts into `folder`; answers the paths. */
export async function saveResults(folder, name, { title, command, environment: where, intro = [], tables = [], charts = [], data }) {
  await mkdir(folder, { recursive: true });
  const files = [
    [`${name}.json`, json({ title, command, environment: where, data })],
    [`${name}.md`, markdown(name, { title, command, environment: where, intro, tables, charts })],
    ...charts.map((chart) => [chartFile(name, chart), chart.svg]),
  ];
  for (const [file, text] of files) await writeFile(join(folder, file), `${text.trimEnd()}\n`);
  return files.map(([file]) => join(folder, file));
}

function chartFile(name, chart) {
  return chart.name === undefined ? `${name}.svg` : `${name}-${chart.name}.svg`;
}

/** Indented, but with each list of numbers on one line: there are thousands of them. */
function json(value) {
  const number = String.raw`-?\d[\d.eE+-]*|null`;
  const numbers = new RegExp(String.raw`\[\n\s*((?:${number})(?:,\n\s*(?:${number}))*)\n\s*\]`, "g");
  return JSON.stringify(value, null, 2).replace(numbers, (_, list) => `[${list.replace(/,\n\s*/g, ", ")}]`);
}

function markdown(name, { title, command, environment: where, intro, tables, charts }) {
  const versions = Object.entries(where.versions).map(([of, version]) => `${of} ${version}`);
  return [
    `# ${title}`,
    ...intro,
    `\`\`\`sh\n${command}\n\`\`\``,
    `Node ${where.node.replace(/^v/, "")}${versions.length > 0 ? `, ${versions.join(", ")}` : ""}. ${where.cpu}, ${where.cores} cores, ${where.memoryGiB} GiB, ${where.platform}. ` +
      `Commit ${where.commit}, ${where.date.slice(0, 10)}.`,
    ...charts.map((chart) => `![${chart.alt}](${chartFile(name, chart)})`),
    ...tables.flatMap((table) => [
      ...(table.title ? [`## ${table.title}`] : []),
      markdownTable(table),
      ...(table.note === undefined ? [] : [table.note]),
    ]),
    `Everything that was measured: [${name}.json](${name}.json).`,
  ].join("\n\n");
}

/** A Markdown table; columns of numbers are aligned to the right. */
export function markdownTable({ head, rows }) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`).replace(/\s*\n\s*/g, " ")).join(" | ")} |`;
  const rule = head.map((_, column) => (isNumeric(rows, column) ? "---:" : "---"));
  return [line(head), `|${rule.join("|")}|`, ...rows.map((row) => line(complete(row, head)))].join("\n");
}

/** The tables on standard output. */
export function printTables(tables) {
  process.stdout.write(tables.map((table) => `\n${textTable(table)}\n`).join(""));
}

/** A table as aligned text. */
export function textTable({ title, head, rows, note }) {
  const all = [head, ...rows.map((row) => complete(row, head))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const lines = all.map((row) => {
    const cells = row.map((cell, column) => (isNumeric(rows, column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])));
    return `  ${cells.join("  ")}`.trimEnd();
  });
  return [...(title ? [title] : []), ...lines, ...(note === undefined ? [] : [`  ${note}`])].join("\n");
}

function complete(row, head) {
  if (row.length !== head.length) throw new TypeError(`A row has ${row.length} cells, the head has ${head.length}: ${row.join(" | ")}`);
  return row;
}

function isNumeric(rows, column) {
  const cells = rows.map((row) => row[column]).filter((cell) => cell !== "" && cell !== "-");
  return column > 0 && cells.length > 0 && cells.every((cell) => /^[<>≤≥~+-]?\s?\d/.test(cell));
}
