// @ts-check
/**
 * Which HubSpot accounts each tenant has connected: a table of the app's own, beside the tokens. It says who connected what and when; whether the
 * connection is alive, the library knows. In PostgreSQL, or in one file for a single process.
 */
import { readFile, rename, writeFile } from "node:fs/promises";

/**
 * @typedef {object} Connection
 * @property {string} accountId the key of its tokens
 * @property {string} tenantId
 * @property {string} hubId
 * @property {string} label what people know the account by
 * @property {string} connectedBy
 */

/**
 * @typedef {object} Connections
 * @property {(tenantId: string) => Promise<readonly Connection[]>} of
 * @property {(connection: Connection) => Promise<void>} save the same account again replaces what stands
 * @property {(accountId: string) => Promise<void>} remove
 */

/** @implements {Connections} */
export class PostgresConnections {
  #pool;
  #namespace;

  /**
   * @param {import("pg").Pool} pool
   * @param {string} namespace
   */
  constructor(pool, namespace) {
    this.#pool = pool;
    this.#namespace = namespace;
  }

  async createTable() {
    await this.#pool.query(`create table if not exists dashboard_connections (namespace text, account_id text, tenant_id text not null,
      hub_id text not null, label text not null, connected_by text not null, primary key (namespace, account_id))`);
  }

  /** @param {string} tenantId */
  async of(tenantId) {
    const { rows } = await this.#pool.query(
      `select account_id "accountId", tenant_id "tenantId", hub_id "hubId", label, connected_by "connectedBy"
       from dashboard_connections where namespace = $1 and tenant_id = $2 order by label`,
      [this.#namespace, tenantId],
    );
    return /** @type {Connection[]} */ (rows);
  }

  /** @param {Connection} connection */
  async save({ accountId, tenantId, hubId, label, connectedBy }) {
    await this.#pool.query(
      `insert into dashboard_connections values ($1, $2, $3, $4, $5, $6)
       on conflict (namespace, account_id) do update set label = excluded.label, connected_by = excluded.connected_by`,
      [this.#namespace, accountId, tenantId, hubId, label, connectedBy],
    );
  }

  /** @param {string} accountId */
  async remove(accountId) {
    await this.#pool.query("delete from dashboard_connections where namespace = $1 and account_id = $2", [this.#namespace, accountId]);
  }

  /** Takes everything of this namespace away. */
  async clear() {
    await this.#pool.query("delete from dashboard_connections where namespace = $1", [this.#namespace]);
  }
}

/** @implements {Connections} */
export class FileConnections {
  #file;
  #writing = Promise.resolve();

  /** @param {string} file */
  constructor(file) {
    this.#file = file;
  }

  /** @param {string} tenantId */
  async of(tenantId) {
    const all = await this.#read();
    return all.filter((connection) => connection.tenantId === tenantId).toSorted((a, b) => a.label.localeCompare(b.label));
  }

  /** @param {Connection} connection */
  async save(connection) {
    await this.#change((all) => [...all.filter(({ accountId }) => accountId !== connection.accountId), connection]);
  }

  /** @param {string} accountId */
  async remove(accountId) {
    await this.#change((all) => all.filter((connection) => connection.accountId !== accountId));
  }

  /** @returns {Promise<Connection[]>} */
  async #read() {
    try {
      return JSON.parse(await readFile(this.#file, "utf8"));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return [];
      throw error;
    }
  }

  /**
   * One change after the other.
   * @param {(all: Connection[]) => Connection[]} change
   */
  async #change(change) {
    const mine = this.#writing.then(async () => {
      const text = JSON.stringify(change(await this.#read()), undefined, 2);
      await writeFile(`${this.#file}.new`, text, { mode: 0o600 });
      await rename(`${this.#file}.new`, this.#file);
    });
    this.#writing = mine.catch(() => undefined); // its caller is told
    await mine;
  }
}
