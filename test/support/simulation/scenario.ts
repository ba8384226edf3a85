/** The circumstances of one simulated schedule, drawn from its seed. */
import type { Rotation } from "../token-server.js";
import type { SeededRandom } from "./seeded-random.js";

/** What goes wrong, besides what the application and its users do. */
export type Weather = "clear" | "slow" | "refused-writes" | "store-faults" | "request-faults" | "storm";

export interface Scenario {
  readonly rotation: Rotation;
  readonly weather: Weather;
  /** Whether the store compares versions; one that does not is used by a single process. */
  readonly compares: boolean;
  readonly leases: boolean;
  /** One process for each: how long it trusts its cache. */
  readonly cacheMs: readonly number[];
  /** `expires_in` as the token endpoint sends it. */
  readonly expiresIn: unknown;
}

export function drawScenario(random: SeededRandom): Scenario {
  const compares = !random.chance(0.15);
  const processes = compares ? 1 + random.below(3) : 1;
  return {
    rotation: random.pick(["none", "strict", "grace"]),
    weather: random.pick(["clear", "slow", "refused-writes", "store-faults", "request-faults", "storm"]),
    compares,
    leases: compares && random.chance(0.85),
    cacheMs: Array.from({ length: processes }, () => random.pick([0, 1, 1_000, 60_000])),
    expiresIn: random.pick([1800, 1800, 1800, 10, 1, undefined, "1800", 9e9]),
  };
}

/** On one line, for a report. */
export function describeScenario({ rotation, weather, compares, leases, cacheMs, expiresIn }: Scenario): string {
  const store = `${compares ? "comparing" : "simple"} store, ${leases ? "leases" : "no leases"}`;
  return `rotation ${rotation}, ${weather}, ${store}, cacheMs ${cacheMs.join("/")}, expires_in ${JSON.stringify(expiresIn)}`;
}
