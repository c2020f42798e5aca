// Dialogs and short messages: to confirm, to tell an outcome, to ask for a token.

import { el, newId } from "./dom.js";
import { ApiError } from "./api.js";

const SHOWN = { ok: 4_000, error: 12_000, undo: 10_000 }; // milliseconds

/** Tell something in a corner, which screen readers speak when they have time.
 *
 * undo: a function that takes it back; a button for it is shown.
 */
export function notice(text, { kind = "ok", undo = null } = {}) {
  const end = () => toast.remove();
  const toast = el(
    "div",
    { class: `toast ${kind}` },
    el("span", { text }),
    undo && el("button", { type: "button", text: "Undo", on: { click: () => (end(), undo()) } }),
    el("button", {
      class: "icon",
      type: "button",
      "aria-label": "Dismiss",
      text: "×",
      on: { click: end },
    }),
  );
  const all = document.getElementById("toasts");
  while (all.children.length > 3) all.firstChild.remove();
  all.append(toast);
  setTimeout(end, undo ? SHOWN.undo : SHOWN[kind]);
}

/** Wait for a promise; if the server refuses, say so, and give undefined. */
export async function attempt(promise, done = "") {
  try {
    const value = await promise;
    if (done) notice(done);
    return value ?? null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const [first] = error.problems;
    notice(error.problems.length === 1 ? first.detail : error.detail, { kind: "error" });
    return undefined;
  }
}

/** Open a modal dialog; build(body, close) fills it. Gives the dialog.
 *
 * It closes with Escape and with its ×, is removed then, and the focus goes back.
 */
export function openDialog(title, build, { wide = false } = {}) {
  const before = document.activeElement;
  const id = newId("dialog");
  const body = el("div", { class: "dialog-body" });
  const dialog = el(
    "dialog",
    { class: wide ? "large" : null, "aria-labelledby": id },
    el(
      "header",
      {},
      el("h2", { id, text: title }),
      el("button", {
        class: "icon",
        type: "button",
        "aria-label": "Close",
        text: "×",
        on: { click: () => dialog.close() },
      }),
    ),
    body,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before?.isConnected) before.focus();
  });
  build(body, () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  body.querySelector("[autofocus], input, select, textarea, button")?.focus();
  return dialog;
}

/** Ask whether to do something; gives a promise of a boolean. */
export function ask(text, action, { title = `${action}?`, danger = false } = {}) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = openDialog(title, (body, close) => {
      const yes = el("button", {
        type: "button",
        class: danger ? "danger" : "primary",
        text: action,
        on: { click: () => ((answer = true), close()) },
      });
      const no = el("button", { type: "button", text: "Cancel", on: { click: close } });
      body.append(el("p", { text }), el("div", { class: "actions" }, no, yes));
    });
    dialog.addEventListener("close", () => resolve(answer));
  });
}

/** Ask for a token; gives a promise of it, or of null. isWrong: one was given already. */
export function promptForToken(isWrong) {
  return new Promise((resolve) => {
    let token = null;
    const dialog = openDialog("A token is needed", (body, close) => {
      const [id, help] = [newId("token"), newId("help")];
      const input = el("input", {
        id,
        type: "password",
        autocomplete: "off",
        required: true,
        "aria-describedby": help,
        "aria-invalid": isWrong ? "true" : null,
      });
      const submit = (event) => {
        event.preventDefault();
        token = input.value.trim() || null;
        close();
      };
      body.append(
        el(
          "form",
          { class: "stack", on: { submit } },
          el("p", {
            id: help,
            class: isWrong ? "problem" : "help",
            text: isWrong
              ? "The server does not know this token."
              : "The server prints one when it starts, or has a file of them. It is kept until this tab is closed.",
          }),
          el("div", { class: "field" }, el("label", { for: id, text: "Token" }), input),
          el("div", { class: "actions" }, el("button", { class: "primary", text: "Use it" })),
        ),
      );
    });
    dialog.addEventListener("close", () => resolve(token));
  });
}
