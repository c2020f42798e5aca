// What charts and the timeline show, as tables.

import { el } from "./dom.js";
import { count, time } from "./format.js";
import { table } from "./parts.js";
import { OFF } from "./series.js";

const ROWS = 30;

/** The values of the lines of charts, at moments which are spread evenly. */
export function figures(series, lines) {
  const every = Math.max(1, Math.round(series.span / series.step / ROWS));
  const rows = [];
  for (let index = series.length - 1; index >= 0; index -= every) {
    rows.push([
      time(series.at(index)),
      ...lines.map(({ key, format }) => format(series.values[key]?.[index] ?? null)),
    ]);
  }
  const titles = lines.map(({ title, label, full = label }) => `${title.split(",")[0]}: ${full}`);
  return captioned("Figures, newest first", ["Time", ...titles], rows);
}

/** When rules were on, how often they fired, and what else happened. */
export function happenings(series, lives) {
  const { end, span } = series;
  const found = [];
  for (const { rule, behavior, lives: stretches, firings } of lives.lanes(end - span, end)) {
    for (const { from, to } of stretches) {
      const isOff = rule === OFF;
      found.push([from, rule, isOff ? "turned off" : `begins: ${behavior}`]);
      if (to !== null) found.push([to, rule, isOff ? "turned on" : "ends"]);
    }
    for (const [at, times] of firings) found.push([at, rule, `fires ${count(times, "time")}`]);
  }
  for (const { at, text } of lives.others) found.push([at, "", text]);
  found.sort(([a], [b]) => b - a);
  const rows = found.slice(0, 100).map(([at, rule, what]) => [time(at), rule, what]);
  return captioned("What happened, newest first", ["Time", "Rule", "What"], rows);
}

function captioned(caption, titles, rows) {
  const body = rows.map(([first, ...cells]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", text: first }),
      cells.map((text) => el("td", { text })),
    ),
  );
  return table(caption, titles, el("tbody", {}, body), { isCaptioned: true });
}
