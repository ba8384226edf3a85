/** The installed package at work: every supported Node, both formats, and the dispatchers of both undici majors. */
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { node22, node24, node26, thisNode } from "./node-versions.js";
import { runTap } from "./tap.js";

/** What is run, with which undici for the application's dispatchers, and how many tests that executes. */
const ways: readonly (readonly [name: string, file: string, dispatcher: string, executed: number])[] = [
  ["an ES module", "smoke.mjs", "", 9],
  ["CommonJS", "smoke.cjs", "", 9],
  ["dispatchers of undici 7", "smoke.mjs", "undici", 12],
  ["dispatchers of undici 8", "smoke.mjs", "undici-8", 12],
];

describe.each([thisNode, node22, node24, node26].map((node) => [node.name, node] as const))("%s", (_, { binary, major, skipped }) => {
  // undici 8 needs a newer Node than the package does.
  const possible = ways.filter(([, , dispatcher]) => dispatcher !== "undici-8" || major >= 22);
  it.skipIf(skipped).each(possible)("%s", async (name, file, dispatcher, executed) => {
    const cwd = join(inject("consumers"), "smoke");
    const { text, ...counts } = await runTap(binary, [file], { cwd, env: { DISPATCHER: dispatcher } });
    expect(counts, `${name}:\n${text}`).toEqual({ passed: executed, failed: 0 });
  });
});
