/** Projects that use the installed package as applications do: with TypeScript, Vitest and Jest as those come. */
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { findChromium } from "../support/servers/chromium.js";
import { run } from "./command.js";
import { node24, thisNode, type NodeVersion } from "./node-versions.js";
import { runTap } from "./tap.js";

const consumers = inject("consumers");
const tool = (path: string): string => join(consumers, "node_modules", path);

describe.each(["typescript-5.9", "typescript-6.0", "typescript-7.0"])("%s", (typescript) => {
  it.each([
    ["nodenext", ["--module", "nodenext"], ["app.mts", "app.cts"]],
    ["node16", ["--module", "node16"], ["app.mts", "app.cts"]],
    ["bundler", ["--module", "esnext", "--moduleResolution", "bundler"], ["app.ts"]],
  ])("compiles against the types with %s, library checks on", async (_, module, files) => {
    const cwd = join(consumers, "types");
    for (const file of files) if (file !== "app.ts") await copyFile(join(cwd, "app.ts"), join(cwd, file));
    // Without the DOM's types: a server has none.
    const strictness = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"];
    const options = ["--noEmit", "--pretty", "false", "--target", "es2022", "--lib", "es2022", "--types", "node", ...strictness, ...module];
    const diagnostics = run(thisNode.binary, [tool(`${typescript}/bin/tsc`), ...options, ...files], { cwd });
    await expect(diagnostics).resolves.toBe("");
  });
});

describe.each([
  ["msw 2", "types"],
  ["msw 3", "vitest-5"],
])("%s", (_, project) => {
  it("takes the emulator's handlers by its own types", async () => {
    const cwd = join(consumers, project);
    await copyFile(join(consumers, "types/msw.ts"), join(cwd, "msw.mts"));
    // msw's own types do not pass a check of the libraries.
    const options = ["--noEmit", "--pretty", "false", "--target", "es2022", "--module", "nodenext", "--strict", "--skipLibCheck"];
    const diagnostics = run(thisNode.binary, [tool("typescript-6.0/bin/tsc"), ...options, "--types", "node", "msw.mts"], { cwd });
    await expect(diagnostics).resolves.toBe("");
  });
});

describe("the recipes of docs/testing.md", () => {
  /** Runs a runner in its project and counts what its own report counts. */
  async function executed(node: NodeVersion, cwd: string, ...command: string[]): Promise<{ passed: number; failed: number }> {
    // TMPDIR: where Jest keeps its cache.
    await run(node.binary, [...command, "--outputFile=report.json"], { cwd, env: { TMPDIR: cwd } });
    const { numPassedTests, numFailedTests } = JSON.parse(await readFile(join(cwd, "report.json"), "utf8")) as Record<string, number>;
    return { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0 };
  }

  it("Vitest 4 with msw 2", async () => {
    const report = executed(thisNode, join(consumers, "vitest-msw"), tool("vitest/vitest.mjs"), "run", "--reporter=json");
    expect(await report).toEqual({ passed: 3, failed: 0 });
  });

  it.skipIf(node24.skipped)("Vitest 5 with msw 3", async () => {
    const cwd = join(consumers, "vitest-5");
    for (const file of ["contacts.test.mjs", "emulator.test.mjs"]) await copyFile(join(consumers, "vitest-msw", file), join(cwd, file));
    const report = executed(node24, cwd, join(cwd, "node_modules/vitest/vitest.mjs"), "run", "--reporter=json");
    expect(await report).toEqual({ passed: 3, failed: 0 });
  });

  it("Jest in CommonJS without configuration, with the emulator, and with the store contract", async () => {
    const { passed, failed } = await executed(thisNode, join(consumers, "jest"), tool("jest/bin/jest.js"), "--json");
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(20);
  });

  it("Jest in CommonJS with the last msw that it can load", async () => {
    const report = executed(thisNode, join(consumers, "jest-msw"), tool("jest/bin/jest.js"), "--json");
    expect(await report).toEqual({ passed: 2, failed: 0 });
  });

  it.each([
    ["nock", "contacts.test.mjs", 1],
    ["mock-agent", "contacts.test.mjs", 1],
    ["node-test", "contacts.test.mjs", 3],
  ])("node:test with %s", async (project, file, passed) => {
    const { text, ...counts } = await runTap(thisNode.binary, ["--test", file], { cwd: join(consumers, project) });
    expect(counts, text).toEqual({ passed, failed: 0 });
  });

  const chromium = findChromium();
  it.skipIf(chromium === undefined && process.env["CI"] === undefined)("Playwright, with a person who clicks", async () => {
    const options = { cwd: join(consumers, "playwright"), env: { CHROMIUM: chromium ?? "" } };
    const { text, ...counts } = await runTap(thisNode.binary, ["--test", "connect.test.mjs"], options);
    expect(counts, text).toEqual({ passed: 1, failed: 0 });
  });

  it("a program without a runner of tests, with testing/register", async () => {
    expect(await run(thisNode.binary, ["contacts.mjs"], { cwd: join(consumers, "register") })).toBe("ok\n");
  });
});
