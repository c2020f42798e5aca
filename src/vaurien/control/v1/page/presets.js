// Profiles and recipes: the panel of a proxy, and the page that lists them, with the faults.

import { path, request } from "./api.js";
import { chooseOne, makeChoices } from "./choices.js";
import { attempt } from "./dialogs.js";
import { el } from "./dom.js";
import { faultsOf, itemOf } from "./faults.js";
import { button, labelled, panel } from "./parts.js";
import { openRule } from "./rule_form.js";
import { catalogue, known, proxies, proxy, refresh, subscribe } from "./store.js";

const PROFILES =
  "A profile delays, limits and loses traffic as a network does, in place of the one before.";
const RECIPES = "A recipe plays an outage: its rules turn on and off by themselves.";

/** Fill a container with the panel of a proxy's profile and recipes. */
export function presets(container, name, signal) {
  const applied = el("ul", { class: "rules" });
  const choose = (kind, title, note) => async () => {
    const found = await attempt(itemsOf(kind, proxy(name)));
    const item = found && (await chooseOne(title, { noun: kind, items: found, note }));
    if (item) apply(kind, name, item.name);
  };
  const buttons = [
    button("Network profile …", choose("profile", "Network profiles", PROFILES)),
    button("Recipe …", choose("recipe", "Recipes", RECIPES)),
  ];
  container.append(panel("Presets", buttons, applied));
  let shown = null;
  const update = async () => {
    const found = await attempt(appliedTo(name));
    if (!found || signal.aborted) return;
    const now = found.map(({ kind, name: preset }) => `${kind} ${preset}`).join();
    if (now === shown) return;
    shown = now;
    applied.replaceChildren(...found.map((preset) => presetRow(name, preset)));
    if (!found.length) applied.append(el("li", { class: "empty", text: "None is applied." }));
  };
  subscribe("proxies", ({ names }) => names.has(name) && update(), signal);
  update();
}

function presetRow(of, { kind, name, description }) {
  const end = () => remove(kind, of, name);
  const verb = kind === "profile" ? "Remove" : "End";
  const head = [el("strong", { text: name }), el("span", { class: "badge chaos", text: kind })];
  return el(
    "li",
    { class: "rule" },
    el("div", { class: "rule-head" }, head),
    el("p", { text: description }),
    el(
      "div",
      { class: "actions" },
      button(verb, end, { kind: "danger", label: `${verb} ${name}` }),
    ),
  );
}

/** What of the presets a proxy has: those all of whose rules it has, by their names. */
async function appliedTo(name) {
  const [{ profiles }, { recipes }] = await Promise.all([
    catalogue("/v1/profiles"),
    catalogue("/v1/recipes"),
  ]);
  const names = new Set((proxy(name)?.rules ?? []).map((rule) => rule.name));
  const has = (preset) => preset.rules.every((rule) => names.has(rule.name));
  return [
    ...profiles.filter(has).map((preset) => ({ kind: "profile", ...preset })),
    ...recipes.filter(has).map((preset) => ({ kind: "recipe", ...preset })),
  ];
}

async function itemsOf(kind, of) {
  const found = (await catalogue(`/v1/${kind}s`))[`${kind}s`];
  return found
    .filter((preset) => !preset.protocol || !of || preset.protocol === of.protocol)
    .map(({ name, description, source, teaches }) => ({
      name,
      text: description,
      more: [
        ["figures from", source],
        ["teaches", teaches],
      ],
    }));
}

async function apply(kind, of, name) {
  const url = path("v1", "proxies", of, kind === "profile" ? "profile" : "recipes");
  await attempt(request("POST", url, { name }), `${name} is applied to ${of}.`);
  refresh(of);
}

async function remove(kind, of, name) {
  const url =
    kind === "profile"
      ? path("v1", "proxies", of, "profile")
      : path("v1", "proxies", of, "recipes", name);
  await attempt(request("DELETE", url), `${name} is removed from ${of}.`);
  refresh(of);
}

/** The page of all presets: choose a proxy, and what happens to it. */
export function show(container, params, signal) {
  const select = el("select", { on: { change: draw } });
  const body = el("div", { class: "presets" });
  let names = null;
  container.append(
    el(
      "div",
      { class: "heading" },
      el("h1", { text: "Presets" }),
      labelled("For the proxy", select),
    ),
    body,
  );

  function update() {
    const now = proxies().map((each) => each.name);
    if (names !== null && now.join("\n") === names.join("\n")) return;
    const wanted = names === null ? params.proxy : select.value;
    names = now;
    select.replaceChildren(...now.map((name) => el("option", { value: name, text: name })));
    if (now.includes(wanted)) select.value = wanted;
    if (select.value !== wanted || !body.firstChild) draw();
  }

  async function draw() {
    const of = proxy(select.value);
    if (!of) {
      const text = known.loaded ? "There is no proxy yet." : "Loading …";
      return body.replaceChildren(el("p", { class: "empty", text }));
    }
    const found = await attempt(
      Promise.all([itemsOf("profile", of), itemsOf("recipe", of), faultsOf(of.protocol)]),
    );
    if (!found || signal.aborted || of.name !== select.value) return;
    const [ofProfiles, ofRecipes, faults] = found;
    const add = ({ name }) =>
      attempt(openRule(of.name, { begun: { behavior: "error", fault: name }, signal }));
    body.replaceChildren(
      section("Network profiles", PROFILES, "profile", ofProfiles, "Apply", ({ name }) =>
        apply("profile", of.name, name),
      ),
      section("Recipes", RECIPES, "recipe", ofRecipes, "Start", ({ name }) =>
        apply("recipe", of.name, name),
      ),
      section(
        `Faults of ${of.protocol}`,
        "An error as the real server reports it, as a rule.",
        "fault",
        faults.map(itemOf),
        "Add …",
        add,
      ),
    );
  }

  subscribe("proxies", update, signal);
  update();
}

function section(title, text, noun, items, action, act) {
  const controls = (item) => button(action, () => act(item), { label: `${action} ${item.name}` });
  const choices = makeChoices({ noun, controls });
  choices.fill(items);
  return panel(title, null, el("p", { class: "help", text }), choices.node);
}
