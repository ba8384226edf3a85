// `npm run bench:scale -- day`: how many refreshes a second HubSpot's token endpoint sees in a day of many accounts that were all connected
// in one minute, with the library's jitter and without any. The day is simulated in a process of its own (day-simulation.mjs).
import { fork } from "node:child_process";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { lineChart } from "../charts.mjs";
import { nodeBinary } from "../node-binaries.mjs";
import { environment, printTables, resultsFolder, saveResults } from "../results.mjs";
import { KINDS } from "./call-profile.mjs";
import { count } from "../counts.mjs";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const HOUR = 3_600;
/** One point of the chart. */
const STRETCH = 300;
const CONTENDERS = {
  ours: "the library: jitter",
  onCall: "no jitter, at the first call of the last five minutes",
  byTimer: "no jitter, by a timer five minutes before the end",
};
const HELP = `npm run bench:scale -- day [options]

  --accounts <n>     accounts                                         100000
  --hours <n>        hours that pass                                  24
  --import <s>       seconds within which all of them are connected   60
  --node <version>   the Node to run it                               this one
  --dist <folder>    the build to run                                 dist
  --quick            a few seconds: for trying it out
  --out <folder>     where the results are written                    bench/results
`;

export async function main(args) {
  const { values: flags } = parseArgs({
    args,
    options: {
      accounts: { type: "string" },
      hours: { type: "string" },
      import: { type: "string", default: "60" },
      node: { type: "string" },
      dist: { type: "string", default: join(ROOT, "dist") },
      quick: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (flags.help) return void process.stdout.write(HELP);
  const accounts = count(flags.accounts ?? (flags.quick ? "1000" : "100000"), "accounts");
  const hours = count(flags.hours ?? (flags.quick ? "6" : "24"), "hours");
  const importSeconds = count(flags.import, "import");
  const settings = { accounts, seconds: hours * HOUR, importSeconds, dist: resolve(flags.dist) };
  const day = await simulate(flags.node === undefined ? process.execPath : nodeBinary(flags.node), settings);

  const tables = [peakTable(day), hourTable(day, hours)];
  printTables(tables);
  const folder = resultsFolder(flags);
  if (folder === undefined) return;
  await saveResults(folder, "scale-day", {
    title: `A day of ${number(accounts)} accounts: refreshes per second`,
    command: ["npm run bench:scale -- day", ...args].join(" "),
    environment: await environment({ node: day.node }),
    intro: [
      `Simulated: ${hours} hours pass on a clock that jumps from second to second, in one process; it took ${number(day.elapsedMs / 1_000)} s. Every one of the ${number(accounts)} accounts is one of the library's own client, which makes each refresh; only HubSpot's answers are made up (tokens live for 1,800 s), and its answer takes no time.`,
      `All accounts are connected within ${number(importSeconds)} seconds from ${day.startHour} o'clock on, the worst case. From then on they call at random times (Poisson): ${KINDS.map(({ name, share, everySeconds, atNight }) => `${Math.round(100 * share)} % ${name}, a call every ${number(everySeconds)} s${atNight < 1 ? `, at night every ${number(everySeconds / atNight)} s` : ""}`).join("; ")}. Calls in the first 25 minutes of a token are left out: nothing can come of them.`,
    ],
    tables,
    charts: [chart(day)],
    data: { settings: { ...settings, dist: undefined }, calls: day.calls, startHour: day.startHour, perMinute: perMinute(day) },
  });
}

function peakTable({ refreshes, calls }) {
  const names = Object.keys(CONTENDERS);
  return {
    title: "Token calls per second",
    head: ["", "in all", "on average", "busiest second", "busiest ten seconds", "seconds with none"],
    rows: names.map((name) => {
      const perSecond = refreshes[name];
      const all = sum(perSecond);
      return [
        CONTENDERS[name],
        number(all),
        (all / perSecond.length).toFixed(1),
        number(most(perSecond)),
        (most(perSecond.map((_, at) => sum(perSecond.slice(at, at + 10)))) / 10).toFixed(1),
        number(perSecond.filter((value) => value === 0).length),
      ];
    }),
    note: `${number(calls)} API calls were made in the last minutes of a token's life.`,
  };
}

function hourTable({ refreshes, startHour }, hours) {
  const shown = [0, 1, 2, 5, 11, 17, 23].filter((hour) => hour < hours);
  const cell = (name, hour) => {
    const perSecond = refreshes[name].slice(hour * HOUR, (hour + 1) * HOUR);
    return `${number(most(perSecond))} / ${(sum(perSecond) / perSecond.length).toFixed(0)}`;
  };
  return {
    title: "Hour by hour: the busiest second / the average",
    head: ["hour", "begins at", ...Object.values(CONTENDERS), "by chance"],
    rows: shown.map((hour) => [
      number(hour + 1),
      `${(startHour + hour) % 24}:00`,
      ...Object.keys(CONTENDERS).map((name) => cell(name, hour)),
      number(busiestByChance(sum(refreshes.ours.slice(hour * HOUR, (hour + 1) * HOUR)) / HOUR)),
    ]),
    note: "By chance: the busiest second that an hour would have if the library's refreshes of that hour knew nothing of each other.",
  };
}

/** What a Poisson process with so many a second exceeds once in an hour's seconds. */
function busiestByChance(average) {
  let probability = Math.exp(-average);
  let beyond = 1 - probability;
  let busiest = 0;
  while (beyond * HOUR > 1) {
    probability *= average / ++busiest;
    beyond -= probability;
  }
  return busiest;
}

/** In all and in the busiest second, minute by minute. */
function perMinute({ refreshes }) {
  const minutes = (perSecond) =>
    Array.from({ length: perSecond.length / 60 }, (_, minute) => perSecond.slice(minute * 60, (minute + 1) * 60));
  return Object.fromEntries(
    Object.entries(refreshes).map(([name, perSecond]) => [
      name,
      { all: minutes(perSecond).map(sum), busiestSecond: minutes(perSecond).map(most) },
    ]),
  );
}

function chart({ refreshes }) {
  const line = (name) => {
    const points = [];
    for (let at = 0; at < refreshes[name].length; at += STRETCH)
      points.push([at / HOUR, Math.max(...refreshes[name].slice(at, at + STRETCH))]);
    return points;
  };
  return {
    alt: "The busiest second of every five minutes over the day, with jitter and without",
    svg: lineChart({
      title: "Refreshes per second, the busiest second of every five minutes",
      xLabel: "hours after all accounts were connected",
      yLabel: "refreshes per second",
      series: Object.entries(CONTENDERS).map(([name, label]) => ({ label, points: line(name), emphasis: name === "ours" })),
    }),
  };
}

/** Rejects when the process ends without an answer. */
function simulate(execPath, settings) {
  const child = fork(fileURLToPath(new URL("day-simulation.mjs", import.meta.url)), [JSON.stringify(settings)], {
    execPath,
    execArgv: ["--max-old-space-size=8192"],
  });
  return new Promise((fulfil, reject) => {
    child.once("message", fulfil);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`The simulation ended early (exit code ${code}).`)));
  });
}

function sum(values) {
  return values.reduce((all, value) => all + value, 0);
}

function most(values) {
  return values.reduce((highest, value) => Math.max(highest, value), 0);
}

function number(value) {
  return Math.round(value).toLocaleString("en");
}
