// Parts that several views are made of.

import { el, newId } from "./dom.js";

/** Make a button. label: what it is called, if its text alone would not say on what it acts. */
export function button(text, click, { kind = null, label = null } = {}) {
  return el("button", { type: "button", class: kind, "aria-label": label, text, on: { click } });
}

/** Make a part of a view, with a title and what stands beside it. */
export function panel(title, beside, ...children) {
  const id = newId("panel");
  const head = el("h2", { id, text: title });
  return el(
    "section",
    { class: "panel", "aria-labelledby": id },
    el("div", { class: "panel-head" }, head, el("div", { class: "actions" }, beside)),
    children,
  );
}

/** Make a choice: options are [value, text]. */
export function select(options, props = {}) {
  return el(
    "select",
    props,
    options.map(([value, text]) => el("option", { value, text })),
  );
}

/** Make a field of a control: its label, and what follows. */
export function labelled(label, control, ...children) {
  control.id = newId("control");
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id, text: label }),
    control,
    children,
  );
}

/** Make a table that may scroll, which the keyboard can do, too.
 *
 * titles: of its columns; classes: theirs; isCaptioned: its label is seen, too. Its roles are
 * written, for a layout that is no table's.
 */
export function table(label, titles, body, options = {}) {
  const { kind = null, classes = [], isCaptioned = false } = options;
  body.setAttribute("role", "rowgroup");
  const heads = titles.map((text, at) =>
    el("th", { scope: "col", role: "columnheader", class: classes[at], text }),
  );
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    el(
      "table",
      { class: kind, role: "table" },
      isCaptioned && el("caption", { text: label }),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)),
      body,
    ),
  );
}
