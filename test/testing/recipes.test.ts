/** docs/testing.md shows the very programs that `test/package` runs, and all of them. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { blocksOf } from "../support/markdown.js";

const consumers = new URL("../consumers/", import.meta.url);
const guide = readFileSync(new URL("../../docs/testing.md", import.meta.url), "utf8");
const lines = guide.split("\n");

/** Consumers that try the package and are no recipes; their own tests say what they are for. */
const noRecipes = /^(?:smoke|types|vitest-5)\/|^jest\/store\.test\.js$/;

/** Path in test/consumers → code, as the guide shows it: a link to the file stands above each block. */
const shown = blocksOf(guide).map(({ code, line }) => {
  const link = /^\[([^\]]+)\]\(\.\.\/test\/consumers\/([^)]+)\)$/.exec(lines[line - 3] ?? "");
  return [link?.[2] ?? `line ${line}`, `${code}\n`] as const;
});

test.each(shown)("%s is shown as it is run", (path, code) => {
  expect(code).toBe(readFileSync(new URL(path, consumers), "utf8"));
});

test("every program of the recipes is shown", () => {
  const files = readdirSync(consumers, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
  const programs = files.filter((file) => /\.m?js$/.test(file) && !file.includes("node_modules/") && !noRecipes.test(file));
  expect(shown.map(([path]) => path).toSorted()).toEqual(programs.toSorted());
});

test("no mock is bound to a version of the token endpoint", () => {
  const code = shown.map(([, text]) => text).join("");
  expect(code).toContain("oauth/*/token");
  expect(code).not.toMatch(/oauth\/(?:v\d|20\d\d-\d\d)\//);
});
