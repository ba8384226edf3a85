// `npm run test:chaos`: several processes of one application over one store, while everything around them breaks. See --help. The program
// is chaos.ts, built here together with the sources as they are.
import { rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "tsup";

process.chdir(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
// Inside node_modules, where it finds the packages that it is built on.
const directory = resolve(`node_modules/.cache/hubspot-oauth-chaos-${process.pid}`);
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));

await build({
  ...{ config: false, silent: true, format: "esm", target: "node20.19", skipNodeModulesBundle: true },
  entry: { chaos: "test/chaos/chaos.ts" },
  outDir: directory,
  outExtension: () => ({ js: ".mjs" }),
});
const { main } = await import(pathToFileURL(`${directory}/chaos.mjs`).href);
process.exitCode = await main(process.argv.slice(2));
