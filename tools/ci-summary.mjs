// Adds up what .ci/run did and prints `N passed, N failed` as the last line; exits 1 if anything failed. Arguments: `gate:NAME:STATUS` for a
// step that runs no tests, which counts only when it failed, and `tests:FILE:STATUS` for a Vitest run with its JSON report. Not running is
// failing: a report that is missing, a run without a test and a test file of which nothing was executed count as one failure each.
import { readFileSync } from "node:fs";
import { basename, relative } from "node:path";
import process from "node:process";

const total = { passed: 0, failed: 0, skipped: 0 };
function fail(reason) {
  total.failed += 1;
  console.log(`failed: ${reason}`);
}

function addReport(file, status) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    fail(`${basename(file)} was not written, so its tests did not run to the end`);
    return;
  }
  const failedBefore = total.failed;
  total.passed += report.numPassedTests;
  total.skipped += report.numPendingTests + report.numTodoTests;
  for (const { name, message, assertionResults } of report.testResults) {
    for (const test of assertionResults) if (test.status === "failed") fail(`${relative("", name)}: ${test.fullName}`);
    if (!assertionResults.some((test) => test.status === "passed" || test.status === "failed")) {
      fail(`${relative("", name)} executed no test. ${message.split("\n", 1)[0]}`);
    }
  }
  if (report.testResults.length === 0) fail(`${basename(file)} holds no test`);
  // An unhandled rejection, a hook, a coverage threshold: no test is to blame.
  if (status !== "0" && total.failed === failedBefore) fail(`the run of ${basename(file)} ended with status ${status}`);
}

const steps = process.argv.slice(2);
if (!steps.some((step) => step.startsWith("tests:"))) fail("no test report was named");
for (const step of steps) {
  const [, kind, name, status] = /^(gate|tests):(.*):(\d+)$/.exec(step) ?? [];
  if (kind === "tests") addReport(name, status);
  else if (kind !== "gate") fail(`${step} is neither gate:NAME:STATUS nor tests:FILE:STATUS`);
  else if (status !== "0") fail(`${name} (status ${status})`);
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped === 0 ? "" : `, ${total.skipped} skipped`}`);
process.exitCode = total.failed === 0 ? 0 : 1;
