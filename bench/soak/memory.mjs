// How the memory of the processes that stay goes, by their samples after garbage collections.
import { quantile } from "../statistics.mjs";
import { slopeOf } from "./slope.mjs";

/** The first half is start-up: caches fill, and code is compiled. */
const SETTLED_FROM = 0.5;
/** So many samples of the second half at least, or nothing is said. */
const ENOUGH = 20;
/** Objects that grow by more than this per call are a leak: a call makes some kilobytes of them, and none may stay. */
const LEAK_BYTES_PER_CALL = 256;
const MINUTE_MS = 60_000;

/** Of each process: its series, and the slopes of its second half in bytes a minute, with their standard errors. */
export function memoryOf(samples, { startMs, endMs }, violate) {
  const settledMs = startMs + SETTLED_FROM * (endMs - startMs);
  const processes = [];
  for (const [name, all] of [...samples].toSorted(([a], [b]) => a.localeCompare(b))) {
    const series = all.filter(({ atMs }) => atMs >= startMs && atMs <= endMs);
    if (series.length === 0 || !isWhole(series, { startMs, endMs })) continue;
    const settled = series.filter(({ atMs }) => atMs >= settledMs);
    const enough = settled.length >= ENOUGH;
    const slope = (value) => (enough ? slopeOf(settled.map((one) => [(one.atMs - startMs) / MINUTE_MS, one[value]])) : undefined);
    const perCall = enough ? slopeOf(settled.map(({ totals, objects }) => [totals.calls, objects])) : undefined;
    if (perCall !== undefined && perCall.slope - 3 * perCall.error > LEAK_BYTES_PER_CALL) {
      violate("memory", `${name}: its objects grew by ${perCall.slope.toFixed(0)} ± ${perCall.error.toFixed(0)} bytes per call`);
    }
    processes.push({
      name,
      minutes: series.map(({ atMs }) => (atMs - startMs) / MINUTE_MS),
      rss: series.map(({ rss }) => rss),
      heapUsed: series.map(({ heapUsed }) => heapUsed),
      objects: series.map(({ objects }) => objects),
      sockets: series.map((one) => one.sockets),
      delayMs: quantile(
        series.map((one) => one.delayMs),
        0.5,
      ),
      worstDelayMs: Math.max(...series.map((one) => one.delayMs)),
      rssPerMinute: slope("rss"),
      heapPerMinute: slope("heapUsed"),
      objectsPerCall: perCall,
    });
  }
  return processes;
}

/** Those that were replaced have no series worth a line. */
function isWhole(series, { startMs, endMs }) {
  return series.at(-1).atMs - series[0].atMs > 0.8 * (endMs - startMs);
}
