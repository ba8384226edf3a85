// The benchmark's page: tables, the verdict on each target, and the chart. A ratio is the median of the pairs measured in one round, with
// quartiles; what lies inside the ratio of a contender to its own twin (A/A) is not resolved.
import { barChart } from "../charts.mjs";
import { isResolved, quantile, ratios, summary } from "../statistics.mjs";

const NAMES = {
  raw: "undici.request + body.json()",
  rawTwin: "undici.request again (A/A)",
  bare: "agent.dispatch + JSON.parse",
  ours: "HubSpotHttp.get",
  oursTwin: "HubSpotHttp.get again (A/A)",
  against: "HubSpotHttp.get of --against",
};

/** What we hold ourselves to: ours over these, with so many in flight. */
const TARGETS = { raw: 1.1, bare: 0.95 };
const TARGET_CONCURRENCIES = [10, 50, 200];
const TARGET_NS = 300;
const TARGET_POSTS = 1;
/** The A/A pair that stands beside a comparison with one of these. */
const TWINS = { raw: ["rawTwin", "raw"], bare: ["rawTwin", "raw"], against: ["oursTwin", "ours"] };
/** Of a core. A server that is busier holds the fastest contenders back. */
const MOST_OF_SERVER = 0.5;

/** Everything that is said about what one Node version measured. */
export function pageOf(report) {
  const busiest = Math.max(...report.serverCores);
  const warnings =
    busiest >= MOST_OF_SERVER
      ? [
          `The server used ${hundredth(busiest)} of a core, which is not under half: it may have held the fastest contenders back. ` +
            "Requests/s are not to be relied on; CPU per request is the contender's own.",
        ]
      : [];
  const slices = report.levels[0].contenders.ours.perSecond.length;
  return {
    title: `Throughput beside raw undici, Node ${report.node.replace(/^v|\..*/g, "")}`,
    intro: [
      `Each contender gets the same page of contacts, an answer of ${report.answerBytes} bytes, from a server in a process of its own, and parses it. ` +
        `${slices} slices of ${report.sliceMs} ms each, in ${report.processes} ${report.processes === 1 ? "process" : "processes"}, in random order. ` +
        `Numbers are medians, with quartiles. The server used at most ${hundredth(busiest)} of a core.`,
      ...warnings.map((warning) => `**${warning}**`),
    ],
    warnings,
    tables: [comparisons(report), tokens(report), ...report.levels.map(level)],
    charts: "raw" in report.levels[0].contenders ? [chart(report)] : [],
  };
}

function comparisons({ levels }) {
  const rows = levels.flatMap(({ concurrency, contenders }) => {
    const compared = ["raw", "bare", "against"].filter((name) => name in contenders);
    const pairs = new Set(compared.map((name) => TWINS[name].join("/")));
    return [
      ...compared.map((name) => {
        const ours = compare(contenders, "ours", name);
        const twins = compare(contenders, ...TWINS[name]);
        const target = TARGET_CONCURRENCIES.includes(concurrency) ? TARGETS[name] : undefined;
        const [cpu, rate] = ["cpu", "rate"].map((measure) => [told(ours[measure]), verdict(ours[measure], twins[measure], target)]);
        return [`${concurrency}`, `ours / ${NAMES[name]}`, ...cpu, ...rate, target === undefined ? "" : `>= ${target}`];
      }),
      ...[...pairs].map((pair) => {
        const [twin, of] = pair.split("/");
        const { cpu, rate } = compare(contenders, twin, of);
        return [`${concurrency}`, `${of} / ${of} (A/A): the noise`, told(cpu), "", told(rate), "", ""];
      }),
    ];
  });
  return {
    title: "Ratios: more is better",
    head: ["in flight", "", "requests per CPU time", "verdict", "requests/s", "verdict", "target"],
    rows,
    note: "Not resolved: not further from the target (without one, from 1) than the same contender is from itself. Targets are for Node 24.",
  };
}

/** One contender over another. Costs are divided the other way round, so that more is better in both. */
function compare(contenders, of, over) {
  return {
    cpu: ratios(contenders[over].cpuMicros, contenders[of].cpuMicros),
    rate: ratios(contenders[of].perSecond, contenders[over].perSecond),
  };
}

/** A ratio beside its target, or beside 1, with the noise of its A/A pair. */
export function verdict(ratio, twins, target) {
  if (!isResolved(ratio, twins, target ?? 1)) return "not resolved";
  if (target === undefined) return ratio.median > 1 ? "better" : "worse";
  return ratio.median >= target ? "met" : "missed";
}

function tokens({ tokens: { getAccessTokenNs, authorizeNs }, herd }) {
  const fresh = summary(getAccessTokenNs);
  const direct = summary(authorizeNs);
  const posts = Math.max(...herd.posts);
  const freshVerdict = fresh.high <= TARGET_NS ? "met" : fresh.low > TARGET_NS ? "missed" : "not resolved";
  const longestMs = quantile(herd.elapsedMs, 0.5);
  return {
    title: "Tokens",
    head: ["", "measured", "target", "verdict"],
    rows: [
      ["getAccessToken, token fresh, awaited", `${range(fresh, whole)} ns`, `<= ${TARGET_NS} ns`, freshVerdict],
      ["credential.authorize(), token fresh", `${range(direct, whole)} ns`, "", ""],
      [
        `refreshes when ${whole(herd.callers)} ask at once, token expired`,
        `${posts} POST`,
        `${TARGET_POSTS} POST`,
        posts === TARGET_POSTS ? "met" : "missed",
      ],
      ["until the last of them has its token", `${whole(longestMs)} ms`, "", ""],
    ],
  };
}

function level({ concurrency, contenders }) {
  return {
    title: `${concurrency} in flight`,
    head: ["", "CPU us/request", "requests/s", "p50 ms", "p99 ms"],
    rows: Object.entries(contenders).map(([name, { cpuMicros, perSecond, p50Ms, p99Ms }]) => [
      NAMES[name],
      range(summary(cpuMicros), tenth),
      range(summary(perSecond), whole),
      range(summary(p50Ms), hundredth),
      range(summary(p99Ms), hundredth),
    ]),
  };
}

/** Requests per CPU time: what an application pays for each way of asking. */
function chart({ levels, node }) {
  const bars = levels.flatMap(({ concurrency, contenders }) =>
    ["raw", "bare", "ours", "against"]
      .filter((name) => name in contenders)
      .map((name) => {
        // Raw undici is the measure, and its bar the noise: how far it is from itself.
        const { cpu } = compare(contenders, name === "raw" ? "rawTwin" : name, "raw");
        const value = name === "raw" ? 1 : cpu.median;
        return { group: `${concurrency} in flight`, label: NAMES[name], value, low: cpu.low, high: cpu.high, emphasis: name === "ours" };
      }),
  );
  return {
    svg: barChart({
      title: `Requests per CPU time, Node ${node.replace(/^v|\..*/g, "")}`,
      unit: `ratio to ${NAMES.raw}, measured in the same rounds; more is better; whiskers are quartiles`,
      bars,
      reference: { value: TARGETS.raw, label: `target of ${NAMES.ours}: ${TARGETS.raw}` },
    }),
    alt: `Requests per CPU time of HubSpotHttp.get and of a bare dispatch, as ratios to ${NAMES.raw}`,
  };
}

function told(ratio) {
  return range(ratio, hundredth);
}

function range({ median, low, high }, format) {
  return `${format(median)} (${format(low)}-${format(high)})`;
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
