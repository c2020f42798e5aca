// The timeline of a proxy: how long responses took, above a lane for each rule that shows when it
// was on and when it fired, on one axis.

import { clear, svg } from "./dom.js";
import { Chart, MARGIN } from "./chart.js";
import { count, time } from "./format.js";
import { OFF } from "./series.js";

const LANE = 19; // pixels
const BAR = 13;
const LANES = 8; // rules that have one
const TICK = 2; // pixels

export class Timeline extends Chart {
  constructor(lives, options) {
    super(options);
    this.lives = lives;
  }

  draw() {
    if (!this.series) return;
    const { end, span } = this.series;
    const all = this.lives.lanes(end - span, end);
    this.lanes = all.slice(0, LANES);
    this.left = all.length - this.lanes.length;
    this.others = this.lives.others.filter(({ at }) => at > end - span);
    const rows = this.lanes.length + (this.left > 0) + (this.others.length > 0);
    this.below = rows ? rows * LANE + 6 : 0;
    super.draw();
  }

  drawMore() {
    const rows = this.lanes.map((lane) => this.lane(lane));
    if (this.left > 0) rows.push([this.label(`and ${count(this.left, "other rule")}`)]);
    if (this.others.length) rows.push(this.events());
    const placed = rows.map((row, index) =>
      svg("g", { transform: `translate(0 ${this.height + 6 + index * LANE})` }, row),
    );
    clear(this.more).append(...placed);
  }

  lane({ rule, behavior, lives, firings }) {
    const name = rule === OFF ? "off" : rule;
    const bars = lives.map(({ from, to }) => {
      const left = this.within(from);
      const right = to === null ? this.width - MARGIN.right : this.within(to);
      const still = to === null ? "now" : time(to);
      return svg(
        "rect",
        {
          class: rule === OFF ? "life off" : "life",
          x: left.toFixed(1),
          width: Math.max(1, right - left).toFixed(1),
          height: BAR,
          rx: 2,
        },
        svg("title", { text: `${name}: ${time(from)} to ${still}` }),
      );
    });
    return [
      svg("rect", {
        class: "lane",
        x: MARGIN.left,
        height: BAR,
        rx: 2,
        width: this.width - MARGIN.left - MARGIN.right,
      }),
      bars,
      this.ticks(rule, firings),
      this.label(rule === behavior || !behavior ? name : `${name} (${behavior})`),
    ];
  }

  /** A mark for each pixel or two in which the rule fired; the fuller, the more often. */
  ticks(rule, firings) {
    const places = new Map();
    for (const [at, times] of firings) {
      const place = Math.round(this.within(at) / TICK) * TICK;
      places.set(place, (places.get(place) ?? 0) + times);
    }
    const most = Math.max(...places.values());
    return [...places].map(([x, times]) => {
      const height = Math.max(4, BAR * Math.sqrt(times / most));
      return svg(
        "rect",
        { class: "tick", x, y: BAR - height, width: TICK - 0.5, height },
        svg("title", { text: `${rule} fired ${count(times, "time")}` }),
      );
    });
  }

  events() {
    const marks = this.others.map(({ at, text }) =>
      svg(
        "circle",
        { class: "mark", cx: this.within(at).toFixed(1), cy: BAR / 2, r: 4 },
        svg("title", { text: `${time(at)} ${text}` }),
      ),
    );
    return [this.label("trouble"), marks];
  }

  label(text) {
    return svg("text", { class: "lane-label", x: MARGIN.left + 6, y: BAR - 3, text });
  }

  within(moment) {
    const [left, right] = [MARGIN.left, this.width - MARGIN.right];
    return Math.min(right, Math.max(left, this.x(moment)));
  }

  tell(extents) {
    super.tell(extents);
    const rules = this.lanes.map(({ rule, lives, firings }) => {
      const times = firings.reduce((sum, [, each]) => sum + each, 0);
      const is = lives.some(({ to }) => to === null) ? "is" : "was";
      if (rule === OFF) return `The proxy ${is} off.`;
      return `Rule ${rule} ${is} on, fired ${count(times, "time")}.`;
    });
    const text = this.picture.getAttribute("aria-label");
    this.picture.setAttribute("aria-label", [text, ...rules].join(" "));
  }
}
