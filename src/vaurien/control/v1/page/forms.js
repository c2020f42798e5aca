// Forms made of the schemas that the API gives: each field has a label, help, its default, and
// says what is wrong with it. A field that is left empty has its default.

import { ApiError } from "./api.js";
import { openDialog } from "./dialogs.js";
import { clear, el, newId, setAttribute, setText } from "./dom.js";

const RAMP = "or a ramp, such as 0..50/60";

/** Make a field of a schema.
 *
 * label: otherwise the key; names: texts of choices by value; beside: what follows the input.
 * key: where the API says that a problem is, with dots: "sleep", "tls.cert".
 * Gives {key, node, input, read, write, check, tell, isChanged}: read() gives undefined for the
 * default; write() sets what it begins with; check() gives what is wrong, or ""; describe() changes
 * its help.
 */
export function makeField(key, schema, { label, names = {}, required = false, beside = [] } = {}) {
  const id = newId("field");
  const help = el("p", { id: `${id}-help`, class: "help", text: helpOf(schema, required) });
  const problem = el("p", { id: `${id}-problem`, class: "problem", hidden: true });
  const input = makeInput(schema, id, names);
  setAttribute(input, "required", required && schema.type !== "boolean");
  setAttribute(input, "aria-describedby", `${id}-problem ${id}-help`);
  const caption = el("label", { for: id, text: label ?? key });
  const isCheck = input.type === "checkbox";
  const lines = isCheck ? [el("div", { class: "check" }, input, caption)] : [caption, input];
  const node = el("div", { class: "field" }, lines, beside, help, problem);
  let before = isCheck ? Boolean(schema.default) : "";

  const content = () => (isCheck ? input.checked : input.value.trim());
  const field = {
    key,
    schema,
    node,
    input,
    read() {
      const given = content();
      return isCheck ? given : given === "" ? undefined : typed(schema, given);
    },
    write(value) {
      if (isCheck) before = input.checked = value ?? Boolean(schema.default);
      else before = input.value = String(value ?? "");
    },
    check: () => (isCheck ? "" : wrongWith(schema, content(), required)),
    tell(text) {
      setText(problem, text);
      problem.hidden = !text;
      setAttribute(input, "aria-invalid", text ? "true" : null);
    },
    isChanged: () => content() !== before,
    hadValue: () => before !== "" && String(before) !== String(schema.default ?? ""),
    describe: (text) => setText(help, text),
  };
  if (schema.enum && !isCheck) field.write(schema.default);
  input.addEventListener("change", () => field.tell(field.check()));
  input.addEventListener("input", () => problem.hidden || field.tell(field.check()));
  return field;
}

function makeInput(schema, id, names) {
  if (schema.type === "boolean") {
    return el("input", { id, type: "checkbox", prop: { checked: Boolean(schema.default) } });
  }
  if (schema.enum) {
    const nameOf = (value) => names[value] ?? (value === "" ? "default" : String(value));
    const options = schema.enum.map((value) => el("option", { value, text: nameOf(value) }));
    return el("select", { id }, options);
  }
  const isNumber = schema.type === "number" || schema.type === "integer";
  const standard = schema.default ?? "";
  return el("input", {
    id,
    type: "text",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    inputmode: isNumber && !schema.ramp ? "decimal" : null,
    placeholder: standard === "" ? null : String(standard),
  });
}

function helpOf(schema, required) {
  const told = [schema.description ?? ""];
  if (schema.ramp) told.push(RAMP);
  if (required) told.push("needed");
  const standard = schema.default;
  const isShown = standard !== undefined && standard !== "" && schema.type !== "boolean";
  if (isShown && !required && !schema.enum) told.push(`default ${standard}`);
  return told.filter(Boolean).join("; ");
}

function typed(schema, text) {
  const isNumber = schema.type === "number" || schema.type === "integer";
  return isNumber && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** What is wrong with a text as the value of a schema, in words; "" for nothing. */
function wrongWith(schema, text, required = false) {
  if (text === "") return required ? "This is needed." : "";
  if (schema.type !== "number" && schema.type !== "integer") return "";
  if (schema.ramp && text.includes("..")) return ""; // the server knows
  const value = Number(text);
  const { minimum: low = -Infinity, maximum: high = Infinity } = schema;
  const isWhole = schema.type !== "integer" || Number.isInteger(value);
  if (Number.isFinite(value) && isWhole && value >= low && value <= high) return "";
  const noun = schema.type === "integer" ? "a whole number" : "a number";
  const bounds =
    Number.isFinite(low) && Number.isFinite(high)
      ? ` from ${low} to ${high}`
      : Number.isFinite(low)
        ? ` of at least ${low}`
        : Number.isFinite(high)
          ? ` of at most ${high}`
          : "";
  return `This takes ${noun}${bounds}.`;
}

/** Make a group of fields that can be replaced; folded: it opens on demand.
 *
 * Gives {node, fields, fill}. fill(fields, note) replaces them, and keeps what was typed into
 * fields of the same key.
 */
export function makeGroup(title, { folded = false } = {}) {
  const body = el("div", { class: "fields" });
  const node = folded
    ? el("details", {}, el("summary", { text: title }), body)
    : el("fieldset", {}, el("legend", { text: title }), body);
  const group = {
    node,
    fields: [],
    left: [],
    fill(fields, note = "") {
      for (const old of group.fields) {
        const same = fields.find(
          ({ key, schema }) => key === old.key && schema.type === old.schema.type,
        );
        if (same && old.isChanged() && !same.schema.enum) {
          if (old.input.type === "checkbox") same.input.checked = old.input.checked;
          else same.input.value = old.input.value;
        }
        if (!same && old.hadValue()) group.left.push(old.key);
      }
      group.fields = fields;
      clear(body).append(
        ...(note ? [el("p", { class: "help", text: note })] : []),
        ...fields.map((field) => field.node),
      );
      node.hidden = !fields.length && !note;
      if (folded && fields.some((field) => field.hadValue())) node.open = true;
    },
  };
  group.fill([]);
  return group;
}

/** Make a form of groups.
 *
 * action: what its button says; send(form): sends it, and raises the ApiError whose problems
 * appear at their fields; cancel: closes it.
 */
export function makeForm({ groups, action, send, cancel, note = "" }) {
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = el("button", { type: "submit", class: "primary", text: action });
  const end = el("button", { type: "button", text: "Cancel", on: { click: cancel } });
  const all = () => groups.flatMap((group) => group.fields);
  const form = {
    fields: all,
    isChanged: () => all().some((field) => field.isChanged()),
    say: (text) => setText(problem, text),
  };

  async function onSubmit(event) {
    event.preventDefault();
    if (submit.disabled) return;
    form.say("");
    const problems = all().map((field) => [field, field.check()]);
    for (const [field, text] of problems) field.tell(text);
    const wrong = problems.filter(([, text]) => text).map(([field]) => field);
    if (wrong.length) return focusOn(wrong[0]);
    submit.disabled = true;
    try {
      await send(form);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      submit.disabled = false; // before a field takes the focus
      place(error);
    } finally {
      submit.disabled = false;
    }
  }

  function place(error) {
    const others = [];
    const found = [];
    for (const { pointer = "", detail } of error.problems) {
      const field = fieldAt(all(), pointer);
      if (field) field.tell(detail);
      if (field) found.push(field);
      else others.push(detail);
    }
    if (!found.length && !others.length) others.push(error.detail);
    if (error.status === 0) others.push("What you have typed is kept: try again.");
    form.say(others.join(" "));
    if (found.length) focusOn(found[0]);
  }

  form.node = el(
    "form",
    { class: "stack", novalidate: true, on: { submit: onSubmit } },
    groups.map((group) => group.node),
    note && el("p", { class: "help", text: note }),
    el("div", { class: "form-foot" }, problem, el("div", { class: "actions" }, end, submit)),
  );
  return form;
}

/** Open a form in a dialog, which closes when it is sent, or when the signal aborts.
 *
 * The first Escape does not throw away what was typed.
 */
export function openForm(title, { groups, action, note, send, signal }) {
  let form = null;
  let isWarned = false;
  const build = (body, close) => {
    const sendAll = async () => {
      await send();
      close();
    };
    form = makeForm({ groups, action, note, send: sendAll, cancel: close });
    body.append(form.node);
  };
  const dialog = openDialog(title, build, { wide: true });
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog || isWarned || !form.isChanged()) return;
    event.preventDefault();
    isWarned = true;
    form.say("This is not saved. Escape again throws it away.");
  });
  const end = () => dialog.close();
  signal.addEventListener("abort", end);
  dialog.addEventListener("close", () => signal.removeEventListener("abort", end));
}

/** The field that a JSON pointer of a problem (#/tls/cert) is about. */
function fieldAt(fields, pointer) {
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
  const key = steps.join(".");
  return (
    fields.find((field) => field.key === key) ??
    fields.find((field) => field.key === `match.${key}`)
  );
}

function focusOn(field) {
  const folded = field.node.closest("details");
  if (folded) folded.open = true;
  field.input.focus();
}

/** What differs from the defaults: for something new. */
export function valuesOf(fields) {
  const values = {};
  for (const field of fields) {
    const value = field.read();
    if (value !== undefined && value !== (field.schema.default ?? "")) values[field.key] = value;
  }
  return values;
}

/** What was changed, for a merge patch: null gives a key its default. */
export function changesOf(fields) {
  const changed = fields.filter((field) => field.isChanged());
  return Object.fromEntries(changed.map((field) => [field.key, field.read() ?? null]));
}
