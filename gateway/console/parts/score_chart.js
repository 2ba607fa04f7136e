// A score on its axis: how often two different people reach it, by the measured points of the model's card.

import { h, newId, replace, svg } from "../dom.js";

const HEIGHT = 240;
const MARGIN = { left: 84, right: 16, top: 44, bottom: 48 };
const LABEL_PX = 36; // between two labels side by side
const AXIS = { least: 0.1, most: 0.8 };

/**
 * A figure that follows its width.
 * `rates`: [{ score, rate }], the loosest first; `thresholds`: [{ name, score }]; `score` of the comparison.
 */
export function scoreChart({ model, score, threshold, signal }) {
  const canvas = h("div", { class: "chart" });
  const draw = () =>
    replace(canvas, drawing(model.false_match_rates, { score, threshold, width: canvas.clientWidth || 320 }));
  const watcher = new ResizeObserver(draw);
  watcher.observe(canvas);
  signal.addEventListener("abort", () => watcher.disconnect(), { once: true });
  return h(
    "figure",
    { class: "stack" },
    canvas,
    h(
      "figcaption",
      {},
      h("p", {}, inWords(model.false_match_rates, score, threshold)),
      h("p", { class: "hint" }, `On ${model.measured_on}; ${model.source}.`),
    ),
    valuesOf(model.false_match_rates),
  );
}

/** The rate at a score, linear in its logarithm between measured points; null outside of them. */
export function rateAt(rates, score) {
  for (let index = 1; index < rates.length; index++) {
    const [a, b] = [rates[index - 1], rates[index]];
    if (score < a.score || score > b.score) continue;
    const part = (score - a.score) / (b.score - a.score || 1);
    return 10 ** (Math.log10(a.rate) + part * (Math.log10(b.rate) - Math.log10(a.rate)));
  }
  return null;
}

export const oneIn = (rate) => `1 in ${Math.round(1 / rate).toLocaleString("en")}`;

export function inWords(rates, score, threshold) {
  const verdict = score >= threshold ? "above" : "below";
  const start = `The score is ${score.toFixed(3)}, ${verdict} the threshold of ${threshold.toFixed(3)}.`;
  const [loosest, strictest] = [rates[0], rates.at(-1)];
  const rate = rateAt(rates, score);
  if (rate !== null) return `${start} About ${oneIn(rate)} pairs of different people score as high.`;
  if (score > strictest.score)
    return `${start} Fewer than ${oneIn(strictest.rate)} pairs of different people score as high.`;
  return `${start} More than ${oneIn(loosest.rate)} pairs of different people score as high.`;
}

function drawing(rates, { score, threshold, width }) {
  const least = Math.min(AXIS.least, score - 0.05);
  const most = Math.max(AXIS.most, score + 0.05);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: HEIGHT - MARGIN.top - MARGIN.bottom };
  const decades = rates.map(({ rate }) => Math.log10(rate));
  const [top, bottom] = [Math.max(...decades) + 0.5, Math.min(...decades) - 0.5];
  const x = (value) => MARGIN.left + ((value - least) / (most - least)) * inner.width;
  const y = (rate) => MARGIN.top + ((top - Math.log10(rate)) / (top - bottom)) * inner.height;
  const floor = MARGIN.top + inner.height;
  const title = newId("chart");
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-labelledby": title },
    svg("title", { id: title }, inWords(rates, score, threshold)),
    svg("rect", {
      class: "chart-match",
      x: x(threshold),
      y: MARGIN.top,
      width: x(most) - x(threshold),
      height: inner.height,
    }),
    rates.map((point, index) =>
      measured(point, index, {
        x,
        y,
        floor,
        crowded: x(rates.at(-1).score) - x(rates[0].score) < LABEL_PX * (rates.length - 1),
      }),
    ),
    svg("path", {
      class: "chart-curve",
      d: rates.map((point, index) => `${index ? "L" : "M"}${x(point.score)} ${y(point.rate)}`).join(""),
    }),
    svg("line", { class: "chart-axis", x1: MARGIN.left, x2: x(most), y1: floor, y2: floor }),
    svg("text", { class: "chart-text", x: x(most), y: HEIGHT - 6, "text-anchor": "end" }, "score →"),
    svg("text", { class: "chart-text", x: 0, y: MARGIN.top - 10 }, "false matches"),
    marker(x(score), { floor, width, score, good: score >= threshold }),
  );
}

function measured({ score, rate }, index, { x, y, floor, crowded }) {
  const at = { x: x(score), y: y(rate) };
  return [
    svg("line", { class: "chart-grid", x1: MARGIN.left, x2: at.x, y1: at.y, y2: at.y }),
    svg("line", { class: "chart-grid", x1: at.x, x2: at.x, y1: at.y, y2: floor }),
    svg("circle", { class: "chart-point", cx: at.x, cy: at.y, r: 4 }),
    svg("text", { class: "chart-text", x: MARGIN.left - 8, y: at.y + 4, "text-anchor": "end" }, oneIn(rate)),
    svg(
      "text",
      { class: "chart-text", x: at.x, y: floor + 14 + (crowded ? index * 12 : 0), "text-anchor": "middle" },
      score.toFixed(3),
    ),
  ];
}

const marker = (x, { floor, width, score, good }) =>
  svg(
    "g",
    { class: good ? "chart-score chart-good" : "chart-score chart-bad" },
    svg("line", { x1: x, x2: x, y1: MARGIN.top - 14, y2: floor }),
    svg("circle", { cx: x, cy: MARGIN.top - 14, r: 5 }),
    svg("text", { x: Math.min(x, width - 24), y: 18, "text-anchor": "middle" }, score.toFixed(3)),
  );

function valuesOf(rates) {
  return h(
    "details",
    {},
    h("summary", {}, "The measured points as a table"),
    h(
      "table",
      { class: "table" },
      h(
        "thead",
        {},
        h("tr", {}, h("th", { scope: "col" }, "Score"), h("th", { scope: "col" }, "Different people who reach it")),
      ),
      h(
        "tbody",
        {},
        rates.map(({ score, rate }) =>
          h(
            "tr",
            {},
            h("td", { "data-label": "Score" }, score.toFixed(3)),
            h("td", { "data-label": "Reached by" }, oneIn(rate)),
          ),
        ),
      ),
    ),
  );
}
