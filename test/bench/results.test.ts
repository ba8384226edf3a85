/** What a benchmark leaves behind: the three files, their tables, and the arithmetic of what may be said. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

interface Table {
  readonly title?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly note?: string;
}

interface Environment {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly versions: Record<string, string>;
}

interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const bench = (file: string): Promise<unknown> => import(new URL(`../../bench/${file}`, import.meta.url).href);
const { environment, markdownTable, resultsFolder, saveResults, textTable } = (await bench("results.mjs")) as {
  environment: (options?: { node?: string; packages?: readonly string[] | Record<string, string> }) => Promise<Environment>;
  markdownTable: (table: Table) => string;
  resultsFolder: (flags: { quick?: boolean; out?: string }) => string | undefined;
  saveResults: (folder: string, name: string, page: object) => Promise<string[]>;
  textTable: (table: Table) => string;
};
const { isResolved, quantile, ratios, summary } = (await bench("statistics.mjs")) as {
  isResolved: (ratio: Spread, twins: Spread, value?: number) => boolean;
  quantile: (values: readonly number[], share: number) => number;
  ratios: (of: readonly number[], over: readonly number[]) => Spread;
  summary: (values: readonly number[]) => Spread;
};
const { pageOf, verdict } = (await bench("throughput/report.mjs")) as {
  pageOf: (report: object) => { warnings: string[]; intro: string[]; tables: Table[]; charts: { svg: string }[] };
  verdict: (ratio: Spread, twins: Spread, target?: number) => string;
};

const table: Table = {
  title: "Costs",
  head: ["who", "us|request", "verdict"],
  rows: [
    ["a | b", "9.5 (9.1-9.9)", "met"],
    ["c", "10.25 (10.0-11.0)", "not\nresolved"],
  ],
  note: "A note.",
};

describe("saveResults", () => {
  it("writes JSON, Markdown and charts that name each other, with versions, machine and date", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hubspot-oauth-results-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const where = await environment({ node: "v24.1.0", packages: ["undici"] });
    const measured = { rounds: [1, 2.5, -3e-7], words: ["[1,", "2]"], nested: [[1, null], []] };
    const files = await saveResults(join(folder, "new"), "costs", {
      title: "Costs",
      command: "npm run costs",
      environment: where,
      intro: ["What it is."],
      tables: [table],
      charts: [
        { svg: "<svg/>", alt: "the first" },
        { name: "more", svg: "<svg></svg>", alt: "the second" },
      ],
      data: measured,
    });
    expect((await readdir(join(folder, "new"))).toSorted()).toEqual(["costs-more.svg", "costs.json", "costs.md", "costs.svg"]);
    expect(files.map((file) => file.slice(folder.length))).toContain("/new/costs-more.svg");

    const json = await readFile(join(folder, "new/costs.json"), "utf8");
    expect(JSON.parse(json)).toEqual({ title: "Costs", command: "npm run costs", environment: where, data: measured });
    expect(json).toContain('"rounds": [1, 2.5, -3e-7]');

    const page = await readFile(join(folder, "new/costs.md"), "utf8");
    expect(page).toMatch(/^# Costs\n\nWhat it is\.\n\n```sh\nnpm run costs\n```\n\nNode 24\.1\.0, undici \d+\.\d+\.\d+\. /);
    expect(page).toContain(where.cpu);
    expect(page).toContain(where.date.slice(0, 10));
    for (const image of ["![the first](costs.svg)", "![the second](costs-more.svg)"]) expect(page).toContain(image);
    expect(page).toContain(`## Costs\n\n${markdownTable(table)}\n\nA note.\n`);
    expect(page).not.toContain(folder);
  });

  it("takes versions of what is installed elsewhere, and asks the installed ones otherwise", async () => {
    expect((await environment({ packages: { got: "14.0.0" } })).versions).toEqual({ got: "14.0.0" });
    await expect(environment({ packages: ["not-installed-at-all"] })).rejects.toThrow("not-installed-at-all");
    expect((await environment()).node).toBe(process.version);
  });

  it("keeps a quick run out of the repository's results, unless it is told where", () => {
    expect(resultsFolder({ quick: true })).toBeUndefined();
    expect(resultsFolder({ quick: true, out: "/somewhere" })).toBe("/somewhere");
    expect(resultsFolder({})).toMatch(/\/bench\/results$/);
  });
});

describe("tables", () => {
  it("are Markdown in which a cell cannot break out of its column", () => {
    expect(markdownTable(table).split("\n")).toEqual([
      String.raw`| who | us\|request | verdict |`,
      "|---|---:|---|",
      String.raw`| a \| b | 9.5 (9.1-9.9) | met |`,
      "| c | 10.25 (10.0-11.0) | not resolved |",
    ]);
  });

  it("are aligned on the terminal", () => {
    const rows = [
      ["a", "1", "met"],
      ["long", "1,000", "missed"],
    ];
    expect(textTable({ title: "T", head: ["", "n", "verdict"], rows, note: "N" })).toBe(
      ["T", "            n  verdict", "  a         1  met", "  long  1,000  missed", "  N"].join("\n"),
    );
  });

  it("refuse a row that has not as many cells as the head", () => {
    const wrong = { head: ["a", "b"], rows: [["1"]] };
    expect(() => markdownTable(wrong)).toThrow("A row has 1 cells, the head has 2: 1");
    expect(() => textTable(wrong)).toThrow(TypeError);
  });
});

describe("what may be said", () => {
  it("medians and quartiles lie between neighbours in proportion", () => {
    expect(summary([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25 });
    expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
  });

  it("ratios are those of the same round: a round that was slow for both changes nothing", () => {
    expect(ratios([10, 1, 10], [5, 0.5, 5])).toEqual({ median: 2, low: 2, high: 2 });
  });

  it("a ratio inside the noise is not resolved, on either side and whichever way the twins differ", () => {
    const at = (median: number): Spread => ({ median, low: median, high: median });
    const twins = { median: 1, low: 0.9, high: 1.02 };
    expect(isResolved(at(1.1), twins)).toBe(false);
    expect(isResolved(at(1.12), twins)).toBe(true);
    expect(isResolved(at(0.91), twins)).toBe(false);
    expect(isResolved(at(0.89), twins)).toBe(true);
  });

  it.each([
    [1.3, 1.1, "met"],
    [1.11, 1.1, "not resolved"],
    [1.0, 1.1, "missed"],
    [1.2, undefined, "better"],
    [0.8, undefined, "worse"],
    [1.01, undefined, "not resolved"],
  ])("a ratio of %s with the target %s is %s", (median, target, said) => {
    expect(verdict({ median, low: median, high: median }, { median: 1, low: 0.95, high: 1.05 }, target)).toBe(said);
  });

  it("a missed target is told as missed, and a busy server aloud", () => {
    const contender = (cpu: number) => ({ cpuMicros: [cpu, cpu], perSecond: [1e6 / cpu, 1e6 / cpu], p50Ms: [1, 1], p99Ms: [2, 2] });
    const report = {
      node: "v24.1.0",
      serverCores: [0.6],
      processes: 1,
      sliceMs: 10,
      answerBytes: 3_000,
      levels: [{ concurrency: 50, contenders: { raw: contender(50), rawTwin: contender(50), bare: contender(30), ours: contender(40) } }],
      tokens: { getAccessTokenNs: [400, 401], authorizeNs: [50, 50] },
      herd: { callers: 10_000, posts: [1, 2], elapsedMs: [10, 11] },
    };
    const { warnings, intro, tables, charts } = pageOf(report);
    expect(warnings).toEqual([expect.stringContaining("The server used 0.60 of a core")]);
    expect(intro.join()).toContain(warnings[0]);
    const [ratioTable, tokens] = tables;
    expect(ratioTable?.rows.map((row) => [row[1], row[3], row[5]])).toEqual([
      ["ours / undici.request + body.json()", "met", "met"],
      ["ours / agent.dispatch + JSON.parse", "missed", "missed"],
      ["raw / raw (A/A): the noise", "", ""],
    ]);
    expect(tokens?.rows.map((row) => row[3])).toEqual(["missed", "", "missed", ""]);
    expect(charts[0]?.svg).toContain("HubSpotHttp.get");
    expect(pageOf({ ...report, serverCores: [0.3] }).warnings).toEqual([]);
  });
});
