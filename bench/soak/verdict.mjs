// What must not happen in a soak, and how often it did.

/** Every check, and what it means. */
export const CHECKS = {
  "mix-up": "answers, tokens or records of another account",
  "untyped error": "errors that are none of the library's classes",
  "wrong dead": "connections declared dead that HubSpot had not ended",
  "account lost": "connected accounts said not to be connected",
  "used twice": "callbacks that were taken twice",
  "not served": "accounts not served when all faults were over",
  leak: "connections, handles or timers left after close()",
  "process ended": "processes that ended by themselves",
  memory: "processes whose objects grew with every call",
};

const TOLD = 5;

/** Gathers violations. */
export class Violations {
  /** By check. */
  counts = Object.fromEntries(Object.keys(CHECKS).map((check) => [check, 0]));
  details = [];

  /** Hears of one; the first of each check are told at once. */
  add = (check, detail) => {
    this.counts[check]++;
    if (this.counts[check] > TOLD) return;
    this.details.push({ check, detail });
    console.error(`${check}: ${detail}`);
  };

  get total() {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
}
