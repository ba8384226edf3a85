/** Does the harm that a plan has in store for the points of a refresh, and counts which points it was really done at. */
import type { History } from "./history.js";
import type { Failpoint, Harm } from "./plan.js";
import { type Host, never, type VirtualTime } from "./virtual-time.js";

/** How long a step takes that is slow. */
const SLOW_MS = 10_000;

/** What a harm does beyond stopping and delaying. */
export interface HarmEffects {
  readonly crash: (host: Host, lettersArrive: boolean) => void;
  /** The callers who wait for an account on a host stop waiting. */
  readonly abort: (host: Host, accountId: string) => void;
  /** The store does not answer a host any more, whether or not it does what it is asked for. */
  readonly cutOff: (host: Host, isDone: boolean, ms: number) => void;
}

export class Failpoints {
  /** Each harm that was done. */
  readonly done: { readonly at: Failpoint; readonly does: Harm["does"] }[] = [];
  isArmed = true;
  readonly #time: VirtualTime;
  readonly #history: History;
  readonly #effects: HarmEffects;
  readonly #left: { readonly harm: Harm; skip: number }[];

  constructor(time: VirtualTime, history: History, harms: readonly Harm[], effects: HarmEffects) {
    this.#time = time;
    this.#history = history;
    this.#effects = effects;
    this.#left = harms.map((harm) => ({ harm, skip: harm.skip }));
  }

  /** A host comes by a point where it is about to send something, or to go on with what it got. It may fail there with `failure`. */
  async pass(point: Failpoint | undefined, host: Host, accountId: string, failure: () => Error): Promise<void> {
    const harm = this.meet(point, host, accountId);
    if (host.isGone) return never();
    if (harm?.does === "slow") await this.#time.reach(host, SLOW_MS);
    if (host.stoppedUntilMs > this.#time.nowMs) await this.#time.reach(host, 0);
    if (harm?.does === "fail") throw failure();
  }

  /** Something of a host is under way. What befalls the host is done here; whether and when the answer comes is for the caller to do. */
  meet(point: Failpoint | undefined, host: Host, accountId: string): Harm | undefined {
    if (point === undefined || !this.isArmed || host.isGone) return undefined;
    const index = this.#left.findIndex((candidate) => candidate.harm.at === point && candidate.skip-- === 0);
    const [found] = index === -1 ? [] : this.#left.splice(index, 1);
    if (found === undefined) return undefined;
    const { harm } = found;
    this.done.push({ at: point, does: harm.does });
    this.#history.say(`${host.name} ${harm.does} at ${point} of ${accountId}${harm.does === "pause" ? ` for ${harm.ms} ms` : ""}`);
    if (harm.does === "crash") this.#effects.crash(host, harm.lands);
    if (harm.does === "abort") this.#effects.abort(host, accountId);
    if (harm.does === "cut off") this.#effects.cutOff(host, harm.lands, harm.ms);
    if (harm.does === "pause") this.#time.stop(host, harm.ms);
    if (harm.does !== "crash" && harm.does !== "abort") {
      // A process that was stopped finds its deadlines over, whoever is to blame.
      this.#history.storeFaults++;
      this.#history.requestFaults++;
    }
    return harm;
  }
}

/** How much longer an answer is on its way. */
export function slownessOf(harm: Harm | undefined): number {
  return harm?.does === "slow" ? SLOW_MS : 0;
}

/** Whether what was asked for is done although nobody will hear of it. */
export function isLost(harm: Harm | undefined): boolean {
  return (harm?.does === "crash" || harm?.does === "fail") && !harm.lands;
}
