// A small chart without axes, of what a proxy did in the last minute.

import { setAttribute, svg } from "./dom.js";

const WIDTH = 90;
const HEIGHT = 22;

/** Make one: {node, update(values, size)}; size: how many values its width stands for. */
export function spark() {
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const node = svg(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    area,
    line,
  );
  const update = (values, size = 60) => {
    if (values.length < 2) {
      setAttribute(area, "d", null);
      setAttribute(line, "d", null);
      return;
    }
    const most = Math.max(...values, 1e-9);
    const first = size - values.length;
    const points = values.map((value, index) => {
      const x = ((first + index) / (size - 1)) * WIDTH;
      const y = HEIGHT - 1.5 - (value / most) * (HEIGHT - 3);
      return `${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    const start = ((first / (size - 1)) * WIDTH).toFixed(1);
    setAttribute(line, "d", `M${points.join("L")}`);
    setAttribute(area, "d", `M${start} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  };
  return { node, update };
}
