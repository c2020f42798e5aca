// The table of all proxies: searched, sorted, a page at a time, so that a thousand cost no more
// than fifty. Numbers change in place each second; the order only when it was asked for, or while
// nobody points at the table.

import { el, newId, setAttribute, setText } from "./dom.js";
import { count } from "./format.js";
import { COLUMNS, ProxyRow, columnNamed } from "./proxy_row.js";
import { known, proxies, sample, subscribe } from "./store.js";

const PAGE = 50;
const REST = 150; // milliseconds between changes of what is shown, but for clicks
const SORT_AGAIN = 5_000; // milliseconds between changes of the order that nobody asked for
const FILTERS = {
  all: ["All", () => true],
  ruled: ["With rules", (proxy) => proxy.rules.length > 0],
  off: ["Off", (proxy) => !proxy.enabled],
};

const chosen = { search: "", filter: "all", sort: "name", descending: false, page: 0 };

export function show(container, params, signal) {
  const table = new Table();
  container.append(
    el(
      "div",
      { class: "heading" },
      el("h1", { text: "Proxies" }),
      el("a", { class: "button primary", href: "#/add", text: "Add a proxy" }),
    ),
    table.toolbar(),
    table.node(),
    table.pager(),
  );
  subscribe("proxies", (news) => table.change(news), signal);
  subscribe("samples", () => table.tick(), signal);
  table.arrange();
}

class Table {
  constructor() {
    this.rows = new Map(); // those that are shown, by name
    this.arranged = -Infinity;
    this.waiting = null;
  }

  toolbar() {
    const [search, filter] = [newId("search"), newId("filter")];
    this.status = el("span", { class: "muted", role: "status" });
    const look = () => ((chosen.page = 0), this.soon());
    return el(
      "div",
      { class: "toolbar", role: "search" },
      el("label", { class: "hidden", for: search, text: "Search proxies" }),
      el("input", {
        id: search,
        type: "search",
        placeholder: "Search name, address, rule",
        prop: { value: chosen.search },
        on: { input: (event) => ((chosen.search = event.target.value), look()) },
      }),
      el("label", { class: "hidden", for: filter, text: "Show" }),
      el(
        "select",
        {
          id: filter,
          on: { change: (event) => ((chosen.filter = event.target.value), look()) },
        },
        Object.entries(FILTERS).map(([value, [text]]) =>
          el("option", { value, text, selected: value === chosen.filter }),
        ),
      ),
      this.status,
    );
  }

  node() {
    this.head = el(
      "tr",
      {},
      COLUMNS.map((column) => this.heading(column)),
    );
    this.body = el("tbody");
    this.table = el(
      "table",
      { class: "proxies" },
      el("caption", { class: "hidden", text: "Proxies, with what they did in the last second" }),
      el("thead", {}, this.head),
      this.body,
    );
    this.empty = el("p", { class: "empty", hidden: true });
    return el("div", { class: "panel flush" }, this.table, this.empty);
  }

  heading(column) {
    const sort = () => {
      const same = chosen.sort === column.key;
      chosen.descending = same ? !chosen.descending : column.numeric;
      Object.assign(chosen, { sort: column.key, page: 0 });
      this.arrange();
    };
    return el(
      "th",
      { scope: "col", class: column.class, "data-key": column.key },
      column.value
        ? el("button", { type: "button", text: column.title, on: { click: sort } })
        : el("span", { class: "hidden", text: column.title }),
    );
  }

  pager() {
    const turn = (by) => () => ((chosen.page += by), this.arrange());
    this.before = el("button", { type: "button", text: "Previous", on: { click: turn(-1) } });
    this.after = el("button", { type: "button", text: "Next", on: { click: turn(1) } });
    this.place = el("span", { class: "muted" });
    this.pages = el(
      "nav",
      { class: "pager", "aria-label": "Pages of proxies" },
      this.before,
      this.place,
      this.after,
    );
    return this.pages;
  }

  /** Arrange now, or a little later, once for all that happens until then, if it was just done. */
  soon() {
    const wait = this.arranged + REST - performance.now();
    if (wait <= 0) this.arrange();
    else this.waiting ??= setTimeout(() => this.arrange(), wait);
  }

  /** Show what is chosen, in its order. */
  arrange() {
    clearTimeout(this.waiting);
    this.waiting = null;
    this.arranged = performance.now();
    const all = proxies();
    const found = sorted(all.filter(isWanted));
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    chosen.page = Math.min(chosen.page, pages - 1);
    const first = chosen.page * PAGE;
    const shown = found.slice(first, first + PAGE);
    this.fill(shown);
    const few = found.length < all.length ? `${found.length} of ` : "";
    setText(this.status, known.loaded ? few + count(all.length, "proxy", "proxies") : "");
    this.pages.hidden = pages === 1;
    this.before.disabled = chosen.page === 0;
    this.after.disabled = chosen.page === pages - 1;
    setText(this.place, `${first + 1} to ${first + shown.length} of ${found.length}`);
    this.empty.hidden = shown.length > 0;
    setText(
      this.empty,
      !known.loaded
        ? "Loading …"
        : all.length
          ? "No proxy is like this."
          : "There are no proxies yet. Add the first one.",
    );
    for (const th of this.head.children) {
      const order = chosen.descending ? "descending" : "ascending";
      setAttribute(th, "aria-sort", th.dataset.key === chosen.sort ? order : null);
    }
  }

  fill(shown) {
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const rows = new Map(
      shown.map((proxy) => [proxy.name, this.rows.get(proxy.name) ?? new ProxyRow(proxy)]),
    );
    this.rows = rows;
    const nodes = [...rows.values()].map((row) => row.node);
    const same =
      nodes.length === this.body.children.length &&
      nodes.every((node, index) => node === this.body.children[index]);
    if (!same) this.body.replaceChildren(...nodes);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    for (const proxy of shown) rows.get(proxy.name).update(proxy);
  }

  /** Take over changed proxies. */
  change({ names, what }) {
    if (what === "state") this.soon();
    else for (const name of names) this.rows.get(name)?.update();
  }

  /** Take over the numbers of another second. */
  tick() {
    const isBusy = this.body.matches(":hover, :focus-within");
    const isOld = performance.now() - this.arranged > SORT_AGAIN;
    if (columnNamed(chosen.sort).live && isOld && !isBusy) this.arrange();
    else for (const row of this.rows.values()) row.update();
  }
}

function isWanted(proxy) {
  if (!FILTERS[chosen.filter][1](proxy)) return false;
  const words = chosen.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const rules = proxy.rules.flatMap((rule) => [rule.name, rule.behavior]);
  const texts = [proxy.name, proxy.listen, proxy.backend, proxy.protocol, ...rules];
  const text = texts.join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function sorted(found) {
  const { value } = columnNamed(chosen.sort);
  const sign = chosen.descending ? -1 : 1;
  const keyed = found.map((proxy) => [value(proxy, sample(proxy.name)) ?? -1, proxy]);
  keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0)); // stable: then by name
  return keyed.map(([, proxy]) => proxy);
}
