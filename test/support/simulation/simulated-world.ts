/** Several processes of an application on one store and one token server, under virtual time; a crashed one is replaced at once. */
import type fc from "fast-check";
import { MemoryTokenStore } from "../../../src/index.js";
import { type OfflineProcess, offlineProcess } from "../offline-process.js";
import { TokenServer } from "../token-server.js";
import { Failpoints } from "./failpoints.js";
import { type Call, History } from "./history.js";
import type { OutageKind, Plan, Trouble } from "./plan.js";
import { SeededRandom } from "./seeded-random.js";
import { type EndpointWorld, endpointFor } from "./simulated-endpoint.js";
import { SimulatedStore } from "./simulated-store.js";
import { Host, VirtualTime } from "./virtual-time.js";

/** When simulated time begins, in milliseconds since 1970. */
const START_WALL_MS = 1_790_000_000_000;

/** A process: its client, the machine it runs on, and what its application remembers. */
export interface Client extends OfflineProcess<SimulatedStore> {
  readonly host: Host;
  readonly lastTokens: Map<string, string>;
  readonly waiting: Set<{ readonly accountId: string; readonly abort: AbortController }>;
}

export class SimulatedWorld implements EndpointWorld {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly history: History;
  readonly server: TokenServer;
  readonly backend = new MemoryTokenStore();
  readonly failpoints: Failpoints;
  /** Those that run. */
  readonly clients: Client[];
  /** Everyone who ever ran. */
  readonly everyone: Client[] = [];
  readonly troubles: Trouble[] = [];
  readonly outages: { readonly is: OutageKind; readonly host: Host | undefined; readonly untilMs: number; calls: number }[] = [];

  constructor(plan: Plan, order: fc.Scheduler) {
    this.plan = plan;
    this.time = new VirtualTime(order);
    this.random = new SeededRandom(plan.luck);
    this.history = new History(() => this.time.nowMs);
    this.server = new TokenServer(plan.rotation);
    this.server.expiresIn = plan.expiresIn;
    this.failpoints = new Failpoints(this.time, this.history, plan.harms, {
      crash: (host, lettersArrive) => this.crash(host, lettersArrive),
      abort: (host, accountId) => this.#abort(host, accountId),
      cutOff: (host, isDone, ms) =>
        this.outages.push({ is: isDone ? "answer-lost" : "refused", host, untilMs: this.time.nowMs + ms, calls: Infinity }),
    });
    this.clients = Array.from({ length: plan.clients }, (_, index) => this.start(`P${index + 1}`, index));
  }

  /** Starts a process with the settings of the one that the plan has at this index. */
  start(name: string, index?: number): Client {
    const host = new Host(name, this.plan.skewMs[index ?? -1] ?? 0);
    const store = new SimulatedStore(this, host);
    const client: Client = {
      ...offlineProcess(name, this.server, store, {
        cacheMs: this.plan.cacheMs[index ?? -1] ?? 60_000,
        now: () => this.wallMs(host),
        fetch: endpointFor(this, host, store),
      }),
      host,
      lastTokens: new Map(),
      waiting: new Set(),
    };
    this.everyone.push(client);
    return client;
  }

  wallMs(host: Host): number {
    return START_WALL_MS + this.time.nowMs + host.skewMs;
  }

  /** A process vanishes, and another takes its place. */
  crash(host: Host, lettersArrive: boolean): void {
    if (host.isGone) return;
    host.isGone = true;
    host.lettersArrive = lettersArrive;
    this.history.crashes.set(host.name, this.history.moment());
    this.history.say(`${host.name} crashes`);
    const index = this.clients.findIndex((client) => client.host === host);
    if (index !== -1) this.clients[index] = this.start(`${host.name}'`, index);
  }

  /** Has the application on a process do something, as soon as that runs. */
  act(client: Client, what: () => void): void {
    this.time.on(client.host, 0, what);
  }

  /** Follows a call that is just being made. */
  follow(client: Client, what: string, accountId: string, work: Promise<unknown>, rejectedToken?: string): void {
    const call: Omit<Call, "started"> = { by: client.name, what, accountId, rejectedToken, standingBefore: this.backend.get(accountId) };
    this.history.called(call, work, () => ({ standingAfter: this.backend.get(accountId), endedAtWallMs: this.wallMs(client.host) }));
    work.then(
      (value) => typeof value === "string" && client.lastTokens.set(accountId, value),
      () => undefined,
    );
  }

  outageOf(host: Host): OutageKind | undefined {
    const found = this.outages.find((outage) => {
      return this.time.nowMs < outage.untilMs && outage.calls > 0 && (outage.host === undefined || outage.host === host);
    });
    if (found !== undefined) found.calls--;
    return found?.is;
  }

  nextTrouble(): Trouble | undefined {
    const trouble = this.troubles.shift();
    if (trouble !== undefined) this.history.requestFaults++;
    return trouble;
  }

  delayMs(): number {
    const { pace } = this.plan;
    if (pace === "instant") return 0;
    return this.random.next() * (pace === "quick" || this.random.chance(0.9) ? 30 : 1_500);
  }

  wireDelayMs(): number {
    const { pace } = this.plan;
    if (pace === "instant") return 0;
    return this.random.next() * (pace === "quick" || this.random.chance(0.8) ? 200 : 3_500);
  }

  #abort(host: Host, accountId: string): void {
    const client = this.everyone.find((candidate) => candidate.host === host);
    this.time.on(host, 0, () => {
      for (const call of client?.waiting ?? []) if (call.accountId === accountId) call.abort.abort();
    });
  }
}
