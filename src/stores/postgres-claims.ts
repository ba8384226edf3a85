/**
 * A table of claims: an id is somebody's until its time is up, by the server's clock, and everybody else is refused meanwhile. Leases are
 * claims that are given back; used states are claims that are not. Called by the PostgreSQL stores.
 */
import { encodeText, type PostgresPlace, PostgresTable } from "./postgres-table.js";

/** Every so many claims one of them also sweeps, so many rows at most: it removes more than was added since, without a job. */
const CLAIMS_PER_SWEEP = 100;
const ROWS_PER_SWEEP = 500;

/** Claims of one namespace. */
export class PostgresClaims {
  readonly #table: PostgresTable;
  readonly #namespace: string;
  #claims = 0;

  constructor(store: string, place: PostgresPlace) {
    this.#namespace = place.namespace;
    this.#table = new PostgresTable(store, place, {
      columns: { namespace: "text", id: "text", owner: "text", until: "timestamp with time zone" },
      rest: "primary key (namespace, id))",
      // The sweep's. Never unique: beside sweeps, `on conflict` of one unique index runs into the other one (23505, or a deadlock).
      index: "until",
    });
  }

  create(): Promise<void> {
    return this.#table.create();
  }

  /** Claims an id for `ttlMs`. False when it is claimed. */
  async claim(operation: string, id: string, owner: string, ttlMs: number): Promise<boolean> {
    const sweep = this.#claims++ % CLAIMS_PER_SWEEP === 0;
    const { name } = this.#table;
    // The time is taken once more in the update: before it, the statement may have waited for another one.
    const until = "clock_timestamp() + $4::double precision * interval '1 millisecond'";
    const rows = await this.#table.query(
      operation,
      `${sweep ? this.#sweep() : ""}insert into ${name} as claim (namespace, id, owner, until) values ($1, $2, $3, ${until})
       on conflict (namespace, id) do update set owner = excluded.owner, until = ${until}
       where claim.until <= clock_timestamp() returning true as done`,
      [this.#namespace, encodeText(id), owner, ttlMs],
    );
    return rows.length === 1;
  }

  /** Gives a claim back, if it is still this owner's. */
  async release(operation: string, id: string, owner: string): Promise<void> {
    await this.#table.query(operation, `delete from ${this.#table.name} where namespace = $1 and id = $2 and owner = $3`, [
      this.#namespace,
      encodeText(id),
      owner,
    ]);
  }

  /** Waits for nobody: what another statement holds is left to the next sweep. The row that is claimed is left to the insert. */
  #sweep(): string {
    const { name } = this.#table;
    // Not clock_timestamp() here: it would keep the index from being used.
    return `with swept as (delete from ${name} where ctid = any (array(
         select ctid from ${name} where until <= statement_timestamp() and (namespace, id) <> ($1, $2)
         order by until limit ${ROWS_PER_SWEEP} for update skip locked)))
       `;
  }
}
