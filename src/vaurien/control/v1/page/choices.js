// A list to search and choose from: each item says what it does.

import { openDialog } from "./dialogs.js";
import { clear, el, setText } from "./dom.js";
import { labelled } from "./parts.js";

/** Make a searchable list.
 *
 * items: {name, title, text, code, more: [[word, text]]}. controls(item): the buttons of
 * an item; without it, the whole item is one that calls choose(item). Gives {node, input, fill}.
 */
export function makeChoices({ noun, choose, controls }) {
  const count = el("span", { class: "muted", role: "status" });
  const list = el("ul", { class: "choices" });
  const input = el("input", {
    type: "search",
    autocomplete: "off",
    spellcheck: "false",
    on: { input: draw, keydown: move },
  });
  list.addEventListener("keydown", move);
  const node = el("div", { class: "stack" }, labelled(`Search ${noun}s`, input, count), list);
  let items = [];
  let nodes = new Map();

  function draw() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter((item) => words.every((word) => textOf(item).includes(word)));
    clear(list).append(...found.map((item) => nodes.get(item)));
    const many = `${items.length} ${noun}${items.length === 1 ? "" : "s"}`;
    setText(count, found.length === items.length ? many : `${found.length} of ${many}`);
  }

  function move(event) {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (event.key === "Enter" && event.target === input && buttons.length && choose) {
      event.preventDefault();
      buttons[0].click();
    }
    if (next === undefined || next >= buttons.length) return;
    event.preventDefault();
    (next < 0 ? input : buttons[next]).focus();
  }

  function fill(given) {
    items = given;
    nodes = new Map(items.map((item) => [item, drawn(item, choose, controls)]));
    draw();
  }

  return { node, input, fill };
}

function textOf(item) {
  return [item.name, item.title, item.text, item.code, ...(item.more ?? []).flat()]
    .filter(Boolean)
    .join(" ")
    .toLowerCase();
}

function drawn(item, choose, controls) {
  const parts = [
    el("strong", { text: item.title ?? item.name }),
    el("span", { text: item.text }),
    item.code && el("code", { text: item.code }),
    (item.more ?? [])
      .filter(([, text]) => text)
      .map(([word, text]) => el("span", { class: "muted", text: `${word}: ${text}` })),
  ];
  if (!choose) return el("li", { class: "choice" }, parts, controls(item));
  const click = () => choose(item);
  return el("li", {}, el("button", { type: "button", class: "choice", on: { click } }, parts));
}

/** Let one be chosen in a dialog; gives a promise of the item, or of null. */
export function chooseOne(title, { noun, items, note = "" }) {
  return new Promise((resolve) => {
    let chosen = null;
    const dialog = openDialog(
      title,
      (body, close) => {
        const choose = (item) => ((chosen = item), close());
        const choices = makeChoices({ noun, choose });
        choices.fill(items);
        if (note) body.append(el("p", { class: "help", text: note }));
        body.append(choices.node);
      },
      { wide: true },
    );
    dialog.addEventListener("close", () => resolve(chosen));
  });
}
