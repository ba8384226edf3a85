// What bench:peers measured, as tables and a chart, with the verdict on each target. A ratio is the median of the pairs measured in one round,
// with quartiles.
import { barChart } from "../charts.mjs";
import { isResolved, quantile, ratios, summary } from "../statistics.mjs";

/** What we hold ourselves to, in requests a second. */
const TARGETS = { sdk: 4.5, refreshing: 3.3 };

export const INTRO = [
  "One page of eight contacts, read again and again from a server in a process of its own, over kept connections, as many as calls are in flight. " +
    "Everybody is used as its documentation says and does the same work: before the measurement a second server checked that each request " +
    "carried the token, that each page came back whole, and that connections were kept. Slices in random order, medians with quartiles.",
  "`undici.request` stands twice: what lies inside the difference of the two is called not resolved. Where one connection per call in flight " +
    "is open, more requests a second come from less CPU per request, on both sides of the wire.",
];

/** The tables of one Node version. */
export function tablesOf(report) {
  return [...report.levels.map((level) => levelTable(report, level)), verdictTable(report), limitedTable(report)];
}

function levelTable({ contenders, checks, settings, answerBytes, serverCores }, { concurrency, measured }) {
  const byCpu = Object.keys(measured).toSorted((a, b) => cpuOf(measured[a]).median - cpuOf(measured[b]).median);
  const opened = Object.values(checks.sockets);
  return {
    title: `${concurrency} in flight`,
    head: ["", "CPU us/request", "requests/s", "p50 ms", "p99 ms", "requests/s of raw", "refreshes by itself"],
    rows: byCpu.map((name) => {
      const { label, refreshes } = contenders[name];
      const { p50Ms, p99Ms } = measured[name];
      const [cpu, rate] = [cpuOf(measured[name]), rateOf(measured[name])];
      return [
        label,
        `${cpu.median.toFixed(1)} (${range(cpu, 1)})`,
        `${whole(rate.median)} (${whole(rate.low)}-${whole(rate.high)})`,
        quantile(p50Ms, 0.5).toFixed(2),
        quantile(p99Ms, 0.5).toFixed(2),
        ratio(compare(measured, name, "raw").rate),
        refreshes,
      ];
    }),
    note:
      `Median (quartiles) of ${measured.raw.perSecond.length} rounds in ${settings.processes} process${settings.processes === 1 ? "" : "es"}, each of ` +
      `${settings.passes} slices of ${settings.sliceMs} ms. Answers of ${answerBytes} bytes; the server used ${serverCores.toFixed(2)} ` +
      `of a core over the whole run. In the check, ${checks.calls} calls, ${checks.atOnce} at once, took ${Math.min(...opened)} to ${Math.max(...opened)} connections.`,
  };
}

function verdictTable({ contenders, levels }) {
  const rows = levels.flatMap(({ concurrency, measured }) => {
    const noise = compare(measured, "twin", "raw");
    const [sdk, slowerSdk] = byRate(measured, (name) => name.startsWith("hubspot"));
    const [refreshing] = byRate(measured, (name) => contenders[name].refreshes.startsWith("yes") && !contenders[name].ours);
    const row = (of, over, least) => {
      const { rate, cpu } = compare(measured, of, over);
      const told = [ratio(rate) + unresolved(rate, noise.rate), ratio(cpu) + unresolved(cpu, noise.cpu)];
      const target = least === undefined ? ["", ""] : [`>= ${least}`, verdict(rate, noise.rate, least)];
      return [`${concurrency}`, `${contenders[of].label} / ${contenders[over].label}`, ...told, ...target];
    };
    return [
      ...["plain", "limited"].flatMap((of) => [
        row(of, sdk, TARGETS.sdk),
        row(of, slowerSdk, TARGETS.sdk),
        row(of, refreshing, TARGETS.refreshing),
        row(of, "raw"),
      ]),
      row("raw", sdk),
      row("raw", slowerSdk),
      row("raw", refreshing),
      [`${concurrency}`, "undici.request / undici.request (A/A)", ratio(noise.rate), ratio(noise.cpu), "", "the noise"],
    ];
  });
  return {
    title: "Ratios and targets",
    head: ["in flight", "more is better", "requests/s", "per CPU time", "target", "verdict"],
    rows,
    note: "HubSpot's SDK stands as it comes, over the global fetch, and with an `httpAgent`; the refreshing peer is the fastest at that level.",
  };
}

function limitedTable({ limited }) {
  return {
    title: "HubSpot's SDK with its limiter on",
    head: ["", "requests/s"],
    rows: [["@hubspot/api-client, limiterOptions as its README's default", limited.perSecond.toFixed(1)]],
    note: `${limited.calls} calls at once. The limiter is off unless asked for, and then set for the whole process; the rows above are without it.`,
  };
}

/** Requests a second at the highest concurrency. */
export function chartOf({ node, contenders, levels }) {
  const { concurrency, measured } = levels.at(-1);
  const names = Object.keys(measured).filter((name) => name !== "twin");
  const bars = names
    .map((name) => {
      const { median, low, high } = rateOf(measured[name]);
      return { label: contenders[name].label, value: median, low, high, emphasis: contenders[name].ours };
    })
    .toSorted((a, b) => b.value - a.value);
  const title = `Requests a second, ${concurrency} in flight, Node ${node.slice(1)}`;
  const reference = { value: rateOf(measured.raw).median, label: "undici.request" };
  const best = bars.map(({ label, value }) => `${label} ${whole(value)}`).join(", ");
  return { svg: barChart({ title, unit: "requests/s", bars, reference }), alt: `${title}: ${best}` };
}

/** The fastest first. */
function byRate(measured, isOne) {
  const names = Object.keys(measured).filter((name) => isOne(name));
  return names.toSorted((a, b) => rateOf(measured[b]).median - rateOf(measured[a]).median);
}

/** Costs are divided the other way round, so that more is better in both. */
function compare(measured, of, over) {
  return {
    rate: ratios(measured[of].perSecond, measured[over].perSecond),
    cpu: ratios(measured[over].cpuMicros, measured[of].cpuMicros),
  };
}

function rateOf({ perSecond }) {
  return summary(perSecond);
}

function cpuOf({ cpuMicros }) {
  return summary(cpuMicros);
}

function unresolved(value, noise) {
  return isResolved(value, noise) ? "" : " not resolved";
}

function verdict(value, noise, least) {
  if (!isResolved(value, noise, least)) return "not resolved";
  return value.median >= least ? "met" : "missed";
}

function ratio(value) {
  return `${value.median.toFixed(2)} (${range(value, 2)})`;
}

function range({ low, high }, digits) {
  return `${low.toFixed(digits)}-${high.toFixed(digits)}`;
}

function whole(value) {
  return Math.round(value).toLocaleString("en");
}
