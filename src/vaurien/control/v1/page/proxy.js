// One proxy: what it does, as charts and on a timeline, and the panels that change it.

import { el, setText } from "./dom.js";
import { request } from "./api.js";
import { ask, attempt } from "./dialogs.js";
import { connections } from "./connections.js";
import { settings } from "./proxy_form.js";
import { presets } from "./presets.js";
import { proxySwitch } from "./proxy_row.js";
import { rules } from "./rules.js";
import { known, proxy as proxyNamed, subscribe, watch } from "./store.js";
import { traffic } from "./traffic.js";

export function show(container, { name }, signal) {
  const body = el("div");
  container.append(el("p", { class: "crumbs" }, el("a", { href: "#/", text: "Proxies" })), body);
  let shown = ""; // "there", "gone" or "unknown"
  let inner = new AbortController(); // ends with the proxy, which may come back
  const look = () => {
    const state = proxyNamed(name) ? "there" : known.loaded ? "gone" : "unknown";
    if (state === shown) return;
    shown = state;
    inner.abort();
    inner = new AbortController();
    body.replaceChildren(...VIEWS[state](name, AbortSignal.any([signal, inner.signal])));
  };
  subscribe("proxies", look, signal);
  look();
}

const VIEWS = {
  there: parts,
  gone: (name) => [
    el("h1", { text: name }),
    el("p", { class: "empty", text: `There is no proxy ${name}.` }),
  ],
  unknown: () => [el("p", { class: "empty", text: "Loading …" })],
};

function parts(name, signal) {
  const panels = { rules, presets, connections, settings, traffic };
  const slots = Object.fromEntries(
    Object.keys(panels).map((key) => [key, el("div", { class: `slot slot-${key}` })]),
  );
  for (const [key, fill] of Object.entries(panels)) fill(slots[key], name, signal);
  watch(name, signal);
  const side = el("div", { class: "side" }, slots.rules, slots.presets);
  const main = el("div", { class: "main" }, slots.traffic, slots.connections, slots.settings);
  return [heading(name, signal), el("div", { class: "proxy" }, main, side)];
}

function heading(name, signal) {
  const toggle = proxySwitch(name);
  const where = el("p", { class: "muted" });
  const state = el("span", { class: "badge" });
  const reset = async () => {
    const what = `${name} is turned on, and all its rules are removed.`;
    if (!(await ask(what, "Reset this proxy", { title: `Reset ${name}?` }))) return;
    await attempt(request("POST", `/v1/reset?proxy=${encodeURIComponent(name)}`), "It is reset.");
  };
  const update = () => {
    const proxy = proxyNamed(name);
    if (!proxy) return;
    toggle.update(proxy);
    const on = proxy.rules.filter((rule) => rule.status?.state === "on").length;
    setText(state, !proxy.enabled ? "off" : on ? "rules are on" : "no rule is on");
    state.className = `badge ${!proxy.enabled ? "off" : on ? "chaos" : "good"}`;
    const listen = proxy.status.address ?? proxy.listen;
    setText(where, `${proxy.protocol} · ${listen} → ${proxy.backend}`);
  };
  subscribe("proxies", update, signal);
  update();
  return el(
    "div",
    { class: "heading" },
    toggle.node,
    el("div", {}, el("h1", { text: name }), where),
    state,
    el("button", { type: "button", class: "end", text: "Reset this proxy", on: { click: reset } }),
  );
}
