// @ts-check
/**
 * A token store over a table of yours, in the SQL of PostgreSQL. Each write is one statement that compares and writes, and the row count
 * says whether it did. The columns have no length limit: HubSpot's tokens have none.
 *
 *     create table hubspot_tokens (account_id text primary key, version text not null, record text not null);
 *
 * `query` takes text and values, and answers rows and a row count:
 *
 *     // pg
 *     (text, values) => pool.query(text, values);
 *     // Drizzle over pg
 *     (text, values) => db.$client.query(text, values);
 *     // Kysely
 *     async (text, values) => {
 *       const { rows, numAffectedRows } = await db.executeQuery(CompiledQuery.raw(text, values));
 *       return { rows, rowCount: Number(numAffectedRows ?? 0) };
 *     };
 *     // postgres.js
 *     async (text, values) => {
 *       const rows = await sql.unsafe(text, values);
 *       return { rows, rowCount: rows.count };
 *     };
 */

/** @typedef {import("hubspot-oauth").TokenStore} TokenStore */
/** @typedef {import("hubspot-oauth").StoredTokens} StoredTokens */
/** @typedef {(text: string, values: unknown[]) => Promise<{ rows: any[], rowCount: number | null }>} Query */

/** @implements {TokenStore} */
export class SqlTokenStore {
  /** @param {Query} query */
  constructor(query) {
    this.query = query;
  }

  /** @param {string} accountId */
  async get(accountId) {
    const { rows } = await this.query("select record from hubspot_tokens where account_id = $1", [accountId]);
    return rows[0] && JSON.parse(rows[0].record);
  }

  /**
   * @param {string} accountId
   * @param {StoredTokens} record
   * @param {{ ifVersion?: string | null }} options
   */
  async set(accountId, record, { ifVersion } = {}) {
    const insert = "insert into hubspot_tokens (account_id, version, record) values ($1, $2, $3) on conflict (account_id)";
    const values = [accountId, record.version, JSON.stringify(record)];
    const { rowCount } =
      ifVersion === undefined
        ? await this.query(`${insert} do update set version = excluded.version, record = excluded.record`, values)
        : ifVersion === null
          ? await this.query(`${insert} do nothing`, values)
          : await this.query("update hubspot_tokens set version = $2, record = $3 where account_id = $1 and version = $4", [
              ...values,
              ifVersion,
            ]);
    return rowCount === 1;
  }

  /**
   * @param {string} accountId
   * @param {{ ifVersion?: string }} options
   */
  async delete(accountId, { ifVersion } = {}) {
    const text = "delete from hubspot_tokens where account_id = $1";
    const { rowCount } =
      ifVersion === undefined ? await this.query(text, [accountId]) : await this.query(`${text} and version = $2`, [accountId, ifVersion]);
    // No row: it was gone already, or another version stands.
    return rowCount === 1 || (await this.get(accountId)) === undefined;
  }
}
