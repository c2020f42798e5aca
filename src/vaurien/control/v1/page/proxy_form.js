// The settings of a proxy: the panel that shows them, and the forms that change or add one.

import { path, request } from "./api.js";
import { ask, attempt, notice } from "./dialogs.js";
import { el } from "./dom.js";
import { changesOf, makeField, makeForm, makeGroup, openForm, valuesOf } from "./forms.js";
import { button, panel } from "./parts.js";
import { catalogue, proxy, refresh, subscribe } from "./store.js";

const LASTING =
  "With another protocol, other limits or another tls, the proxy is replaced, and connections end.";
const NESTED = ["options", "tls"];
const NONE = "none";

/** Fill a container with the panel of a proxy's settings. */
export function settings(container, name, signal) {
  const list = el("dl", { class: "settings" });
  const change = () => attempt(openSettings(name, signal));
  const remove = async () => {
    const what = `${name} stops listening, its connections are reset, and its rules are gone.`;
    if (!(await ask(what, "Remove it", { title: `Remove the proxy ${name}?`, danger: true })))
      return;
    const body = remake(proxy(name));
    if ((await attempt(request("DELETE", path("v1", "proxies", name)))) === undefined) return;
    const undo = () => attempt(request("POST", "/v1/proxies", body), `${name} is there again.`);
    notice(`${name} is removed.`, { undo });
    location.hash = "#/";
  };
  const buttons = [
    button("Change settings", change),
    button("Remove the proxy", remove, { kind: "danger" }),
  ];
  container.append(panel("Settings", buttons, list));
  let shown = "";
  const update = () => {
    const now = proxy(name);
    if (!now) return;
    const rows = rowsOf(now);
    if (JSON.stringify(rows) === shown) return;
    shown = JSON.stringify(rows);
    list.replaceChildren(
      ...rows.map(([key, value]) =>
        el("div", {}, el("dt", { text: key }), el("dd", { text: String(value) })),
      ),
    );
  };
  subscribe("proxies", ({ names }) => names.has(name) && update(), signal);
  update();
}

function rowsOf({ name: _, rules: _rules, status: _status, options, tls, ...plain }) {
  const nested = Object.entries({ options, tls }).flatMap(([table, values]) =>
    Object.entries(values ?? {}).map(([key, value]) => [`${table}.${key}`, value]),
  );
  return [...Object.entries(plain), ...nested];
}

/** What makes a proxy anew as it was, with the port that it had. */
function remake({ status, rules, listen, ...rest }) {
  const where = listen.endsWith(":0") ? (status.address ?? listen) : listen;
  return { ...rest, listen: where, rules: rules.map(({ status: _, ...rule }) => rule) };
}

async function openSettings(name, signal) {
  const parts = new ProxyForm(proxy(name), await catalogue("/v1/protocols"));
  const send = async () => {
    const changes = parts.changes();
    if (!Object.keys(changes).length) return notice("Nothing was changed.");
    await request("PATCH", path("v1", "proxies", name), changes);
    notice(`${name} is changed.`);
    refresh(name);
  };
  const { groups } = parts;
  openForm(`Settings of ${name}`, { groups, action: "Change it", note: LASTING, send, signal });
}

/** The page that adds a proxy. */
export async function show(container, params, signal) {
  container.append(el("h1", { text: "Add a proxy" }));
  const protocols = await attempt(catalogue("/v1/protocols"));
  if (!protocols || signal.aborted) return;
  const parts = new ProxyForm(null, protocols);
  const send = async () => {
    const made = await request("POST", "/v1/proxies", parts.values());
    await refresh(made.name);
    notice(`${made.name} listens on ${made.status.address ?? made.listen}.`);
    location.hash = `#${path("proxies", made.name)}`;
  };
  const form = makeForm({
    groups: parts.groups,
    action: "Add it",
    send,
    cancel: () => (location.hash = "#/"),
  });
  container.append(el("section", { class: "panel", "aria-label": "The new proxy" }, form.node));
  parts.groups[0].fields[0].input.focus();
}

class ProxyForm {
  /** of: the resource of the proxy; null for a new one. */
  constructor(of, { protocols, proxy_keys: keys, tls_keys: tlsKeys }) {
    this.of = of;
    this.protocols = new Map(
      protocols.filter((each) => !each.problem).map((each) => [each.name, each]),
    );
    this.what = makeGroup("What it stands between");
    this.options = makeGroup("Options of the protocol");
    this.limits = makeGroup("Limits, seed", { folded: true });
    this.tls = makeGroup("TLS", { folded: true });
    this.groups = [this.what, this.options, this.limits, this.tls];
    const { listen, backend, ...limits } = keys.properties;
    limits.seed = { ...limits.seed, default: undefined }; // it is that of all
    const nameSchema = { type: "string", description: "what it is called" };
    this.protocol = makeField("protocol", {
      type: "string",
      enum: [...this.protocols.keys()],
      default: "tcp",
    });
    if (of) this.protocol.write(of.protocol);
    this.protocol.input.addEventListener("change", () => this.showProtocol());
    const plain = (key, schema, required = false) =>
      this.begun(makeField(key, schema, { required }), of?.[key]);
    this.what.fill([
      ...(of ? [] : [plain("name", nameSchema, true)]),
      plain("listen", listen),
      plain("backend", backend, true),
      this.protocol,
    ]);
    this.limits.fill(Object.entries(limits).map(([key, schema]) => plain(key, schema)));
    this.tls.fill(
      Object.entries(tlsKeys.properties).map(([key, schema]) => {
        const mode = { ...schema, enum: ["", ...(schema.enum ?? [])], default: "" };
        const field = makeField(`tls.${key}`, key === "mode" ? mode : schema, {
          label: key,
          names: { "": NONE },
        });
        return this.begun(field, of?.tls?.[key]);
      }),
    );
    this.showProtocol();
  }

  begun(field, value) {
    if (value !== undefined) field.write(value);
    return field;
  }

  showProtocol() {
    const protocol = this.protocols.get(this.protocol.input.value);
    this.protocol.describe(protocol.description);
    const values = this.of?.protocol === protocol.name ? this.of.options : {};
    this.options.fill(
      Object.entries(protocol.options.properties).map(([key, schema]) =>
        this.begun(makeField(`options.${key}`, schema, { label: key }), values[key]),
      ),
    );
  }

  fields() {
    return this.groups.flatMap((group) => group.fields);
  }

  values() {
    return nested(valuesOf(this.fields()));
  }

  changes() {
    const changes = nested(changesOf(this.fields()));
    return changes.tls?.mode === null ? { ...changes, tls: null } : changes;
  }
}

/** Put "tls.cert" and "options.tls" into tables. */
function nested(values) {
  const result = {};
  for (const [key, value] of Object.entries(values)) {
    const [table, ...rest] = key.split(".");
    if (NESTED.includes(table)) (result[table] ??= {})[rest.join(".")] = value;
    else result[key] = value;
  }
  return result;
}
