/** PostgreSQL stores on the run's server: in a schema of the test file's own, in tables of the case's own. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, inject } from "vitest";
import { PostgresStateStore, PostgresTokenStore, type PostgresPool, type PostgresStoreOptions } from "../../../src/stores/postgres.js";
import type { ContractSubject } from "../../../src/testing/store-contract/run.js";
import { outage, switchable } from "./switchable.js";

/** Where one store stands. */
export type Place = Omit<PostgresStoreOptions, "pool">;

export const url = inject("postgresUrl");

/** A name that nobody else uses. */
export const freshName = (kind: string): string => `${kind}_${randomBytes(6).toString("hex")}`;

/** A schema for the calling test file, dropped afterwards, and a pool that belongs to nobody's store. */
export function ownSchema(): { readonly schema: string; readonly admin: pg.Pool } {
  const schema = freshName("test");
  const admin = new pg.Pool({ connectionString: url, max: 4 });
  beforeAll(async () => {
    await admin.query(`create schema ${schema}`);
  });
  afterAll(async () => {
    await admin.query(`drop schema ${schema} cascade`);
    await admin.end();
  });
  return { schema, admin };
}

interface Tabled {
  createTables(): Promise<void>;
}

function subjectOf<Store extends Tabled & object>(
  make: (place: Place, pool: PostgresPool) => Store,
  schema: string,
  pool: PostgresPool,
): Required<Omit<ContractSubject<Store>, "lacks">> {
  const places = new WeakMap<Store, Place>();
  const at = (place: Place): Store => {
    const store = switchable(make(place, pool));
    places.set(store, place);
    return store;
  };
  const placeOf = (store: Store): Place => places.get(store) ?? {};
  return {
    async create() {
      const store = at({ schema, table: freshName("t") });
      await store.createTables();
      return store;
    },
    second: (store) => at(placeOf(store)),
    createNamespace: (store) => at({ ...placeOf(store), namespace: "other" }),
    ...outage,
    destroy: () => undefined,
  };
}

/** Token stores as the contract wants them, each on empty tables of its own. */
export const tokenStores = (schema: string, pool: PostgresPool): Required<Omit<ContractSubject<PostgresTokenStore>, "lacks">> =>
  subjectOf((place, over) => new PostgresTokenStore({ ...place, pool: over }), schema, pool);

/** State stores as the contract wants them, each on an empty table of its own. */
export const stateStores = (schema: string, pool: PostgresPool): Required<Omit<ContractSubject<PostgresStateStore>, "lacks">> =>
  subjectOf((place, over) => new PostgresStateStore({ ...place, pool: over }), schema, pool);
