/**
 * One Redis and one PostgreSQL for the whole run, from what the machine has. Tests take them by `inject("redisPort")` and
 * `inject("postgresUrl")` and keep apart by namespaces and tables of their own; those in a browser start the Chromium that is found
 * here. Where one is missing, its tests are skipped and a line says so; with CI set, that is a failure.
 */
import type { TestProject } from "vitest/node";
import { findChromium } from "./chromium.js";
import { hasPostgres, startPostgres } from "./postgres.js";
import { hasRedis, startRedis } from "./redis.js";

declare module "vitest" {
  interface ProvidedContext {
    readonly redisPort: number | undefined;
    readonly postgresUrl: string | undefined;
    /** The program; `describeInBrowser` of test/support/browser.ts starts it. */
    readonly chromium: string | undefined;
  }
}

const services = [
  { name: "Redis", present: hasRedis(), install: "apt-get install redis-server" },
  { name: "PostgreSQL", present: hasPostgres(), install: "apt-get install postgresql" },
  { name: "Chromium", present: findChromium() !== undefined, install: "apt-get install chromium, or name it in CHROMIUM" },
];

/** Starts the servers; answers how to end them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  for (const { name, present, install } of services) {
    if (present) continue;
    const message = `${name} is not on this machine: its tests do not run. To run them: ${install}`;
    if (process.env["CI"] !== undefined) throw new Error(message);
    console.warn(message);
  }
  project.provide("chromium", findChromium());
  const redis = hasRedis() ? await startRedis() : undefined;
  try {
    const postgres = hasPostgres() ? await startPostgres({ settings: { max_connections: "200" } }) : undefined;
    project.provide("redisPort", redis?.port);
    project.provide("postgresUrl", postgres?.url);
    return async () => {
      await Promise.all([redis?.stop(), postgres?.stop()]);
    };
  } catch (error) {
    await redis?.stop();
    throw error;
  }
}
