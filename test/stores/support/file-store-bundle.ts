/** `src/stores/file.ts` as a plain module, for child processes. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "tsup";
import { afterAll, beforeAll } from "vitest";

/** Builds it once per test file. Answers a function, since the path is known only later. */
export function fileStoreBundle(): () => string {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "file-store-"));
    await build({
      ...{ config: false, silent: true, format: "esm", target: "node20.19" },
      entry: ["src/stores/file.ts"],
      outDir: directory,
      outExtension: () => ({ js: ".mjs" }),
    });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  return () => join(directory, "file.mjs");
}
