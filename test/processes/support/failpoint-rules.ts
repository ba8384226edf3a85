/** What must hold after a process was killed or stopped in the middle of a refresh, wherever that was. */
import type { Cell, Cells } from "./failpoint-cells.js";
import { SHORT_TIMES } from "./worker-bundle.js";
import type { Failpoint } from "./worker-protocol.js";

/** A dead holder's lease runs out, and then there are a request and a write. */
const LONGEST_WAIT_MS = SHORT_TIMES.leaseMs + SHORT_TIMES.requestMs + SHORT_TIMES.storeMs;
/** What an application may see of a fault, and tries again. */
const RETRYABLE = new Set(["token_store", "timeout", "network"]);

/** Every rule that a cell breaks, in words. */
export function judge(cell: Cell): string[] {
  const { survivor, victim, before, after, refreshes, excuses, accountId } = cell;
  const problems: string[] = [];
  const rule = (holds: boolean, otherwise: string): void => void (holds || problems.push(otherwise));

  const isExcused = excuses.length > 0 && excuses.every((excuse) => excuse !== undefined);
  rule(excuses.length === 0 || isExcused, "the grant was revoked, and a better client would have kept it");

  const served = survivor.token !== undefined || (isExcused && survivor.code === "reauthorization_required");
  rule(served, `the survivor got ${survivor.code}`);
  rule(
    survivor.afterMs <= LONGEST_WAIT_MS,
    `the survivor waited ${Math.round(survivor.afterMs)} ms, more than lease, request and write take`,
  );

  const sent = refreshes.map(({ refreshToken }) => refreshToken);
  rule(isExcused || new Set(sent).size === sent.length, `a refresh token was sent more than once: ${sent.length} requests`);

  const isRefused = refreshes.some(({ refreshToken, error }) => refreshToken === after?.refreshToken && error === "invalid_grant");
  rule(after !== undefined, "the record is gone");
  rule(after?.status !== "dead" || isRefused, "the record is dead, and the server never refused its refresh token");

  if (victim !== undefined) {
    const isAnswered =
      victim.token !== undefined || RETRYABLE.has(victim.code ?? "") || (isExcused && victim.code === "reauthorization_required");
    rule(isAnswered, `the call that woke up ended with ${victim.code}`);
    rule(isExcused || after?.version === before?.version, "who woke up overwrote a newer record");
    rule(cell.leaseStood, "who woke up released somebody else's lease");
  }

  rule(!cell.replied, "the fault came too late: the reply had been read");
  rule(
    cell.goneOn.length === 2 && cell.goneOn.every((account) => account === `${accountId}-1001`),
    `afterwards: ${cell.goneOn.join(", ")}`,
  );
  rule(cell.refreshesToGoOn === 1, `${cell.refreshesToGoOn} refreshes at the next expiry`);
  return problems;
}

/** Where grants were lost, and what excuses it. */
export function lostAt(cells: Cells): Partial<Record<Failpoint, string>> {
  const lost = Object.entries(cells).filter(([, { excuses }]) => excuses.length > 0);
  return Object.fromEntries(lost.map(([at, { excuses }]) => [at, excuses.join(" and ")]));
}
