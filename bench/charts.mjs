// Charts as SVG text, without a library: bars and lines for the benchmarks' pages. They carry a ground of their own, in light or dark as the
// reader's system is, so that they are legible on any page. Values begin at zero, except on an axis that is logarithmic and says so.
const WIDTH = 760;
const PAD = 24;
const FONT = `system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif`;
const SERIES_COLOURS = 5;

const STYLE = `
  text { font-family: ${FONT}; font-size: 13px; fill: #1b2733; font-variant-numeric: tabular-nums }
  .title { font-size: 17px; font-weight: 650 }
  .group { font-weight: 600 }
  .muted { font-size: 12px; fill: #586879 }
  .strong { font-weight: 650 }
  .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
  .ground { fill: #ffffff; stroke: #dfe5ec }
  .grid { stroke: #e8edf2 }
  .axis { stroke: #8b99a8 }
  .bar { fill: #a9b8c9 } .bar.s0 { fill: #f2541b }
  .spread { stroke: #1b2733; stroke-width: 1.5; fill: none; opacity: 0.75 }
  .reference { stroke: #1b2733; stroke-width: 1.5; stroke-dasharray: 5 4 }
  .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round } .line.s0 { stroke-width: 3 }
  .leader { stroke: #8b99a8; stroke-dasharray: 2 3 }
  .s0 { stroke: #f2541b } .s1 { stroke: #2563c9 } .s2 { stroke: #0b8464 } .s3 { stroke: #8347cf } .s4 { stroke: #a06c00 } .s5 { stroke: #5b6b7c }
  circle { stroke: none } circle.s0, .t0 { fill: #f2541b } circle.s1, .t1 { fill: #2563c9 } circle.s2, .t2 { fill: #0b8464 }
  circle.s3, .t3 { fill: #8347cf } circle.s4, .t4 { fill: #a06c00 } circle.s5, .t5 { fill: #5b6b7c }
  .t0 { fill: #c93d09 } .bar { stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8eef5 }
    .muted { fill: #9dacbb }
    .value { stroke: #12181f }
    .ground { fill: #12181f; stroke: #2a3644 }
    .grid { stroke: #222c37 }
    .axis { stroke: #64748a }
    .bar { fill: #50637a } .bar.s0 { fill: #ff7a50 }
    .spread, .reference { stroke: #e8eef5 }
    .leader { stroke: #64748a }
    .s0 { stroke: #ff7a50 } .s1 { stroke: #6aa5ff } .s2 { stroke: #3fcf9f } .s3 { stroke: #bb93ff } .s4 { stroke: #e3b341 } .s5 { stroke: #9dacbb }
    circle.s0, .t0 { fill: #ff7a50 } circle.s1, .t1 { fill: #6aa5ff } circle.s2, .t2 { fill: #3fcf9f }
    circle.s3, .t3 { fill: #bb93ff } circle.s4, .t4 { fill: #e3b341 } circle.s5, .t5 { fill: #9dacbb }
    .bar, circle { stroke: none }
  }`;

/**
 * Horizontal bars from zero. A bar has `label`, `value`, perhaps its spread `low` and `high`, `emphasis` for the one that the chart is about,
 * and a `group`: bars of the same group follow each other under its name. `reference` is a line across, such as a target.
 */
export function barChart({ title, unit, bars, reference, digits }) {
  for (const { label, value } of bars) if (!Number.isFinite(value)) throw new TypeError(`The bar "${label}" has no value.`);
  const format = valueFormat(
    bars.map(({ value }) => value),
    digits,
  );
  const labels = bars.map(({ label }) => wrap(label, 250));
  // Bold letters are wider.
  const widest = (lines, { emphasis }) => Math.max(...lines.map((line) => widthOf(line, 13) * (emphasis ? 1.2 : 1)));
  const left = PAD + Math.max(...bars.map((bar, index) => widest(labels[index], bar))) + 12;
  const right = WIDTH - PAD - Math.max(...bars.map((bar) => widest([format(bar.value)], bar))) - 12;
  const most = Math.max(...bars.map(({ value, high = value }) => Math.max(high, value)), reference?.value ?? 0) || 1;
  const ticks = linearTicks(most, 6);
  const x = (value) => left + ((right - left) * value) / Math.max(most, 1e-12);
  const top = 72 + (reference === undefined ? 0 : 26);
  const marks = [];
  const values = [];
  let y = top;
  bars.forEach((bar, index) => {
    if (bar.group !== undefined && bar.group !== bars[index - 1]?.group) {
      y += index === 0 ? 4 : 14;
      marks.push(text(PAD, y + 12, bar.group, "group"));
      y += 24;
    }
    const lines = labels[index];
    const height = lines.length > 1 ? 32 : 22;
    const middle = y + height / 2;
    marks.push(
      `<rect class="bar${bar.emphasis ? " s0" : ""}" x="${n(left)}" y="${n(y)}" width="${n(x(bar.value) - left)}" height="${height}" rx="2"/>`,
    );
    lines.forEach((line, at) => {
      marks.push(text(left - 12, middle + 4.5 + (at - (lines.length - 1) / 2) * 15, line, bar.emphasis ? "strong" : "", "end"));
    });
    const { low, high } = bar;
    if (low !== undefined && high !== undefined) {
      const [from, to] = [x(low), x(high)];
      marks.push(`<path class="spread" d="M${n(from)} ${n(middle)}H${n(to)}M${n(from)} ${n(middle - 4)}v8M${n(to)} ${n(middle - 4)}v8"/>`);
    }
    values.push(text(x(Math.max(bar.value, high ?? 0)) + 8, middle + 4.5, format(bar.value), bar.emphasis ? "value strong" : "value"));
    y += height + 9;
  });
  const bottom = y + 2;
  const grid = ticks
    .filter((tick) => x(tick) <= right + 1)
    .map(
      (tick) =>
        verticalLine(x(tick), top - 6, bottom, tick === 0 ? "axis" : "grid") +
        text(x(tick), bottom + 17, tickText(tick, ticks), "muted", "middle"),
    );
  const across = [];
  if (reference !== undefined) {
    const half = widthOf(reference.label, 12) / 2;
    const at = Math.min(Math.max(x(reference.value), PAD + half), WIDTH - PAD - half);
    across.push(verticalLine(x(reference.value), top - 10, bottom, "reference"), text(at, top - 16, reference.label, "muted", "middle"));
  }
  const told = bars.map(({ group, label, value }) => `${group === undefined ? "" : `${group}, `}${label}: ${format(value)}`).join("; ");
  return frame({ title, subtitle: unit, told, height: bottom + 36, content: [...grid, ...marks, ...across, ...values] });
}

/** Lines over a common axis, each named at its end. `logX` and `logY` for what spans powers of ten. */
export function lineChart({ title, xLabel, yLabel, series, logX = false, logY = false }) {
  for (const { label, points } of series) if (points.length === 0) throw new TypeError(`The line "${label}" has no points.`);
  const labels = series.map(({ label }) => wrap(label, 170));
  const yScale = scaleOf(
    series.flatMap(({ points }) => points.map(([, value]) => value)),
    { logarithmic: logY, count: 5, roundUp: true },
  );
  const left = PAD + Math.max(...yScale.ticks.map((tick) => widthOf(tickText(tick, yScale.ticks), 12))) + 10;
  const right = WIDTH - PAD - Math.max(...labels.flat().map((line) => widthOf(line, 13))) - 22;
  const [top, bottom] = [82, 372];
  const xScale = scaleOf(
    series.flatMap(({ points }) => points.map(([value]) => value)),
    { logarithmic: logX, count: 6, roundUp: false },
  );
  const x = (value) => left + (right - left) * xScale.share(value);
  const y = (value) => bottom - (bottom - top) * yScale.share(value);
  const content = [
    ...yScale.ticks.map(
      (tick, index) =>
        `<path class="${index === 0 ? "axis" : "grid"}" d="M${n(left)} ${n(y(tick))}H${n(right)}"/>` +
        text(left - 8, y(tick) + 4, tickText(tick, yScale.ticks), "muted", "end"),
    ),
    ...xScale.ticks.map(
      (tick) =>
        verticalLine(x(tick), bottom, bottom + 5, "axis") + text(x(tick), bottom + 20, tickText(tick, xScale.ticks), "muted", "middle"),
    ),
    text((left + right) / 2, bottom + 42, logX ? `${xLabel} (logarithmic)` : xLabel, "muted", "middle"),
  ];
  let next = 1;
  const drawn = series.map(({ points, emphasis }, index) => {
    const colour = emphasis ? 0 : ((next++ - 1) % SERIES_COLOURS) + 1;
    const [lastX, lastY] = points.at(-1);
    return { points, emphasis, colour, lines: labels[index], endX: x(lastX), endY: y(lastY), labelY: y(lastY) };
  });
  spreadLabels(drawn, top, bottom);
  // Those with emphasis last: on top.
  for (const { points, emphasis, colour, lines, endX, endY, labelY } of drawn.toSorted((a, b) => b.colour - a.colour)) {
    content.push(`<path class="line s${colour}" d="M${points.map(([px, py]) => `${n(x(px))} ${n(y(py))}`).join("L")}"/>`);
    if (points.length <= 30)
      for (const [px, py] of points) content.push(`<circle class="s${colour}" cx="${n(x(px))}" cy="${n(y(py))}" r="${emphasis ? 4 : 3}"/>`);
    if (right - endX > 12 || Math.abs(labelY - endY) > 6)
      content.push(`<path class="leader" fill="none" d="M${n(endX + 6)} ${n(endY)}L${n(right + 10)} ${n(labelY)}"/>`);
    lines.forEach((line, at) =>
      content.push(text(right + 14, labelY + 4.5 + (at - (lines.length - 1) / 2) * 15, line, `t${colour}${emphasis ? " strong" : ""}`)),
    );
  }
  const told = series.map(({ label, points }) => `${label}: from ${toldPoint(points[0])} to ${toldPoint(points.at(-1))}`).join("; ");
  return frame({ title, subtitle: logY ? `${yLabel} (logarithmic)` : yLabel, told, height: bottom + 64, content });
}

function toldPoint([x, y]) {
  return `${trimmed(y)} at ${trimmed(x)}`;
}

/** Names at the ends of lines that lie close: moved apart, in the order of the lines. */
function spreadLabels(drawn, top, bottom) {
  const order = drawn.toSorted((a, b) => a.endY - b.endY);
  const gap = (one, other) => 3 + (15 * (one.lines.length + other.lines.length)) / 2;
  for (let index = 0; index < order.length; index++) {
    const before = order[index - 1];
    order[index].labelY = Math.max(order[index].endY, before === undefined ? top - 10 : before.labelY + gap(before, order[index]));
  }
  for (let index = order.length - 1; index >= 0; index--) {
    const after = order[index + 1];
    order[index].labelY = Math.min(order[index].labelY, after === undefined ? bottom + 8 : after.labelY - gap(order[index], after));
  }
}

function scaleOf(values, { logarithmic, count, roundUp }) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (!values.every(Number.isFinite)) throw new TypeError("A point is not a number.");
  if (!logarithmic) {
    if (least < 0) throw new TypeError("A linear axis begins at zero: there is a value below.");
    const ticks = linearTicks(most || 1, count, roundUp);
    const end = roundUp ? ticks.at(-1) : most || 1;
    return { ticks, share: (value) => value / end };
  }
  if (least <= 0) throw new TypeError("A logarithmic axis has no zero.");
  const low = Math.floor(Math.log10(least) + 1e-9);
  const high = Math.max(Math.ceil(Math.log10(most) - 1e-9), low + 1);
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { ticks, share: (value) => (Math.log10(value) - low) / (high - low) };
}

/** Round numbers from zero to `most`, or to the next one beyond it. */
function linearTicks(most, count, beyond = false) {
  const power = 10 ** Math.floor(Math.log10(most / count));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => most / candidate <= count + 1e-9);
  const steps = beyond ? Math.ceil(most / step - 1e-9) : Math.floor(most / step + 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

function tickText(tick, ticks) {
  if (ticks.at(-1) >= 1e6) return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(tick);
  return trimmed(tick);
}

function trimmed(value) {
  return Number(value.toPrecision(6)).toLocaleString("en", { maximumFractionDigits: 6 });
}

/** One number of decimals for all bars, as many as the smallest needs to be told from its neighbours. */
function valueFormat(values, digits) {
  const smallest = Math.min(...values.filter((value) => value > 0).map(Math.abs));
  const needed = values.every(Number.isInteger) || smallest >= 100 ? 0 : smallest >= 10 ? 1 : 2;
  const decimals = digits ?? needed;
  return (value) => value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function frame({ title, subtitle, told, height, content }) {
  const heading = text(PAD, 36, title, "title") + text(PAD, 56, subtitle, "muted");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escaped(title)}" width="${WIDTH}" height="${n(height)}" viewBox="0 0 ${WIDTH} ${n(height)}">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(`${subtitle}. ${told}`)}</desc>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${n(height - 1)}" rx="8"/>`,
    heading,
    ...content,
    "</svg>\n",
  ].join("\n");
}

function text(x, y, content, className = "", anchor = "start") {
  const attributes = `${className === "" ? "" : ` class="${className}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${n(x)}" y="${n(y)}"${attributes}>${escaped(content)}</text>`;
}

function verticalLine(x, from, to, className) {
  return `<path class="${className}" d="M${n(x)} ${n(from)}V${n(to)}"/>`;
}

/** On two lines when it is too wide for one. */
function wrap(label, widest) {
  const words = label.split(" ");
  if (widthOf(label, 13) <= widest || words.length === 1) return [label];
  const splits = words.slice(1).map((_, index) => [words.slice(0, index + 1).join(" "), words.slice(index + 1).join(" ")]);
  const wider = (lines) => Math.max(...lines.map((line) => widthOf(line, 13)));
  return splits.reduce((best, split) => (wider(split) < wider(best) ? split : best));
}

/** About how wide a text is; a little more than in any of the fonts. */
function widthOf(content, size) {
  let ems = 0;
  for (const character of content)
    ems += /[ijltfI.,:;'|!()[\]/ ]/.test(character) ? 0.34 : /[mwMW@%]/.test(character) ? 0.9 : /[A-Z]/.test(character) ? 0.7 : 0.58;
  return ems * size;
}

function escaped(content) {
  return String(content).replace(/[&<>"]/g, (character) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[character]);
}

function n(value) {
  return String(Math.round(value * 100) / 100);
}
