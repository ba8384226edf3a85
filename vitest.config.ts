import { defineConfig, type Plugin } from "vitest/config";

/** Shows every error of the library to test/support/canaries/sweep.ts, also one that nobody looks at. */
const errorsAreSeen: Plugin = {
  name: "errors-are-seen",
  enforce: "pre",
  transform(code, id) {
    if (!id.endsWith("/src/errors.ts")) return undefined;
    const end = "this.retryable = options.retryable ?? false;";
    if (!code.includes(end)) throw new Error("The constructor of HubSpotOAuthError is not what it was: vitest.config.ts has to follow.");
    return code.replace(end, `${end} globalThis[Symbol.for("hubspot-oauth.test.error")]?.(this);`);
  },
};

export default defineConfig({
  test: {
    // A test that reaches no assertion has not tested anything.
    expect: { requireAssertions: true },
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      // test/cli runs the program as its users do, in processes of its own: nothing of it is counted here.
      exclude: ["src/cli/**"],
      reporter: ["text-summary", "json-summary"],
      reportOnFailure: true,
      thresholds: { lines: 97, branches: 92 },
    },
    projects: [
      {
        extends: true,
        plugins: [errorsAreSeen],
        test: {
          name: "library",
          include: ["test/**/*.test.ts"],
          exclude: ["test/package/**"],
          globalSetup: ["test/support/servers/global-setup.ts", "test/support/canaries/summary.ts"],
          setupFiles: "test/support/canaries/sweep.ts",
          testTimeout: 20_000,
        },
      },
      {
        // The built package: needs `npm run build`, the registry and, for the other Node versions, `npm ci --prefix tools/node`.
        extends: true,
        test: {
          name: "package",
          include: ["test/package/*.test.ts"],
          globalSetup: "test/package/installation.ts",
          testTimeout: 120_000,
        },
      },
    ],
  },
});
