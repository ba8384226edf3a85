/** No row of the fault list may lose its test. The list has forty rows; a title begins with its own, or has it behind the place it is tested at. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const ROWS = 40;

it("every fault of the list has a test in this folder that names it", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".test.ts") && !import.meta.filename.endsWith(name));
  const text = files.map((name) => readFileSync(`${import.meta.dirname}/${name}`, "utf8")).join("\n");
  const named = new Set([...text.matchAll(/["`]row (\d\d) /g)].map(([, row]) => Number(row)));
  expect([...named].toSorted((a, b) => a - b)).toEqual(Array.from({ length: ROWS }, (_, index) => index + 1));
});
