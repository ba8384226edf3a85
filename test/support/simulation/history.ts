/** What happened in one simulated schedule: everything the invariants are judged by, and the trace that a failure prints. */
import type { StoredTokens } from "../../../src/index.js";
import type { RefreshPost } from "../token-server.js";

/** A change of a record that took place in the store. */
export interface Write {
  readonly atMs: number;
  readonly by: string;
  readonly accountId: string;
  readonly before: StoredTokens | undefined;
  /** `undefined`: deleted. */
  readonly after: StoredTokens | undefined;
  /** Whether HubSpot would have taken the new record's refresh token at that moment. */
  readonly honoured: boolean;
}

/** A call of the client by the application. */
export interface Call {
  readonly name: string;
  readonly accountId: string;
  readonly rejectedToken: string | undefined;
  readonly startedAtMs: number;
  endedAtMs?: number;
  value?: unknown;
  error?: Error;
}

/** Where a fault was put: a store's call, with or without having done the work, a refused write, or a request to HubSpot. */
export type FaultKind = "store" | "refused-write" | "request" | "lost-answer";

export class History {
  readonly writes: Write[] = [];
  readonly posts: (RefreshPost & { readonly atMs: number })[] = [];
  readonly calls: Call[] = [];
  readonly faults: Record<FaultKind, number> = { store: 0, "refused-write": 0, request: 0, "lost-answer": 0 };
  clockJumps = 0;
  /** One line for each thing that happened. */
  readonly trace: string[] = [];
  readonly #startMs = performance.now();

  /** Milliseconds since the beginning, whatever the wall clock did. */
  get nowMs(): number {
    return Math.round(performance.now() - this.#startMs);
  }

  say(line: string): void {
    this.trace.push(`${String(this.nowMs).padStart(9)} ${line}`);
  }

  wrote(write: Omit<Write, "atMs">): void {
    this.writes.push({ ...write, atMs: this.nowMs });
    const { by, accountId, after } = write;
    this.say(`${by} wrote ${accountId}: ${after === undefined ? "nothing" : `${after.status} ${after.refreshToken} ${after.accessToken}`}`);
  }

  posted(post: RefreshPost): void {
    this.posts.push({ ...post, atMs: this.nowMs });
    this.say(`${post.by} sent ${post.refreshToken}: ${post.outcome}`);
  }

  failed(kind: FaultKind, by: string, what: string): void {
    this.faults[kind]++;
    this.say(`${by} fault: ${what}`);
  }

  /** Follows a call to its end. */
  called(name: string, accountId: string, work: Promise<unknown>, rejectedToken?: string): void {
    const call: Call = { name, accountId, rejectedToken, startedAtMs: this.nowMs };
    this.calls.push(call);
    this.say(`${name} ${accountId}${rejectedToken === undefined ? "" : ` not ${rejectedToken}`}`);
    const end = (outcome: Pick<Call, "value" | "error">, text: string): void => {
      Object.assign(call, outcome, { endedAtMs: this.nowMs });
      this.say(`${name} ${accountId} -> ${text}`);
    };
    work.then(
      (value) => end({ value }, typeof value === "string" ? value : "done"),
      (error: Error) => end({ error }, `${error.name}: ${error.message}`),
    );
  }
}
