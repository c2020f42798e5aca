// A row of the table of proxies: its columns, and how they follow the numbers.

import { el, setAttribute, setText } from "./dom.js";
import { path, request } from "./api.js";
import { attempt } from "./dialogs.js";
import { milliseconds, number } from "./format.js";
import { spark } from "./spark.js";
import { proxy as proxyNamed, refresh, sample, trafficOf } from "./store.js";

const CHIPS = 3; // rules that are named

/** key, title, class; value(proxy, sample): what is sorted by; live: it changes by itself. */
export const COLUMNS = [
  { key: "switch", title: "On" },
  { key: "name", title: "Proxy", value: (proxy) => proxy.name },
  { key: "protocol", title: "Protocol", class: "wide roomy", value: (proxy) => proxy.protocol },
  { key: "rules", title: "Rules", numeric: true, value: (proxy) => proxy.rules.length },
  live("open", "Conn.", number, "wide"),
  live("exchanges", "Req/s", number),
  { key: "spark", title: "Traffic in the last minute", class: "wide roomy" },
  live("p50", "p50", milliseconds, "wide roomy"),
  live("p99", "p99", milliseconds),
  live("held_p99", "Held", milliseconds, "wide"),
  live("errors", "Errors/s", number, "wide"),
  live("injected", "Injected/s", number, "wide"),
];

function live(key, title, format, width = "") {
  const value = (proxy, last) => last?.[key] ?? null;
  return { key, title, format, value, numeric: true, live: true, class: `number ${width}` };
}

export function columnNamed(key) {
  return COLUMNS.find((column) => column.key === key);
}

export class ProxyRow {
  constructor(proxy) {
    this.name = proxy.name;
    this.proxy = null;
    this.toggle = proxySwitch(this.name);
    this.where = el("span", { class: "muted where" });
    this.protocol = el("td", { class: "wide roomy" });
    this.rules = el("td", { class: "chips" });
    this.spark = spark();
    this.cells = COLUMNS.filter((column) => column.live).map((column) => ({
      ...column,
      node: el("td", { class: column.class }),
    }));
    const cells = Object.fromEntries(this.cells.map(({ key, node }) => [key, node]));
    this.node = el(
      "tr",
      {},
      el("td", {}, this.toggle.node),
      el(
        "th",
        { scope: "row" },
        el("a", { href: `#${path("proxies", this.name)}`, text: this.name }),
        this.where,
      ),
      this.protocol,
      this.rules,
      cells.open,
      cells.exchanges,
      el("td", { class: "wide roomy" }, this.spark.node),
      cells.p50,
      cells.p99,
      cells.held_p99,
      cells.errors,
      cells.injected,
    );
  }

  /** Show what is known by now, and what has changed of the proxy. */
  update(proxy = proxyNamed(this.name)) {
    if (!proxy) return;
    if (proxy !== this.proxy) this.describe(proxy);
    const last = sample(this.name);
    for (const { key, node, format } of this.cells) {
      const value = last?.[key] ?? null;
      setText(node, key === "exchanges" && proxy.protocol === "tcp" ? "–" : format(value));
      if (key === "errors" || key === "injected") node.classList.toggle("some", value > 0);
    }
    this.spark.update(trafficOf(this.name));
  }

  describe(proxy) {
    this.proxy = proxy;
    this.toggle.update(proxy);
    this.node.classList.toggle("off", !proxy.enabled);
    setText(this.where, `${proxy.status.address ?? proxy.listen} → ${proxy.backend}`);
    setText(this.protocol, proxy.protocol);
    this.rules.replaceChildren(...chips(proxy.rules));
  }
}

function chips(rules) {
  if (!rules.length) return [el("span", { class: "muted", text: "none" })];
  const states = rules.map(({ status, paused }) => status?.state ?? (paused ? "paused" : "on"));
  const named = rules.slice(0, CHIPS).map((rule, index) => {
    const state = states[index];
    return el(
      "span",
      { class: `chip wide ${state}`, title: rule.name },
      el("span", { text: rule.behavior }),
      state !== "on" && el("span", { class: "hidden", text: ` (${state})` }),
    );
  });
  const more = rules.length - CHIPS;
  const on = states.filter((state) => state === "on").length;
  return [
    ...named,
    more > 0 && el("span", { class: "muted wide", text: `+${more}` }),
    el("span", { class: `chip narrow ${on ? "on" : ""}`, text: `${on} of ${rules.length}` }),
  ].filter(Boolean);
}

/** The switch that turns a proxy off and on: {node, update(proxy)}. */
export function proxySwitch(name) {
  const turn = async () => {
    if (node.hasAttribute("aria-busy")) return; // it is under way
    const enabled = node.getAttribute("aria-checked") !== "true";
    node.setAttribute("aria-busy", "true");
    const url = path("v1", "proxies", name);
    await attempt(request("PATCH", url, { enabled }));
    await refresh(name);
    node.removeAttribute("aria-busy");
  };
  const node = el("button", {
    type: "button",
    class: "switch",
    role: "switch",
    "aria-label": name,
    on: { click: turn },
  });
  const update = (proxy) => setAttribute(node, "aria-checked", String(proxy.enabled));
  return { node, update };
}
