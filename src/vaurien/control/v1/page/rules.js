// The panel of a proxy's rules.

import { el } from "./dom.js";

export function rules(container, name, signal) {
  container.append(el("section", { class: "panel" }, el("h2", { text: "Rules" })));
}
