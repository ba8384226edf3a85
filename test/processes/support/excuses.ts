/**
 * Which lost grants no client could have saved. A server that rotates refresh tokens revokes a grant when a spent one comes again, and a
 * few ways to that are open to every client. U1: the process that was answered died, or slept longer than its lease, before it had written
 * the answer down. U2: a process slept longer than its lease between its last look at that and the bytes of its request. Late: the answer
 * came after the deadline of the request. Judged from what happened, never from where a test put its fault.
 */
import type { Refresh } from "./token-door.js";
import type { Interruption, WorkerEvent } from "./worker-process.js";

/** What is known of the processes. */
export interface Evidence {
  /** All refreshes of all accounts. */
  readonly refreshes: readonly Refresh[];
  readonly interruptions: readonly Interruption[];
  /** The events of each process by its name. */
  readonly eventsOf: (name: string) => readonly WorkerEvent[];
  readonly times: { readonly leaseMs: number; readonly marginMs: number; readonly requestMs: number };
}

/** A grant that the server gave up. */
export interface LostGrant {
  readonly accountId: string;
  /** The refresh with which it was lost. */
  readonly by: Refresh;
  /** The one that had spent its refresh token. */
  readonly after: Refresh | undefined;
  readonly excuse: "U1" | "U2" | "late" | undefined;
}

/** Every grant that the server gave up, once. */
export function lostGrants(evidence: Evidence): LostGrant[] {
  const spent = new Map<string, Refresh>();
  /** The first refresh token that was sent of each grant, by all that followed from it. */
  const roots = new Map<string, string>();
  const lost = new Map<string, LostGrant>();
  for (const refresh of evidence.refreshes.toSorted((a, b) => a.answeredAtMs - b.answeredAtMs)) {
    const { accountId, refreshToken, status, issued } = refresh;
    const root = roots.get(refreshToken) ?? refreshToken;
    if (status === 200 && issued !== undefined && issued !== refreshToken) {
      roots.set(issued, root);
      spent.set(refreshToken, refresh);
    }
    if (refresh.error !== "invalid_grant" || lost.has(root)) continue;
    const first = spent.get(refreshToken);
    // Refused without a reuse: the server's own mistake, or a token that was never this account's.
    lost.set(root, { accountId, by: refresh, after: first, excuse: first && excuseOf(refresh, first, evidence) });
  }
  return [...lost.values()];
}

function excuseOf(again: Refresh, first: Refresh, evidence: Evidence): LostGrant["excuse"] {
  const { marginMs, leaseMs, requestMs } = evidence.times;
  // Who sent it first had the lease until then, at the least: a process that comes earlier has not looked at the lease.
  const firstFlight = flightOf(first, evidence);
  const leaseWasOver = again.arrivedAtMs > firstFlight.decidedAtMs - marginMs + leaseMs;
  const neverWritten = again.standing === again.refreshToken;
  // Awake for less than a lease leaves it after its last look, it had no chance to write the answer down.
  if (leaseWasOver && neverWritten && firstFlight.awakeMs(again.arrivedAtMs) < leaseMs - marginMs) return "U1";
  // Its lease was given back by then: it had given up, as it must.
  if (neverWritten && first.answeredAtMs - firstFlight.decidedAtMs >= requestMs) return "late";
  // It had decided to send while its lease was good, and was asleep for most of the time until it did.
  const secondFlight = flightOf(again, evidence);
  const ownLeaseWasOver = again.arrivedAtMs > secondFlight.decidedAtMs - marginMs + leaseMs;
  if (ownLeaseWasOver && secondFlight.awakeMs(again.arrivedAtMs) < leaseMs - marginMs) return "U2";
  return undefined;
}

/** When a process decided on a refresh, and how long it has run from then until a moment. */
function flightOf(refresh: Refresh, { interruptions, eventsOf }: Evidence): { decidedAtMs: number; awakeMs: (untilMs: number) => number } {
  const decided = eventsOf(refresh.by).findLast(
    ({ type, accountId, atMs }) => type === "refresh.started" && accountId === refresh.accountId && atMs <= refresh.arrivedAtMs,
  );
  const decidedAtMs = decided?.atMs ?? refresh.arrivedAtMs;
  return {
    decidedAtMs,
    awakeMs: (untilMs) => {
      const asleep = interruptions
        .filter(({ name }) => name === refresh.by)
        .map(({ fromMs, toMs }) => Math.max(0, Math.min(toMs, untilMs) - Math.max(fromMs, decidedAtMs)));
      return untilMs - decidedAtMs - asleep.reduce((sum, ms) => sum + ms, 0);
    },
  };
}
