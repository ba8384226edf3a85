/** The gates of CI go red when they should: each of tools/*.mjs is run on input that breaks one rule. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

function runTool(name: string, files: Record<string, object>, args: readonly string[]): { status: number | null; lines: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "hubspot-oauth-tools-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), JSON.stringify(content));
  const tool = fileURLToPath(new URL(`../tools/${name}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], { cwd: folder, encoding: "utf8" });
  return { status, lines: (stdout + stderr).trim().split("\n") };
}

describe("check-locks", () => {
  const check = (packages: object) => runTool("check-locks.mjs", { "package-lock.json": { packages: { "": {}, ...packages } } }, []);
  const a = { integrity: "sha512-a", optionalDependencies: { b: "1" } };
  const b = { integrity: "sha512-b" };

  it("passes a complete lock, with the optional dependency above or inside its user", () => {
    expect(check({ "node_modules/a": a, "node_modules/b": b }).status).toBe(0);
    expect(check({ "node_modules/a": a, "node_modules/a/node_modules/b": b }).status).toBe(0);
  });

  it("SC-01 passes the first versions without an advisory, and newer ones", () => {
    const versions = ["6.28.1", "7.29.1", "7.30.2", "8.10.2", "8.12.4", "9.0.0"];
    const packages = versions.map((version) => [`node_modules/u-${version}`, { integrity: "sha512-u", name: "undici", version }]);
    expect(check(Object.fromEntries(packages))).toEqual({ status: 0, lines: [""] });
  });

  it("SC-01 the oldest undici that package.json allows is one without an advisory", () => {
    const { dependencies } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Record<string, never>;
    const version = /^\^(\d+\.\d+\.\d+)$/.exec(dependencies?.["undici"] ?? "")?.[1];
    expect(version).toBeDefined();
    expect(check({ "node_modules/undici": { integrity: "sha512-u", version } })).toEqual({ status: 0, lines: [""] });
  });

  it.each<[string, object, string]>([
    ["an optional dependency that is not locked", { "node_modules/a": a }, "node_modules/a names b, which is not locked"],
    [
      "one that is locked only where npm does not look",
      { "node_modules/a": a, "node_modules/c": b, "node_modules/c/node_modules/b": b },
      "node_modules/a names b, which is not locked",
    ],
    ["a download address", { "node_modules/b": { ...b, resolved: "http://registry.test/b" } }, "node_modules/b carries a download address"],
    ["a missing checksum", { "node_modules/b": {} }, "node_modules/b has no integrity"],
    [
      "SC-01 a version with an advisory",
      { "node_modules/undici": { integrity: "sha512-u", version: "7.29.0" } },
      "node_modules/undici: undici 7.29.0 has a known advisory: 7.29.1 or newer",
    ],
    [
      "SC-01 a pre-release of the first version without one",
      { "node_modules/undici": { integrity: "sha512-u", version: "8.10.2-rc.1" } },
      "node_modules/undici: undici 8.10.2-rc.1 has a known advisory: 8.10.2 or newer",
    ],
    [
      "SC-01 a major version that was never mended, under another name and deep down",
      { "node_modules/b": b, "node_modules/b/node_modules/old": { integrity: "sha512-u", version: "5.29.0", name: "undici" } },
      "node_modules/b/node_modules/old: undici 5.29.0 has a known advisory, and its major version no release without one",
    ],
  ])("refuses %s", (_, packages, problem) => {
    expect(check(packages)).toEqual({ status: 1, lines: [`package-lock.json: ${problem}`] });
  });

  it("refuses a tree without a lock", () => {
    expect(runTool("check-locks.mjs", {}, [])).toEqual({ status: 1, lines: ["no package-lock.json was found"] });
  });
});

describe("ci-summary", () => {
  const passed = { status: "passed", fullName: "holds" };
  const failed = { status: "failed", fullName: "does not hold" };
  const skipped = { status: "skipped", fullName: "is not tried" };
  const report = (...files: (typeof passed)[][]) => {
    const count = (test: object): number => files.flat().filter((one) => one === test).length;
    return {
      numPassedTests: count(passed),
      numFailedTests: count(failed),
      numPendingTests: count(skipped),
      numTodoTests: 0,
      testResults: files.map((assertionResults, index) => ({
        name: join(process.cwd(), `${index}.test.ts`),
        message: "",
        assertionResults,
      })),
    };
  };
  const summarize = (files: Record<string, object>, ...steps: string[]) => runTool("ci-summary.mjs", files, steps);

  it("adds up the reports", () => {
    const files = { "a.json": report([passed, passed], [passed, skipped]), "b.json": report([passed]) };
    expect(summarize(files, "gate:lint:0", "tests:a.json:0", "tests:b.json:0")).toEqual({
      status: 0,
      lines: ["4 passed, 0 failed, 1 skipped"],
    });
  });

  it.each<[string, Record<string, object>, string[], string]>([
    ["a failed test, once", { "a.json": report([passed, failed]) }, ["tests:a.json:1"], "1 passed, 1 failed"],
    ["a failed gate", { "a.json": report([passed]) }, ["tests:a.json:0", "gate:lint:2"], "1 passed, 1 failed"],
    ["a missing report", {}, ["tests:a.json:0"], "0 passed, 1 failed"],
    ["a run without tests", { "a.json": report() }, ["tests:a.json:0"], "0 passed, 1 failed"],
    ["a file that executed nothing", { "a.json": report([passed], [skipped]) }, ["tests:a.json:0"], "1 passed, 1 failed, 1 skipped"],
    ["a file that could not be loaded", { "a.json": report([passed], []) }, ["tests:a.json:1"], "1 passed, 1 failed"],
    ["a runner that failed though no test did", { "a.json": report([passed]) }, ["tests:a.json:1"], "1 passed, 1 failed"],
    ["no report at all", {}, ["gate:lint:0"], "0 passed, 1 failed"],
    ["a step it cannot read", { "a.json": report([passed]) }, ["tests:a.json:0", "lint"], "1 passed, 1 failed"],
  ])("counts %s", (_, files, steps, lastLine) => {
    const { status, lines } = summarize(files, ...steps);
    expect({ status, lastLine: lines.at(-1) }).toEqual({ status: 1, lastLine });
  });
});
