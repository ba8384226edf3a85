/** How the code blocks of docs/emulator.md are run, and what must be true afterwards. */
import { expect, onTestFinished } from "vitest";
import type { Run } from "./connecting-runs.js";
import type { Emulator } from "./setup.js";

/** In the order of the blocks. */
export const emulatorRuns: readonly Run[] = [
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
