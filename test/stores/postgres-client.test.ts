/** A client on the PostgreSQL stores: how many statements each thing costs, a pool of one connection, and two apps in one table. */
import pg from "pg";
import { afterAll, describe, expect, inject, it } from "vitest";
import { ConfigurationError } from "../../src/errors.js";
import { type PostgresPool, PostgresStateStore, PostgresTokenStore } from "../../src/stores/postgres.js";
import { exampleRecord } from "../../src/testing/store-contract/examples.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { freshName, ownSchema, url } from "./support/postgres-stores.js";

const HOUR_MS = 3_600_000;

describe.skipIf(inject("postgresUrl") === undefined)("a client on the PostgreSQL stores", () => {
  const { schema } = ownSchema();
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  afterAll(() => pool.end());

  /** Stores on tables of their own, and the statements that were run since one last looked, by their first words. */
  async function counted(): Promise<{ tokenStore: PostgresTokenStore; stateStore: PostgresStateStore; statements: () => string[] }> {
    const texts: string[] = [];
    const counting: PostgresPool = {
      query(text, values) {
        texts.push(text);
        return pool.query(text, values);
      },
    };
    const place = { pool: counting, schema };
    const tokenStore = new PostgresTokenStore({ ...place, table: freshName("t") });
    const stateStore = new PostgresStateStore({ ...place, table: freshName("s") });
    await tokenStore.createTables();
    await stateStore.createTables();
    texts.length = 0;
    return {
      tokenStore,
      stateStore,
      statements: () => texts.splice(0).map((text) => (text.startsWith("with swept") ? "insert" : (text.split(" ")[0] ?? ""))),
    };
  }

  it("each operation of a store is one statement", async () => {
    const { tokenStore, stateStore, statements } = await counted();
    await tokenStore.get("1");
    expect(statements()).toEqual(["select"]);
    await tokenStore.set("1", exampleRecord("1"), { ifVersion: null });
    await tokenStore.set("1", exampleRecord("1"));
    expect(statements()).toEqual(["insert", "insert"]);
    await tokenStore.set("1", exampleRecord("1"), { ifVersion: "version-1" });
    expect(statements()).toEqual(["update"]);
    const lease = await tokenStore.lease("1", { ttlMs: 1_000 });
    expect(statements()).toEqual(["insert"]);
    await lease?.release();
    expect(statements()).toEqual(["delete"]);
    await tokenStore.delete("1", { ifVersion: "version-1" });
    await tokenStore.delete("1");
    expect(statements()).toEqual(["with", "delete"]);
    await stateStore.consume("1", { ttlMs: 1_000 });
    expect(statements()).toEqual(["insert"]);
  });

  it("a refresh costs five statements in a new process and four in one that knows the account; a cached token costs none", async () => {
    const emulator = await emulate();
    const { tokenStore, stateStore, statements } = await counted();
    const first = clientOf(emulator, { tokenStore, stateStore }).oauth;
    const id = await connect(first, emulator);
    statements();

    emulator.advance(HOUR_MS);
    const { oauth } = clientOf(emulator, { tokenStore, stateStore });
    const cold = await oauth.getAccessToken(id);
    expect(statements()).toEqual(["select", "insert", "select", "update", "delete"]);
    expect(await oauth.getAccessToken(id)).toBe(cold);
    expect(statements()).toEqual([]);

    emulator.advance(HOUR_MS);
    expect(await oauth.getAccessToken(id)).not.toBe(cold);
    expect(statements().length).toBeLessThanOrEqual(4);
  });

  it("accounts that expire at once refresh over one connection, each once, whichever process asks", async () => {
    const accounts = Array.from({ length: 12 }, (_, index) => ({ hubId: 1_000 + index }));
    const emulator = await emulate({ accounts, refreshTokenRotation: "strict" });
    const { tokenStore, stateStore } = await counted();
    const clients = [1, 2, 3].map(() => clientOf(emulator, { tokenStore, stateStore }));
    const first = clients[0]?.oauth;
    if (first === undefined) throw new Error("there are three");
    const ids: string[] = [];
    for (const account of accounts) ids.push(await connect(first, emulator, account));
    emulator.advance(HOUR_MS);
    const tokens = await Promise.all(ids.flatMap((id) => clients.map(({ oauth }) => oauth.getAccessToken(id))));
    expect(new Set(tokens).size).toBe(accounts.length);
    const refreshed = clients.flatMap(({ events }) => events).filter(({ type }) => type === "refresh.succeeded");
    expect(refreshed).toHaveLength(accounts.length);
  });

  it("another app's record in the same table is refused, and neither refreshed nor changed nor deleted", async () => {
    const emulator = await emulate();
    const { tokenStore, stateStore } = await counted();
    const { oauth } = clientOf(emulator, { tokenStore, stateStore });
    const id = await connect(oauth, emulator);
    const stored = await tokenStore.get(id);
    const other = clientOf(emulator, { tokenStore, stateStore, clientId: "another-app" }).oauth;
    await expect(other.getAccessToken(id)).rejects.toBeInstanceOf(ConfigurationError);
    await expect(other.getAccessToken(id, { force: true })).rejects.toBeInstanceOf(ConfigurationError);
    await expect(other.disconnect(id)).rejects.toBeInstanceOf(ConfigurationError);
    expect(await tokenStore.get(id)).toEqual(stored);
    expect(await oauth.getAccessToken(id)).toBe(stored?.accessToken);
  });

  it("a state that came back once is refused by every process on the same table", async () => {
    const emulator = await emulate();
    const { tokenStore, stateStore } = await counted();
    const { oauth } = clientOf(emulator, { tokenStore, stateStore });
    const { oauth: elsewhere } = clientOf(emulator, { tokenStore, stateStore });
    const { url: start, cookie } = await oauth.createAuthorization();
    const callback = { url: await emulator.authorize(start), cookie: cookie?.split(";")[0] };
    await expect(elsewhere.completeAuthorization(callback)).resolves.toMatchObject({ accountId: expect.any(String) as string });
    await expect(oauth.completeAuthorization(callback)).rejects.toMatchObject({ code: "state_mismatch" });
  });
});
