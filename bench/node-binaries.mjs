// The Node binaries that a benchmark measures: this one, those of tools/node, or any by its path.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The binary of a major version ("24"), or at a path. */
export function nodeBinary(version) {
  if (!/^\d+$/.test(version)) {
    const binary = resolve(version);
    if (!existsSync(binary)) throw new Error(`There is no ${binary}.`);
    return binary;
  }
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const binary = join(ROOT, `tools/node/node_modules/node-${version}/bin/node`);
  if (!existsSync(binary)) throw new Error(`Node ${version} is not in tools/node: npm ci --prefix tools/node`);
  return binary;
}

/** Those of a list such as "20,22,24,26". */
export function nodeBinaries(list) {
  return list.split(",").map((version) => nodeBinary(version.trim()));
}
