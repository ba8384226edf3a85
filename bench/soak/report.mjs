// The soak in tables, charts and words.
import { lineChart } from "../charts.mjs";
import { REASONS } from "./ledger.mjs";
import { CHECKS } from "./verdict.mjs";

const MIB = 2 ** 20;

export function introOf({ settings, seconds, hubspot, fleet }) {
  const { accounts, processes, lifeSeconds } = settings;
  return [
    `An application of ${processes} processes over one Redis (tokens, used states, shared rate limit) called for ${accounts} accounts for ${(seconds / 60).toFixed(1)} minutes, while HubSpot answered with every kind of fault that the emulator knows, went away ${hubspot.outages} times, ended tokens before their time and customers removed the app. Processes were killed ${fleet.kills} times and closed ${fleet.closes} times, half of those in the middle of calls. Access tokens lived ${lifeSeconds} seconds instead of half an hour.`,
    "Every call checked that the answer was of its account, HubSpot checked that the token was, and in the end every process served every account.",
  ];
}

export function tablesOf(result, violations) {
  return [verdictTable(violations), workTable(result), outcomeTable(result), refreshTable(result), memoryTable(result), faultTable(result)];
}

function verdictTable({ counts }) {
  const rows = Object.entries(CHECKS).map(([check, meaning]) => [
    meaning,
    whole(counts[check]),
    counts[check] === 0 ? "as it must be" : "FAILED",
  ]);
  return { title: "What must not happen", head: ["What", "Found", "Verdict"], rows };
}

function workTable({ seconds, fleet, hubspot }) {
  const { totals } = fleet;
  const { ledger } = hubspot;
  const requests = sum(ledger.requests);
  const faults = sum(ledger.faults);
  return {
    title: "What was done",
    head: ["What", "Number", "A second"],
    rows: [
      ["calls by the application", whole(totals.calls), (totals.calls / seconds).toFixed(0)],
      ["of these given up by the caller", whole(totals.aborted), ""],
      ["requests at HubSpot", whole(requests), (requests / seconds).toFixed(0)],
      ["of these met a fault", whole(faults), (faults / seconds).toFixed(1)],
      ["refresh requests", whole(ledger.refreshRequests), (ledger.refreshRequests / seconds).toFixed(1)],
      ["grants that HubSpot ended", whole(ledger.endedGrantsCount), ""],
      ["flows of users who connected again", whole(totals.reconnections), ""],
      ["of their callbacks sent twice, and refused", whole(totals.usedTwice), ""],
      ["outages of HubSpot", whole(hubspot.outages), ""],
      ["processes killed", whole(fleet.kills), ""],
      ["processes closed", whole(fleet.closes), ""],
    ],
    note: "What a process did in the last moments before it was killed is not among the calls.",
  };
}

function outcomeTable({ fleet }) {
  const { outcomes, calls } = fleet.totals;
  const rows = Object.entries(outcomes)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => [name, whole(count), `${((100 * count) / calls).toFixed(2)} %`]);
  return {
    title: "How calls ended",
    head: ["Outcome", "Calls", "Share"],
    rows,
    note: "OddAnswerError and BrowserError are the application's own: a fault in a body that it reads by itself, and a consent page that was not reached.",
  };
}

function refreshTable({ hubspot, settings }) {
  const { refreshes, refreshesOf } = hubspot.ledger;
  const all = sum(refreshes);
  const rows = Object.entries(REASONS).map(([reason, meaning]) => [meaning, whole(refreshes[reason])]);
  const perAccount = (all / settings.accounts).toFixed(1);
  const perExpiry = refreshes.due === 0 ? "-" : ((refreshes.due + refreshes.needless) / refreshes.due).toFixed(3);
  return {
    title: "Why tokens were replaced",
    head: ["The token before", "Refreshes"],
    rows: [...rows, ["all", whole(all)]],
    note: `${perAccount} per account (at most ${Math.max(0, ...refreshesOf.values())}); ${perExpiry} per token whose time was over.`,
  };
}

function memoryTable({ memory }) {
  const rows = memory.map(({ name, rss, heapUsed, rssPerMinute, heapPerMinute, objectsPerCall, sockets, delayMs, worstDelayMs }) => [
    name,
    `${(rss[0] / MIB).toFixed(1)} to ${(rss.at(-1) / MIB).toFixed(1)}`,
    rate(rssPerMinute, 1_024),
    `${(heapUsed[0] / MIB).toFixed(1)} to ${(heapUsed.at(-1) / MIB).toFixed(1)}`,
    rate(heapPerMinute, 1_024),
    rate(objectsPerCall, 1),
    whole(Math.max(...sockets)),
    `${delayMs.toFixed(1)} (${worstDelayMs.toFixed(0)})`,
  ]);
  return {
    title: "Memory of the processes that stayed, after garbage collections",
    head: ["Process", "RSS, MiB", "KiB/min", "Heap, MiB", "KiB/min", "Objects, bytes/call", "Connections at most", "Loop delay p99, ms"],
    rows,
    note: "Slopes are least squares over the second half, with their standard error; too few samples: none. Objects are the heap without compiled code, which grows for many minutes. The loop delay is the median of the samples' p99, and the worst.",
  };
}

function faultTable({ hubspot }) {
  const rows = Object.entries(hubspot.ledger.faults)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => [kind, whole(count)]);
  return { title: "Faults met", head: ["Kind", "Requests"], rows };
}

export function chartsOf({ memory }) {
  if (memory.length === 0) return [];
  const chart = (name, value, yLabel) => ({
    name,
    alt: `${yLabel} over time, one line per process`,
    svg: lineChart({
      title: `${yLabel} after garbage collections`,
      xLabel: "minutes",
      yLabel: "MiB",
      series: memory.map((one, index) => ({
        label: one.name,
        points: one.minutes.map((minute, at) => [minute, one[value][at] / MIB]),
        emphasis: index === 0,
      })),
    }),
  });
  return [chart("rss", "rss", "Resident memory"), chart("heap", "heapUsed", "Heap")];
}

function rate(slope, unit) {
  return slope === undefined ? "-" : `${(slope.slope / unit).toFixed(1)} ± ${(slope.error / unit).toFixed(1)}`;
}

function sum(counts) {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

function whole(count) {
  return count.toLocaleString("en-US");
}
