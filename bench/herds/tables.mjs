// The tables of PostgreSQL that herds need: ours, and one for the peers' JSON.
import pg from "pg";
import { loadOurs } from "./ours.mjs";
import { createPeersTable } from "./shared-tokens.mjs";

/** Once, before anybody writes. */
export async function createTables(url, dist) {
  const pool = new pg.Pool({ connectionString: url });
  await (await loadOurs(dist)).createTables(pool);
  await createPeersTable(pool);
  await pool.end();
}
