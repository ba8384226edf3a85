import { defineConfig } from "vitest/config";

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
      reporter: ["text-summary", "json-summary"],
      reportOnFailure: true,
      thresholds: { lines: 97, branches: 92 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: "library",
          include: ["test/**/*.test.ts"],
          exclude: ["test/package/**"],
          globalSetup: "test/support/servers/global-setup.ts",
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
