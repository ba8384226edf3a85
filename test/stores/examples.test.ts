/** The stores of `examples/stores` pass the contract on a real server, and the one that cannot compare is recognised as such. */
import pg from "pg";
import { afterAll, beforeEach, describe, expect, inject, it } from "vitest";
import type { TokenStore } from "../../src/index.js";
import { type ContractSubject, runContractCase, runStoreContract, storeContract } from "../../src/testing/store-contract/run.js";
import { clientOf, connect, emulate } from "../support/setup.js";
import { vitest } from "./support/contract-runner.js";
import { ownSchema, url } from "./support/postgres-stores.js";
import { outage, switchable } from "./support/switchable.js";

type Query = (text: string, values: unknown[]) => Promise<{ rows: unknown[]; rowCount: number | null }>;

const example = (file: string): string => new URL(`../../examples/stores/${file}`, import.meta.url).href;
const { SqlTokenStore } = (await import(example("sql-token-store.mjs"))) as { SqlTokenStore: new (query: Query) => TokenStore };
const { KeyValueTokenStore } = (await import(example("key-value-token-store.mjs"))) as {
  KeyValueTokenStore: new (values: Map<string, string>) => TokenStore;
};

const lacks = { lease: "compare-and-set is enough", list: "the application has its own table of accounts" };

describe.skipIf(inject("postgresUrl") === undefined)("a dozen lines over a table", () => {
  const { schema, admin } = ownSchema();
  const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${schema}` });
  afterAll(() => pool.end());
  beforeEach(async () => {
    await admin.query(`drop table if exists ${schema}.hubspot_tokens;
      create table ${schema}.hubspot_tokens (account_id text primary key, version text not null, record text not null)`);
  });
  const store = (): TokenStore => new SqlTokenStore((text, values) => pool.query(text, values));

  runStoreContract(vitest, { create: () => switchable(store()), second: store, ...outage, lacks });

  it("carries a connection through a refresh", async () => {
    const emulator = await emulate();
    const { oauth, events } = clientOf(emulator, { tokenStore: store() });
    const id = await connect(oauth, emulator);
    const first = await oauth.getAccessToken(id);
    expect(await oauth.getAccessToken(id, { force: true })).not.toBe(first);
    expect(events.map(({ type }) => type)).not.toContain("store.unsafe");
  });
});

describe("a store that cannot compare", () => {
  const whole: ContractSubject<TokenStore> = { create: () => new KeyValueTokenStore(new Map()) };
  const honest = { ...whole, lacks: { ...lacks, "compare-and-set": "a plain key-value store" } };

  it.each(storeContract.flatMap((rule) => (rule.needs === undefined ? [[rule.name, rule] as const] : [])))("%s", async (_, rule) => {
    await expect(runContractCase(rule, honest)).resolves.toBeUndefined();
  });

  it("is rejected by every rule of comparison when nobody says that it cannot", async () => {
    const accepted: string[] = [];
    for (const rule of storeContract.filter(({ needs }) => needs?.length === 1 && needs[0] === "compare-and-set")) {
      await runContractCase(rule, whole).then(
        () => accepted.push(rule.name),
        () => undefined,
      );
    }
    // What it does is what that rule asks for.
    expect(accepted).toEqual(["set without ifVersion writes whatever stands"]);
  });

  it("makes the client say so, once", async () => {
    const emulator = await emulate();
    const { oauth, events } = clientOf(emulator, { tokenStore: new KeyValueTokenStore(new Map()) });
    const id = await connect(oauth, emulator);
    await oauth.getAccessToken(id, { force: true });
    expect(events.filter(({ type }) => type === "store.unsafe")).toHaveLength(1);
  });
});
