/** Projects that use the installed package as applications do: with TypeScript, Vitest and Jest as those come. */
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { run } from "./command.js";
import { node24, thisNode, type NodeVersion } from "./node-versions.js";

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

describe("test runners", () => {
  /** Runs a runner in its project and counts what its own report counts. */
  async function executed(node: NodeVersion, cwd: string, ...command: string[]): Promise<{ passed: number; failed: number }> {
    // TMPDIR: where Jest keeps its cache.
    await run(node.binary, [...command, "--outputFile=report.json"], { cwd, env: { TMPDIR: cwd } });
    const { numPassedTests, numFailedTests } = JSON.parse(await readFile(join(cwd, "report.json"), "utf8")) as Record<string, number>;
    return { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0 };
  }

  it("Vitest 4 with msw 2 needs no set-up of ours", async () => {
    const report = executed(thisNode, join(consumers, "vitest"), tool("vitest/vitest.mjs"), "run", "--reporter=json");
    expect(await report).toEqual({ passed: 1, failed: 0 });
  });

  it.skipIf(node24.skipped)("Vitest 5 with msw 3 needs no set-up of ours", async () => {
    const cwd = join(consumers, "vitest-5");
    await copyFile(join(consumers, "vitest/contacts.test.mjs"), join(cwd, "contacts.test.mjs"));
    const report = executed(node24, cwd, join(cwd, "node_modules/vitest/vitest.mjs"), "run", "--reporter=json");
    expect(await report).toEqual({ passed: 1, failed: 0 });
  });

  it("Jest in CommonJS without configuration loads it, and runs the store contract", async () => {
    const { passed, failed } = await executed(thisNode, join(consumers, "jest"), tool("jest/bin/jest.js"), "--json");
    expect(failed).toBe(0);
    expect(passed).toBeGreaterThan(20);
  });
});
