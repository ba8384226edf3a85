// Removes the rules of a safe refresh one at a time, in a copy of the project, and expects a test of test/refresh to go red each time:
// `npm run test:mutation`, or `node tools/mutation.mjs R2 "R7 lease"` for some of them. A rule that can be removed without a red test is not
// held by any; a rule whose code is not found any more has to be written down anew in tools/mutation/rules.mjs. Exits 1 in both cases.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rules } from "./mutation/rules.mjs";

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    // Which tests; the whole folder by default.
    tests: { type: "string", default: "test/refresh" },
    // Runs every test for each rule and names all that are red, not only the first.
    all: { type: "boolean", default: false },
  },
});

const project = fileURLToPath(new URL("..", import.meta.url));
const NEEDED = ["src", "test/refresh", "test/support", "package.json", "tsconfig.json", "vitest.config.ts"];
/** A few hundred schedules find a missing rule; thousands are for the rare mistakes. */
const SCHEDULES = process.env["SCHEDULES"] ?? "400";
const LONGEST_MS = 600_000;

const copy = mkdtempSync(join(tmpdir(), "hubspot-oauth-mutation-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
for (const path of NEEDED) cpSync(join(project, path), join(copy, path), { recursive: true });
symlinkSync(join(project, "node_modules"), join(copy, "node_modules"), "dir");

function give(message) {
  console.log(message);
  process.exit(1);
}

/** Runs the tests in the copy; the names of those that are red, or `undefined` when they did not come to an end. */
function redTests({ bail }) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const vitest = join("node_modules", "vitest", "vitest.mjs");
  const args = ["run", "--project", "library", "--reporter=json", `--outputFile=${report}`, ...(bail ? ["--bail=1"] : []), options.tests];
  const { status } = spawnSync(process.execPath, [vitest, ...args], {
    cwd: copy,
    env: { ...process.env, SCHEDULES, NO_COLOR: "1" },
    stdio: "ignore",
    timeout: LONGEST_MS,
  });
  let testResults;
  try {
    ({ testResults } = JSON.parse(readFileSync(report, "utf8")));
  } catch {
    return undefined;
  }
  const red = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter((test) => test.status === "failed").map((test) => test.fullName.trim()),
  );
  // Red without a test to blame: a file that cannot be loaded, an unhandled rejection.
  return status === 0 || red.length > 0 ? red : undefined;
}

/** Applies a rule's edits to the copy and answers what undoes them, or which of them fits nowhere. */
function remove({ edits }) {
  const before = new Map();
  const undo = () => before.forEach((text, file) => writeFileSync(join(copy, file), text));
  for (const [file, from, to] of edits) {
    const text = readFileSync(join(copy, file), "utf8");
    const found = text.split(from).length - 1;
    if (found !== 1) {
      undo();
      return { problem: `${file} holds ${found} times, not once: ${from.trim().split("\n", 1)[0]}` };
    }
    if (!before.has(file)) before.set(file, text);
    writeFileSync(
      join(copy, file),
      text.replace(from, () => to),
    );
  }
  return { undo };
}

const unknown = names.filter((name) => !rules.some(({ rule }) => rule === name));
if (unknown.length > 0) give(`There is no rule ${unknown.join(", ")}. There are: ${rules.map(({ rule }) => rule).join(", ")}.`);

const untouched = redTests({ bail: false });
if (untouched === undefined || untouched.length > 0)
  give(`Without any change, ${untouched?.join("; ") ?? "the tests do not run to their end"}: nothing can be learnt.`);
console.log(`Nothing removed: green.`);

let survivors = 0;
for (const rule of rules.filter(({ rule: name }) => names.length === 0 || names.includes(name))) {
  const { undo, problem } = remove(rule);
  const red = problem === undefined ? redTests({ bail: !options.all }) : [];
  undo?.();
  const isHeld = red === undefined ? false : red.length > 0;
  if (!isHeld) survivors++;
  const why = red === undefined ? "did not run to the end" : (problem ?? (isHeld ? "" : "no test is red"));
  console.log(`\n${rule.rule.padEnd(18)} ${isHeld ? "held" : "NOT HELD"}  without ${rule.removes}`);
  for (const line of isHeld ? red : [why]) console.log(`${" ".repeat(19)}${isHeld ? "red: " : ""}${line}`);
}
console.log(survivors === 0 ? "\nEvery rule is held by a test." : `\n${survivors} not held.`);
process.exitCode = survivors === 0 ? 0 : 1;
