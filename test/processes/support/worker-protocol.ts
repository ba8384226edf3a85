/** What the tests and a worker process say to each other: plain JSON over the IPC channel. */

/** Which store a worker opens. Every process that is given the same one shares its records and leases. */
export type StoreAddress =
  | { readonly kind: "file"; readonly directory: string }
  | { readonly kind: "redis"; readonly port: number; readonly namespace: string }
  | { readonly kind: "postgres"; readonly url: string; readonly namespace: string; readonly connections?: number };

/** What a worker opens its client with. */
export interface WorkerSettings {
  /** Its user agent, so that the token door knows who asks. */
  readonly name: string;
  /** The token door: where token requests and API calls go. */
  readonly origin: string;
  readonly app: { readonly clientId: string; readonly clientSecret: string };
  readonly store: StoreAddress;
  /** How far its clock is ahead of the machine's. */
  readonly clockMs: number;
  readonly cacheMs: number;
  /** The deadline of a token request. */
  readonly timeoutMs: number;
  /** Whether it asks for leases: a store of one's own may have none. */
  readonly leases: boolean;
}

/** Where a refresh can be interrupted, in the order in which it passes these points. */
export const FAILPOINTS = {
  F1: "before the first read",
  F2: "after the first read",
  F3: "before the lease",
  F4: "after the lease",
  F5: "after the read under the lease",
  F6: "before the request has a socket",
  F7: "connected, nothing written",
  F8: "written, no response",
  F9: "response headers",
  F10: "the whole response",
  F11: "before the write",
  F12: "the write sent, no reply",
  F13: "after the write, before the release",
  F14: "the release sent",
} as const;

/** The name of a failpoint. */
export type Failpoint = keyof typeof FAILPOINTS;

/**
 * How a worker waits at a failpoint. `thread`: nothing of it moves on, so that a signal finds it at exactly this place and it wakes up
 * there, before any of its timers. `account`: only this account waits; for a process that will not wake up again.
 */
export type Standstill = "thread" | "account";

/** What a worker is told to do; each is answered once. */
export type Order =
  | { readonly do: "open"; readonly settings: WorkerSettings }
  | { readonly do: "token"; readonly accountId: string; readonly rejectedToken?: string; readonly force?: boolean }
  | { readonly do: "crowd"; readonly accountIds: readonly string[]; readonly callers: number }
  | { readonly do: "contacts"; readonly accountId: string }
  | { readonly do: "callbacks"; readonly url: string; readonly cookie: string | undefined; readonly callers: number }
  | { readonly do: "disconnect"; readonly accountId: string }
  | { readonly do: "clock"; readonly clockMs: number }
  | { readonly do: "arm"; readonly accountId: string; readonly at: Failpoint; readonly standstill: Standstill }
  | { readonly do: "lose writes after the next token response" }
  | { readonly do: "find writes" }
  | { readonly do: "call all the time"; readonly accountIds: readonly string[]; readonly callers: number; readonly everyMs: number }
  | { readonly do: "close" };

/** A failure as it crosses the channel. */
export interface Failure {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
}

/** What a worker says. Times are of the system's monotonic clock, the same for all processes. */
export type Saying =
  | { readonly says: "ready" }
  | { readonly says: "done"; readonly order: number; readonly value: unknown }
  | { readonly says: "failed"; readonly order: number; readonly failure: Failure }
  | { readonly says: "stands"; readonly at: Failpoint; readonly accountId: string; readonly replied: boolean }
  | { readonly says: "event"; readonly type: string; readonly accountId: string | undefined; readonly atMs: number }
  | { readonly says: "called"; readonly accountId: string; readonly atMs: number; readonly failure: Failure | undefined };

/** Milliseconds on the clock that all processes of a machine share and nobody sets. */
export function systemMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
