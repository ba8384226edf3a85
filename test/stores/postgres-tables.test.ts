/** The tables of the PostgreSQL stores: made once whoever asks, under any name, and told apart from what somebody else made. */
import pg from "pg";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { ConfigurationError, TokenStoreError } from "../../src/errors.js";
import { PostgresStateStore, PostgresTokenStore } from "../../src/stores/postgres.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { freshName, ownSchema, url } from "./support/postgres-stores.js";

describe.skipIf(inject("postgresUrl") === undefined)("tables of the PostgreSQL stores", () => {
  const { schema, admin } = ownSchema();

  /** A role of its own, with a pool that logs in as it. */
  async function roleWith(...rights: readonly string[]): Promise<pg.Pool> {
    const role = freshName("role");
    await admin.query(`create role ${role} login; grant usage on schema ${schema} to ${role}`);
    for (const right of rights) await admin.query(`grant ${right} to ${role}`);
    const pool = new pg.Pool({ connectionString: url?.replace("postgres@", `${role}@`), max: 2 });
    onTestFinished(async () => {
      await pool.end();
      await admin.query(`drop owned by ${role}; drop role ${role}`);
    });
    return pool;
  }

  async function tablesLike(pattern: string): Promise<string[]> {
    const text = "select tablename::text as name from pg_tables where schemaname = $1 and tablename like $2 order by 1";
    return (await admin.query<{ name: string }>(text, [schema, pattern])).rows.map(({ name }) => name);
  }

  it("constructors ask the server nothing", () => {
    const pool = { query: () => Promise.reject(new Error("asked")) };
    expect(() => [new PostgresTokenStore({ pool }), new PostgresStateStore({ pool })]).not.toThrow();
  });

  it.each(["read committed", "serializable"])("20 processes may make them at once, and again, at %s", async (isolation) => {
    const options = `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`;
    const clients = Array.from({ length: 20 }, () => new pg.Client({ connectionString: url, options }));
    await Promise.all(clients.map((client) => client.connect()));
    onTestFinished(async () => {
      await Promise.all(clients.map((client) => client.end()));
    });
    const [table, states] = [freshName("t"), freshName("s")];
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        clients.map(async (pool) => {
          await new PostgresTokenStore({ pool, schema, table }).createTables();
          await new PostgresStateStore({ pool, schema, table: states }).createTables();
        }),
      );
    }
    expect(await tablesLike(`${table}%`)).toEqual([table, `${table}_leases`]);
    expect(await tablesLike(states)).toEqual([states]);
  });

  it("what leases and states are swept by is indexed, and not uniquely: a claim beside sweeps would fail now and then", async () => {
    const table = freshName("t");
    await new PostgresTokenStore({ pool: admin, schema, table }).createTables();
    const text = "select indexdef from pg_indexes where schemaname = $1 and tablename = $2 order by indexdef";
    const { rows } = await admin.query<{ indexdef: string }>(text, [schema, `${table}_leases`]);
    expect(rows.map(({ indexdef }) => indexdef.replace(/INDEX .* USING/, "INDEX USING"))).toEqual([
      "CREATE INDEX USING btree (until)",
      "CREATE UNIQUE INDEX USING btree (namespace, id)",
    ]);
  });

  it("the sweep finds what is past its time by that index", async () => {
    const table = freshName("t");
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const sent: { text: string; values: unknown[] }[] = [];
    const pool = {
      query: (text: string, values: unknown[]) => {
        sent.push({ text, values });
        return client.query(text, values);
      },
    };
    const store = new PostgresTokenStore({ pool, schema, table });
    await store.createTables();
    expect(await store.lease("1", { ttlMs: 1_000 })).toBeDefined();
    const sweep = sent.find(({ text }) => text.includes("delete from"));
    // A small table is read through whatever the indexes: the planner is asked for what it would do with a large one.
    await client.query("set enable_seqscan = off; set enable_bitmapscan = off");
    const { rows } = await client.query<{ "QUERY PLAN": string }>(`explain ${sweep?.text}`, sweep?.values);
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    expect(plan).toMatch(
      new RegExp(`Index Scan using ${table}_leases_until_idx.*\\n *Index Cond: \\(until <= statement_timestamp\\(\\)\\)`),
    );
  });

  it("text has no limit and is compared byte by byte, and no column may be empty", async () => {
    const table = freshName("t");
    await new PostgresTokenStore({ pool: admin, schema, table }).createTables();
    const text = `select distinct atttypid::regtype::text as type, collname::text as collation, attnotnull as filled
      from pg_attribute left join pg_collation c on c.oid = attcollation where attrelid = any($1::regclass[]) and attnum > 0 order by 1`;
    expect((await admin.query(text, [[`${schema}.${table}`, `${schema}.${table}_leases`]])).rows).toEqual([
      { type: "text", collation: "C", filled: true },
      { type: "timestamp with time zone", collation: null, filled: true },
    ]);
  });

  it("making them again leaves what is in them alone", async () => {
    const store = new PostgresTokenStore({ pool: admin, schema, table: freshName("t") });
    await store.createTables();
    await store.set("1", exampleRecord("1"));
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
    await store.createTables();
    expect(await store.get("1")).toEqual(exampleRecord("1"));
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
  });

  it("stand in the first schema of the search path, under their own names, when nothing is said", async () => {
    const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${schema}` });
    onTestFinished(() => pool.end());
    await new PostgresTokenStore({ pool }).createTables();
    await new PostgresStateStore({ pool }).createTables();
    expect(await tablesLike("hubspot%")).toEqual(["hubspot_oauth_states", "hubspot_oauth_tokens", "hubspot_oauth_tokens_leases"]);
  });

  it.each([
    "MixedCase",
    "select",
    "with space",
    'with"quote',
    `x"; drop table victim; --`,
    `'); drop table victim; --`,
    "$1",
    "$$",
    "%s%I",
    "back\\slash",
    "Ünïcödé日本",
    "😀",
    "x".repeat(56),
  ])("a schema and a table called %s are names and nothing else", async (name) => {
    const own = `${name.slice(0, 40)} ${freshName("s").slice(0, 6)}`;
    const quoted = `"${own.replaceAll('"', '""')}"`;
    await admin.query(`create schema ${quoted}; create table ${quoted}.victim ()`);
    onTestFinished(async () => {
      await admin.query(`drop schema ${quoted} cascade`);
    });
    const store = new PostgresTokenStore({ pool: admin, schema: own, table: name });
    const states = new PostgresStateStore({ pool: admin, schema: own, table: `${name.slice(0, 50)} states` });
    for (let round = 0; round < 2; round++) await Promise.all([store.createTables(), states.createTables()]);
    expect(await store.set("1", exampleRecord("1"), { ifVersion: null })).toBe(true);
    expect(await store.set("1", exampleRecord("1", { version: "version-2" }), { ifVersion: "version-1" })).toBe(true);
    expect((await store.get("1"))?.version).toBe("version-2");
    const ids: string[] = [];
    for await (const id of store.list()) ids.push(id);
    expect(ids).toEqual(["1"]);
    await (await store.lease("1", { ttlMs: 1_000 }))?.release();
    expect(await store.delete("1", { ifVersion: "version-2" })).toBe(true);
    expect(await states.consume("1", { ttlMs: 1_000 })).toBe(true);
    const text = "select tablename::text as name from pg_tables where schemaname = $1 order by length(tablename), 1";
    const { rows } = await admin.query<{ name: string }>(text, [own]);
    expect(rows.map((row) => row.name).toSorted()).toEqual(["victim", name, `${name}_leases`, `${name.slice(0, 50)} states`].toSorted());
  });

  it("two tables, and two namespaces of one, know nothing of each other", async () => {
    const [one, other] = [freshName("t"), freshName("t")];
    const places = [{ table: one }, { table: one, namespace: "a" }, { table: one, namespace: "a:b" }, { table: other }];
    const stores = places.map((place) => new PostgresTokenStore({ pool: admin, schema, ...place }));
    for (const store of stores) await store.createTables();
    for (const [index, store] of stores.entries()) {
      expect(await store.set("b:c", exampleRecord("b:c", { version: `${index}` }), { ifVersion: null })).toBe(true);
      expect(await store.set("c", exampleRecord("c", { version: `c-${index}` }), { ifVersion: null })).toBe(true);
      expect(await store.lease("b:c", { ttlMs: 60_000 })).toBeDefined();
    }
    expect(await stores[1]?.delete("b:c")).toBe(true);
    expect(await Promise.all(stores.map(async (store) => (await store.get("b:c"))?.version))).toEqual(["0", undefined, "2", "3"]);
  });

  describe("a table that is not there", () => {
    const missing = new PostgresTokenStore({ pool: admin, schema, table: "missing" });
    const states = new PostgresStateStore({ pool: admin, schema, table: "missing" });
    it.each([
      ["get", () => missing.get("1")],
      ["set", () => missing.set("1", exampleRecord("1"))],
      ["delete", () => missing.delete("1", { ifVersion: "x" })],
      ["list", () => missing.list().next()],
      ["lease", () => missing.lease("1", { ttlMs: 1 })],
      ["consume", () => states.consume("1", { ttlMs: 1 })],
    ])("makes %s say to run createTables()", async (operation, call) => {
      const error: unknown = await call().then(undefined, (thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TokenStoreError);
      expect(error).toMatchObject({ operation, driverCode: "42P01", retryable: true });
      expect(String(error)).toMatch(/"missing(_leases)?" does not exist \(42P01\)\. Run createTables\(\)/);
    });

    it("says so of a schema, too, and does not make one", async () => {
      const store = new PostgresTokenStore({ pool: admin, schema: "nowhere" });
      await expect(store.createTables()).rejects.toThrow(/schema of "nowhere"\."hubspot_oauth_tokens" does not exist \(3F000\)/);
    });
  });

  describe("somebody else's table", () => {
    it.each([
      ["has none of the columns", "id int", /should have: namespace text, account_id text, version text, record text/],
      ["cuts text short", "namespace text, account_id varchar(255), version text, record text", /should have: account_id text\./],
      ["keeps records as jsonb", "namespace text, account_id text, version text, record jsonb", /should have: record text\./],
      ["is an older one", "account_id text primary key, version text, record text", /should have: namespace text\./],
    ])("that %s is refused by createTables, and left as it is", async (_, columns, message) => {
      const table = freshName("t");
      await admin.query(`create table ${schema}.${table} (${columns})`);
      const store = new PostgresTokenStore({ pool: admin, schema, table });
      const error: unknown = await store.createTables().then(undefined, (thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(String(error)).toMatch(message);
      expect(await tablesLike(`${table}%`)).toEqual([table]);
    });

    it.each([
      ["without a column", "account_id text primary key, version text, record text", /is not as createTables\(\) makes it \(42703\)/],
      ["without the primary key", "namespace text, account_id text, version text, record text", /has no primary key .* \(42P10\)/],
    ])("%s is named in what a write throws", async (_, columns, message) => {
      const table = freshName("t");
      await admin.query(`create table ${schema}.${table} (${columns})`);
      const store = new PostgresTokenStore({ pool: admin, schema, table });
      await expect(store.set("1", exampleRecord("1"))).rejects.toThrow(message);
    });

    it.each([
      ["is not JSON", "text", "{broken secret"],
      ["is not an object", "text", '"text"'],
      ["is null", "text", "null"],
      ["was parsed by the driver", "jsonb", "{}"],
    ])("a record that %s is damaged, not absent", async (_, type, record) => {
      const table = freshName("t");
      await admin.query(`create table ${schema}.${table} (namespace text, account_id text, version text, record ${type})`);
      await admin.query(`insert into ${schema}.${table} values ('', '1', 'x', $1)`, [record]);
      const error: unknown = await new PostgresTokenStore({ pool: admin, schema, table }).get("1").catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TokenStoreError);
      expect(String(error)).toMatch(/A record in .* is damaged/);
      expect(String(error)).not.toContain("secret");
    });
  });

  describe("a role that may not do everything", () => {
    const table = freshName("t");
    const tables = [`${schema}.${table}`, `${schema}.${table}_leases`];
    const store = (pool: pg.Pool): PostgresTokenStore => new PostgresTokenStore({ pool, schema, table });

    it("needs no right to create where the tables are there", async () => {
      await store(admin).createTables();
      const pool = await roleWith(...tables.map((name) => `select, insert, update, delete on ${name}`));
      const restricted = store(pool);
      await restricted.createTables();
      expect(await restricted.set("1", exampleRecord("1"), { ifVersion: null })).toBe(true);
      expect(await restricted.delete("1", { ifVersion: "version-1" })).toBe(true);
      await (await restricted.lease("1", { ttlMs: 1_000 }))?.release();
    });

    it("is told which rights are missing, and nothing is written", async () => {
      await store(admin).createTables();
      await store(admin).set("1", exampleRecord("1"));
      const restricted = store(await roleWith(...tables.map((name) => `select, insert, delete on ${name}`)));
      const next = exampleRecord("1", { version: "version-2" });
      const rights = /right is missing \(42501\)\. The role needs select, insert, update and delete on/;
      await expect(restricted.set("1", next, { ifVersion: "version-1" })).rejects.toThrow(rights);
      await expect(restricted.lease("1", { ttlMs: 1_000 })).rejects.toThrow(rights);
      await expect(new PostgresTokenStore({ pool: await roleWith(), schema, table: "new" }).createTables()).rejects.toThrow(/right/);
      expect((await store(admin).get("1"))?.version).toBe("version-1");
    });

    it("on a read-only server, reads, and is told where to write", async () => {
      await store(admin).createTables();
      await store(admin).set("1", exampleRecord("1"));
      const pool = new pg.Pool({ connectionString: url, options: "-c default_transaction_read_only=on" });
      onTestFinished(() => pool.end());
      expect(await store(pool).get("1")).toEqual(exampleRecord("1"));
      await expect(store(pool).set("1", exampleRecord("1"))).rejects.toThrow(/read-only \(25006\)\. Connect to the primary/);
    });
  });

  it.each([
    ["nothing", undefined],
    ["an array, as postgres.js and neon() do", []],
    ["no rows", { rowCount: 0 }],
    ["null", null],
  ])("a pool that answers %s is an error, not an empty table", async (_, answer) => {
    const pool = { query: () => Promise.resolve(answer as unknown as { rows: object[] }) };
    const store = new PostgresTokenStore({ pool });
    await expect(store.get("1")).rejects.toThrow(/pool\.query\(\) must answer an object with rows/);
    await expect(store.delete("1", { ifVersion: "x" })).rejects.toBeInstanceOf(TokenStoreError);
  });
});
