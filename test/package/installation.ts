/**
 * Set-up of the package tests: packs what `npm run build` left in dist, and installs the tarball in a temporary folder, beside the consumer
 * projects and the tools they bring. Everything the tests run afterwards comes from there, nothing from this tree.
 */
import { cp, mkdtemp, readdir, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { findChromium } from "../support/servers/chromium.js";
import { run } from "./command.js";

declare module "vitest" {
  interface ProvidedContext {
    /** Paths in the tarball, without its `package/`. */
    readonly packedFiles: readonly string[];
    /** The folder with the consumer projects and the installed package. */
    readonly consumers: string;
    /** The packed package. */
    readonly tarball: string;
  }
}

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string | undefined;

export async function setup(project: TestProject): Promise<void> {
  await assertBuilt();
  // The tests of the library, which run first, say so when there is none.
  project.provide("chromium", findChromium());
  folder = await mkdtemp(join(await realpath(tmpdir()), "hubspot-oauth-package-"));
  const packing = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root });
  const [packed] = JSON.parse(packing) as [{ filename: string; files: { path: string }[] }];

  const consumers = join(folder, "consumers");
  await cp(join(root, "test/consumers"), consumers, {
    recursive: true,
    filter: (source) => basename(source) !== "node_modules",
  });
  const tarball = join(folder, packed.filename);
  // The first is what most consumers need. The others have versions that cannot stand beside it, and so a copy of the package of their own,
  // which imports theirs.
  const projects = [consumers, join(consumers, "jest-msw"), join(consumers, "vitest-5")];
  await Promise.all(
    projects.map(async (cwd) => {
      await run("npm", ["ci"], { cwd });
      await run("npm", ["install", "--no-save", tarball], { cwd });
    }),
  );

  project.provide(
    "packedFiles",
    packed.files.map((file) => file.path),
  );
  project.provide("consumers", consumers);
  project.provide("tarball", tarball);
}

export async function teardown(): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

/** A build older than the sources would test yesterday's package. */
async function assertBuilt(): Promise<void> {
  const built = await stat(join(root, "dist/index.js")).catch(() => undefined);
  const sources = await readdir(join(root, "src"), { recursive: true });
  const changes = await Promise.all(sources.map(async (name) => (await stat(join(root, "src", name))).mtimeMs));
  if (built === undefined || built.mtimeMs < Math.max(...changes))
    throw new Error("dist is missing or older than src: `npm run build` first");
}
