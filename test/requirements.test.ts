/**
 * No rule of the authorization side may lose its test. The rules are numbered: A authorize URL, ST state, CB callback, PK PKCE, CI code injection,
 * MX mix-up, AB account binding, OR open redirects. A title begins with the number of its rule, or with several.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/** How many rules each has. */
const RULES: Readonly<Record<string, number>> = { A: 6, ST: 13, CB: 10, PK: 6, CI: 1, MX: 4, AB: 3, OR: 2 };

/** Rules that are not taken, and why. */
const NOT_TAKEN: Readonly<Record<string, string>> = {
  // RFC 9207 is for clients of several authorization servers. One of ours has one, fixed when it was made, and its state opens nowhere else
  // (MX-01, MX-04). HubSpot sends no `iss` and publishes no issuer to compare one with: a guess would refuse good callbacks on the day it does.
  "MX-02": "an iss that comes is not compared, only refused when it is repeated (CB-01)",
  "MX-03": "an iss cannot be demanded",
};

it("every rule has a test whose title begins with its number, and what is not taken has none", () => {
  const folder = new URL("./", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const named = new Set<string>();
  for (const name of files) {
    const path = fileURLToPath(new URL(name, folder));
    if (path === import.meta.filename) continue;
    for (const [title] of readFileSync(path, "utf8").matchAll(/(?<=["`])(?:(?:A|ST|CB|PK|CI|MX|AB|OR)-\d\d )+/g))
      for (const id of title.trim().split(" ")) named.add(id);
  }
  const all = Object.entries(RULES).flatMap(([kind, count]) =>
    Array.from({ length: count }, (_, index) => `${kind}-${String(index + 1).padStart(2, "0")}`),
  );
  const replayed = /^A-1\d$/; // A-10 and on are reports of `peer-bugs.test.ts`.
  expect([...named].filter((id) => !replayed.test(id)).toSorted()).toEqual(all.filter((id) => NOT_TAKEN[id] === undefined).toSorted());
});
