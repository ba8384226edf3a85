/** What happened in one simulated schedule: everything the invariants are judged by, and the trace that a failure prints. */
import type { StoredTokens } from "../../../src/index.js";
import type { RefreshPost } from "../token-server.js";

/** When something happened: in milliseconds, and before or after what else. */
export interface Moment {
  readonly atMs: number;
  readonly order: number;
}

/** A change of a record that took place in the store. */
export interface Write {
  readonly at: Moment;
  readonly by: string;
  readonly accountId: string;
  readonly before: StoredTokens | undefined;
  /** `undefined`: deleted. */
  readonly after: StoredTokens | undefined;
  /** Whether HubSpot would have taken the new record's refresh token at that moment. */
  readonly honoured: boolean;
}

/** A lease that the store granted. */
export interface GrantedLease {
  readonly by: string;
  readonly askedAtMs: number;
  readonly granted: Moment;
  released: Moment | undefined;
}

/** A refresh request, from the call of `fetch` on. */
export interface Post {
  readonly by: string;
  readonly accountId: string;
  readonly refreshToken: string;
  readonly sent: Moment;
  /** What the sender had read from the store last, and when the store had said so. */
  readonly basedOn: string | undefined;
  readonly read: Moment | undefined;
  /** What the sender held then, be it over. */
  readonly lease: GrantedLease | undefined;
  /** Whether the refresh token came with an earlier answer that the store has not taken yet. */
  readonly isFromMemory: boolean;
  /** What HubSpot made of it; `undefined` while, or because, it did not look at the refresh token. */
  outcome?: RefreshPost["outcome"];
  processed?: Moment;
  /** HubSpot refused it by mistake. */
  isBogus?: true;
  /** The refresh token that the answer carried, or meant. */
  given?: string;
  /** Set as long as the sender has neither the whole answer nor a reason to give up. */
  isOpen: boolean;
  /** When the sender had the whole answer, and could use it. */
  delivered?: Moment;
}

/** A call of the client by the application. */
export interface Call {
  readonly by: string;
  readonly what: string;
  readonly accountId: string;
  readonly rejectedToken: string | undefined;
  readonly started: Moment;
  /** What stood in the store when it began and ended. */
  readonly standingBefore: StoredTokens | undefined;
  standingAfter?: StoredTokens | undefined;
  ended?: Moment;
  /** The wall clock of its process then. */
  endedAtWallMs?: number;
  value?: unknown;
  error?: Error;
}

export class History {
  readonly writes: Write[] = [];
  readonly posts: Post[] = [];
  readonly calls: Call[] = [];
  /** Who vanished, and when. */
  readonly crashes = new Map<string, Moment>();
  /** The two tokens of each answer and each connection. */
  readonly issued = new Set<string>();
  /** Store calls that were made to fail or to be late. */
  storeFaults = 0;
  /** Requests that were. */
  requestFaults = 0;
  clockJumps = 0;
  /** One line for each thing that happened. */
  readonly trace: string[] = [];
  readonly #now: () => number;
  readonly #startMs: number;
  #order = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#startMs = now();
  }

  /** Now, as a moment of its own. */
  moment(): Moment {
    return { atMs: this.#now() - this.#startMs, order: ++this.#order };
  }

  say(line: string): void {
    this.trace.push(`${String(Math.round(this.#now() - this.#startMs)).padStart(9)} ${line}`);
  }

  wrote(write: Omit<Write, "at">): void {
    this.writes.push({ ...write, at: this.moment() });
    const { by, accountId, after } = write;
    this.say(`${by} wrote ${accountId}: ${after === undefined ? "nothing" : `${after.status} ${after.refreshToken} ${after.accessToken}`}`);
  }

  /** Notes a lease. */
  leased(by: string, accountId: string, askedAtMs: number): GrantedLease {
    const lease: GrantedLease = { by, askedAtMs: askedAtMs - this.#startMs, granted: this.moment(), released: undefined };
    this.say(`${by} has the lease of ${accountId}`);
    return lease;
  }

  /** Follows a call to its end. */
  called(call: Omit<Call, "started">, work: Promise<unknown>, atEnd: () => Pick<Call, "standingAfter" | "endedAtWallMs">): void {
    const entry: Call = { ...call, started: this.moment() };
    this.calls.push(entry);
    const { by, what, accountId, rejectedToken } = call;
    this.say(`${by} ${what} ${accountId}${rejectedToken === undefined ? "" : ` not ${rejectedToken}`}`);
    const end = (outcome: Pick<Call, "value" | "error">, text: string): void => {
      Object.assign(entry, outcome, { ended: this.moment() }, atEnd());
      this.say(`${by} ${what} ${accountId} -> ${text}`);
    };
    work.then(
      (value) => end({ value }, typeof value === "string" ? value : "done"),
      (error: Error) => end({ error }, `${error.name}: ${error.message}`),
    );
  }
}
