// Profiles and recipes: the panel of a proxy, and the page that lists them.

import { el } from "./dom.js";

export function presets(container, name, signal) {
  container.append(el("section", { class: "panel" }, el("h2", { text: "Presets" })));
}

export function show(container, params, signal) {
  container.append(el("h1", { text: "Presets" }));
}
