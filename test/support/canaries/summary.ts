/** Adds up what the canary sweep of each test file found, and says so at the end of the run. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Each test file leaves its counts here. */
    readonly canaryFolder: string;
  }
}

/** What one test file, or all of them, went through. */
interface Counts {
  readonly secrets: number;
  readonly places: number;
  readonly hits: number;
}

/** Answers how to end. */
export function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "hubspot-oauth-canaries-"));
  project.provide("canaryFolder", folder);
  return () => {
    const counts = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Counts);
    const sum = (name: keyof Counts): string => counts.reduce((total, count) => total + count[name], 0).toLocaleString("en");
    console.log(
      `LK-01: ${sum("secrets")} secrets searched for in ${sum("places")} errors, events, warnings, URLs and lines of output of ${counts.length} test files: ${sum("hits")} found.`,
    );
    rmSync(folder, { recursive: true });
  };
}
