/** docs/emulator.md says what the emulator answers: its table of routes is the emulator's own, line by line. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ROUTES } from "../../src/testing/emulator/routes.js";

/** One line of the table for each operation, with all its paths. */
function documentedRoutes(): string[] {
  const rows = new Map<string, { paths: string[]; versions: Set<string> }>();
  for (const { name, method, pattern } of ROUTES.routes) {
    const row = rows.get(name) ?? { paths: [], versions: new Set<string>() };
    rows.set(name, row);
    row.paths.push(`\`${method} ${pattern.replaceAll(/\{(\w+):[^}]+\}/gu, "{$1}")}\``);
    for (const version of /\{version:([^}]+)\}/u.exec(pattern)?.[1]?.split("|") ?? []) row.versions.add(version);
  }
  return [...rows].map(([name, { paths, versions }]) => `| \`${name}\` | ${paths.join(", ")} | ${[...versions].join(", ")} |`);
}

test("every route is in docs/emulator.md, and no other", () => {
  const text = readFileSync(new URL("../../docs/emulator.md", import.meta.url), "utf8");
  const [, table = ""] = /\| Route \| Requests \| `\{version\}` \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/u.exec(text) ?? [];
  expect(table.trimEnd().split("\n")).toEqual(documentedRoutes());
});
