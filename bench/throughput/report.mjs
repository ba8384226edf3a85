// The benchmark's tables, and the verdict on each target. A ratio is the median of the pairs measured in one round, with quartiles.
import { cpus } from "node:os";
import { isResolved, ratios, summary } from "../statistics.mjs";

const NAMES = {
  raw: "undici.request + body.json()",
  twin: "the same once more (A/A)",
  bare: "agent.dispatch + JSON.parse",
  ours: "HubSpotHttp.get",
  against: "HubSpotHttp.get of --against",
};

/** What we hold ourselves to. */
const TARGETS = { raw: 1.1, bare: 0.95 };

/** Prints what one Node version measured. */
export function printReport(report) {
  console.log(`\nNode ${report.node}, undici ${report.undici}, ${cpus()[0]?.model.trim()} x ${cpus().length}`);
  console.log(`Answers of ${report.answerBytes} bytes from a process of its own, which used ${report.serverCores.toFixed(2)} of a core.`);
  for (const level of report.levels) printLevel(level);
  const { getAccessTokenNs, authorizeNs } = report.tokens;
  console.log(`\ngetAccessToken, token fresh     ${whole(getAccessTokenNs.median)} ns per call (${range(getAccessTokenNs, whole)})`);
  console.log(`credential.authorize()          ${whole(authorizeNs.median)} ns per call (${range(authorizeNs, whole)})`);
  const { callers, posts, medianMs } = report.herd;
  console.log(`${whole(callers)} getAccessToken at once, token expired: ${posts} POST, ${whole(medianMs)} ms until the last has its token`);
}

function printLevel({ concurrency, perSecond, cpuMicros }) {
  console.log(`\n${concurrency} in flight: median (quartiles) of ${perSecond.raw.length} rounds`);
  const rows = Object.keys(perSecond).map((name) => {
    const rate = summary(perSecond[name]);
    const cpu = summary(cpuMicros[name]);
    return [NAMES[name], `${whole(rate.median)} (${range(rate, whole)})`, `${tenth(cpu.median)} (${range(cpu, tenth)})`];
  });
  printTable([["", "requests/s", "CPU us/request"], ...rows]);
  const twins = compare({ perSecond, cpuMicros }, "twin", "raw");
  const compared = ["raw", "bare", "against"]
    .filter((name) => name in perSecond)
    .map((over) => {
      const { rate, cpu } = compare({ perSecond, cpuMicros }, "ours", over);
      const least = TARGETS[over];
      const verdicts = least === undefined ? "" : `>= ${least}: ${verdict(rate, twins.rate, least)}, ${verdict(cpu, twins.cpu, least)}`;
      return [`ours / ${NAMES[over]}`, told(rate, twins.rate), told(cpu, twins.cpu), verdicts];
    });
  printTable([
    ["ratio, more is better", "requests/s", "per CPU time", "target"],
    ...compared,
    ["raw / raw (A/A): the noise", ratio(twins.rate), ratio(twins.cpu), ""],
  ]);
}

function compare({ perSecond, cpuMicros }, of, over) {
  // Costs are divided the other way round, so that more is better in both.
  return { rate: ratios(perSecond[of], perSecond[over]), cpu: ratios(cpuMicros[over], cpuMicros[of]) };
}

function told(value, twins) {
  return `${ratio(value)}${isResolved(value, twins) ? "" : " not resolved"}`;
}

function verdict(value, twins, least) {
  if (!isResolved(value, twins, least)) return "not resolved";
  return value.median >= least ? "met" : "missed";
}

function ratio(value) {
  return `${hundredth(value.median)} (${range(value, hundredth)})`;
}

function range({ low, high }, format) {
  return `${format(low)}-${format(high)}`;
}

function whole(value) {
  return Math.round(value).toLocaleString("en");
}

function tenth(value) {
  return value.toFixed(1);
}

function hundredth(value) {
  return value.toFixed(2);
}

function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  for (const row of rows)
    console.log(`  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join("  ")}`);
}
