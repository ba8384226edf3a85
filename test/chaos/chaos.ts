/** The chaos run: every configuration in turn, a table, and exit code 1 when a grant was lost that a client could have kept. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWorker, SHORT_TIMES } from "../processes/support/worker-bundle.js";
import { hasPostgres, type PostgresServer, startPostgres } from "../support/servers/postgres.js";
import { hasRedis, type RedisServer, startRedis } from "../support/servers/redis.js";
import { type Result, runConfiguration } from "./chaos-run.js";
import { CONFIGURATIONS, type Configuration } from "./configurations.js";

const HELP = `npm run test:chaos -- [options]

  --quick          5 seconds for each configuration
  --seconds <n>    how long each takes              15
  --only <text>    those whose name or store contains it
`;

/** Answers the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      seconds: { type: "string", default: "15" },
      only: { type: "string", default: "" },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const forMs = flags.quick ? 5_000 : Number(flags.seconds) * 1_000;
  if (!(forMs > 0)) throw new TypeError("--seconds must be a number.");
  // Exit handlers end the servers, and their channel ends the workers.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

  const rows = CONFIGURATIONS.flatMap((configuration) => configuration.stores.map((store) => ({ configuration, store }))).filter(
    ({ configuration, store }) => `${configuration.name}, ${store}`.toLowerCase().includes(flags.only.toLowerCase()),
  );
  const missing = [hasRedis() ? [] : ["redis"], hasPostgres() ? [] : ["postgres"]].flat();
  for (const store of missing) console.log(`There is no ${store} on this machine: its rows are left out.`);

  const bundle = await buildWorker(SHORT_TIMES);
  const redis = hasRedis() ? await startRedis() : undefined;
  const postgres = hasPostgres() ? await startPostgres() : undefined;
  let outages = 0;
  print(HEADINGS);
  try {
    for (const [index, { configuration, store }] of rows.entries()) {
      if (missing.includes(store)) continue;
      const result = await withServers(configuration, redis, postgres, (servers) =>
        runConfiguration(configuration, { ...servers, bundle: bundle.path, store, forMs, namespace: `chaos-${index}` }),
      );
      outages += result.outages.length;
      print(cellsOf(configuration, store, result));
      for (const outage of result.outages) console.log(`    ${outage}`);
    }
  } finally {
    await Promise.all([redis?.stop(), postgres?.stop()]);
    bundle.remove();
  }
  console.log(outages === 0 ? "\nNo grant was lost that a client could have kept." : `\n${outages} outages without an excuse.`);
  return outages === 0 ? 0 : 1;
}

/** Gives a configuration that needs one a Redis of its own, on disk. */
async function withServers(
  { durable = false }: Configuration,
  redis: RedisServer | undefined,
  postgres: PostgresServer | undefined,
  use: (servers: { readonly redis: RedisServer | undefined; readonly postgresUrl: string }) => Promise<Result>,
): Promise<Result> {
  const postgresUrl = postgres?.url ?? "";
  if (!durable) return use({ redis, postgresUrl });
  const directory = mkdtempSync(join(tmpdir(), "chaos-redis-"));
  const own = await startRedis({ args: ["--appendonly", "yes", "--appendfsync", "always", "--dir", directory] });
  try {
    return await use({ redis: own, postgresUrl });
  } finally {
    await own.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const HEADINGS = ["configuration", "store", "faults", "calls", "failed", "refreshes", "AS errors", "outages", "excused"];
const WIDTHS = [31, 10, 8, 8, 8, 11, 11, 9, 10];

function print(cells: readonly string[]): void {
  console.log(
    cells
      .map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0))
      .join(" ")
      .trimEnd(),
  );
}

function cellsOf({ name }: Configuration, store: string, result: Result): string[] {
  const { strikes, calls, failures, refreshes, refusals, outages, excused } = result;
  const failed = [...failures.values()].reduce((sum, count) => sum + count, 0);
  return [name, store, ...[strikes, calls, failed, refreshes, refusals, outages.length].map(String), excused.join(" ") || "0"];
}
