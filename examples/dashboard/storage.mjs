// @ts-check
/**
 * Where things are kept: PostgreSQL when `DATABASE_URL` is set, else files under `DATA_DIRECTORY`. Tokens are sealed before they get there, with
 * `TOKEN_KEY` (base64 of 32 random bytes), or with a key that is made once and kept beside them, in a file that only you can read. That one
 * is for trials: who copies the folder has the key as well.
 */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MemoryStateStore } from "hubspot-oauth";
import { EncryptedTokenStore } from "hubspot-oauth/stores/encrypted";
import { FileTokenStore } from "hubspot-oauth/stores/file";
import { PostgresStateStore, PostgresTokenStore } from "hubspot-oauth/stores/postgres";
import pg from "pg";
import { FileConnections, PostgresConnections } from "./connections.mjs";

/** @param {Record<string, string | undefined>} env */
export async function openStorage({ DATABASE_URL, DATA_DIRECTORY = ".data", NAMESPACE = "dashboard", TOKEN_KEY }) {
  const directory = join(DATA_DIRECTORY, NAMESPACE);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const keys = [{ id: "1", key: TOKEN_KEY ?? (await ownKey(join(directory, "token.key"))) }];
  if (DATABASE_URL === undefined) {
    const store = new FileTokenStore({ directory: join(directory, "tokens") });
    return {
      name: `files in ${directory}`,
      tokenStore: new EncryptedTokenStore({ store, keys }),
      stateStore: new MemoryStateStore(), // used states of this process: enough, as long as there is one
      connections: new FileConnections(join(directory, "connections.json")),
      clear: () => rm(directory, { recursive: true, force: true }),
      close: async () => undefined,
    };
  }
  const pool = new pg.Pool({ connectionString: DATABASE_URL, connectionTimeoutMillis: 3_000 });
  pool.on("error", (error) => console.error("PostgreSQL:", error.message)); // an idle connection broke; the next query makes another
  const store = new PostgresTokenStore({ pool, namespace: NAMESPACE });
  const stateStore = new PostgresStateStore({ pool, namespace: NAMESPACE });
  const connections = new PostgresConnections(pool, NAMESPACE);
  await Promise.all([store.createTables(), stateStore.createTables(), connections.createTable()]);
  return {
    name: `PostgreSQL, namespace ${NAMESPACE}`,
    tokenStore: new EncryptedTokenStore({ store, keys }),
    stateStore,
    connections,
    async clear() {
      for await (const accountId of store.list()) await store.delete(accountId);
      await connections.clear();
    },
    close: () => pool.end(),
  };
}

/** @param {string} file */
async function ownKey(file) {
  try {
    // `wx`: of two processes that start at once, one makes the key, and both read it.
    await writeFile(file, randomBytes(32).toString("base64"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
    await chmod(file, 0o600);
  }
  return readFile(file, "utf8");
}
