/**
 * PostgreSQL stores against others at the same row. Each case holds the row from another session, lets the store run into it, and then lets
 * go in one of several ways: what the store answers has to fit what stands afterwards, at every isolation level an application may default to.
 */
import pg from "pg";
import { afterAll, describe, expect, inject, it } from "vitest";
import { PostgresStateStore, PostgresTokenStore } from "../../src/stores/postgres.js";
import type { Lease } from "../../src/stores/store.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { freshName, ownSchema, url } from "./support/postgres-stores.js";

const isolations = ["read committed", "repeatable read", "serializable"];

describe.skipIf(inject("postgresUrl") === undefined).each(isolations)("PostgreSQL at %s", (isolation) => {
  const { schema, admin } = ownSchema();
  // Tells this file's sessions from others in pg_stat_activity.
  const name = freshName("store");
  const pool = new pg.Pool({
    ...{ connectionString: url, max: 3, application_name: name },
    options: `-c default_transaction_isolation=${isolation.replace(" ", "\\ ")}`,
  });
  afterAll(() => pool.end());

  it("is what the sessions of this test run at", async () => {
    expect((await pool.query("show transaction_isolation")).rows).toEqual([{ transaction_isolation: isolation }]);
  });

  async function tokens(): Promise<{ readonly store: PostgresTokenStore; readonly table: string }> {
    const table = freshName("t");
    const store = new PostgresTokenStore({ pool, schema, table });
    await store.createTables();
    return { store, table: `${schema}.${table}` };
  }

  /** Runs `call` into what `hold` leaves uncommitted in another session; then that session does `finish`. */
  async function whileHeld<T>(hold: string, call: () => Promise<T>, finish: string): Promise<T> {
    const holder = await admin.connect();
    try {
      await holder.query(`begin; ${hold}`);
      const answer = call();
      answer.catch(() => undefined);
      await expect.poll(() => waiting(), { interval: 5, timeout: 5_000 }).toBe(1);
      await holder.query(finish);
      return await answer;
    } finally {
      holder.release();
    }
  }

  async function waiting(): Promise<number> {
    const text = "select 1 from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'";
    return (await admin.query(text, [name])).rowCount ?? 0;
  }

  const first = exampleRecord("1", { version: "first" });
  const mine = exampleRecord("1", { version: "mine" });
  const row = (version: string): string => JSON.stringify(exampleRecord("1", { version }));
  const theirs = `version = 'theirs', record = '${row("theirs")}'`;
  const insert = (table: string): string => `insert into ${table} values ('', '1', 'theirs', '${row("theirs")}')`;

  // What stands at first, what the other session does, how it ends, what the store does, its answer, and the version that stands at last.
  type Store = PostgresTokenStore;
  const update = (table: string): string => `update ${table} set ${theirs}`;
  const remove = (table: string): string => `delete from ${table}`;
  const again = (table: string): string => `delete from ${table}; ${insert(table)}`;
  const write = (store: Store): Promise<boolean> => store.set("1", mine, { ifVersion: "first" });
  const create = (store: Store): Promise<boolean> => store.set("1", mine, { ifVersion: null });
  const overwrite = (store: Store): Promise<boolean> => store.set("1", mine);
  const drop = (store: Store): Promise<boolean> => store.delete("1", { ifVersion: "first" });
  const clear = (store: Store): Promise<boolean> => store.delete("1");

  it.each([
    ["a write loses to another write", true, update, "commit", write, false, "theirs"],
    ["a write wins when the other one is undone", true, update, "rollback", write, true, "mine"],
    ["a write loses to a delete", true, remove, "commit", write, false, undefined],
    ["a write wins when the delete is undone", true, remove, "rollback", write, true, "mine"],
    ["a write loses to a new connection", true, again, "commit", write, false, "theirs"],
    ["a first write loses to another one", false, insert, "commit", create, false, "theirs"],
    ["a first write wins when the other one is undone", false, insert, "rollback", create, true, "mine"],
    ["a write without comparing goes over another one", true, update, "commit", overwrite, true, "mine"],
    ["a write without comparing goes over a delete", true, remove, "commit", overwrite, true, "mine"],
    ["a write without comparing goes over a first one", false, insert, "commit", overwrite, true, "mine"],
    ["a delete loses to a write", true, update, "commit", drop, false, "theirs"],
    ["a delete wins when the write is undone", true, update, "rollback", drop, true, undefined],
    ["of two deletes both say that nothing stands", true, remove, "commit", drop, true, undefined],
    ["a delete wins when the other one is undone", true, remove, "rollback", drop, true, undefined],
    ["a delete without comparing deletes what was written meanwhile", true, update, "commit", clear, true, undefined],
  ] as const)("%s", async (_, stands, change, finish, call, answer, left) => {
    const { store, table } = await tokens();
    if (stands) await store.set("1", first);
    expect(await whileHeld(change(table), () => call(store), finish)).toBe(answer);
    expect((await store.get("1"))?.version).toBe(left);
  });

  it("a read does not wait for a write, and sees the one before it", async () => {
    const { store, table } = await tokens();
    await store.set("1", first);
    const holder = await admin.connect();
    try {
      await holder.query(`begin; ${update(table)}`);
      expect((await store.get("1"))?.version).toBe("first");
      await holder.query("commit");
      expect((await store.get("1"))?.version).toBe("theirs");
    } finally {
      holder.release();
    }
  });

  it.each([
    ["taken", "commit", false],
    ["taken and given back", "rollback", true],
  ])("a lease that is being %s by somebody else", async (_, finish, given) => {
    const { store, table } = await tokens();
    const taken = `insert into ${table}_leases values ('', '1', 'other', clock_timestamp() + interval '1 minute')`;
    const lease = await whileHeld(taken, async () => store.lease("1", { ttlMs: 60_000 }), finish);
    expect(lease !== undefined).toBe(given);
  });

  it("the time of a lease begins when it is given, not when it was asked for", async () => {
    const { store, table } = await tokens();
    await admin.query(`insert into ${table}_leases values ('', '1', 'other', clock_timestamp() - interval '1 minute')`);
    const lease = async (): Promise<Lease | undefined> => store.lease("1", { ttlMs: 60_000 });
    const freed = `create table ${table}_freed as select clock_timestamp() as at; commit`;
    expect(await whileHeld(`update ${table}_leases set owner = owner`, lease, freed)).toBeDefined();
    const { rows } = await admin.query(`select until >= at + interval '1 minute' as whole from ${table}_leases, ${table}_freed`);
    expect(rows).toEqual([{ whole: true }]);
  });

  it("what others hold is left out when states are swept away, and nobody waits for it", async () => {
    const table = freshName("t");
    const store = new PostgresStateStore({ pool, schema, table });
    await store.createTables();
    await admin.query(
      `insert into ${schema}.${table} select '', 'old-' || n, '', clock_timestamp() - interval '1 day' from generate_series(1, 3) n`,
    );
    const holder = await admin.connect();
    try {
      await holder.query(`begin; select from ${schema}.${table} where id = 'old-2' for update`);
      expect(await store.consume("new", { ttlMs: 60_000 })).toBe(true);
    } finally {
      await holder.query("rollback");
      holder.release();
    }
    const { rows } = await admin.query(`select id from ${schema}.${table} order by id`);
    expect(rows).toEqual([{ id: "new" }, { id: "old-2" }]);
  });

  it.each([3, 10])("of 50 concurrent callers over %i connections one is the first with a state", async (max) => {
    const many = new pg.Pool({ ...pool.options, max });
    try {
      const store = new PostgresStateStore({ pool: many, schema, table: freshName("t") });
      await store.createTables();
      for (const id of ["one", "two", "three"]) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => store.consume(id, { ttlMs: 60_000 })));
        expect(answers.filter(Boolean)).toHaveLength(1);
      }
    } finally {
      await many.end();
    }
  });

  it.each([
    ["first writes", null],
    ["writes over one version", "first"],
  ])("of 50 concurrent %s one wins, and stands", async (_, ifVersion) => {
    const { store } = await tokens();
    if (ifVersion !== null) await store.set("1", first);
    const writes = Array.from({ length: 50 }, async (__, index) => {
      const version = `mine-${index}`;
      return (await store.set("1", exampleRecord("1", { version }), { ifVersion })) ? version : undefined;
    });
    const winners = (await Promise.all(writes)).filter((version) => version !== undefined);
    expect(winners).toEqual([(await store.get("1"))?.version]);
  });
});
