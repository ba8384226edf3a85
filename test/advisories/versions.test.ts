/** SC-01 What this package runs on is at versions in which the published vulnerabilities are mended, in the lock file and in what it asks for. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const { dependencies } = read("package.json") as { readonly dependencies: Readonly<Record<string, string>> };
const { packages } = read("package-lock.json") as { readonly packages: Readonly<Record<string, { readonly version: string }>> };

/** The first versions without a known one: undici since September 2026 (CVE-2026-18149 and those of its day), jose since CVE-2024-28176. */
const FLOORS: Readonly<Record<string, string>> = { undici: "7.29.1", jose: "4.15.5" };

function isAtLeast(version: string, floor: string): boolean {
  const parts = (text: string): number[] => text.split(".").map(Number);
  const [a, b] = [parts(version), parts(floor)];
  const index = a.findIndex((part, position) => part !== b[position]);
  return index === -1 || (a[index] ?? 0) > (b[index] ?? 0);
}

it("SC-01 versions are compared by number", () => {
  expect([isAtLeast("7.29.1", "7.29.1"), isAtLeast("7.30.0", "7.29.1"), isAtLeast("10.0.0", "9.9.9")]).toEqual([true, true, true]);
  expect([isAtLeast("7.29.0", "7.29.1"), isAtLeast("6.99.99", "7.0.0")]).toEqual([false, false]);
});

it.each(Object.entries(FLOORS))("SC-01 %s is not older than %s", (name, floor) => {
  expect(isAtLeast(packages[`node_modules/${name}`]?.version ?? "0.0.0", floor)).toBe(true);
  expect(dependencies[name]).toMatch(/^\^\d+\.\d+\.\d+$/);
  expect(isAtLeast(dependencies[name]?.slice(1) ?? "0.0.0", floor)).toBe(true);
});
