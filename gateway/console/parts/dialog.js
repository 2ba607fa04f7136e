// Questions that wait for an answer, in the browser's own modal dialog: it keeps the focus and Escape closes it.

import { h, newId } from "../dom.js";
import { button, formOf } from "./ui.js";

/**
 * A dialog with a form. `action(fields)` runs on confirmation; the dialog closes when it is done.
 * Gives what the action gave, or undefined when it was dismissed.
 */
export function ask(title, { body = [], confirm = "OK", kind = "primary", action = async () => true, signal }) {
  return new Promise((resolve) => {
    const titleId = newId("dialog");
    const status = h("div", { class: "status" });
    let answer;
    let busy = false; // then it stays: what was begun is told
    const send = async (fields) => {
      busy = true;
      try {
        answer = await action(fields);
      } finally {
        busy = false;
      }
      dialog.close();
    };
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": titleId },
      formOf(
        send,
        { status },
        h("h2", { id: titleId }, title),
        body,
        status,
        h(
          "div",
          { class: "actions" },
          button("Cancel", () => busy || dialog.close()),
          button(confirm, null, { kind, type: "submit" }),
        ),
      ),
    );
    dialog.addEventListener("cancel", (event) => busy && event.preventDefault());
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    signal?.addEventListener("abort", () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("input, select, textarea")?.focus();
  });
}

/** Show something until it is closed. */
export function tell(title, body, { confirm = "Close", signal } = {}) {
  return new Promise((resolve) => {
    const titleId = newId("dialog");
    const dialog = h(
      "dialog",
      { class: "dialog", "aria-labelledby": titleId },
      h("h2", { id: titleId, tabindex: "-1" }, title),
      body,
      h(
        "div",
        { class: "actions" },
        button(confirm, () => dialog.close(), { kind: "primary" }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    signal?.addEventListener("abort", () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("h2").focus();
  });
}
