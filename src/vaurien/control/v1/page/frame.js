// What is around all views: whether the server is there, what all proxies do, and the reset.

import { el, setText } from "./dom.js";
import { CROWDED, askAgain, request } from "./api.js";
import { ask, attempt, notice } from "./dialogs.js";
import { count, milliseconds, number } from "./format.js";
import { known, proxies, subscribe } from "./store.js";

const FIGURES = [
  ["connections", (totals) => number(totals.open)],
  ["requests/s", (totals) => number(totals.exchanges)],
  ["p50", (totals) => milliseconds(totals.p50), "wide"],
  ["p99", (totals) => milliseconds(totals.p99)],
  ["errors/s", (totals) => number(totals.errors)],
  ["injected/s", (totals) => number(totals.injected)],
];

/** Fill the frame that the page has, and keep it true. */
export function showFrame() {
  showConnection();
  showTotals();
  document.getElementById("reset").addEventListener("click", reset);
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the part after # is the place of the view
    document.getElementById("main").focus();
  });
}

function showConnection() {
  const banner = document.getElementById("banner");
  const light = document.getElementById("light");
  const again = el("button", { type: "button", text: "Give a token", on: { click: askAgain } });
  const say = () => {
    const gone = known.connected === false;
    document.body.classList.toggle("gone", gone);
    const [state, trouble] = gone ? explained(known.problem) : ["", ""];
    setText(banner, trouble);
    if (known.problem?.status === 401) banner.append(again);
    setText(light, state || (known.connected ? "live" : "connecting"));
    light.className = `light ${gone ? "bad" : known.connected ? "good" : ""}`;
  };
  subscribe("connection", say);
  say();
}

/** Why nothing comes from the server: in a word or two, and in a sentence. */
function explained(problem) {
  if (!problem?.status) {
    const hint = problem?.title === CROWDED.title ? `${problem.detail} ` : "";
    return ["not connected", `No connection to vaurien. ${hint}Trying again …`];
  }
  if (problem.status === 401) return ["no token", "vaurien asks for a token."];
  return ["refused", `vaurien refuses: ${problem.detail} Trying again …`];
}

function showTotals() {
  const list = document.getElementById("totals");
  const values = FIGURES.map(([label, , width]) => {
    const value = el("dd", { text: "–" });
    list.append(el("div", { class: width }, el("dt", { text: label }), value));
    return value;
  });
  subscribe("samples", () => {
    FIGURES.forEach(([, format], index) => setText(values[index], format(known.totals)));
  });
}

async function reset() {
  const all = proxies();
  const rules = all.reduce((sum, each) => sum + each.rules.length, 0);
  const off = all.filter((each) => !each.enabled).length;
  const what =
    `${count(rules, "rule")} ${rules === 1 ? "is" : "are"} removed, and ` +
    `${count(off, "proxy", "proxies")} turned on. What rules hold passes.`;
  const options = { title: "Reset everything?", danger: true };
  if (!(await ask(what, "Reset everything", options))) return;
  const healed = await attempt(request("POST", "/v1/reset"));
  if (!healed) return;
  const left = Object.entries(healed.not_enabled).map(([name, why]) => `${name}: ${why}`);
  if (left.length) notice(`Still off: ${left.join("; ")}`, { kind: "error" });
  else notice("Everything is reset.");
}
