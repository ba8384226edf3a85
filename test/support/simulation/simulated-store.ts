/** One process's way to the common store: messages that take their time, get lost with the process, and come by the failpoints. */
import type { Lease, MemoryTokenStore, StoredTokens, TokenStore } from "../../../src/index.js";
import type { TokenServer } from "../token-server.js";
import { type Failpoints, isLost, slownessOf } from "./failpoints.js";
import type { GrantedLease, History, Moment } from "./history.js";
import type { Failpoint, OutageKind, Plan } from "./plan.js";
import { type Host, never, type VirtualTime } from "./virtual-time.js";

/** What all processes share. */
export interface StoreWorld {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly history: History;
  readonly server: TokenServer;
  readonly backend: MemoryTokenStore;
  readonly failpoints: Failpoints;
  /** How the store fails for a host right now. */
  outageOf(host: Host): OutageKind | undefined;
  /** How long a message takes. */
  delayMs(): number;
}

/** How far a refresh of one account has come in one process. */
export interface Passage {
  stage: "before" | "leased" | "read again" | "asked";
  lease: GrantedLease | undefined;
  /** What was read last. */
  read: Moment | undefined;
  version: string | undefined;
}

/** The points on the way there and back. */
interface Points {
  readonly there?: Failpoint | undefined;
  readonly back?: Failpoint | undefined;
}

export class SimulatedStore implements TokenStore {
  readonly lease?: NonNullable<TokenStore["lease"]>;
  readonly #world: StoreWorld;
  readonly #host: Host;
  readonly #passages = new Map<string, Passage>();

  constructor(world: StoreWorld, host: Host) {
    this.#world = world;
    this.#host = host;
    if (world.plan.store === "leasing") this.lease = (accountId, options) => this.#lease(accountId, options.ttlMs);
  }

  /** How far the refresh of an account has come. */
  passage(accountId: string): Passage {
    let passage = this.#passages.get(accountId);
    if (passage === undefined)
      this.#passages.set(accountId, (passage = { stage: "before", lease: undefined, read: undefined, version: undefined }));
    return passage;
  }

  async get(accountId: string): Promise<StoredTokens | undefined> {
    const passage = this.passage(accountId);
    const points: Points = passage.stage === "leased" ? { back: "F5" } : passage.stage === "before" ? { there: "F1", back: "F2" } : {};
    if (passage.stage === "leased") passage.stage = "read again";
    const { record, read } = await this.#call(accountId, "get", points, () => ({
      record: this.#world.backend.get(accountId),
      read: this.#world.history.moment(),
    }));
    Object.assign(passage, { read, version: record?.version });
    return record;
  }

  set(accountId: string, record: StoredTokens, options?: { readonly ifVersion?: string | null }): Promise<boolean | void> {
    const { plan, backend, history, server } = this.#world;
    const points: Points = this.passage(accountId).stage === "asked" ? { there: "F11", back: "F12" } : {};
    return this.#call(accountId, "set", points, () => {
      const before = backend.get(accountId);
      const written = backend.set(accountId, record, plan.store === "simple" ? {} : options);
      const honoured = server.honours(record.refreshToken);
      if (written) history.wrote({ by: this.#host.name, accountId, before, after: record, honoured });
      return plan.store === "simple" ? undefined : written;
    });
  }

  delete(accountId: string, options?: { readonly ifVersion?: string }): Promise<boolean | void> {
    const { plan, backend, history } = this.#world;
    return this.#call(accountId, "delete", {}, () => {
      const before = backend.get(accountId);
      const deleted = backend.delete(accountId, plan.store === "simple" ? {} : options);
      if (deleted && before !== undefined) history.wrote({ by: this.#host.name, accountId, before, after: undefined, honoured: false });
      return plan.store === "simple" ? undefined : deleted;
    });
  }

  async #lease(accountId: string, ttlMs: number): Promise<Lease | undefined> {
    const { backend, history, time } = this.#world;
    const askedAtMs = time.nowMs;
    const answer = await this.#call(accountId, "lease", { there: "F3", back: "F4" }, () => {
      const lease = backend.lease(accountId, { ttlMs });
      return lease && { lease, noted: history.leased(this.#host.name, accountId, askedAtMs) };
    });
    if (answer === undefined) return undefined;
    const { lease, noted } = answer;
    Object.assign(this.passage(accountId), { stage: "leased", lease: noted });
    return { release: () => this.#release(accountId, lease, noted) };
  }

  #release(accountId: string, lease: Lease, noted: GrantedLease): Promise<void> {
    const passage = this.passage(accountId);
    const points: Points = passage.stage === "asked" ? { there: "F13", back: "F14" } : {};
    if (passage.lease === noted) passage.stage = "before";
    return this.#call(accountId, "release", points, () => {
      void lease.release();
      noted.released = this.#world.history.moment();
    });
  }

  async #call<T>(accountId: string, operation: string, points: Points, work: () => T): Promise<T> {
    const world = this.#world;
    const { time, failpoints, history } = world;
    const host = this.#host;
    await failpoints.pass(points.there, host, accountId, () => new Error("connection refused"));
    await time.leave(host, world.delayMs());
    const harm = failpoints.meet(points.back, host, accountId);
    const outage = world.outageOf(host);
    if (outage !== undefined) {
      history.storeFaults++;
      history.say(`${host.name} ${operation} ${accountId}: ${outage}`);
    }
    const isDone = outage !== "refused" && outage !== "hangs" && !isLost(harm);
    const result = isDone ? work() : undefined;
    if (outage === "hangs" || outage === "hangs-after") return never();
    await time.reach(host, world.delayMs() + slownessOf(harm));
    if (outage !== undefined || harm?.does === "fail") throw new Error("connection lost");
    return result as T;
  }
}
