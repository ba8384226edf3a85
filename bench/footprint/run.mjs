// `npm run bench:footprint`: what the package weighs and what importing it costs, beside its own dependencies and HubSpot's SDK. See --help.
import { execFileSync } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeBinaries } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { importCosts, summarize, WAYS } from "./import-cost.mjs";
import { archiveOf, bundleSize, dependenciesOf, entriesOf } from "./package-sizes.mjs";
import { chartsOf, tablesOf } from "./report.mjs";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SDK = "hubspot-api-client-14";
const HELP = `npm run bench:footprint -- [options]

  --quick              a few seconds: for trying it out, not for numbers
  --rounds <n>         imports of each contender, each in a process     41
  --node <list>        versions (20, 22, ...) or paths of binaries; other versions than this one come from
                       tools/node (npm ci --prefix tools/node)          24
  --against <folder>   the dist of another build, imported in the same rounds
  --out <folder>       where the results are written                    bench/results; nowhere with --quick
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    node: { type: "string", default: "24" },
    against: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (flags.help) process.stdout.write(HELP);
else await main();

async function main() {
  const rounds = Number(flags.rounds ?? (flags.quick ? "3" : "41"));
  if (!Number.isInteger(rounds) || rounds < 1) throw new TypeError("--rounds must be a whole number of at least 1.");
  const sizes = await measureSizes();
  const imports = [];
  for (const { node, version } of nodeBinaries(flags.node).map(versioned)) {
    for (const way of Object.keys(WAYS)) {
      const costs = await importCosts({ node, way, rounds, dist: join(ROOT, "dist"), sdk: SDK, ...against() });
      imports.push({ version, way, summary: summarize(costs), costs });
    }
  }
  const tables = tablesOf({ sizes, imports });
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder === undefined) return;
  await saveResults(folder, "footprint", {
    title: "Footprint",
    command: "npm run bench:footprint",
    environment: await environment({
      node: [...new Set(imports.map(({ version }) => version))].join(", "),
      packages: ["undici", "zod", "jose", SDK, "esbuild"],
    }),
    intro: [
      "What the package weighs and what importing it costs, beside importing its three dependencies alone and beside `@hubspot/api-client` 14. " +
        "Every import is a process of its own; the contenders take turns. The SDK loads the classes of an API when it is first reached: that is not in its figures.",
      "kB are 1,000 bytes. The SDK covers every HubSpot API with a class of its own, and this package covers none: that is most of the difference in size.",
    ],
    tables,
    charts: chartsOf({ sizes, imports }),
    data: { sizes, imports },
  });
  console.log(`\nWritten to ${folder}`);
}

function against() {
  return flags.against === undefined ? {} : { against: resolve(flags.against) };
}

async function measureSizes() {
  const sdkFolder = join(ROOT, "node_modules", SDK);
  const sdkMain = join(sdkFolder, "lib/index.js");
  const entries = [];
  for (const [subpath, file] of entriesOf(ROOT)) entries.push({ subpath, ...withoutParts(await bundleSize(file)) });
  return {
    entries,
    mainBySource: (await bundleSize(join(ROOT, "src/index.ts"))).parts,
    main: {
      alone: withoutParts(await bundleSize(join(ROOT, "dist/index.js"))),
      complete: withoutParts(await bundleSize(join(ROOT, "dist/index.js"), { dependencies: true })),
    },
    sdk: {
      alone: withoutParts(await bundleSize(sdkMain)),
      complete: withoutParts(await bundleSize(sdkMain, { dependencies: true })),
    },
    archive: { ours: archiveOf(ROOT), sdk: archiveOf(sdkFolder) },
    dependencies: { ours: dependenciesOf(ROOT), sdk: dependenciesOf(sdkFolder) },
  };
}

function versioned(node) {
  return { node, version: execFileSync(node, ["--version"], { encoding: "utf8" }).trim().replace(/^v/, "") };
}

function withoutParts({ min, gzip }) {
  return { min, gzip };
}
