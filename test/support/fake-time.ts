/** Fake time, for tests of the library's own timers. `vi.advanceTimersByTimeAsync` moves it, `vi.setSystemTime` makes the wall clock jump. */
import { vi } from "vitest";

/** When fake time begins, in milliseconds since 1970. */
const START_MS = 1_790_000_000_000;

/** Takes over the timers and both clocks. `vi.useRealTimers()` gives them back. */
export function startFakeTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"], now: START_MS });
}

/** What a promise has come to by now; read it again after time was moved. */
export interface Outcome<T> {
  status: "pending" | "fulfilled" | "rejected";
  value?: T;
  reason?: unknown;
}

/** Follows a promise without waiting for it. */
export function outcomeOf<T>(promise: Promise<T>): Outcome<T> {
  const outcome: Outcome<T> = { status: "pending" };
  promise.then(
    (value) => Object.assign(outcome, { status: "fulfilled", value }),
    (reason: unknown) => Object.assign(outcome, { status: "rejected", reason }),
  );
  return outcome;
}
