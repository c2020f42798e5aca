// The settings of a proxy: the panel that changes them, and the page that adds a proxy.

import { el } from "./dom.js";

export function settings(container, name, signal) {
  container.append(el("section", { class: "panel" }, el("h2", { text: "Settings" })));
}

export function show(container, params, signal) {
  container.append(el("h1", { text: "Add a proxy" }));
}
