// The tables of PostgreSQL that herds need: ours, and one for the peers' JSON.
import pg from "pg";
import { PostgresTokenStore } from "../../dist/stores/postgres.js";
import { createPeersTable } from "./shared-tokens.mjs";

/** Once, before anybody writes. */
export async function createTables(url) {
  const pool = new pg.Pool({ connectionString: url });
  await new PostgresTokenStore({ pool }).createTables();
  await createPeersTable(pool);
  await pool.end();
}
