// A chart of lines over time, as SVG: with axes, a legend that tells the values, and a cursor that
// all charts of a view share. With the keyboard it is a slider over time; what it says is spoken.

import { clear, el, newId, setAttribute, setText, svg } from "./dom.js";
import { time } from "./format.js";
import { linear, logarithmic, moments } from "./scale.js";
import { extent } from "./series.js";

export const MARGIN = { left: 52, right: 10, top: 8, bottom: 20 };
const FAR = 10; // steps of the cursor with Page Up and Page Down

/** The moment that all charts of a view point at, in seconds since 1970; null: none. */
export class Cursor {
  constructor() {
    this.moment = null;
    this.calls = [];
  }

  /** Call a function when the moment changes. */
  follow(call) {
    this.calls.push(call);
  }

  set(moment) {
    if (moment === this.moment) return;
    this.moment = moment;
    for (const call of this.calls) call(moment);
  }
}

/** Make a chart.
 *
 * lines: each {key, label, full, mark, filled}: what of the series, its label in the legend and
 * where it stands alone, and which colour (1, 2, "bad"; b, c: paler).
 * format: how values are told; isLogarithmic; height in pixels; below: how much room for more
 * than the lines (the timeline). Gives {node, update(series)}; draw(plot) is called to add more.
 */
export class Chart {
  constructor({ title, lines, format, cursor, height = 130, isLogarithmic = false }) {
    Object.assign(this, { title, lines, format, cursor, height, isLogarithmic });
    this.series = null;
    this.below = 0;
    this.width = 600;
    this.legend = el("div", { class: "legend" });
    this.readings = lines.map(({ label, mark }) => {
      const value = el("b");
      this.legend.append(el("span", { class: `key key-${mark}` }, `${label} `, value));
      return value;
    });
    this.grid = svg("g", { class: "grid" });
    this.paths = lines.map(({ mark, filled }) => ({
      area: filled && svg("path", { class: `area mark-${mark}` }),
      line: svg("path", { class: `line mark-${mark}` }),
      dots: svg("path", { class: `line dots mark-${mark}` }),
    }));
    this.more = svg("g");
    this.when = svg("text", { class: "when", "text-anchor": "middle" });
    this.rule = svg("line", { class: "cursor" });
    this.pointer = svg("g", { class: "pointer", visibility: "hidden" }, this.rule, this.when);
    this.picture = svg(
      "svg",
      { class: "plot", role: "img", "aria-label": title },
      this.grid,
      this.paths.map(({ area, line, dots }) => [area, line, dots]),
      this.more,
      this.pointer,
    );
    // Beside the picture, not around it: what is in a slider is not told to screen readers.
    this.slider = el("div", {
      class: "slider",
      tabindex: "0",
      role: "slider",
      "aria-label": `${title}: time`,
      on: { keydown: (event) => this.move(event), blur: () => cursor.set(null) },
    });
    this.stage = el(
      "div",
      {
        class: "stage",
        on: {
          pointermove: (event) => this.point(event),
          pointerleave: () => cursor.set(null),
        },
      },
      this.picture,
      this.slider,
    );
    const id = newId("chart");
    this.node = el(
      "figure",
      { class: "chart", "aria-labelledby": id },
      el("figcaption", {}, el("h3", { id, text: title }), this.legend),
      this.stage,
    );
    cursor.follow(() => this.read());
    this.watch = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width && width !== this.width) ((this.width = width), this.draw());
    });
    this.watch.observe(this.stage);
  }

  update(series) {
    this.series = series;
    this.draw();
    this.read();
  }

  /** Where a moment is, in pixels from the left. */
  x(moment) {
    const { span, end } = this.series;
    const inner = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + ((moment - (end - span)) / span) * inner;
  }

  draw() {
    const { series, width, height } = this;
    if (!series) return;
    const all = height + this.below;
    setAttribute(this.picture, "viewBox", `0 0 ${width} ${all}`);
    setAttribute(this.picture, "height", all);
    const values = this.lines.map(({ key }) => series.values[key] ?? []);
    const extents = values.map(extent);
    const most = Math.max(0, ...extents.map((each) => each.most ?? 0));
    const known = extents.map((each) => each.least).filter((least) => least !== null);
    const scale = this.isLogarithmic ? logarithmic(Math.min(...known, most), most) : linear(most);
    const inner = height - MARGIN.top - MARGIN.bottom;
    const y = (value) => MARGIN.top + (1 - scale.at(value)) * inner;
    this.drawGrid(scale, y);
    values.forEach((each, index) => {
      const { area, line, dots } = this.paths[index];
      const runs = this.runs(each, y);
      const [alone, together] = [runs.filter(isAlone), runs.filter((run) => !isAlone(run))];
      setAttribute(line, "d", together.map((run) => `M${run.join("L")}`).join("") || null);
      setAttribute(dots, "d", alone.map(([point]) => `M${point}h0`).join("") || null);
      const foot = y(0).toFixed(1);
      const filled = runs.map(
        (run) =>
          `M${run[0].split(" ")[0]} ${foot}L${run.join("L")}L${run.at(-1).split(" ")[0]} ${foot}Z`,
      );
      if (area) setAttribute(area, "d", filled.join("") || null);
    });
    setAttribute(this.rule, "y1", MARGIN.top);
    setAttribute(this.rule, "y2", all - (this.below ? 0 : MARGIN.bottom));
    this.tell(extents);
    this.drawMore?.();
  }

  /** The points of a line, as far as there are values in a row. */
  runs(values, y) {
    const runs = [];
    let run = null;
    values.forEach((value, index) => {
      if (value === null) return void (run = null);
      if (!run) runs.push((run = []));
      run.push(`${this.x(this.series.at(index)).toFixed(1)} ${y(value).toFixed(1)}`);
    });
    return runs;
  }

  drawGrid(scale, y) {
    const { series, width, height } = this;
    const right = width - MARGIN.right;
    const lines = scale.ticks.map((tick) => [
      svg("line", { x1: MARGIN.left, x2: right, y1: y(tick), y2: y(tick) }),
      svg("text", {
        x: MARGIN.left - 6,
        y: y(tick) + 3.5,
        "text-anchor": "end",
        text: this.format(tick),
      }),
    ]);
    const times = moments(series.end - series.span, series.end)
      .filter((moment) => this.x(moment) > MARGIN.left + 14 && this.x(moment) < right - 10)
      .map((moment) =>
        svg("text", {
          x: this.x(moment),
          y: height - 5,
          "text-anchor": "middle",
          text: time(moment, false),
        }),
      );
    clear(this.grid).append(...lines.flat(), ...times);
  }

  /** Say in words what the picture shows. */
  tell(extents) {
    const parts = this.lines.map(({ label, full = label }, index) => {
      const { least, last, most } = extents[index];
      if (most === null) return `${full}: nothing`;
      const [from, to, now] = [least, most, last].map(this.format);
      return `${full}: now ${now}, from ${from} to ${to}`;
    });
    const span = this.series.span === 300 ? "5 minutes" : "hour";
    setAttribute(this.picture, "aria-label", `${this.title}, last ${span}. ${parts.join("; ")}.`);
  }

  /** Show the values at the cursor, or the last ones. */
  read() {
    const { series, cursor } = this;
    if (!series) return;
    const chosen = cursor.moment === null ? -1 : series.indexAt(cursor.moment);
    const index = chosen < 0 ? series.length - 1 : chosen;
    const texts = this.lines.map(({ key }) => this.format(series.values[key]?.[index] ?? null));
    texts.forEach((text, place) => setText(this.readings[place], text));
    setText(this.when, chosen < 0 ? "" : time(series.at(index)));
    setAttribute(this.pointer, "visibility", chosen < 0 ? "hidden" : null);
    if (chosen >= 0) {
      const x = this.x(series.at(index));
      for (const end of ["x1", "x2"]) setAttribute(this.rule, end, x.toFixed(1));
      setAttribute(this.when, "x", Math.min(this.width - 32, Math.max(MARGIN.left + 10, x)));
      setAttribute(this.when, "y", this.height - 5);
    }
    const spoken = this.lines
      .map(({ label, full = label }, place) => `${full} ${texts[place]}`)
      .join(", ");
    setAttribute(this.slider, "aria-valuemin", 0);
    setAttribute(this.slider, "aria-valuemax", Math.max(0, series.length - 1));
    if (chosen >= 0 || !this.slider.hasAttribute("aria-valuenow")) {
      setAttribute(this.slider, "aria-valuenow", Math.max(0, index));
      setAttribute(this.slider, "aria-valuetext", `${time(series.at(index))}: ${spoken}`);
    }
  }

  point(event) {
    if (!this.series) return;
    const box = this.stage.getBoundingClientRect();
    const { span, end, step } = this.series;
    const inner = this.width - MARGIN.left - MARGIN.right;
    const moment = end - span + ((event.clientX - box.left - MARGIN.left) / inner) * span;
    this.cursor.set(Math.round(moment / step) * step);
  }

  move(event) {
    const { series, cursor } = this;
    if (!series?.length) return;
    const steps = {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -FAR,
      PageUp: FAR,
      Home: -series.length,
      End: series.length,
    }[event.key];
    if (event.key === "Escape") cursor.set(null);
    if (!steps) return;
    event.preventDefault();
    const before = cursor.moment === null ? series.length - 1 : series.indexAt(cursor.moment);
    const index = Math.min(series.length - 1, Math.max(0, before + steps));
    cursor.set(series.at(index));
  }
}

/** Whether a value stands between two moments without one: a line would not show it. */
function isAlone(run) {
  return run.length === 1;
}
