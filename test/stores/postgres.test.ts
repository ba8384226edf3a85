/** The PostgreSQL stores on a real server: the contracts, over everything that can stand for a pool. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, expectTypeOf, inject, it } from "vitest";
import { EncryptedTokenStore } from "../../src/stores/encrypted.js";
import { type PostgresPool, PostgresStateStore, PostgresTokenStore } from "../../src/stores/postgres.js";
import type { StoredTokens, TokenStore } from "../../src/stores/store.js";
import { exampleRecord, hostileIds } from "../../src/testing/store-contract/examples.js";
import { type ContractSubject, runStateStoreContract, runStoreContract } from "../../src/testing/store-contract/run.js";
import { vitest } from "./support/contract-runner.js";
import { freshName, ownSchema, stateStores, tokenStores, url } from "./support/postgres-stores.js";
import { outage, switchable } from "./support/switchable.js";

// pg 9 will want the users of a single Client to take turns; until then it says so on the console.
process.noDeprecation = true;

describe.skipIf(inject("postgresUrl") === undefined)("PostgreSQL stores", () => {
  const { schema, admin } = ownSchema();

  /** A pool that ends with the tests. */
  function poolOf(options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, ...options });
    afterAll(() => pool.end());
    return pool;
  }

  /** A client that is connected while the tests run. */
  function clientOf(): pg.Client {
    const client = new pg.Client({ connectionString: url });
    beforeAll(async () => {
      await client.connect();
    });
    afterAll(() => client.end());
    return client;
  }

  /** What pgbouncer does in transaction mode: each statement may run on another connection. */
  function takingTurns(): PostgresPool {
    const clients = [clientOf(), clientOf(), clientOf()];
    let turn = 0;
    return {
      async query(text, values) {
        const client = clients[turn++ % clients.length];
        if (client === undefined) throw new Error("there are three of them");
        return client.query(text, values);
      },
    };
  }

  const anyPool = poolOf();
  const pools: Readonly<Record<string, PostgresPool>> = {
    "a Pool": anyPool,
    "a single Client": clientOf(),
    "a Pool of one connection": poolOf({ max: 1 }),
    // Named methods of other drivers, wrapped; no row count.
    "an object with query()": { query: async (text, values) => ({ rows: (await anyPool.query(text, values)).rows as unknown[] }) },
    "three connections in turn, as in transaction pooling": takingTurns(),
    "sessions that default to serializable": poolOf({ options: "-c default_transaction_isolation=serializable" }),
  };

  /** PostgreSQL converts between encodings, and refuses what the database's own has no character for. */
  function latin(): pg.Pool {
    const name = freshName("latin");
    const pool = new pg.Pool({ connectionString: url?.replace(/[^/]+$/, name) });
    beforeAll(async () => {
      await admin.query(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
      await pool.query(`create schema ${schema}`);
    }, 60_000);
    afterAll(async () => {
      await pool.end();
      await admin.query(`drop database ${name}`);
    });
    return pool;
  }

  describe.each(Object.entries(pools))("over %s", (_, pool) => {
    runStoreContract(vitest, tokenStores(schema, pool));
    runStateStoreContract(vitest, stateStores(schema, pool));
  });

  describe("under encryption", () => {
    const keys = [{ id: "first", key: randomBytes(32) }];
    const inner = tokenStores(schema, anyPool);
    const inside = new WeakMap<TokenStore, PostgresTokenStore>();
    const sealing = (store: PostgresTokenStore): TokenStore => {
      const sealed = switchable(new EncryptedTokenStore({ store, keys }));
      inside.set(sealed, store);
      return sealed;
    };
    const storeIn = (sealed: TokenStore): PostgresTokenStore => inside.get(sealed) ?? new PostgresTokenStore({ pool: anyPool });
    const whole: ContractSubject<TokenStore> = {
      create: async () => sealing(await inner.create()),
      second: async (sealed) => sealing(await inner.second(storeIn(sealed))),
      createNamespace: async (sealed) => sealing(await inner.createNamespace(storeIn(sealed))),
      ...outage,
    };
    runStoreContract(vitest, whole);
  });

  it("takes the pools and clients of pg, and other drivers' answers, by their types", () => {
    expectTypeOf<pg.Pool>().toExtend<PostgresPool>();
    expectTypeOf<pg.Client>().toExtend<PostgresPool>();
    expectTypeOf<pg.PoolClient>().toExtend<PostgresPool>();
    // Neon, PGlite, and an adapter around postgres.js.
    expectTypeOf<{ query(text: string, params?: unknown[]): Promise<{ rows: object[]; rowCount: number }> }>().toExtend<PostgresPool>();
    expectTypeOf<{ query<T>(text: string, params?: unknown[]): Promise<{ rows: T[]; affectedRows?: number }> }>().toExtend<PostgresPool>();
    expectTypeOf<{ query: (text: string, values: string[]) => Promise<{ rows: readonly object[] }> }>().toExtend<PostgresPool>();
    expectTypeOf<{ query(text: string): Promise<object[]> }>().not.toExtend<PostgresPool>();
    expectTypeOf<{ execute(text: string): Promise<{ rows: object[] }> }>().not.toExtend<PostgresPool>();
    expect(() => new PostgresTokenStore({ pool: anyPool })).not.toThrow();
  });

  const nothing = undefined as unknown as PostgresPool;
  it.each([
    ["no pool", { pool: nothing }, /^pool must/],
    ["a connection string", { pool: "postgres://localhost/db" as unknown as PostgresPool }, /^pool must/],
    ["a pool without query()", { pool: { connect() {} } as unknown as PostgresPool }, /^pool must/],
    ["a misspelt option", { pool: anyPool, tables: "x" }, /no option "tables"/],
    ["an empty table", { pool: anyPool, table: "" }, /^table must/],
    ["a table with its schema", { pool: anyPool, table: "app.tokens" }, /^table must .*options of their own/],
    ["a NUL in the table", { pool: anyPool, table: "a\0b" }, /^table must/],
    ["half a character in the table", { pool: anyPool, table: "a\ud800" }, /^table must/],
    ["a table that PostgreSQL would cut short", { pool: anyPool, table: "x".repeat(64) }, /^table must/],
    ["a schema that PostgreSQL would cut short", { pool: anyPool, schema: "é".repeat(32) }, /^schema must/],
    ["a number for a namespace", { pool: anyPool, namespace: 1 as unknown as string }, /^namespace must/],
    ["an endless namespace", { pool: anyPool, namespace: "x".repeat(101) }, /^namespace must/],
  ])("refuses %s", (_, options, message) => {
    expect(() => new PostgresTokenStore(options)).toThrow(TypeError);
    expect(() => new PostgresTokenStore(options)).toThrow(message);
    expect(() => new PostgresStateStore(options)).toThrow(message);
  });

  it("leaves room for the name of the leases' table", () => {
    expect(() => new PostgresTokenStore({ pool: anyPool, table: "x".repeat(57) })).toThrow(/1 to 56 bytes/);
    expect(() => new PostgresTokenStore({ pool: anyPool, table: "x".repeat(56) })).not.toThrow();
    expect(() => new PostgresStateStore({ pool: anyPool, table: "x".repeat(63) })).not.toThrow();
  });

  it.each([
    ["UTF-8", anyPool],
    ["LATIN1", latin()],
  ])(
    "keeps texts apart in a database in %s that it could not hold: NUL, halves of characters, what looks like their encoding",
    async (_, pool) => {
      const store = await tokenStores(schema, pool).create();
      const half = "\ud83e";
      const hostile = ["a\0b", "a\\u0000b", "ab", half, "\udd80", `${half}\udd80`, "\ufffd", "\\ud83e", '"', '\\"', "\\", "\n", "\\n", ""];
      const ids = [...new Set([...hostile, ...hostileIds])];
      const recordOf = (id: string): StoredTokens => exampleRecord(id, { version: `\0${half}${id}`, grantId: `${id}é日` });
      for (const id of ids) expect(await store.set(id, recordOf(id), { ifVersion: null })).toBe(true);
      for (const id of ids) {
        expect(await store.get(id)).toEqual(recordOf(id));
        expect(await store.delete(id, { ifVersion: `\0\udd80${id}` })).toBe(false);
        expect(await store.set(id, recordOf(id), { ifVersion: recordOf(id).version })).toBe(true);
      }
      const listed: string[] = [];
      for await (const id of store.list()) listed.push(id);
      expect(listed.toSorted()).toEqual(ids.toSorted());
    },
  );

  it("lists more accounts than fit on a page, each once, while others come and go", async () => {
    const store = await tokenStores(schema, anyPool).create();
    const ids = Array.from({ length: 2_500 }, (_, index) => `${index}`);
    for (let from = 0; from < ids.length; from += 100) {
      await Promise.all(ids.slice(from, from + 100).map((id) => store.set(id, exampleRecord(id))));
    }
    const listed: string[] = [];
    for await (const id of store.list()) {
      listed.push(id);
      if (listed.length === 1_001) {
        await store.delete(listed[0] ?? "");
        await store.set("0new", exampleRecord("0new"));
        await store.set(id, exampleRecord(id, { version: "version-2" }));
      }
    }
    expect(listed.toSorted()).toEqual(ids.toSorted());
  });

  it("a list of exactly one page asks once more at most, and ends", async () => {
    const store = await tokenStores(schema, anyPool).create();
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => store.set(`${index}`, exampleRecord(`${index}`))));
    let count = 0;
    for await (const _ of store.list()) count++;
    expect(count).toBe(1_000);
  });

  it("ST-10 used states are removed once their time is up, without a job", async () => {
    const table = freshName("t");
    const store = new PostgresStateStore({ pool: anyPool, schema, table });
    await store.createTables();
    const count = async (): Promise<number> => Number((await admin.query(`select count(*)::int as n from ${schema}.${table}`)).rows[0]?.n);
    const past = "clock_timestamp() - interval '1 second' * n";
    await admin.query(`insert into ${schema}.${table} select 'other', 'old-' || n, '', ${past} from generate_series(1, 700) n`);
    await admin.query(
      `insert into ${schema}.${table} select '', 'alive-' || n, '', clock_timestamp() + interval '1 day' from generate_series(1, 5) n`,
    );
    // The first one sweeps, 500 at most; the others do not.
    for (let flow = 0; flow < 100; flow++) await store.consume(`flow-${flow}`, { ttlMs: 60_000 });
    expect(await count()).toBe(700 - 500 + 5 + 100);
    await store.consume("flow-100", { ttlMs: 60_000 });
    expect(await count()).toBe(5 + 101);
  });

  it("a state that is past its time and used again is not removed by the sweep of the same call", async () => {
    const table = freshName("t");
    const store = new PostgresStateStore({ pool: anyPool, schema, table });
    await store.createTables();
    await admin.query(`insert into ${schema}.${table} values ('', 'one', '', clock_timestamp() - interval '1 day')`);
    expect(await store.consume("one", { ttlMs: 60_000 })).toBe(true);
    expect(await store.consume("one", { ttlMs: 60_000 })).toBe(false);
  });

  it("a lease is gone from its table when it is given back, and outlives a write and a delete", async () => {
    const table = freshName("t");
    const store = new PostgresTokenStore({ pool: anyPool, schema, table });
    await store.createTables();
    const lease = await store.lease("1", { ttlMs: 60_000 });
    await store.set("1", exampleRecord("1"));
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
    await store.delete("1");
    expect(await store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
    await lease?.release();
    expect((await admin.query(`select from ${schema}.${table}_leases`)).rowCount).toBe(0);
  });
});
