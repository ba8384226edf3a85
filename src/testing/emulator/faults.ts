/**
 * Which request meets which fault: rules that match, count, skip and roll seeded dice. What a fault does stands in fault-kinds.ts.
 * Everything a test does to an answer goes through here.
 */

import type { Fault } from "./fault.js";
import { FAULT_KINDS, type FaultContext, type FaultKind, readFault } from "./fault-kinds.js";
import type { EmulatorResponse } from "./messages.js";
import { seededFractions } from "./randomness.js";
import { type LoggedRequest, matches, type RequestMatch } from "./request-log.js";

/** When which fault happens. Without functions, regular expressions and `until` it is plain JSON. */
export interface FaultRule {
  /** Which requests. @default all */
  readonly match?: RequestMatch | undefined;
  /** What happens to the request: a kind and its parameters. */
  readonly fault: Fault;
  /** How many requests meet it; `Infinity` for all. @default 1 */
  readonly times?: number | undefined;
  /** Let so many matching requests pass first. @default 0 */
  readonly skip?: number | undefined;
  /** The chance of each matching request, above 0 and at most 1. @default 1 */
  readonly probability?: number | undefined;
  /** Makes `probability` repeatable: the same seed lets the same of the matching requests fail. @default from the emulator's seed, else random */
  readonly seed?: number | undefined;
  /** Holds the answer back until this settles. The operation, where the fault carries it out, happens on arrival. */
  readonly until?: PromiseLike<unknown> | undefined;
}

const RULE_MEMBERS: readonly string[] = ["match", "fault", "times", "skip", "probability", "seed", "until"];

/** A rule in force. */
export interface FaultHandle {
  /** Unique in its emulator. */
  readonly id: string;
  /** As it was given. */
  readonly rule: FaultRule;
  /** What `probability` is rolled with: put it into the rule to see the same again. */
  readonly seed: number;
  /** Requests that met the fault. */
  readonly hits: number;
  /** Requests that still will; 0 after `remove()`. */
  readonly remaining: number;
  /** Resolves with the first request that meets it, as soon as that arrives. */
  readonly arrived: Promise<LoggedRequest>;
  /** Ends it. Answers that wait for `until` still come. */
  readonly remove: () => void;
}

/** Makes requests go wrong: `emulator.faults`. The rule that was added first is asked first; the first that fires is the only one. */
export interface EmulatorFaults {
  /** All kinds, with labels and parameters, for a page or a command line. */
  readonly kinds: readonly FaultKind[];
  /** Puts a rule in force. Throws a `TypeError` that names what is wrong with it. */
  add(rule: FaultRule): FaultHandle;
  /** The rules in force, oldest first. */
  list(): readonly FaultHandle[];
  /** Ends all rules. */
  clear(): void;
}

/** The rules of one emulator. */
export class FaultRegistry implements EmulatorFaults {
  readonly kinds: readonly FaultKind[] = FAULT_KINDS;
  readonly #rules = new Set<ActiveRule>();
  readonly #makeSeed: () => number;
  #added = 0;

  constructor(makeSeed: () => number) {
    this.#makeSeed = makeSeed;
  }

  add(rule: FaultRule): FaultHandle {
    const active = new ActiveRule(`fault-${++this.#added}`, rule, rule.seed ?? this.#makeSeed(), () => void this.#rules.delete(active));
    this.#rules.add(active);
    return active.handle;
  }

  list(): readonly FaultHandle[] {
    return [...this.#rules].map(({ handle }) => handle);
  }

  clear(): void {
    for (const rule of this.#rules) rule.handle.remove();
  }

  /** Answers a request: by the fault that meets it, or at once as HubSpot does. */
  answer(context: FaultContext): EmulatorResponse | Promise<EmulatorResponse> {
    for (const rule of this.#rules) if (rule.fires(context.request)) return rule.answer(context);
    return context.operate();
  }
}

class ActiveRule {
  readonly handle: FaultHandle;
  readonly #rule: FaultRule;
  readonly #answer: (context: FaultContext) => EmulatorResponse;
  readonly #gate: Promise<unknown> | undefined;
  readonly #roll: () => number;
  #arrive: (request: LoggedRequest) => void = () => {};
  #skips: number;
  #hits = 0;
  #remaining: number;
  readonly #ended: () => void;

  constructor(id: string, rule: FaultRule, seed: number, ended: () => void) {
    const { times = 1, skip = 0, probability = 1, until } = rule;
    const stranger = Object.keys(rule).find((name) => !RULE_MEMBERS.includes(name));
    if (stranger !== undefined) throw new TypeError(`a fault's rule has no ${stranger}; it has ${RULE_MEMBERS.join(", ")}`);
    if (times !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(times) && times >= 1)) {
      throw new TypeError("times must be a positive integer or Infinity");
    }
    if (!(Number.isSafeInteger(skip) && skip >= 0)) throw new TypeError("skip must be an integer, 0 or more");
    if (!(probability > 0 && probability <= 1)) throw new TypeError("probability must be above 0 and at most 1");
    if (!Number.isSafeInteger(seed)) throw new TypeError("seed must be an integer");
    this.#answer = readFault(rule.fault);
    this.#rule = rule;
    this.#roll = probability === 1 ? () => 0 : seededFractions(seed);
    this.#skips = skip;
    this.#remaining = times;
    this.#ended = ended;
    // A gate that rejects opens as well: it says when, not what. Caught here, it is no unhandled rejection while it waits.
    this.#gate = until === undefined ? undefined : Promise.resolve(until).catch(() => undefined);
    this.handle = this.#makeHandle(id, seed);
  }

  fires(request: LoggedRequest): boolean {
    if (!matches(this.#rule.match, request)) return false;
    // Rolled for a skipped request too, so that `skip` leaves the others' luck as it is.
    const lucky = this.#roll() >= (this.#rule.probability ?? 1);
    if (this.#skips > 0) {
      this.#skips--;
      return false;
    }
    if (lucky) return false;
    this.#hits++;
    if (--this.#remaining === 0) this.#ended();
    return true;
  }

  async answer(context: FaultContext): Promise<EmulatorResponse> {
    const response = this.#answer(context);
    this.#arrive(context.request);
    await this.#gate;
    return response;
  }

  #makeHandle(id: string, seed: number): FaultHandle {
    const rule = this.#rule;
    const arrived = new Promise<LoggedRequest>((resolve) => (this.#arrive = resolve));
    const hits = (): number => this.#hits;
    const remaining = (): number => this.#remaining;
    const remove = (): void => {
      this.#remaining = 0;
      this.#ended();
    };
    return {
      id,
      rule,
      seed,
      arrived,
      remove,
      get hits() {
        return hits();
      },
      get remaining() {
        return remaining();
      },
    };
  }
}
