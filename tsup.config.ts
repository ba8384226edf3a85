import { readFile, writeFile } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

/** jose is ESM only: Jest's default CommonJS mode cannot load it, so the CommonJS build carries it. */
const bundled = ["jose"];

// One entry per subpath of package.json "exports"; test/package compares the two.
const shared: Options = {
  entry: [
    "src/index.ts",
    "src/sdk/hubspot-api-client.ts",
    "src/stores/encrypted.ts",
    "src/stores/file.ts",
    "src/stores/postgres.ts",
    "src/stores/redis.ts",
    "src/testing/index.ts",
    "src/testing/register.ts",
  ],
  target: "node20.19",
  platform: "node",
  splitting: true,
  // Left in place: some modules of Node exist only under `node:`.
  removeNodeProtocol: false,
  sourcemap: false,
  clean: true,
  tsconfig: "tsconfig.build.json",
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
};

export default defineConfig([
  { ...shared, format: "esm" },
  {
    ...shared,
    format: "cjs",
    noExternal: bundled,
    // Load-bearing: without it tsup passes the chunks through sucrase, which breaks jose's classes and leaves a file that does not parse.
    treeshake: true,
    onSuccess: writeLicenses,
  },
]);

/** The licences of what the package carries inside its own files have to travel with it. */
async function writeLicenses(): Promise<void> {
  const texts = await Promise.all(bundled.map(async (name) => `${name}\n\n${await readFile(`node_modules/${name}/LICENSE.md`, "utf8")}`));
  await writeFile("dist/THIRD-PARTY-LICENSES.txt", `The CommonJS files of this package contain code of:\n\n${texts.join("\n\n")}`);
}
