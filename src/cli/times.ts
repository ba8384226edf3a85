/** Times as people read them. */

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** A length of time in its largest unit: `26 min`. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, least]) => Math.abs(ms) >= least) ?? ["s", 1_000];
  return `${Math.floor(Math.abs(ms) / size)} ${unit}`;
}

/** `in 26 min`, `3 d ago`. */
export function relativeTo(nowMs: number, timeMs: number): string {
  const text = duration(timeMs - nowMs);
  return timeMs >= nowMs ? `in ${text}` : `${text} ago`;
}
