// Checks every package-lock.json of the tree (or of the folder named) for what `npm install` lets through: an optional dependency that is
// named but not locked makes `npm ci` fail on the next machine, and a download address ties the lock to one registry.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

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

function problemsOf(lock) {
  const problems = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
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
