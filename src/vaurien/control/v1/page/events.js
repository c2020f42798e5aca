// The journal: what rules did, and what else happened, as it happens.
//
// Law: the page keeps the last events only, and draws a few times a second, however many come.

import { stream } from "./api.js";
import { clear, el, newId, setText } from "./dom.js";
import { button, labelled, table } from "./parts.js";
import { proxies, subscribe } from "./store.js";

const KEPT = 1_000;
const DRAWN = 200;
const DRAW = 250; // milliseconds
const TYPES = {
  fired: "a rule fired",
  changed: "the state was changed",
  cut: "a connection was cut",
  gave_up: "a parser gave up",
  trouble: "trouble",
  plugin_failed: "a plugin failed",
};
const PLACED = new Set(["id", "time", "proxy", "rule", "type", "connection", "exchange"]);

/** Show the journal; params: {proxy, rule} to begin with. */
export function show(container, params, signal) {
  const filters = makeFilters(params, follow, draw);
  const state = el("span", { role: "status" });
  const counts = el("span"); // no status: it changes all the time
  const pause = button("Pause", toggle);
  const empty = button("Clear", () => {
    [seen, waiting] = [[], []];
    draw();
  });
  const body = el("tbody");
  const none = el("p", {
    class: "empty",
    text: "Nothing yet: what rules do appears here at once.",
  });
  const titles = ["Time", "What", "Proxy", "Rule", "Connection", "Details"];
  const journal = table("Journal", titles, body, { kind: "journal" });
  container.append(
    el(
      "div",
      { class: "heading" },
      el("h1", { text: "Events" }),
      el("div", { class: "actions end" }, pause, empty),
    ),
    filters.node,
    el("p", { class: "muted row" }, state, counts),
    none,
    journal,
  );

  let seen = []; // newest first
  let waiting = []; // oldest first
  let lost = 0;
  let isPaused = false;
  let isUp = false;
  let following = new AbortController();
  let timer = null;

  /** Follow what the filters ask for, from the beginning of what the server keeps. */
  function follow() {
    following.abort();
    following = new AbortController();
    const both = AbortSignal.any([signal, following.signal]);
    [seen, waiting, lost] = [[], [], 0];
    stream(`/v1/events?${filters.query()}`, {
      signal: both,
      onEvent: (type, data) => !both.aborted && take(type, data),
      onState: (state) => !both.aborted && ((isUp = state === "up"), later()),
    });
    draw();
  }

  function take(type, data) {
    if (type !== "lost") waiting.push({ type, ...data });
    else if (seen.length || waiting.length) lost += data.events ?? 0; // not: older than all kept
    if (waiting.length > KEPT) waiting.shift();
    later();
  }

  function later() {
    timer ??= setTimeout(() => ((timer = null), draw()), DRAW);
  }

  function toggle() {
    isPaused = !isPaused;
    setText(pause, isPaused ? "Follow" : "Pause");
    draw();
  }

  function draw() {
    if (signal.aborted) return;
    if (!isPaused && waiting.length) {
      seen = [...waiting.reverse(), ...seen].slice(0, KEPT);
      waiting = [];
    }
    const found = seen.filter(filters.matches);
    const drawn = new Set(found.slice(0, DRAWN));
    const rows = new Map([...body.children].map((row) => [row.event, row]));
    const wanted = [...drawn].map((event) => rows.get(event) ?? eventRow(event));
    for (const row of [...body.children]) if (!drawn.has(row.event)) row.remove();
    wanted.forEach((row, at) => {
      if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
    });
    none.hidden = found.length > 0;
    journal.hidden = !found.length;
    setText(state, !isUp ? "connecting" : isPaused ? "paused" : "following");
    const told = [`${drawn.size} shown`];
    if (found.length > drawn.size) told[0] += ` of the last ${found.length}`;
    if (isPaused) told.push(`${waiting.length}${waiting.length === KEPT ? " or more" : ""} new`);
    if (lost) told.push(`${lost} missed`);
    setText(counts, told.join(", "));
  }

  signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  subscribe("proxies", filters.update, signal);
  filters.update();
  follow();
}

/** The filters: {node, query(), matches(event), update()}. */
function makeFilters(params, onQuery, onWords) {
  const asText = (value, change) =>
    el("input", {
      type: "search",
      autocomplete: "off",
      spellcheck: "false",
      prop: { value: value ?? "" },
      on: change,
    });
  const proxyInput = el("select", { on: { change: onQuery } });
  const rule = asText(params.rule, { change: onQuery });
  const words = asText("", { input: onWords });
  const types = Object.entries(TYPES).map(([type, text]) => {
    const id = newId("type");
    const input = el("input", {
      id,
      type: "checkbox",
      value: type,
      prop: { checked: true },
      on: { change: onQuery },
    });
    return { input, node: el("div", { class: "check" }, input, el("label", { for: id, text })) };
  });
  const node = el(
    "form",
    { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
    labelled("Proxy", proxyInput),
    labelled("Rule", rule),
    labelled("Contains", words),
    el(
      "fieldset",
      { class: "types" },
      el("legend", { text: "Show" }),
      types.map((type) => type.node),
    ),
  );

  function update() {
    const now = ["", ...proxies().map((each) => each.name)];
    const chosen = proxyInput.options.length ? proxyInput.value : (params.proxy ?? "");
    if (!now.includes(chosen)) now.push(chosen);
    if (now.join("\n") === [...proxyInput.options].map((option) => option.value).join("\n")) return;
    clear(proxyInput).append(
      ...now.map((name) => el("option", { value: name, text: name || "all" })),
    );
    proxyInput.value = chosen;
  }

  function query() {
    const wanted = new URLSearchParams({ after: "0" });
    const checked = types.filter(({ input }) => input.checked).map(({ input }) => input.value);
    wanted.set("type", checked.join(",") || "lost");
    if (proxyInput.value) wanted.set("proxy", proxyInput.value);
    if (rule.value.trim()) wanted.set("rule", rule.value.trim());
    return wanted;
  }

  function matches(event) {
    const text = JSON.stringify(Object.values(event)).toLowerCase();
    return words.value
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word));
  }

  return { node, query, matches, update };
}

function eventRow(event) {
  const { proxy, rule, connection, exchange } = event;
  const place =
    connection === undefined || connection === null
      ? ""
      : `${connection}${exchange ? ` / ${exchange}` : ""}`;
  const kind = el("span", {
    class: `badge ${event.type === "fired" ? "chaos" : ""}`,
    text: event.type.replace("_", " "),
  });
  const link = proxy && el("a", { href: `#/proxies/${encodeURIComponent(proxy)}`, text: proxy });
  const time = el("time", { datetime: event.time, text: timeOf(event.time) });
  const cell = (name, ...parts) => el("td", { role: "cell", class: name }, parts);
  const row = el(
    "tr",
    { role: "row" },
    cell("number", time),
    cell("", kind),
    cell("", link),
    cell("rule-name", rule ?? ""),
    cell("number", place),
    cell("details", detailsOf(event)),
  );
  row.event = event;
  return row;
}

function timeOf(text) {
  const at = new Date(text);
  return `${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** What else an event says, in a line: what it was about first. */
function detailsOf({ fault, labels, what, detail, ...event }) {
  return Object.entries({ fault, labels, what, detail, ...event })
    .filter(([key, value]) => !PLACED.has(key) && (value ?? "") !== "")
    .map(([key, value]) => partOf(key, value))
    .filter(Boolean)
    .join(" · ");
}

function partOf(key, value) {
  if (Array.isArray(value)) return value.length ? `${key} ${value.join(", ")}` : "";
  if (key === "what" || key === "detail") return value;
  if (typeof value !== "object") return `${key} ${key === "draw" ? value.toFixed(4) : value}`;
  return Object.entries(value)
    .map(([label, text]) => `${label}=${text}`)
    .join(" ");
}
