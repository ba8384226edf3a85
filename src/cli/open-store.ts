/**
 * A token store by its address: `file:DIR`, `redis://...`, `postgres://...`, with encryption around it when there are keys. The database
 * drivers are the user's own, found from the project's folder. An address may hold a password: it is never quoted.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type TokenStore, TokenStoreError } from "../index.js";
import { EncryptedTokenStore } from "../stores/encrypted.js";
import { FileTokenStore } from "../stores/file.js";
import { type PostgresPool, PostgresTokenStore } from "../stores/postgres.js";
import { type IoredisClient, type NodeRedisClient, RedisTokenStore } from "../stores/redis.js";
import { SettingsError } from "./exit-status.js";
import { type Settings, VARIABLES } from "./settings.js";

/** How long a command waits for a database, in milliseconds: less than the 5 s after which the library gives up. */
const CONNECT_TIMEOUT_MS = 4_000;

/** A store and what has to be closed after it. */
export interface OpenedStore {
  readonly tokenStore: TokenStore;
  close(): Promise<unknown>;
}

/** Opens what is configured; a store that the configuration brings is taken as it is. @throws SettingsError */
export async function openStore(
  settings: Settings,
  { migratePlaintext = false }: { readonly migratePlaintext?: boolean } = {},
): Promise<OpenedStore> {
  if (settings.tokenStore !== undefined) return { tokenStore: settings.tokenStore, close: () => Promise.resolve() };
  const inner = await openByAddress(settings);
  const { encryptionKeys: keys } = settings;
  if (keys === undefined) return inner;
  try {
    return { ...inner, tokenStore: new EncryptedTokenStore({ store: inner.tokenStore, keys, migratePlaintext }) };
  } catch (error) {
    await inner.close();
    throw error instanceof TypeError ? new SettingsError(`The encryption keys are not right: ${error.message}`) : error;
  }
}

async function openByAddress({ store, namespace, folder }: Settings): Promise<OpenedStore> {
  if (store === undefined) {
    throw new SettingsError(
      `No token store is configured. Set ${VARIABLES.store}, or "store" in the configuration file: file:.hubspot-oauth, redis://host:6379 or postgres://user@host/database.`,
    );
  }
  const scheme = /^[a-z]+(?=:)/.exec(store)?.[0];
  try {
    switch (scheme) {
      case "file":
        if (namespace !== undefined)
          throw new SettingsError("namespace is for redis and postgres. A file store has a directory of its own.");
        return { tokenStore: new FileTokenStore({ directory: directoryOf(store, folder) }), close: () => Promise.resolve() };
      case "redis":
      case "rediss":
        return await openRedis(store, namespace, folder);
      case "postgres":
      case "postgresql":
        return await openPostgres(store, namespace, folder);
      default:
        throw new SettingsError(
          `store must begin with file:, redis:, rediss:, postgres: or postgresql:${scheme === undefined ? "" : `, not ${scheme}:`}.`,
        );
    }
  } catch (error) {
    if (error instanceof TypeError) throw new SettingsError(`The token store cannot be opened: ${error.message}`);
    throw error;
  }
}

function directoryOf(address: string, folder: string): string {
  const directory = address.startsWith("file://") ? fileURLToPath(address) : address.slice("file:".length);
  if (directory === "") throw new SettingsError("store names no directory: file:.hubspot-oauth, for example.");
  return resolve(folder, directory);
}

async function openRedis(url: string, namespace: string | undefined, folder: string): Promise<OpenedStore> {
  const driver = await importDriver(["ioredis", "redis"], folder);
  if (driver.name === "ioredis") {
    const { Redis } = driver.exports as {
      readonly Redis: new (url: string, options: object) => IoredisClient & Listening & { disconnect(): void };
    };
    const client = new Redis(url, {
      connectTimeout: CONNECT_TIMEOUT_MS,
      maxRetriesPerRequest: 1,
      retryStrategy: (attempt: number) => (attempt > 2 ? null : 200),
    });
    // The store tells what failed; without a listener the driver prints it as well.
    client.on("error", () => undefined);
    return { tokenStore: new RedisTokenStore({ client, namespace }), close: () => Promise.resolve(client.disconnect()) };
  }
  const { createClient } = driver.exports as {
    readonly createClient: (options: object) => NodeRedisClient & Listening & { connect(): Promise<unknown>; destroy(): void };
  };
  const client = createClient({ url, socket: { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false } });
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    const driverCode = (error as NodeJS.ErrnoException).code;
    throw new TokenStoreError(`Redis cannot be reached: ${driverCode ?? "it refused the connection"}.`, {
      operation: "connect",
      driverCode,
    });
  }
  return { tokenStore: new RedisTokenStore({ client, namespace }), close: () => Promise.resolve(client.destroy()) };
}

async function openPostgres(connectionString: string, namespace: string | undefined, folder: string): Promise<OpenedStore> {
  const { exports } = await importDriver(["pg"], folder);
  const { Pool } = exports as { readonly Pool: new (options: object) => PostgresPool & Listening & { end(): Promise<void> } };
  const pool = new Pool({ connectionString, max: 4, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, statement_timeout: CONNECT_TIMEOUT_MS });
  // An idle connection that breaks is replaced at the next query.
  pool.on("error", () => undefined);
  return { tokenStore: new PostgresTokenStore({ pool, namespace }), close: () => pool.end() };
}

interface Listening {
  on(event: "error", listener: () => void): unknown;
}

/** The first of the drivers that the project has. */
async function importDriver(names: readonly string[], folder: string): Promise<{ readonly name: string; readonly exports: object }> {
  const require = createRequire(join(folder, "package.json"));
  for (const name of names) {
    let path: string;
    try {
      path = require.resolve(name);
    } catch {
      // Not installed: the next one may be.
      continue;
    }
    const module = (await import(pathToFileURL(path).href)) as { readonly default?: object };
    return { name, exports: { ...module.default, ...module } };
  }
  throw new SettingsError(
    `The store needs the package ${names.join(" or ")}, which is not installed in ${folder}: npm install ${names[0]}`,
  );
}
