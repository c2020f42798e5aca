// The journal: what rules did, and what else happened.

import { el } from "./dom.js";

export function show(container, params, signal) {
  container.append(el("h1", { text: "Events" }));
}
