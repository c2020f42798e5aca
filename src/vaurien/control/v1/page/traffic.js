// What one proxy does: the timeline, the charts, and the same as tables.

import { el, newId } from "./dom.js";
import { ignoreRefusal } from "./api.js";
import { Chart, Cursor } from "./chart.js";
import { bytes, milliseconds, number } from "./format.js";
import { Lives } from "./lives.js";
import { SPANS, Series } from "./series.js";
import { known, proxy as proxyNamed, sample, subscribe } from "./store.js";
import { figures, happenings } from "./tables.js";
import { Timeline } from "./timeline.js";

const TIMES = [
  { key: "p50", label: "backend p50", mark: "1" },
  { key: "p90", label: "p90", full: "backend p90", mark: "1b" },
  { key: "p99", label: "p99", full: "backend p99", mark: "1c" },
  { key: "held_p50", label: "held by rules p50", mark: "2" },
  { key: "held_p99", label: "p99", full: "held by rules p99", mark: "2b" },
];
const BYTES = [
  { key: "bytes_to_client", label: "to client", mark: 1, filled: true },
  { key: "bytes_to_backend", label: "to backend", mark: 2 },
];
const CHARTS = [
  ["Requests a second", number, [{ key: "exchanges", label: "requests", mark: 1, filled: true }]],
  [
    "Errors a second",
    number,
    [
      { key: "injected", label: "injected", mark: 2, filled: true },
      { key: "errors", label: "of the backend", mark: "bad" },
    ],
  ],
  [
    "Connections",
    number,
    [
      { key: "connections", label: "open", mark: 1, filled: true },
      { key: "accepted", label: "new a second", mark: 2 },
    ],
  ],
  ["Bytes a second", bytes, BYTES],
];

let span = 300; // as it was chosen last

export function traffic(container, name, signal) {
  const cursor = new Cursor();
  const lives = new Lives(name, signal);
  const isTcp = proxyNamed(name).protocol === "tcp";
  const timeline = new Timeline(
    lives,
    isTcp
      ? { title: "Bytes a second, and rules", lines: BYTES, format: bytes, cursor, height: 170 }
      : {
          title: "Response time, and rules",
          lines: TIMES,
          format: milliseconds,
          cursor,
          height: 190,
          isLogarithmic: true,
        },
  );
  const shown = isTcp ? CHARTS.slice(2, 3) : CHARTS;
  const charts = [
    timeline,
    ...shown.map(([title, format, lines]) => new Chart({ title, lines, format, cursor })),
  ];
  const lines = charts.flatMap((chart) =>
    chart.lines.map((line) => ({ ...line, title: chart.title, format: chart.format })),
  );
  const tables = new Tables(lines, lives);
  const flow = new Flow(name, lives, (series) => {
    for (const chart of charts) chart.update(series);
    tables.update(series);
  });
  const id = newId("traffic");
  container.append(
    el(
      "section",
      { class: "panel traffic", "aria-labelledby": id },
      el("div", { class: "heading" }, el("h2", { id, text: "Traffic" }), spans(flow)),
      timeline.node,
      el(
        "div",
        { class: "charts" },
        charts.slice(1).map((chart) => chart.node),
      ),
      tables.node,
    ),
  );
  subscribe("samples", (at) => flow.add(at), signal);
  signal.addEventListener("abort", () => charts.forEach((chart) => chart.watch.disconnect()));
  flow.fetch();
}

function spans(flow) {
  const choose = (seconds) => {
    span = seconds;
    for (const button of group.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.span) === span));
    }
    flow.fetch();
  };
  const group = el(
    "div",
    { class: "segments end", role: "group", "aria-label": "Time shown" },
    Object.entries(SPANS).map(([seconds, text]) =>
      el("button", {
        type: "button",
        text,
        "data-span": seconds,
        "aria-pressed": String(Number(seconds) === span),
        on: { click: () => choose(Number(seconds)) },
      }),
    ),
  );
  return group;
}

/** The series of a proxy, kept up to date: show(series) is called when it has changed. */
class Flow {
  constructor(name, lives, show) {
    this.name = name;
    this.lives = lives;
    this.show = show;
    this.series = null;
    this.asked = 0;
    this.isFetching = false;
  }

  async fetch() {
    const asked = (this.asked += 1);
    this.isFetching = true;
    try {
      const series = await Series.fetch(this.name, span);
      if (asked !== this.asked) return; // another span was chosen meanwhile
      this.series = series;
      this.lives.adopt(series.lives);
      this.show(series);
    } catch (error) {
      ignoreRefusal(error); // the next sample has it fetched again
    } finally {
      if (asked === this.asked) this.isFetching = false;
    }
  }

  add(at) {
    const [{ series }, last] = [this, sample(this.name)];
    if (!last || !known.connected || this.isFetching) return;
    if (series?.step > 1) {
      if (Math.abs(at - series.end) > series.step) this.fetch();
    } else if (series?.add(at, last)) {
      this.show(series);
    } else {
      this.fetch();
    }
  }
}

/** The figures as tables, made while somebody reads them. */
class Tables {
  constructor(lines, lives) {
    this.lines = lines;
    this.lives = lives;
    this.series = null;
    this.body = el("div", { class: "tables" });
    this.node = el(
      "details",
      { class: "as-tables", on: { toggle: () => this.fill() } },
      el("summary", { text: "The same as tables" }),
      this.body,
    );
  }

  update(series) {
    const isNew = this.series !== series;
    this.series = series;
    if (isNew || series.end % 10 === 0) this.fill();
  }

  fill() {
    if (!this.node.open || !this.series) return;
    this.body.replaceChildren(
      figures(this.series, this.lines),
      happenings(this.series, this.lives),
    );
  }
}
