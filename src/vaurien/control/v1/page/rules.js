// The rules of a proxy: what each does and how often it has, and how to change them.

import { path, request } from "./api.js";
import { attempt } from "./dialogs.js";
import { el, setText } from "./dom.js";
import { chooseFault } from "./faults.js";
import { count, duration } from "./format.js";
import { button, panel } from "./parts.js";
import { openRule } from "./rule_form.js";
import { catalogue, proxy, refresh, subscribe } from "./store.js";

const NOTED = 10_000; // milliseconds that a note stays after somebody has gone on
const NOT_TOLD = new Set(["name", "behavior", "paused", "status"]);

/** Fill a container with the panel of a proxy's rules. */
export function rules(container, name, signal) {
  const list = el("ul", { class: "rules" });
  const none = el("p", { class: "empty", text: "No rules: traffic passes unchanged." });
  const undo = el("p", { class: "undo", role: "status" });
  const rows = new Map();
  const add = () => attempt(openRule(name, { signal }));
  const addFault = async () => {
    const fault = await attempt(chooseFault(proxy(name).protocol));
    if (fault) attempt(openRule(name, { begun: { behavior: "error", fault: fault.name }, signal }));
  };
  const faults = button("Add a fault", addFault);
  const buttons = [faults, button("Add a rule", add, { kind: "primary" })];
  container.append(panel("Rules", buttons, undo, none, list));

  function update() {
    const now = proxy(name);
    if (!now) return;
    none.hidden = now.rules.length > 0;
    faults.hidden = now.protocol === "tcp";
    for (const [key, row] of rows) {
      if (!now.rules.some((rule) => rule.name === key)) {
        row.node.remove();
        rows.delete(key);
      }
    }
    now.rules.forEach((rule, place) => {
      if (!rows.has(rule.name)) rows.set(rule.name, ruleRow(name, rule.name, { remove, signal }));
      const row = rows.get(rule.name);
      row.update(rule);
      if (list.children[place] !== row.node)
        list.insertBefore(row.node, list.children[place] ?? null);
    });
  }

  /** Say what was done; leave() takes it away after a while, unless its button has the focus. */
  function note(text, ...buttons) {
    const said = el("span", { text });
    undo.replaceChildren(said, ...buttons);
    const end = () => {
      if (said.isConnected && !undo.contains(document.activeElement)) undo.replaceChildren();
    };
    return { leave: () => setTimeout(end, NOTED) };
  }

  async function remove(rule) {
    const place = proxy(name).rules;
    const next = place[place.findIndex((each) => each.name === rule.name) + 1];
    const removed = await attempt(
      request("DELETE", path("v1", "proxies", name, "rules", rule.name)),
    );
    if (removed === undefined) return;
    const back = async () => {
      const { status: _, ...body } = rule;
      const isThere = next && proxy(name)?.rules.some((each) => each.name === next.name);
      const before = isThere ? `?before=${encodeURIComponent(next.name)}` : "";
      const url = path("v1", "proxies", name, "rules");
      if ((await attempt(request("POST", url + before, body))) === undefined) return;
      note(`${rule.name} is there again.`).leave();
      await refresh(name);
      rows.get(rule.name)?.focus();
    };
    const takeBack = button("Undo", back);
    const { leave } = note(`${rule.name} is removed. `, takeBack);
    takeBack.focus();
    takeBack.addEventListener("blur", leave);
    refresh(name);
  }

  subscribe("proxies", update, signal);
  update();
  catalogue("/v1/behaviors").then(
    ({ behaviors }) => {
      defaults = new Map(behaviors.map((each) => [each.name, each.options?.properties ?? {}]));
      update();
    },
    () => {},
  );
}

let defaults = new Map();

/** A rule as a text that --rule takes, without what is as usual. */
function ruleText(rule) {
  const usual = defaults.get(rule.behavior) ?? {};
  const words = Object.entries(rule)
    .filter(([key, value]) => !NOT_TOLD.has(key) && value !== usual[key]?.default)
    .map(([key, value]) => `${key.replace(/^match\./, "")}=${quoted(value)}`);
  return [rule.behavior, ...words].join(" ");
}

function quoted(value) {
  const text = typeof value === "boolean" ? (value ? "on" : "off") : String(value);
  return /[\s"']/.test(text) || text === "" ? JSON.stringify(text) : text;
}

/** The row of a rule: {node, update(rule), focus}. */
function ruleRow(of, name, { remove, signal }) {
  let rule = null;
  const state = el("span", { class: "badge" });
  const text = el("code");
  const counts = el("span");
  const query = new URLSearchParams({ proxy: of, rule: name });
  const seen = el("a", {
    href: `#/events?${query}`,
    text: "Events",
    "aria-label": `Events of the rule ${name}`,
  });
  const url = path("v1", "proxies", of, "rules", name);
  const turn = async () => {
    await attempt(request("PATCH", url, { paused: !rule.paused }));
    refresh(of);
  };
  const named = (text, click, kind) => button(text, click, { kind, label: `${text} ${name}` });
  const pause = named("Pause", turn);
  const edit = named("Change", () => attempt(openRule(of, { rule, signal })));
  const end = named("Remove", () => remove(rule), "danger");
  const node = el(
    "li",
    { class: "rule" },
    el("div", { class: "rule-head" }, el("strong", { text: name }), state),
    text,
    el(
      "div",
      { class: "rule-foot" },
      el("p", { class: "muted row" }, counts, seen),
      el("div", { class: "actions" }, pause, edit, end),
    ),
  );

  function update(now) {
    rule = now;
    const known = now.status?.state ?? (now.paused ? "paused" : "on");
    setText(state, known);
    state.className = `badge ${known === "on" ? "chaos" : "off"}`;
    setText(text, ruleText(now));
    setText(counts, countsOf(now.status));
    const label = now.paused ? "Resume" : "Pause";
    setText(pause, label);
    pause.setAttribute("aria-label", `${label} ${name}`);
  }

  return { node, update, focus: () => edit.focus() };
}

function countsOf(status) {
  if (!status) return "";
  const matched = status.matched ? ` of ${status.matched.toLocaleString("en")} that match` : "";
  const ends = status.expires_in === null ? "" : `, expires in ${duration(status.expires_in)}`;
  return `fired ${count(status.fired, "time")}${matched}${ends}`;
}
