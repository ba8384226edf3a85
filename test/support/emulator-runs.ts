/** How the code blocks of docs/emulator.md are run, and what must be true afterwards. */
import { expect, onTestFinished } from "vitest";
import type { Run } from "./connecting-runs.js";
import type { Emulator } from "./setup.js";

/** In the order of the blocks. */
export const emulatorRuns: readonly Run[] = [
  {
    block: "What the emulator knows",
    gives: "emulator, headers",
    check: (given) => {
      ending(given["emulator"]);
      expect(Object.keys(given["headers"] as object)).toEqual(["x-hubspot-signature-v3", "x-hubspot-request-timestamp"]);
    },
  },
  {
    block: "Seeds and snapshots",
    gives: "emulator, before",
    check: (given) => {
      const emulator = ending(given["emulator"]);
      expect({ ...emulator.snapshot(), nowMs: 0 }).toEqual({ ...(given["before"] as object), nowMs: 0 });
    },
  },
  {
    block: "Faults",
    gives: "emulator",
    check: (given) => {
      const { faults } = ending(given["emulator"]);
      expect(faults.list().map(({ rule }) => rule.fault.kind)).toEqual(["token-error", "rate-limit"]);
    },
  },
  {
    block: "Limits, people and seed",
    gives: "emulator",
    check: (given) => {
      const { settings } = ending(given["emulator"]);
      expect(settings.limits).toEqual({ marketplace: { limit: 2, intervalMs: 10_000 }, search: "hubspot", daily: 100 });
    },
  },
];

/** The emulator that a block started; it ends with the test. */
function ending(started: unknown): Emulator {
  const emulator = started as Emulator;
  onTestFinished(() => emulator.close());
  return emulator;
}
