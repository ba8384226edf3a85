/** The installed package at work: every supported Node, both formats, and the dispatchers of both undici majors. */
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { run } from "./command.js";
import { node22, node24, node26, thisNode } from "./node-versions.js";

/** What is run, with which undici for the application's dispatchers, and how many tests that executes. */
const ways: readonly (readonly [name: string, file: string, dispatcher: string, executed: number])[] = [
  ["an ES module", "smoke.mjs", "", 9],
  ["CommonJS", "smoke.cjs", "", 9],
  ["dispatchers of undici 7", "smoke.mjs", "undici", 11],
  ["dispatchers of undici 8", "smoke.mjs", "undici-8", 11],
];

describe.each([thisNode, node22, node24, node26].map((node) => [node.name, node] as const))("%s", (_, { binary, major, skipped }) => {
  // undici 8 needs a newer Node than the package does.
  const possible = ways.filter(([, , dispatcher]) => dispatcher !== "undici-8" || major >= 22);
  it.skipIf(skipped).each(possible)("%s", async (name, file, dispatcher, executed) => {
    const cwd = join(inject("consumers"), "smoke");
    const tap = await run(binary, ["--test-reporter=tap", file], { cwd, env: { DISPATCHER: dispatcher } });
    const count = (result: string): number => Number(new RegExp(`^# ${result} (\\d+)$`, "m").exec(tap)?.[1]);
    expect({ passed: count("pass"), failed: count("fail") }, `${name}:\n${tap}`).toEqual({ passed: executed, failed: 0 });
  });
});
