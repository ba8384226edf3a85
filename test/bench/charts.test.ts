/** The benchmarks' charts, drawn by a real browser: well-formed, legible on light and dark, from zero, and no word on top of another. */
import { expect, it } from "vitest";
import { describeInBrowser } from "../support/browser.js";

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  readonly emphasis?: boolean;
  readonly group?: string;
}

interface Charts {
  readonly barChart: (options: {
    title: string;
    unit: string;
    bars: readonly Bar[];
    reference?: { value: number; label: string };
  }) => string;
  readonly lineChart: (options: {
    title: string;
    xLabel: string;
    yLabel: string;
    series: readonly { label: string; points: readonly (readonly [number, number])[]; emphasis?: boolean }[];
    logX?: boolean;
    logY?: boolean;
  }) => string;
}

const { barChart, lineChart } = (await import(new URL("../../bench/charts.mjs", import.meta.url).href)) as Charts;

const bars = barChart({
  title: "Requests & <answers>",
  unit: 'ratio to "raw"',
  bars: ["10 in flight", "50 in flight"].flatMap((group) => [
    { group, label: "undici.request + body.json()", value: 1, low: 0.97, high: 1.03 },
    { group, label: "somebody's client, used as its documentation says, with a name that needs two lines", value: 0.25 },
    { group, label: "ours", value: 1.5, low: 1.4, high: 2.1, emphasis: true },
  ]),
  reference: { value: 1.1, label: "target 1.1" },
});
const counts = barChart({
  title: "Token calls",
  unit: "calls",
  bars: [
    { label: "ours", value: 1, emphasis: true },
    { label: "other", value: 10_000 },
    { label: "none", value: 0 },
  ],
});
const emphasised = barChart({
  title: "Requests a second",
  unit: "requests/s",
  bars: [
    { label: "hubspot-oauth, with the limiter", value: 24_431, emphasis: true },
    { label: "got", value: 3_127 },
  ],
});
const lines = lineChart({
  title: "Memory",
  xLabel: "accounts",
  yLabel: "bytes",
  logX: true,
  series: [
    { label: "ours", emphasis: true, points: [1, 10, 100, 1_000, 100_000].map((count) => [count, 450] as const) },
    {
      label: "another whose name needs two lines",
      points: [
        [1, 470],
        [100_000, 451],
      ],
    },
    {
      label: "a short one",
      points: [
        [1, 900],
        [100, 449],
      ],
    },
  ],
});
const logarithmic = lineChart({
  title: "A day",
  xLabel: "hour",
  yLabel: "calls a second",
  logY: true,
  series: [{ label: "calls", points: Array.from({ length: 97 }, (_, index) => [index / 4, index % 8 === 0 ? 4_000 : 3] as const) }],
});

const all = { bars, counts, emphasised, lines, logarithmic };

/** In the page: words that lie outside the picture, and pairs of words that meet. The boxes have room above and below the letters. */
const WORDS = `(() => {
  const root = document.querySelector("svg");
  const whole = root.getBoundingClientRect();
  const texts = [...root.querySelectorAll("text")].map((text) => ({ words: text.textContent, box: text.getBoundingClientRect() }));
  const beyond = (box) => box.left < whole.left || box.right > whole.right || box.top < whole.top || box.bottom > whole.bottom;
  const meet = (one, other) =>
    one.left < other.right && other.left < one.right && one.top + 2 < other.bottom - 2 && other.top + 2 < one.bottom - 2;
  return {
    count: texts.length,
    outside: texts.filter(({ box }) => beyond(box)).map(({ words }) => words),
    overlaps: texts.flatMap((one, index) =>
      texts.slice(index + 1).filter(({ box }) => meet(one.box, box)).map((other) => [one.words, other.words])),
  };
})()`;

/** In the page: the least contrast of words and of marks with the ground, and how light that is. */
const CONTRASTS = `(() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/\\d+/g).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.querySelector(".ground")).fill);
  const least = (selector, property) =>
    Math.min(...[...document.querySelectorAll(selector)].map((element) => {
      const [low, high] = [luminance(getComputedStyle(element)[property]), ground].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    }));
  return { words: least("text", "fill"), marks: Math.min(least(".bar.s0", "fill"), least(".line", "stroke")), ground };
})()`;

/** In the page: what a reader of XML, or of the screen, is told. */
const told = (svg: string): string => `(() => {
  const parsed = new DOMParser().parseFromString(${JSON.stringify(svg)}, "image/svg+xml");
  const root = parsed.documentElement;
  return {
    errors: parsed.querySelectorAll("parsererror").length,
    root: root.tagName,
    role: root.getAttribute("role"),
    named: root.getAttribute("aria-label") === root.querySelector("title")?.textContent,
    description: root.querySelector("desc")?.textContent ?? "",
  };
})()`;

describeInBrowser("charts", (browser) => {
  it.each(Object.entries(all))("%s: every word inside the picture, none on top of another", async (name, svg) => {
    const page = await browser.open();
    await page.setContent(`<body style="margin:0">${svg}</body>`);
    const { count, ...wrong } = await page.evaluate<{ count: number; outside: string[]; overlaps: string[][] }>(WORDS);
    await browser.screenshot(page, `chart-${name}`);
    expect(count).toBeGreaterThan(5);
    expect(wrong).toEqual({ outside: [], overlaps: [] });
  });

  it.each(Object.entries(all))("%s: well-formed XML that says what it shows", async (_, svg) => {
    const page = await browser.open();
    const { description, ...rest } = await page.evaluate<{ description: string }>(told(svg));
    expect(rest).toEqual({ errors: 0, root: "svg", role: "img", named: true });
    expect(description.length).toBeGreaterThan(10);
  });

  it("draws bars as long as their values, from zero", async () => {
    const page = await browser.open();
    await page.setContent(bars);
    const boxes = await Promise.all((await page.locator("rect.bar").all()).map((bar) => bar.boundingBox()));
    const widths = boxes.map((box) => box?.width ?? 0);
    expect(widths.map((width) => Math.round((100 * width) / (widths[0] ?? 0)) / 100)).toEqual([1, 0.25, 1.5, 1, 0.25, 1.5]);
    const axis = await page.locator("path.axis").boundingBox();
    expect(Math.abs((axis?.x ?? 0) - (boxes[0]?.x ?? 0))).toBeLessThan(1.5);
  });

  it.each(["light", "dark"] as const)("reads in %s: words and marks stand out from the ground", async (colorScheme) => {
    const page = await browser.open({ colorScheme });
    await page.setContent(`${bars}${lines}`);
    const { words, marks, ground } = await page.evaluate<{ words: number; marks: number; ground: number }>(CONTRASTS);
    expect(words).toBeGreaterThanOrEqual(4.5);
    expect(marks).toBeGreaterThanOrEqual(3);
    expect(ground > 0.5).toBe(colorScheme === "light");
  });

  it("writes labels and titles as they are, markup and all", async () => {
    const page = await browser.open();
    await page.setContent(bars);
    expect(await page.locator("text.title").textContent()).toBe("Requests & <answers>");
    expect(await page.locator("desc").textContent()).toMatch(/^ratio to "raw"\. 10 in flight, undici\.request \+ body\.json\(\): 1\.00; /);
  });
});

it("refuses what cannot be drawn", () => {
  expect(() => barChart({ title: "", unit: "", bars: [{ label: "x", value: Number.NaN }] })).toThrow('The bar "x" has no value.');
  const line = (points: [number, number][], log: boolean) => () =>
    lineChart({ title: "", xLabel: "", yLabel: "", series: [{ label: "x", points }], logY: log });
  expect(line([], false)).toThrow('The line "x" has no points.');
  expect(line([[0, -1]], false)).toThrow("A linear axis begins at zero");
  expect(line([[0, 0]], true)).toThrow("A logarithmic axis has no zero.");
  expect(line([[0, Number.POSITIVE_INFINITY]], false)).toThrow("A point is not a number.");
});
