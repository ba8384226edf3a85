/**
 * Tokens and used states in PostgreSQL, over a `pg` pool or anything with `query(text, values)`. Each operation is one statement, atomic by
 * itself at any isolation level: no transaction, no session state, so it works through pgbouncer's transaction pooling. All times are
 * the server's. Tables are made by `createTables()` and by nothing else.
 *
 * A record is JSON text, not jsonb: jsonb puts keys in another order, cannot hold every string and parses what only we read.
 */
import { randomUUID } from "node:crypto";
import { TokenStoreError } from "../errors.js";
import { PostgresClaims } from "./postgres-claims.js";
import { asciiJson, decodeText, encodeText, placeOf, type PostgresStoreOptions, PostgresTable } from "./postgres-table.js";
import type { Lease, StateStore, StoredTokens, TokenStore } from "./store.js";

export type { PostgresPool, PostgresStoreOptions } from "./postgres-table.js";

const LEASES = "_leases";
const IDS_PER_PAGE = 1_000;

/**
 * Keeps tokens in a table, and leases in another one named after it (`..._leases`): a lease needs no record, outlives its record's end, and
 * does not rewrite it. The records are not encrypted: wrap it in an `EncryptedTokenStore` for that.
 */
export class PostgresTokenStore implements TokenStore {
  readonly #namespace: string;
  readonly #table: PostgresTable;
  readonly #leases: PostgresClaims;

  constructor(options: PostgresStoreOptions) {
    const store = "PostgresTokenStore";
    const place = placeOf(options, store, "hubspot_oauth_tokens", LEASES);
    this.#namespace = place.namespace;
    this.#table = new PostgresTable(store, place, {
      columns: { namespace: "text", account_id: "text", version: "text", record: "text" },
      // Room on each page: nine of ten refreshed records stay on theirs, and no index changes.
      rest: "primary key (namespace, account_id)) with (fillfactor = 70)",
    });
    this.#leases = new PostgresClaims(store, { ...place, table: `${place.table}${LEASES}` });
  }

  /**
   * Makes the two tables, once; quiet when they are there. Safe from several processes at once.
   * @throws ConfigurationError when a table of that name is there and is another one.
   */
  async createTables(): Promise<void> {
    await this.#table.create();
    await this.#leases.create();
  }

  async get(accountId: string): Promise<StoredTokens | undefined> {
    const text = `select record from ${this.#table.name} where namespace = $1 and account_id = $2`;
    const [row] = await this.#table.query("get", text, this.#key(accountId));
    return row === undefined ? undefined : readRecord(row["record"], this.#table.name);
  }

  async set(accountId: string, record: StoredTokens, { ifVersion }: { readonly ifVersion?: string | null } = {}): Promise<boolean> {
    const { name } = this.#table;
    const values = [...this.#key(accountId), encodeText(record.version), asciiJson(record)];
    if (typeof ifVersion === "string") {
      const update = `update ${name} set version = $3, record = $4 where namespace = $1 and account_id = $2 and version = $5 returning true as done`;
      return (await this.#table.query("set", update, [...values, encodeText(ifVersion)])).length === 1;
    }
    const conflict = ifVersion === null ? "nothing" : "update set version = excluded.version, record = excluded.record";
    const insert = `insert into ${name} (namespace, account_id, version, record) values ($1, $2, $3, $4)
       on conflict (namespace, account_id) do ${conflict} returning true as done`;
    return (await this.#table.query("set", insert, values)).length === 1;
  }

  async delete(accountId: string, { ifVersion }: { readonly ifVersion?: string } = {}): Promise<boolean> {
    const key = `from ${this.#table.name} where namespace = $1 and account_id = $2`;
    if (ifVersion === undefined) {
      await this.#table.query("delete", `delete ${key}`, this.#key(accountId));
      return true;
    }
    // "Nothing stands" and "something else stands" are told apart in the same step. A statement sees the table as it was when it began; if it
    // had to wait for another one, only a read that locks the row sees what that one left.
    const text = `with gone as (delete ${key} and version = $3 returning true), standing as (select true ${key} for update)
       select true as other from standing where not exists (select from gone)`;
    return (await this.#table.query("delete", text, [...this.#key(accountId), encodeText(ifVersion)])).length === 0;
  }

  async *list(): AsyncGenerator<string, void, undefined> {
    // By key, a page at a time: no cursor, which would need a connection of its own.
    const page = (where: string): string =>
      `select account_id as id from ${this.#table.name} where namespace = $1${where} order by account_id limit ${IDS_PER_PAGE}`;
    let rows = await this.#table.query("list", page(""), [this.#namespace]);
    for (;;) {
      const ids = rows.map(({ id }) => String(id));
      for (const id of ids) yield decodeText(id);
      if (ids.length < IDS_PER_PAGE) return;
      rows = await this.#table.query("list", page(" and account_id > $2"), [this.#namespace, ids.at(-1)]);
    }
  }

  async lease(accountId: string, { ttlMs }: { readonly ttlMs: number }): Promise<Lease | undefined> {
    const owner = randomUUID();
    if (!(await this.#leases.claim("lease", accountId, owner, ttlMs))) return undefined;
    return { release: () => this.#leases.release("lease", accountId, owner) };
  }

  #key(accountId: string): string[] {
    return [this.#namespace, encodeText(accountId)];
  }
}

/** Remembers used states in a table, for any number of processes. What is past its time is removed along the way. */
export class PostgresStateStore implements StateStore {
  readonly #used: PostgresClaims;

  constructor(options: PostgresStoreOptions) {
    this.#used = new PostgresClaims("PostgresStateStore", placeOf(options, "PostgresStateStore", "hubspot_oauth_states"));
  }

  /**
   * Makes the table, once; quiet when it is there. Safe from several processes at once.
   * @throws ConfigurationError when a table of that name is there and is another one.
   */
  createTables(): Promise<void> {
    return this.#used.create();
  }

  consume(id: string, { ttlMs }: { readonly ttlMs: number }): Promise<boolean> {
    return this.#used.claim("consume", id, "", ttlMs);
  }
}

/** Never `undefined`: a record that cannot be read is not an account that is not connected. */
function readRecord(json: unknown, table: string): StoredTokens {
  let record: unknown;
  try {
    record = JSON.parse(json as string);
  } catch {
    // The parser's message quotes what it read.
  }
  if (typeof json !== "string" || typeof record !== "object" || record === null) {
    throw new TokenStoreError(`A record in ${table} is damaged. Restore it, or delete it and connect again.`, { operation: "get" });
  }
  return record as StoredTokens;
}
