import { readFile, writeFile } from "node:fs/promises";
import { defineConfig, type Options } from "tsup";

/** jose is ESM only: Jest's default CommonJS mode cannot load it, so the CommonJS build carries it. */
const bundled = ["jose"];
/** Needed by the command line program alone, and no dependency of those who only import the library. */
const bundledInProgram = ["commander"];

// One entry per subpath of package.json "exports"; test/package compares the two.
const shared: Options = {
  entry: [
    "src/index.ts",
    "src/handlers/fastify.ts",
    "src/handlers/fetch.ts",
    "src/handlers/node.ts",
    "src/sdk/hubspot-api-client.ts",
    "src/stores/encrypted.ts",
    "src/stores/file.ts",
    "src/stores/postgres.ts",
    "src/stores/redis.ts",
    "src/testing/index.ts",
    "src/testing/msw.ts",
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

/** The program imports the library's published files as any application does: one copy of it, shared with the user's configuration. */
const publishedFiles: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "published files stay outside",
  setup(building) {
    building.onResolve({ filter: /^(?:\.\.\/)+(?:index|testing\/index|stores\/[\w-]+)\.js$/ }, ({ path }) => ({
      path: path.replace(/^(?:\.\.\/)+/, "../"),
      external: true,
    }));
  },
};

/** `hubspot-oauth`, the bin: one file. */
const program: Options = {
  ...shared,
  entry: { "cli/hubspot-oauth": "src/cli/hubspot-oauth.ts" },
  format: "esm",
  splitting: false,
  dts: false,
  clean: false,
  noExternal: bundledInProgram,
  // commander is CommonJS.
  banner: { js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);` },
  esbuildPlugins: [publishedFiles],
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
  program,
]);

/** The licences of what the package carries inside its own files have to travel with it. */
async function writeLicenses(): Promise<void> {
  const parts = [
    ["The CommonJS files of this package contain code of:", bundled, "LICENSE.md"],
    ["Its program, dist/cli/hubspot-oauth.js, contains code of:", bundledInProgram, "LICENSE"],
  ] as const;
  const texts: string[] = [];
  for (const [what, names, file] of parts) {
    texts.push(what);
    for (const name of names) texts.push(`${name}\n\n${await readFile(`node_modules/${name}/${file}`, "utf8")}`);
  }
  await writeFile("dist/THIRD-PARTY-LICENSES.txt", texts.join("\n\n"));
}
