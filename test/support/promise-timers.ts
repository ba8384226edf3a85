/**
 * Stands in for `node:timers/promises` in tests under fake time, which reaches the global timers only:
 * `vi.mock("node:timers/promises", () => import("../support/promise-timers.js"))`. It covers what the coordinator uses and refuses the rest.
 */

/** `setTimeout(ms)` of `node:timers/promises`, on whatever clock the global one runs. */
export function setTimeout(ms: number, ...unsupported: readonly unknown[]): Promise<void> {
  if (unsupported.length > 0) throw new TypeError("test/support/promise-timers.ts knows no value and no options.");
  return new Promise((resolve) => {
    globalThis.setTimeout(resolve, ms);
  });
}
