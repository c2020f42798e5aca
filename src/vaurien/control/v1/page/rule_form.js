// The form of a rule: what it does, on which requests, how often, and when.

import { path, request } from "./api.js";
import { chooseOne } from "./choices.js";
import { notice } from "./dialogs.js";
import { clear, el } from "./dom.js";
import { chooseFault, faultNamed, faultsOf } from "./faults.js";
import { changesOf, makeField, makeGroup, openForm, valuesOf } from "./forms.js";
import { button } from "./parts.js";
import { catalogue, proxy, refresh } from "./store.js";

const OFTEN = ["percent", "every", "after", "times"];
const TIMES = ["start", "stop", "on", "off", "ttl", "paused"];
const MATCHES =
  "A text that must be equal, or ~ and a regular expression that must be found, " +
  "or !~ and one that must not.";
const DECRYPTED = ["terminate", "both"];

/** Open the form of a new rule, with what is known of it, or of one that is there.
 *
 * rule: its resource; begun: what a new one begins with.
 */
export async function openRule(name, { rule = null, begun = {}, signal }) {
  const [behaviors, protocols] = await Promise.all([
    catalogue("/v1/behaviors"),
    catalogue("/v1/protocols"),
  ]);
  if (!proxy(name) || signal.aborted) return;
  const parts = new RuleForm(proxy(name), behaviors, protocols);
  parts.begin(rule ?? begun, rule !== null);
  const url = path("v1", "proxies", name, "rules");
  const add = async () => {
    const made = await request("POST", url + parts.place(), parts.values());
    notice(`${made.name} is added.`);
    refresh(name);
  };
  const change = async () => {
    const changes = parts.changes();
    if (!Object.keys(changes).length) return notice("Nothing was changed.");
    await request("PATCH", path("v1", "proxies", name, "rules", rule.name), changes);
    notice(`${rule.name} is changed.`);
    refresh(name);
  };
  const title = rule ? `Change ${rule.name}` : "Add a rule";
  const [action, send] = rule ? ["Change it", change] : ["Add it", add];
  openForm(title, { groups: parts.groups, action, send, signal });
}

class RuleForm {
  constructor(of, { behaviors, rule_keys: keys }, { protocols, tls_labels: tlsLabels }) {
    this.of = of;
    this.protocol = protocols.find((each) => each.name === of.protocol);
    this.labels = { ...this.protocol?.labels, ...this.protocol?.response_labels };
    if (DECRYPTED.includes(of.tls?.mode)) this.labels = { ...tlsLabels, ...this.labels };
    this.behaviors = new Map(
      behaviors.filter((each) => !each.problem).map((each) => [each.name, each]),
    );
    this.keys = keys.properties;
    this.what = makeGroup("What it does");
    this.options = makeGroup("Options");
    this.parameters = makeGroup("What the fault takes");
    this.matches = makeGroup("On which requests", { folded: true });
    this.often = makeGroup("How often", { folded: true });
    this.times = makeGroup("When", { folded: true });
    this.more = makeGroup("More", { folded: true });
    this.groups = [
      this.what,
      this.options,
      this.parameters,
      this.matches,
      this.often,
      this.times,
      this.more,
    ];
  }

  /** Show what a rule has; isThere: it exists. */
  begin(values, isThere) {
    this.given = values;
    this.asked = 0;
    const names = [...this.behaviors.keys()];
    const list = button("Choose a behavior …", () => this.chooseBehavior());
    const schema = { type: "string", enum: names, default: names[0] };
    this.behavior = makeField("behavior", schema, { beside: [list] });
    if (values.behavior) this.behavior.write(values.behavior);
    this.behavior.input.addEventListener("change", () => this.showBehavior());
    const key = (name) => this.begun(makeField(name, this.keys[name]));
    const rest = Object.keys(this.keys).filter(
      (name) =>
        name !== "name" && name !== "scope" && !OFTEN.includes(name) && !TIMES.includes(name),
    );
    this.what.fill(isThere ? [this.behavior] : [this.behavior, key("name")]);
    this.often.fill(OFTEN.map(key));
    this.times.fill(TIMES.map(key));
    this.rest = rest.map(key);
    if (!isThere && this.of.rules.length) this.rest.push(this.beforeField());
    this.showBehavior();
  }

  async chooseBehavior() {
    const items = [...this.behaviors.values()].map(({ name, description }) => ({
      name,
      text: description,
    }));
    const chosen = await chooseOne("Behaviors", { noun: "behavior", items });
    if (!chosen) return;
    this.behavior.input.value = chosen.name;
    this.showBehavior();
  }

  /** The field of the place of a new rule. */
  beforeField() {
    const names = ["", ...this.of.rules.map((rule) => rule.name)];
    const description = "the rule to put it before: they act in their order";
    const schema = { type: "string", enum: names, default: "", description };
    return (this.before = makeField("before", schema, { names: { "": "last" } }));
  }

  /** Give a field the value that the rule has. */
  begun(field) {
    if (this.given[field.key] !== undefined) field.write(this.given[field.key]);
    return field;
  }

  showBehavior() {
    const behavior = this.behaviors.get(this.behavior.input.value);
    this.behavior.describe(behavior.description);
    const ofOther = this.given.behavior !== behavior.name;
    const begun = (field) => (ofOther ? field : this.begun(field));
    const options = Object.entries(behavior.options.properties).map(([name, schema]) =>
      begun(
        name === "fault" && behavior.plays !== null
          ? this.faultField(schema, behavior)
          : makeField(name, schema),
      ),
    );
    this.options.fill(options);
    this.fault = options.find((field) => field.key === "fault" && field.about);
    this.parameters.fill([]);
    this.asked += 1; // what is known of the fault before comes too late
    this.showMatches(behavior);
    const scope = makeField(
      "scope",
      { ...this.keys.scope, enum: ["", ...behavior.scopes] },
      { names: { "": `default (${behavior.scopes[0]})` } },
    );
    this.more.fill([this.begun(scope), ...this.rest]);
    if (this.fault) this.showFault();
  }

  showMatches(behavior) {
    const labels = Object.entries(this.labels);
    const isWhole = behavior.scopes.length === 1 && behavior.plays === null;
    if (isWhole) return this.matches.fill([], "This acts on whole connections, whatever is sent.");
    const note = labels.length ? MATCHES : `The protocol ${this.of.protocol} has nothing to match.`;
    this.matches.fill(
      labels.map(([label, description]) =>
        this.begun(
          makeField(`match.${label}`, { type: "string", default: "", description }, { label }),
        ),
      ),
      note,
    );
  }

  faultField(schema, behavior) {
    const protocol = behavior.plays || this.of.protocol;
    const about = el("div", { class: "about" });
    const pick = async () => {
      const fault = await chooseFault(protocol);
      if (!fault) return;
      field.input.value = fault.name;
      field.input.dispatchEvent(new Event("change"));
    };
    const list = button("Choose a fault …", pick);
    const field = makeField("fault", schema, { beside: [list, about] });
    field.node.classList.add("whole");
    Object.assign(field, { about, protocol });
    field.input.addEventListener("change", () => this.showFault());
    return field;
  }

  /** Show what the fault does, its parameters, and which requests it is realistic on. */
  async showFault() {
    const { about, protocol, input } = this.fault;
    const [name, turn] = [input.value.trim(), (this.asked += 1)];
    const fault = name ? await known(protocol, name) : null;
    if (turn !== this.asked) return;
    clear(about);
    if (fault) {
      const where = Object.entries(fault.applies_to).map(([label, text]) => `${label}=${text}`);
      about.append(
        ...[
          el("strong", { text: fault.meaning }),
          el("code", { text: fault.wire }),
          el("p", { class: "help", text: `exercises: ${fault.exercises}` }),
          where.length > 0 &&
            el("p", { class: "help" }, "applies where ", el("code", { text: where.join(" ") })),
        ].filter(Boolean),
      );
    }
    const properties = Object.entries(fault?.parameters.properties ?? {});
    this.parameters.fill(properties.map(([key, schema]) => this.begun(makeField(key, schema))));
    for (const field of this.matches.fields) {
      const brought = fault?.applies_to[field.key.replace("match.", "")] ?? "";
      if (brought && !field.isChanged() && field.input.value === brought) field.write("");
      field.input.placeholder = brought;
    }
  }

  fields() {
    return this.groups.flatMap((group) => group.fields);
  }

  values() {
    const apart = [this.behavior, this.before];
    const others = this.fields().filter((field) => !apart.includes(field));
    return { ...valuesOf(others), behavior: this.behavior.read() };
  }

  /** The query that puts a new rule in its place. */
  place() {
    const before = this.before?.read();
    return before ? `?before=${encodeURIComponent(before)}` : "";
  }

  /** What was changed, and null for what another fault does not take. */
  changes() {
    const keys = new Set(this.fields().map((field) => field.key));
    const left = this.parameters.left.filter((key) => !keys.has(key));
    const gone = this.behavior.isChanged() ? [] : left;
    return { ...Object.fromEntries(gone.map((key) => [key, null])), ...changesOf(this.fields()) };
  }
}

/** A fault of the list, or of another code that the protocol takes; null for none. */
async function known(protocol, name) {
  try {
    return (
      faultNamed(await faultsOf(protocol), name) ??
      (await request("GET", path("v1", "faults", protocol, name)))
    );
  } catch {
    return null; // the server says so when the rule is sent
  }
}
