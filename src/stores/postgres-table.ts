/**
 * One table of a PostgreSQL store: how it is named, asked and made. Every call is one statement of its own: no transaction, no session
 * state, no named statement, so that it works through pgbouncer and with anything that has `query(text, values)`. What a driver throws
 * never gets out: its fields hold the failing row or the parameters, and with them tokens.
 */
import { ConfigurationError, HubSpotOAuthError, TokenStoreError } from "../errors.js";
import { checkMethods, ownOptions } from "../option-checks.js";

/**
 * What runs a statement: a `Pool` of `pg`, or anything else with this method. Never inside a transaction of yours: what was answered has to
 * be committed. A `Client` of `pg` will do where one call is made at a time.
 */
export interface PostgresPool {
  /** Runs one statement with its values (`$1`, `$2`, …) and answers its rows. */
  query(text: string, values: unknown[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

/** Options of a `PostgresTokenStore` and of a `PostgresStateStore`. */
export interface PostgresStoreOptions {
  /**
   * Connections to the primary server, never to a read replica: one that lags would serve tokens that were replaced. The library gives up
   * on a call after 5 s: let the pool do so before (`connectionTimeoutMillis`, `statement_timeout`).
   */
  readonly pool: PostgresPool;
  /** The table's name, without its schema. @default "hubspot_oauth_tokens" and "hubspot_oauth_states" */
  readonly table?: string | undefined;
  /** The schema it is in. @default the first one of the connection's `search_path` */
  readonly schema?: string | undefined;
  /** Keeps several apps or environments apart in one table. @default "" */
  readonly namespace?: string | undefined;
}

/** The options, checked. */
export interface PostgresPlace {
  readonly pool: PostgresPool;
  readonly table: string;
  readonly schema: string | undefined;
  /** As it is stored. */
  readonly namespace: string;
}

/** PostgreSQL cuts longer names short without a word: two tables would become one. */
const LONGEST_NAME = 63;
const LONGEST_NAMESPACE = 100;

/** Checks the options of a store. `suffix` is what it puts behind the name for a table of its own. */
export function placeOf(options: PostgresStoreOptions, store: string, defaultTable: string, suffix = ""): PostgresPlace {
  const { pool, table, schema, namespace } = ownOptions(options, ["pool", "table", "schema", "namespace"], store);
  checkMethods(pool, ["query"], "pool");
  if (namespace !== undefined && (typeof namespace !== "string" || namespace.length > LONGEST_NAMESPACE)) {
    throw new TypeError(`namespace must be a string of at most ${LONGEST_NAMESPACE} characters.`);
  }
  return {
    pool,
    table: table === undefined ? defaultTable : checkName(table, "table", LONGEST_NAME - suffix.length),
    schema: schema === undefined ? undefined : checkName(schema, "schema", LONGEST_NAME),
    namespace: encodeText(namespace ?? ""),
  };
}

function checkName(value: unknown, option: string, longest: number): string {
  // A dot is legal in a quoted name, and nobody who writes one means that.
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  const isName = typeof value === "string" && /^[^\u0000-\u001f\u007f.\p{Surrogate}]+$/u.test(value);
  if (!isName || Buffer.byteLength(value) > longest) {
    throw new TypeError(`${option} must be a name of 1 to ${longest} bytes without dots; schema and table are options of their own.`);
  }
  return value;
}

/**
 * Text as it stands in a column: printable ASCII, everything else as in a JSON string. PostgreSQL's text has no NUL and no lone surrogates,
 * and a database that is not in UTF-8 has no more than its own characters. Different texts stay different.
 */
export function encodeText(text: string): string {
  return asciiJson(text).slice(1, -1);
}

/** The text that `encodeText` was given. */
export function decodeText(encoded: string): string {
  return JSON.parse(`"${encoded}"`) as string;
}

/** JSON in ASCII. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A row of a result. */
export type Row = Readonly<Record<string, unknown>>;

/** The user's default isolation may be higher than READ COMMITTED: there, the loser of a race is asked to try again. Nothing was done. */
const TRY_AGAIN = new Set(["40001", "40P01"]);
/** Two processes that create one table at once: the loser sees these, and the table when it looks again. */
const CREATED_MEANWHILE = new Set(["23505", "42P07", "42710"]);
const MOST_TRIES = 10;

/** A table, its columns with their types, and what a store asks it. */
export class PostgresTable {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly #pool: PostgresPool;
  readonly #store: string;
  readonly #columns: Readonly<Record<string, string>>;
  readonly #definition: string;

  /** @param shape the columns with their types, what else belongs into its definition, and a column with an index of its own. */
  constructor(
    store: string,
    place: PostgresPlace,
    shape: { readonly columns: Readonly<Record<string, string>>; readonly rest: string; readonly index?: string },
  ) {
    this.#store = store;
    this.#pool = place.pool;
    this.name = [place.schema, place.table].flatMap((name) => (name === undefined ? [] : [`"${name.replaceAll('"', '""')}"`])).join(".");
    this.#columns = shape.columns;
    // Bytewise order: it neither changes with an operating system's next locale data nor takes two ids for one.
    const columns = Object.entries(shape.columns).map(([name, type]) => `${name} ${type}${type === "text" ? ' collate "C"' : ""} not null`);
    const table = `create table ${this.name} (${columns.join(", ")}, ${shape.rest};`;
    const index = shape.index === undefined ? "" : `create index on ${this.name} (${shape.index});`;
    // One statement, so that neither is ever there without the other.
    this.#definition = `do '${`begin ${table} ${index} exception when duplicate_table then null; end`.replaceAll("'", "''")}'`;
  }

  /** Runs one statement. @throws TokenStoreError without anything of the driver's but its code. */
  async query(operation: string, text: string, values: unknown[], again: ReadonlySet<string> = TRY_AGAIN): Promise<readonly Row[]> {
    for (let tries = 1; ; tries++) {
      try {
        const result = (await this.#pool.query(text, values)) as { readonly rows?: unknown } | null | undefined;
        if (Array.isArray(result?.rows)) return result.rows as Row[];
      } catch (error) {
        if (tries < MOST_TRIES && again.has(codeOf(error) ?? "")) continue;
        throw this.#failure(operation, error);
      }
      // An empty answer would read as "not connected".
      throw new TokenStoreError(`${this.#store} could not ${operation}: pool.query() must answer an object with rows.`, { operation });
    }
  }

  /** Makes the table if it is not there, and checks the one that is. Needs no right to create when it is there. */
  async create(): Promise<void> {
    if (await this.#stands()) return;
    await this.query("createTables", this.#definition, [], CREATED_MEANWHILE);
    await this.#stands();
  }

  async #stands(): Promise<boolean> {
    const rows = await this.query(
      "createTables",
      `select attname::text as name, format_type(atttypid, atttypmod) as type from pg_catalog.pg_attribute
       where attrelid = to_regclass($1::text) and attnum > 0 and not attisdropped`,
      [this.name],
    );
    const standing = new Map(rows.map(({ name, type }) => [name, type]));
    const wrong = Object.entries(this.#columns).filter(([name, type]) => standing.get(name) !== type);
    if (standing.size > 0 && wrong.length > 0) {
      const wanted = wrong.map(([name, type]) => `${name} ${type}`).join(", ");
      throw new ConfigurationError(
        `${this.name} is not a table that ${this.#store} made. It should have: ${wanted}. Pass another table, or change this one.`,
      );
    }
    return standing.size > 0;
  }

  #failure(operation: string, error: unknown): Error {
    if (error instanceof HubSpotOAuthError) return error;
    const driverCode = codeOf(error);
    const why = whyFailed(driverCode, this.name) ?? knownMessage(error) ?? driverCode ?? "an unknown error";
    return new TokenStoreError(`${this.#store} could not ${operation}: ${why}.`, { operation, driverCode });
  }
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" && /^\w{1,40}$/.test(code) ? code : undefined;
}

/** What an operator can do about it. */
function whyFailed(code: string | undefined, table: string): string | undefined {
  switch (code) {
    case "42P01":
      return `${table} does not exist (42P01). Run createTables() once, or check schema and search_path`;
    case "3F000":
      return `the schema of ${table} does not exist (3F000). Create it first`;
    case "42501":
      return `the right is missing (42501). The role needs select, insert, update and delete on ${table}, and usage of its schema`;
    case "42P10":
      return `${table} has no primary key as createTables() makes it (42P10)`;
    case "42703":
    case "42804":
    case "42883":
      return `${table} is not as createTables() makes it (${code}). Run createTables() to learn what differs`;
    case "25006":
      return "the server is read-only (25006). Connect to the primary";
    default:
      return undefined;
  }
}

/** What `pg` says without a code. Its other messages may quote anything. */
const SAFE_MESSAGES = new Set([
  "timeout exceeded when trying to connect",
  "Connection terminated due to connection timeout",
  "Connection terminated unexpectedly",
  "Connection terminated",
  "Query read timeout",
  "Client has encountered a connection error and is not queryable",
  "Client was closed and is not queryable",
  "Cannot use a pool after calling end on the pool",
]);

function knownMessage(error: unknown): string | undefined {
  return error instanceof Error && SAFE_MESSAGES.has(error.message) ? error.message : undefined;
}
