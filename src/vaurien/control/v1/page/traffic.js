// What one proxy does: the timeline and the charts.

import { el } from "./dom.js";

export function traffic(container, name, signal) {
  container.append(el("section", { class: "panel" }, el("h2", { text: "Traffic" })));
}
