// The open connections of a proxy: what holds them, and how to end them.

import { ignoreRefusal, path, request } from "./api.js";
import { ask, attempt, notice } from "./dialogs.js";
import { el, newId, setText } from "./dom.js";
import { bytes, count, duration } from "./format.js";
import { button, panel, select, table } from "./parts.js";
import { sample, subscribe } from "./store.js";

const PAGE = 100;
const MOST = 1_000; // that the API gives at once
const EACH = 2_000; // milliseconds between looks while connections are open
const TITLES = ["Number", "Client", "State", "Age", "Requests", "To backend", "To client", "End"];
const WIDE = "number wide"; // not on a phone
const CLASSES = ["number", "breaks", "breaks", WIDE, WIDE, WIDE, WIDE, ""];

/** Fill a container with the panel of a proxy's connections. */
export function connections(container, name, signal) {
  const all = path("v1", "proxies", name, "connections");
  const rows = new Map();
  const body = el("tbody");
  const none = el("p", { class: "empty", text: "No connection is open." });
  const open = table("Open connections", TITLES, body, { classes: CLASSES });
  const more = button("Show more", showMore);
  const how = select(
    [
      ["reset", "with a RST"],
      ["close", "with a FIN"],
    ],
    { id: newId("how") },
  );
  const endAll = button("End all", killAll, { kind: "danger" });
  const label = el("label", { for: how.id, text: "End them" });
  const section = panel("Connections", [label, how, endAll], none, open, more);
  const title = section.querySelector("h2");
  container.append(section);
  let limit = PAGE;
  let looked = 0;
  let isLooking = false;

  async function look() {
    if (isLooking || signal.aborted) return;
    isLooking = true;
    looked = performance.now();
    try {
      const found = await request("GET", `${all}?limit=${limit}`);
      if (!signal.aborted) draw(found.connections, found.next !== null);
    } catch (error) {
      ignoreRefusal(error); // the frame tells that the server is gone; the next look is soon
    } finally {
      isLooking = false;
    }
  }

  function draw(found, isMore) {
    const ids = new Set(found.map((each) => each.id));
    for (const [number, row] of rows) {
      if (ids.has(number)) continue;
      if (row.node.contains(document.activeElement)) endAll.focus();
      row.node.remove();
      rows.delete(number);
    }
    found.forEach((each, place) => {
      if (!rows.has(each.id)) rows.set(each.id, connectionRow(each, kill));
      const row = rows.get(each.id);
      row.update(each);
      const there = body.children[place];
      if (there !== row.node) body.insertBefore(row.node, there ?? null);
    });
    none.hidden = found.length > 0;
    open.hidden = endAll.disabled = !found.length;
    more.hidden = !isMore;
    setText(
      title,
      found.length ? `Connections (${found.length}${isMore ? "+" : ""})` : "Connections",
    );
    setText(more, limit < MOST ? "Show more" : `Only the first ${MOST} are shown`);
    more.disabled = limit >= MOST;
  }

  function showMore() {
    limit = Math.min(MOST, limit * 4);
    look();
  }

  async function kill({ id: number, client }) {
    const what = `The connection of ${client} ends ${told()}. What it holds is lost.`;
    if (!(await ask(what, "End it", { title: `End connection ${number}?`, danger: true }))) return;
    await attempt(
      request("DELETE", `${path("v1", "proxies", name, "connections", number)}?how=${how.value}`),
      `Connection ${number} is ended.`,
    );
    look();
  }

  async function killAll() {
    const what = `All open connections of ${name} end ${told()}. What they hold is lost.`;
    if (!(await ask(what, "End all", { title: "End all connections?", danger: true }))) return;
    const ended = await attempt(request("DELETE", `${all}?how=${how.value}`));
    if (ended) notice(`${count(ended.killed, "connection")} ended.`);
    look();
  }

  const told = () => how.selectedOptions[0].textContent;
  subscribe(
    "samples",
    () => {
      const many = sample(name)?.open ?? 0;
      const isOld = rows.size && performance.now() - looked >= EACH - 100;
      if (isOld || Math.min(many, limit) !== rows.size) look();
    },
    signal,
  );
  draw([], false);
  look();
}

function connectionRow(connection, kill) {
  const cells = CLASSES.slice(1, -1).map((name) => el("td", { class: name }));
  const label = `End connection ${connection.id}`;
  const end = button("End", () => kill(connection), { label });
  const node = el(
    "tr",
    {},
    el("th", { scope: "row", class: "number", text: connection.id }),
    cells,
    el("td", {}, end),
  );
  const update = (now) => {
    const held = now.held_by.length ? ` by ${now.held_by.join(", ")}` : "";
    const waiting = now.waiting_bytes ? `, ${bytes(now.waiting_bytes)} wait` : "";
    const values = [
      now.client,
      now.state.replace("_", " ") + held + waiting,
      duration(now.age),
      now.exchanges,
      bytes(now.bytes.to_backend),
      bytes(now.bytes.to_client),
    ];
    values.forEach((value, at) => setText(cells[at], value));
  };
  return { node, update };
}
