// What a package weighs: its entries as a bundler leaves them, the archive that is published, and the folders that an installation gets.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
// The bundler that builds the package.
const { build } = createRequire(createRequire(import.meta.url).resolve("tsup"))("esbuild");

/**
 * An entry, bundled and minified: `{ min, gzip, parts }`, in bytes. `parts` says how much each source file keeps. Its dependencies
 * stay outside unless `dependencies` is true.
 */
export async function bundleSize(entry, { dependencies = false, format = "esm" } = {}) {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    treeShaking: true,
    format,
    platform: "node",
    target: "node20.19",
    legalComments: "none",
    ...(!dependencies && { packages: "external" }),
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const [{ contents }] = outputFiles;
  const [output] = Object.values(metafile.outputs);
  const parts = Object.entries(output.inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput]);
  return { min: contents.length, gzip: gzipSync(contents, { level: 9 }).length, parts: parts.sort((a, b) => b[1] - a[1]) };
}

/** The entries that package.json names, `[subpath, file]`. */
export function entriesOf(folder) {
  const { exports: subpaths } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return Object.entries(subpaths)
    .filter(([, target]) => typeof target === "object")
    .map(([subpath, target]) => [subpath, join(folder, target.import.default)]);
}

/** The archive as `npm pack` would make it of a folder: `{ packed, unpacked, files }`. */
export function archiveOf(folder) {
  // Not the folder's own scripts: they would build, and an installed package cannot.
  const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", folder], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 2 ** 26,
  });
  const [{ size, unpackedSize, entryCount }] = Object.values(JSON.parse(output));
  return { packed: size, unpacked: unpackedSize, files: entryCount };
}

/** What stands in node_modules for the dependencies of a package: `{ packages, bytes, files }`, the package itself left out. */
export function dependenciesOf(folder) {
  const found = new Set();
  const visit = (from) => {
    const { dependencies = {} } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
    for (const name of Object.keys(dependencies)) {
      const at = resolvePackage(name, from);
      if (found.has(at)) continue;
      found.add(at);
      visit(at);
    }
  };
  visit(folder);
  const sizes = [...found].map(folderSize);
  return { packages: found.size, bytes: sum(sizes.map(({ bytes }) => bytes)), files: sum(sizes.map(({ files }) => files)) };
}

/** As Node looks for it: in the node_modules of each folder upwards. */
function resolvePackage(name, from) {
  for (let folder = realpathSync(from); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return realpathSync(candidate);
  }
  throw new Error(`${name}, which ${from} depends on, is not installed: npm ci`);
}

/** Nested packages count by themselves. */
function folderSize(folder) {
  let bytes = 0;
  let files = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const inner = folderSize(path);
      bytes += inner.bytes;
      files += inner.files;
    } else {
      bytes += statSync(path).size;
      files++;
    }
  }
  return { bytes, files };
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
