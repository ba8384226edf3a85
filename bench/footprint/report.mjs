// The tables and charts of the footprint, and the verdict on each target.
import { barChart } from "../charts.mjs";
import { isResolved } from "../statistics.mjs";

/** What we hold ourselves to: bytes, and the time of an import over that of the dependencies alone. */
const TARGETS = { mainGzip: 25_000, packed: 300_000, importRatio: 1.3 };
const NAMES = {
  dependencies: "undici + zod + jose",
  ours: "hubspot-oauth",
  sdk: "@hubspot/api-client 14",
  twin: "undici + zod + jose once more (A/A)",
  against: "hubspot-oauth of --against",
};

export function tablesOf({ sizes, imports }) {
  return [targets(sizes, imports), ...imports.map(importTable), weights(sizes), entries(sizes), sources(sizes)];
}

function targets(sizes, imports) {
  return {
    title: "Targets",
    head: ["", "target", "measured", ""],
    rows: [
      [
        "main entry, min+gzip, without its dependencies",
        kB(TARGETS.mainGzip),
        kB(sizes.main.alone.gzip),
        met(sizes.main.alone.gzip, TARGETS.mainGzip),
      ],
      ["archive", kB(TARGETS.packed), kB(sizes.archive.ours.packed), met(sizes.archive.ours.packed, TARGETS.packed)],
      ...imports.map(({ version, way, summary }) => [
        `${told(way)}, over ${NAMES.dependencies}, Node ${version}`,
        `${TARGETS.importRatio}`,
        ratio(summary.ours.wallMs.ratio),
        importVerdict(summary),
      ]),
    ],
  };
}

function met(value, most) {
  return value <= most ? "met" : "missed";
}

function importVerdict({ ours, twin }) {
  if (!isResolved(ours.wallMs.ratio, twin.wallMs.ratio, TARGETS.importRatio)) return "not resolved";
  return met(ours.wallMs.ratio.median, TARGETS.importRatio);
}

function importTable({ version, way, summary, costs }) {
  return {
    title: `${told(way)}, Node ${version}: median (quartiles) of ${costs.ours.wallMs.length} processes`,
    head: ["", "ms", "ratio", "CPU ms", "ratio", "MB of memory", "ratio"],
    rows: Object.entries(summary).map(([name, { wallMs, cpuMs, rss }]) => [
      NAMES[name],
      spread(wallMs, tenth),
      ratioBeside(name, wallMs, summary.twin.wallMs),
      spread(cpuMs, tenth),
      ratioBeside(name, cpuMs, summary.twin.cpuMs),
      spread(rss, megabytes),
      ratioBeside(name, rss, summary.twin.rss),
    ]),
    note: "The ratio is to the dependencies alone, of the same round. Memory is what the process grew by.",
  };
}

/** A ratio inside the spread of the twin's says nothing. */
function ratioBeside(name, { ratio: value }, { ratio: twin }) {
  if (name === "dependencies") return "-";
  return `${ratio(value)}${name === "twin" || isResolved(value, twin) ? "" : " not resolved"}`;
}

function weights({ main, sdk, archive, dependencies }) {
  const row = (what, of) => [what, of(main, archive.ours, dependencies.ours), of(sdk, archive.sdk, dependencies.sdk)];
  return {
    title: "What is published and installed",
    head: ["", NAMES.ours, NAMES.sdk],
    rows: [
      row("main entry, minified", ({ alone }) => kB(alone.min)),
      row("main entry, min+gzip", ({ alone }) => kB(alone.gzip)),
      row("the same with its dependencies, min+gzip", ({ complete }) => kB(complete.gzip)),
      row("archive", (_, { packed }) => kB(packed)),
      row("unpacked", (_, { unpacked }) => kB(unpacked)),
      row("files", (_, { files }) => whole(files)),
      row("packages installed, itself among them", (_, __, { packages }) => whole(packages + 1)),
      row("installed, with its dependencies", (_, { unpacked }, { bytes }) => kB(unpacked + bytes)),
      row("files installed, with its dependencies", (_, { files }, others) => whole(files + others.files)),
    ],
    note: "Archives as npm pack makes them of what is built or installed here.",
  };
}

function entries({ entries: all }) {
  return {
    title: "Each entry alone, without dependencies",
    head: ["", "minified", "min+gzip"],
    rows: all.map(({ subpath, min, gzip }) => [subpath.replace(/^\./, "hubspot-oauth"), kB(min), kB(gzip)]),
  };
}

function sources({ mainBySource }) {
  const total = mainBySource.reduce((sum, [, bytes]) => sum + bytes, 0);
  const rows = new Map();
  for (const [file, bytes] of mainBySource) {
    const room = file.split("/").length > 2 ? `${file.split("/").slice(0, 2).join("/")}/` : "src, files of its own";
    rows.set(room, (rows.get(room) ?? 0) + bytes);
  }
  return {
    title: "What the main entry consists of, minified",
    head: ["", "bytes", "share"],
    rows: [...rows].map(([room, bytes]) => [room, whole(bytes), `${Math.round((100 * bytes) / total)} %`]),
    note: "Each source file: in the JSON.",
  };
}

export function chartsOf({ sizes, imports }) {
  const bars = imports.flatMap(({ version, way, summary }) =>
    ["dependencies", "ours", "sdk"].map((name) => ({
      label: NAMES[name],
      group: `${told(way)}, Node ${version}`,
      value: summary[name].wallMs.median,
      low: summary[name].wallMs.low,
      high: summary[name].wallMs.high,
      emphasis: name === "ours",
    })),
  );
  const sizeBars = [
    { group: "main entry, min+gzip, without dependencies", ours: sizes.main.alone.gzip, sdk: sizes.sdk.alone.gzip },
    { group: "main entry, min+gzip, with dependencies", ours: sizes.main.complete.gzip, sdk: sizes.sdk.complete.gzip },
    { group: "archive", ours: sizes.archive.ours.packed, sdk: sizes.archive.sdk.packed },
  ].flatMap(({ group, ours, sdk }) => [
    { group, label: NAMES.ours, value: ours / 1_000, emphasis: true },
    { group, label: NAMES.sdk, value: sdk / 1_000 },
  ]);
  return [
    {
      name: "import",
      svg: barChart({ title: "Time to import", unit: "ms", bars }),
      alt: `Milliseconds to import, each a fresh process. ${alt(bars, "ms")}`,
    },
    { name: "size", svg: barChart({ title: "Size", unit: "kB", bars: sizeBars }), alt: `Sizes in kB. ${alt(sizeBars, "kB")}` },
  ];
}

function alt(bars, unit) {
  return bars.map(({ group, label, value }) => `${group}: ${label} ${Math.round(value)} ${unit}`).join("; ");
}

function told(way) {
  return way === "import" ? "import (ESM)" : "require (CommonJS)";
}

function spread(value, format) {
  return `${format(value.median)} (${format(value.low)}-${format(value.high)})`;
}

function ratio(value) {
  return spread(value, (number) => number.toFixed(2));
}

function tenth(value) {
  return value.toFixed(1);
}

function megabytes(value) {
  return (value / 1e6).toFixed(1);
}

function kB(bytes) {
  return `${(bytes / 1_000).toLocaleString("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 })} kB`;
}

function whole(value) {
  return value.toLocaleString("en");
}
