import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { defineConfig, type Options } from "tsup";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** jose is ESM only: Jest's default CommonJS mode cannot load it, so the CommonJS build carries it. */
const bundled = ["jose"];
/** Needed by the command line program alone, and no dependency of those who only import the library. */
const bundledInProgram = ["commander"];

// One entry per subpath of package.json "exports"; test/package compares the two.
const entry = [
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
];

/**
 * What is documented stands in the declarations; esbuild would keep some comments and drop others. Names and lines stay, for stack traces.
 * Not by esbuild's own minifying, which would put whole objects on one line.
 */
const withoutComments: Plugin = {
  name: "without comments",
  setup(building) {
    building.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const { outputText } = transpileModule(source, { fileName: path, compilerOptions: { ...compilerOptions, removeComments: true } });
      return { contents: outputText, loader: "js" };
    });
    // Other people's code is not read here.
    building.onLoad({ filter: /node_modules[\\/](?:commander|jose)[\\/].*\.js$/ }, async ({ path }) => {
      const { code } = await building.esbuild.transform(await readFile(path, "utf8"), { minify: true, legalComments: "none" });
      return { contents: code, loader: "js" };
    });
  },
};

const compilerOptions = { target: ScriptTarget.ESNext, module: ModuleKind.ESNext, verbatimModuleSyntax: true };

/**
 * The emulator and the battery for stores import nothing of the library, and are built once, as CommonJS, which both formats load: a copy
 * for each would be a quarter of the package.
 */
const testingOnce: Plugin = {
  name: "testing is built once",
  setup(building) {
    building.onLoad({ filter: /src[\\/]testing[\\/]index\.ts$/ }, async ({ path }) => {
      const { code } = await building.esbuild.transform(await readFile(path, "utf8"), { loader: "ts" });
      return { contents: code.replaceAll(/ from "[^"]+"/g, ' from "../cjs/testing/index.js"'), loader: "js" };
    });
    building.onResolve({ filter: /^\.\.\/cjs\// }, ({ path }) => ({ path, external: true }));
    building.onResolve({ filter: /\/hubspot-emulator\.js$/ }, () => ({ path: "./index.js", external: true }));
  },
};

const shared: Options = {
  entry,
  target: "node20.19",
  platform: "node",
  splitting: true,
  // Left in place: some modules of Node exist only under `node:`.
  removeNodeProtocol: false,
  sourcemap: false,
  clean: false,
  tsconfig: "tsconfig.build.json",
  dts: false,
  esbuildOptions: (options) => {
    // Node 20 knows \p{…}; esbuild would make the expression anew at every use, in case a version of Unicode is too new.
    options.supported = { ...options.supported, "regexp-unicode-property-escapes": true };
  },
  esbuildPlugins: [withoutComments],
};

/** The program imports the library's published files as any application does: one copy of it, shared with the user's configuration. */
const publishedFiles: Plugin = {
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
  noExternal: bundledInProgram,
  // commander is CommonJS.
  banner: { js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);` },
  esbuildPlugins: [publishedFiles, withoutComments],
};

export default defineConfig([
  {
    ...shared,
    format: "esm",
    clean: true, // The first to start cleans for all.
    esbuildPlugins: [testingOnce, withoutComments],
  },
  {
    ...shared,
    format: "cjs",
    outDir: "dist/cjs",
    // In a folder of their own, under the same names: npm sorts an archive by extension and name, so most files stand beside their twins
    // and take next to no room in it.
    outExtension: () => ({ js: ".js" }),
    noExternal: bundled,
    // Load-bearing: without it tsup passes the chunks through sucrase, which breaks jose's classes and leaves a file that does not parse.
    treeshake: true,
    onSuccess: async () => {
      await writeFile("dist/cjs/package.json", `${JSON.stringify({ type: "commonjs" })}\n`);
      await writeDeclarations();
      await writeLicenses();
    },
  },
  program,
  { ...shared, format: "cjs", dts: { only: true, compilerOptions: { ignoreDeprecations: "6.0" } } },
]);

/**
 * The declarations for CommonJS serve both formats: an ES module may import a CommonJS one, not the other way round. They are
 * half the size, and a class has one type, whichever way it was loaded.
 */
async function writeDeclarations(): Promise<void> {
  for (const file of entry) {
    const declared = file.replace(/^src\/(.*)\.ts$/, "dist/$1");
    await writeFile(`${declared}.d.ts`, `export * from "./${basename(declared)}.cjs";\n`);
  }
}

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
