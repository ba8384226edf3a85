/**
 * The PostgreSQL stores when the server, the connection or the pool fails: what is unclear is settled by reading back, what failed is an
 * error and never "not connected", and no error carries anything of a record.
 */
import { inspect } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from "vitest";
import { AccountRecords } from "../../src/account-records.js";
import { AccountNotConnectedError, TokenStoreError } from "../../src/errors.js";
import { PostgresStateStore, PostgresTokenStore } from "../../src/stores/postgres.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { losingProxy } from "./support/postgres-proxy.js";
import { freshName, ownSchema, url } from "./support/postgres-stores.js";

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no failure",
    (error: unknown) => error,
  );
const first = exampleRecord("1", { version: "first", status: "active" });
const mine = exampleRecord("1", { version: "mine", status: "active" });

describe.skipIf(inject("postgresUrl") === undefined)("PostgreSQL stores on bad days", () => {
  const { schema, admin } = ownSchema();

  /** A pool for one test. An idle connection that breaks is an event; without a listener it would end the process. */
  function poolOf(options: pg.PoolConfig = {}): pg.Pool {
    const pool = new pg.Pool({ connectionString: url, ...options });
    pool.on("error", () => undefined);
    onTestFinished(() => pool.end());
    return pool;
  }

  /** A store over `pool` on a table of its own, with `first` in it, and the guard that the client puts around it. */
  async function storeOver(pool: pg.Pool): Promise<{ store: PostgresTokenStore; records: AccountRecords; table: string }> {
    const table = freshName("t");
    await new PostgresTokenStore({ pool: admin, schema, table }).createTables();
    await new PostgresTokenStore({ pool: admin, schema, table }).set("1", first);
    const store = new PostgresTokenStore({ pool, schema, table });
    return { store, records: new AccountRecords(store, "app", () => undefined), table: `${schema}.${table}` };
  }

  /** Holds the row of account 1 in another session until the test ends, or until it is let go. */
  async function holdRow(table: string): Promise<() => Promise<void>> {
    const holder = await admin.connect();
    await holder.query(`begin; select from ${table} for update`);
    let held = true;
    const letGo = async (): Promise<void> => {
      if (held) await holder.query("rollback");
      if (held) holder.release();
      held = false;
    };
    onTestFinished(letGo);
    return letGo;
  }

  async function waitingPid(application: string): Promise<number | undefined> {
    const text = "select pid from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'";
    return (await admin.query<{ pid: number }>(text, [application])).rows[0]?.pid;
  }

  it("a write whose answer is lost after the commit is settled by reading it back", async () => {
    const proxy = await losingProxy(Number(new URL(url ?? "").port));
    onTestFinished(() => proxy.close());
    const pool = poolOf({ connectionString: url?.replace(/:\d+\//, `:${proxy.port}/`), max: 1 });
    const { store, records } = await storeOver(pool);
    await store.get("1");
    proxy.loseNextAnswer();
    expect(await records.write("1", mine, "first")).toBe(true);
    expect((await store.get("1"))?.version).toBe("mine");
    // The same without the guard: it failed, and it stands.
    proxy.loseNextAnswer();
    expect(await failureOf(store.set("1", first, { ifVersion: "mine" }))).toBeInstanceOf(TokenStoreError);
    expect((await store.get("1"))?.version).toBe("first");
  });

  it("a write whose session is ended before the commit fails, and what stood stands", async () => {
    const name = freshName("ended");
    const { store, records, table } = await storeOver(poolOf({ application_name: name }));
    const letGo = await holdRow(table);
    const failure = failureOf(records.write("1", mine, "first"));
    await expect.poll(() => waitingPid(name), { interval: 5 }).toBeDefined();
    await admin.query("select pg_terminate_backend($1)", [await waitingPid(name)]);
    expect(await failure).toMatchObject({ name: "TokenStoreError", operation: "set", driverCode: "57P01", retryable: true });
    await letGo();
    expect(await store.get("1")).toEqual(first);
    expect(await records.write("1", mine, "first")).toBe(true);
  });

  it("an idle connection that is ended is replaced", async () => {
    const name = freshName("idle");
    const pool = poolOf({ application_name: name, max: 1 });
    const { store } = await storeOver(pool);
    await store.get("1");
    const broken = new Promise((resolve) => pool.once("error", resolve));
    await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [name]);
    await broken;
    expect(await store.get("1")).toEqual(first);
  });

  it.each([
    ["lock_timeout", "55P03"],
    ["statement_timeout", "57014"],
  ])("a row that somebody holds ends a write by %s, and nothing is written", async (setting, driverCode) => {
    const { store, table } = await storeOver(poolOf({ options: `-c ${setting}=50` }));
    const letGo = await holdRow(table);
    for (const call of [() => store.set("1", mine, { ifVersion: "first" }), () => store.delete("1", { ifVersion: "first" })]) {
      expect(await failureOf(call())).toMatchObject({ name: "TokenStoreError", driverCode });
    }
    await letGo();
    expect(await store.get("1")).toEqual(first);
  });

  it("a deadlock that PostgreSQL ends at our cost is tried again", async () => {
    const name = freshName("deadlock");
    const { store, table } = await storeOver(poolOf({ application_name: name, options: "-c deadlock_timeout=20" }));
    // After the row itself, a write takes a lock that the holder has: the holder then waits for the row, and ours has to give way.
    await admin.query(`create table ${table}_other as select 1 as n;
      create function ${table}_touch() returns trigger language plpgsql as 'begin update ${table}_other set n = n; return null; end';
      create trigger touch after update on ${table} for each row execute function ${table}_touch()`);
    const holder = await admin.connect();
    onTestFinished(() => holder.release());
    await holder.query(`set deadlock_timeout = '1h'; begin; update ${table}_other set n = n`);
    const deadlocks = async (): Promise<number> => {
      const text = "select deadlocks::int as n from pg_stat_database where datname = current_database()";
      return (await admin.query<{ n: number }>(text)).rows[0]?.n ?? 0;
    };
    const before = await deadlocks();
    const answer = store.set("1", mine, { ifVersion: "first" });
    await expect.poll(() => waitingPid(name), { interval: 5 }).toBeDefined();
    await holder.query(`update ${table} set version = version; commit; reset deadlock_timeout`);
    expect(await answer).toBe(true);
    expect(await store.get("1")).toEqual(mine);
    await expect.poll(deadlocks, { interval: 20 }).toBeGreaterThan(before);
  });

  it("a server that never lets us through is asked ten times and no more", async () => {
    let asked = 0;
    const query = (): Promise<never> => {
      asked++;
      return Promise.reject(Object.assign(new Error("could not serialize access"), { code: "40001" }));
    };
    const failure = await failureOf(new PostgresTokenStore({ pool: { query } }).set("1", mine));
    expect(failure).toMatchObject({ name: "TokenStoreError", driverCode: "40001" });
    expect(asked).toBe(10);
  });

  it("a pool without a free connection is an error that says so, and the pool is well afterwards", async () => {
    const pool = poolOf({ max: 1, connectionTimeoutMillis: 50 });
    const { store } = await storeOver(pool);
    const taken = await pool.connect();
    const failure = await failureOf(store.get("1"));
    taken.release();
    expect(failure).toBeInstanceOf(TokenStoreError);
    expect(String(failure)).toContain("could not get: timeout exceeded when trying to connect.");
    expect(await store.get("1")).toEqual(first);
  });

  describe("an error carries nothing of the record", () => {
    const canary = "CANARY0token";
    const secret = exampleRecord("1", { version: canary, accessToken: canary, refreshToken: canary });

    /** Where an error shows the canary, in print or in any of its fields. */
    function leaksOf(failure: unknown): string[] {
      if (!(failure instanceof TokenStoreError)) return ["not an error of ours"];
      const print = (value: unknown): string => inspect(value, { depth: null, showHidden: true });
      const shown = { printed: print(failure), json: JSON.stringify(failure), text: String(failure), stack: String(failure.stack) };
      const fields = Reflect.ownKeys(failure).map((key) => [String(key), print(Reflect.get(failure, key))] as const);
      return [...Object.entries(shown), ...fields].filter(([, text]) => text.includes(canary)).map(([where]) => where);
    }

    it.each([
      ["a CHECK constraint", "alter table TABLE add check (version = 'first')", "23514"],
      ["a unique index", "insert into TABLE values ('', '2', 'CANARY0token', '{}'); create unique index on TABLE (version)", "23505"],
      ["a column that was made short", "alter table TABLE alter record type varchar(9) using 'short'", "22001"],
      [
        "a trigger that quotes the row",
        `create function TABLE_no() returns trigger language plpgsql as
           $$ begin raise exception using message = new.record, detail = new.record, hint = new.record, errcode = 'P0001'; end $$;
         create trigger no before insert or update on TABLE for each row execute function TABLE_no()`,
        "P0001",
      ],
      ["a type that quotes what it was given", "alter table TABLE alter version type int using 1", "22P02"],
    ])("when %s refuses it", async (_, change, driverCode) => {
      const { store, table } = await storeOver(poolOf());
      await admin.query(change.replaceAll("TABLE", table));
      for (const options of [{}, { ifVersion: "first" }]) {
        const failure = await failureOf(store.set("1", secret, options));
        expect(failure).toMatchObject({ operation: "set", driverCode });
        expect(leaksOf(failure)).toEqual([]);
      }
      // The driver's own error does carry it.
      const theirs = await failureOf(admin.query(`update ${table} set version = $1, record = $2`, [canary, canary]));
      expect(inspect(theirs, { depth: null, showHidden: true }).includes(canary)).toBe(driverCode !== "22001");
    });

    it.each([
      [
        "an error with the statement and its parameters",
        Object.assign(new Error(canary), { name: canary, query: canary, parameters: [canary], code: `${canary} ` }),
      ],
      ["an error with a cause", new Error(canary, { cause: new Error(canary) })],
      ["a string", canary],
      ["an object", { code: { toString: () => canary }, message: canary }],
      ["nothing", undefined],
    ])("when the driver throws %s", async (_, thrown) => {
      for (const query of [
        () => Promise.reject(thrown),
        () => {
          throw thrown;
        },
      ]) {
        const store = new PostgresTokenStore({ pool: { query } });
        expect(leaksOf(await failureOf(store.get("1")))).toEqual([]);
        expect(leaksOf(await failureOf(store.set("1", secret)))).toEqual([]);
        expect(leaksOf(await failureOf(store.createTables()))).toEqual([]);
        expect(leaksOf(await failureOf(new PostgresStateStore({ pool: { query } }).consume(canary, { ttlMs: 1 })))).toEqual([]);
      }
    });
  });

  describe("a server that goes down", () => {
    let server: PostgresServer;
    beforeAll(async () => {
      // What was answered has to be there after a crash of the server, as with the defaults of PostgreSQL.
      server = await startPostgres({ settings: { synchronous_commit: "on" } });
    }, 60_000);
    afterAll(() => server.stop());

    it("never makes an account read as not connected, and all is there when it is back", async () => {
      const pool = poolOf({ connectionString: server.url, connectionTimeoutMillis: 1_000 });
      const [tokenStore, stateStore] = [new PostgresTokenStore({ pool }), new PostgresStateStore({ pool })];
      await tokenStore.createTables();
      await stateStore.createTables();
      const emulator = await emulate();
      const { oauth } = clientOf(emulator, { tokenStore, stateStore });
      const id = await connect(oauth, emulator);
      const token = await oauth.getAccessToken(id);
      const stored = await tokenStore.get(id);
      await stateStore.consume("used", { ttlMs: 600_000 });
      const elsewhere = clientOf(emulator, { tokenStore, stateStore }).oauth;

      await server.kill();
      const failure = await failureOf(elsewhere.getAccessToken(id));
      expect(failure).toBeInstanceOf(TokenStoreError);
      expect(failure).not.toBeInstanceOf(AccountNotConnectedError);
      expect(await failureOf(stateStore.consume("used", { ttlMs: 600_000 }))).toBeInstanceOf(TokenStoreError);
      expect(await failureOf(tokenStore.list().next())).toBeInstanceOf(TokenStoreError);
      // Who has a token in memory still serves it.
      expect(await oauth.getAccessToken(id)).toBe(token);

      await server.restart();
      expect(await tokenStore.get(id)).toEqual(stored);
      expect(await elsewhere.getAccessToken(id)).toBe(token);
      expect(await stateStore.consume("used", { ttlMs: 600_000 })).toBe(false);
    });

    it("a lease outlives a crash of the server, and is still the holder's", async () => {
      const pool = poolOf({ connectionString: server.url });
      const store = new PostgresTokenStore({ pool, table: freshName("t") });
      await store.createTables();
      const lease = await store.lease("1", { ttlMs: 60_000 });
      await server.restart();
      // The first statement may meet the connection that broke.
      await store.get("1").catch(() => undefined);
      expect(await store.lease("1", { ttlMs: 60_000 })).toBeUndefined();
      await lease?.release();
      expect(await store.lease("1", { ttlMs: 60_000 })).toBeDefined();
    });
  });
});
