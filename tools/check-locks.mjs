// Checks every package-lock.json of the tree (or of the folder named) for what `npm install` lets through: an optional dependency that is
// named but not locked makes `npm ci` fail on the next machine, a download address ties the lock to one registry, and a version with an
// advisory that concerns HTTP, TLS or tokens must not come in by a back door. Needs no network, so it holds where `npm audit` has none.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/**
 * By package and major version: the first release without a known advisory. A major that is not named here is newer than all of them, or was
 * never mended: then it stands with `undefined`.
 */
const FLOORS = {
  // CVE-2026-6733 (one answer for another request), -1525, -15157, -18149, -18540, -84890, -84933, -84947 and others; GHSA-vp8m-p9jh-q5pm
  undici: { 4: undefined, 5: undefined, 6: "6.28.1", 7: "7.29.1", 8: "8.10.2" },
  jose: { 2: "2.0.7", 3: undefined, 4: "4.15.5" }, // CVE-2022-36083, CVE-2024-28176
  axios: { 0: "0.30.0", 1: "1.12.0" }, // CVE-2024-39338, CVE-2025-27152, CVE-2025-58754
  "follow-redirects": { 1: "1.15.6" }, // CVE-2022-0155, CVE-2022-0536, CVE-2024-28849
  "node-fetch": { 1: undefined, 2: "2.6.7", 3: "3.1.1" }, // CVE-2022-0235
  got: { 10: undefined, 11: "11.8.5", 12: "12.1.0" }, // CVE-2022-33987
};

function* lockFilesIn(folder) {
  if (existsSync(join(folder, "package-lock.json"))) yield join(folder, "package-lock.json");
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== "node_modules" && entry.name !== ".git") yield* lockFilesIn(join(folder, entry.name));
  }
}

/** Looks where npm would, from the package at `path`: in its own node_modules first, then in each one above. */
function isLocked(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    if (packages[at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`]) return true;
    if (at === "") return false;
  }
}

/** What is wrong with a version, if anything is. */
function advisoryOf(name, version) {
  const parts = version.split(/[.+-]/, 3).map(Number);
  const floors = FLOORS[name];
  if (floors === undefined || !(parts[0] in floors)) return undefined;
  const floor = floors[parts[0]];
  if (floor === undefined) return `${name} ${version} has a known advisory, and its major version no release without one`;
  const least = floor.split(".").map(Number);
  const differing = parts.findIndex((part, index) => part !== least[index]);
  const older = differing === -1 ? version.includes("-") : parts[differing] < least[differing];
  return older ? `${name} ${version} has a known advisory: ${floor} or newer` : undefined;
}

function problemsOf(lock) {
  const problems = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    const advisory = entry.version && advisoryOf(entry.name ?? path.split("node_modules/").at(-1), entry.version);
    if (advisory) problems.push(`${path}: ${advisory}`);
    if (entry.resolved !== undefined) problems.push(`${path} carries a download address`);
    if (path !== "" && entry.integrity === undefined) problems.push(`${path} has no integrity`);
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (!isLocked(lock.packages, path, name)) problems.push(`${path} names ${name}, which is not locked`);
    }
  }
  return problems;
}

const files = [...lockFilesIn(process.argv[2] ?? ".")];
const problems = files.flatMap((file) => problemsOf(JSON.parse(readFileSync(file, "utf8"))).map((problem) => `${file}: ${problem}`));
if (files.length === 0) problems.push("no package-lock.json was found");
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
