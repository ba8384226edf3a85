import { defineConfig, type Options } from "tsup";

// One entry per subpath of package.json "exports"; test/package compares the two.
const shared: Options = {
  entry: ["src/index.ts", "src/testing/index.ts", "src/testing/register.ts"],
  target: "node20.19",
  platform: "node",
  splitting: true,
  sourcemap: false,
  clean: true,
  dts: { compilerOptions: { ignoreDeprecations: "6.0" } },
};

export default defineConfig([
  { ...shared, format: "esm" },
  // jose is ESM only: Jest's default CommonJS mode cannot load it, so this build carries it. `treeshake` is load-bearing:
  // without it tsup passes the chunks through sucrase, which breaks jose's classes and leaves a file that does not parse.
  { ...shared, format: "cjs", noExternal: ["jose"], treeshake: true },
]);
