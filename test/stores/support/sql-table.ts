/** The table `hubspot_tokens` of the example in memory: knows its statements and no other, each of them atomic, as in Postgres. */
import { setImmediate as turn } from "node:timers/promises";

export type Query = (text: string, values: readonly unknown[]) => Promise<{ rows: { record: unknown }[]; rowCount: number }>;

const insertion = "insert into hubspot_tokens (account_id, version, record) values ($1, $2, $3) on conflict (account_id)";

export function sqlTable(): Query {
  const table = new Map<unknown, { readonly version: unknown; readonly json: string }>();
  return async (text, [accountId, version, json, ifVersion]) => {
    await turn();
    const standing = table.get(accountId);
    const write = (): number => table.set(accountId, { version, json: String(json) }) && 1;
    const remove = (): number => Number(table.delete(accountId));
    const counted = (rowCount: number): Awaited<ReturnType<Query>> => ({ rows: [], rowCount });
    switch (text) {
      case "select record from hubspot_tokens where account_id = $1":
        return { rows: standing === undefined ? [] : [{ record: JSON.parse(standing.json) as unknown }], rowCount: 1 };
      case `${insertion} do update set version = excluded.version, record = excluded.record`:
        return counted(write());
      case `${insertion} do nothing`:
        return counted(standing === undefined ? write() : 0);
      case "update hubspot_tokens set version = $2, record = $3 where account_id = $1 and version = $4":
        return counted(standing?.version === ifVersion ? write() : 0);
      case "delete from hubspot_tokens where account_id = $1":
        return counted(remove());
      case "delete from hubspot_tokens where account_id = $1 and version = $2":
        return counted(standing?.version === version ? remove() : 0);
      default:
        throw new Error(`not a statement of the example: ${text}`);
    }
  };
}
