// The panel of a proxy's connections.

import { el } from "./dom.js";

export function connections(container, name, signal) {
  container.append(el("section", { class: "panel" }, el("h2", { text: "Connections" })));
}
