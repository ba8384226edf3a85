// Whether the peers are installed, and which versions. They live in a package of their own, so that none of them is a dependency of ours.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const { dependencies } = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8"));

export const INSTALL = "npm ci --prefix bench/peers";

/** Name → version, or undefined when one of them is not there. */
export function peerVersions() {
  const versions = {};
  for (const name of Object.keys(dependencies)) {
    const manifest = join(FOLDER, "node_modules", name, "package.json");
    if (!existsSync(manifest)) return undefined;
    versions[name] = JSON.parse(readFileSync(manifest, "utf8")).version;
  }
  return versions;
}
