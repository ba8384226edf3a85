/** Times as a person reads them. */

/** `13:05:59`, in UTC. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

/** `2026-11-27 13:05:59 UTC`. */
export function dateAndTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 10)} ${timeOfDay(ms)} UTC`;
}

/** `29 min 41 s`, in the two largest units; "expired" when nothing is left. */
export function timeLeft(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= 0) return "expired";
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}
