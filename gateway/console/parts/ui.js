// The console's vocabulary: headings, buttons, fields, notices, empty states, things that load.

import { Problem } from "../api.js";
import { announce, h, newId, replace } from "../dom.js";
import { icon } from "./icons.js";

const READS = 5; // pages that may be empty before it is asked whether to go on

/** The head of a page. The title takes the focus when the page is shown. */
export function heading(title, { intro, back, actions = [] } = {}) {
  return h(
    "header",
    { class: "page-head" },
    h(
      "div",
      {},
      back && h("a", { class: "back", href: `#${back.path}` }, icon("back", 16), back.label),
      h("h1", { tabindex: "-1" }, title),
      intro && h("p", { class: "intro" }, intro),
    ),
    actions.length > 0 && h("div", { class: "actions" }, actions),
  );
}

/** A button; while its (asynchronous) action runs it is busy, and what goes wrong is told in `status`. */
export function button(label, action, { kind = "plain", name, type = "button", status, ...attributes } = {}) {
  const made = h(
    "button",
    { class: `button button-${kind}`, type, ...attributes },
    name && icon(name, 18),
    h("span", {}, label),
  );
  if (action) made.addEventListener("click", () => attempt(made, action, status));
  return made;
}

/** Do something once at a time for a control; problems are told in `status`, or else beside the control. */
export async function attempt(control, action, status) {
  if (control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  control.setAttribute("aria-disabled", "true");
  if (status) replace(status);
  else if (control.nextElementSibling?.matches(".notice-bad")) control.nextElementSibling.remove();
  try {
    await action();
  } catch (error) {
    if (error?.name === "AbortError") return;
    const told = problemNotice(error);
    if (status) replace(status, told);
    else control.after(told);
  } finally {
    control.removeAttribute("aria-busy");
    control.removeAttribute("aria-disabled");
  }
}

/** A form that sends itself once at a time. */
export function formOf(action, { status, ...attributes } = {}, ...children) {
  const made = h("form", { novalidate: true, ...attributes }, children);
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!complete(made)) return;
    attempt(event.submitter ?? made, () => action(new FormData(made)), status);
  });
  return made;
}

/** Whether a form's fields are as they must be; the first one that is not takes the focus and says why. */
function complete(made) {
  let first = null;
  for (const control of made.querySelectorAll("input, select, textarea")) {
    const note = control.closest(".field")?.querySelector(".field-error");
    const problem = control.validity.valid ? "" : control.dataset.invalid || control.validationMessage;
    if (note) note.textContent = problem;
    if (control.validity.valid) control.removeAttribute("aria-invalid");
    else control.setAttribute("aria-invalid", "true");
    if (!control.validity.valid) first ??= control;
  }
  first?.focus();
  return first === null;
}

/** A labelled control. */
export function field(label, control, { hint } = {}) {
  control.id ||= newId("field");
  const notes = [`${control.id}-error`];
  if (hint) notes.unshift(`${control.id}-hint`);
  control.setAttribute("aria-describedby", notes.join(" "));
  return h(
    "div",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    hint && h("p", { class: "hint", id: `${control.id}-hint` }, hint),
    h("p", { class: "field-error", id: `${control.id}-error`, role: "alert" }),
  );
}

export const input = (name, attributes = {}) => h("input", { name, type: "text", autocomplete: "off", ...attributes });

/** An id as the API takes it. */
const ID = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}";
export const idInput = (name, attributes = {}) =>
  input(name, {
    required: true,
    pattern: ID,
    maxlength: 64,
    spellcheck: "false",
    autocapitalize: "off",
    "data-invalid": "1 to 64 letters, digits, dots, dashes or underscores; the first one a letter or digit.",
    ...attributes,
  });

/** A select of [value, label] pairs, or of plain values. */
export function select(name, options, { value, ...attributes } = {}) {
  const made = h(
    "select",
    { name, ...attributes },
    options.map((one) =>
      Array.isArray(one) ? h("option", { value: one[0] }, one[1]) : h("option", { value: one }, one),
    ),
  );
  if (value !== undefined && value !== null) made.value = value;
  if (made.selectedIndex < 0) made.selectedIndex = 0; // an address may name what is not there
  return made;
}

/** A range with its value beside the label. */
export function slider(label, name, { format = String, hint, ...attributes }) {
  const control = h("input", { type: "range", name, ...attributes });
  const shown = h("output", { class: "slider-value" });
  const show = () => {
    shown.textContent = format(Number(control.value));
    control.setAttribute("aria-valuetext", shown.textContent);
  };
  control.addEventListener("input", show);
  show();
  const made = field(label, control, { hint });
  made.querySelector("label").append(" ", shown);
  return made;
}

/** A line that says how something is: kind good, bad, warn or info. */
export function notice(kind, ...children) {
  const names = { good: "check", bad: "alert", warn: "alert", info: "info" };
  return h(
    "div",
    { class: `notice notice-${kind}`, role: kind === "bad" ? "alert" : "status" },
    icon(names[kind], 18),
    h("div", {}, children),
  );
}

export function problemNotice(error, again) {
  const known = error instanceof Problem;
  if (!known) console.error(error);
  return notice(
    "bad",
    h("p", {}, known ? error.message : `Something went wrong in the console: ${error?.message ?? error}`),
    again && h("p", {}, h("button", { class: "link", type: "button", onclick: again }, "Try again")),
  );
}

/** What is shown where there is nothing yet. */
export function empty(name, title, ...children) {
  return h("div", { class: "empty" }, icon(name, 32), h("p", { class: "empty-title" }, title), children);
}

/** A place whose content comes from the service: busy, then what `make` gives, or the problem. */
export function load(place, signal, make) {
  place.setAttribute("aria-busy", "true");
  if (!place.hasChildNodes()) replace(place, h("p", { class: "loading" }, "Loading…"));
  return make()
    .then((made) => !signal.aborted && replace(place, made))
    .catch(
      (error) =>
        !signal.aborted &&
        replace(
          place,
          problemNotice(error, () => load(place, signal, make)),
        ),
    )
    .finally(() => place.removeAttribute("aria-busy"));
}

/** A section that loads. */
export function loading(signal, make, attributes = {}) {
  const place = h("div", attributes);
  load(place, signal, make);
  return place;
}

/**
 * A list that is read page by page; `read(cursor)` gives { rows: nodes, next }. Pages without a row are passed over.
 * `begin` reads it from its beginning, `again` as far as it is shown.
 */
export function paged(list, signal, { read, none }) {
  const more = h("div", { class: "more" });
  let round = 0;
  async function next(cursor, mine, least = 1) {
    let { rows, next: following } = await read(cursor);
    for (let empty = rows.length ? 0 : 1; rows.length < least && following && empty < READS;) {
      const found = await read(following);
      empty = found.rows.length ? 0 : empty + 1;
      rows = [...rows, ...found.rows];
      following = found.next;
    }
    if (signal.aborted || mine !== round) return;
    const focused = more.contains(document.activeElement);
    if (!cursor) replace(list);
    list.append(...rows);
    const isEmpty = !following && !list.hasChildNodes();
    replace(more, following && button("Show more", () => next(following, ++round)), isEmpty && none());
    if (focused) ((cursor && rows[0]?.querySelector("a, button")) ?? more.querySelector("button"))?.focus();
  }
  async function fill(least) {
    const mine = ++round;
    list.setAttribute("aria-busy", "true");
    if (!list.hasChildNodes() && !more.hasChildNodes()) replace(more, h("p", { class: "loading" }, "Loading…"));
    try {
      await next(null, mine, least);
    } catch (error) {
      if (!signal.aborted && mine === round) {
        replace(list);
        replace(
          more,
          problemNotice(error, () => fill(least)),
        );
      }
    } finally {
      list.removeAttribute("aria-busy");
    }
  }
  fill(1);
  return { more, begin: () => fill(1), again: () => fill(list.children.length || 1) };
}

/** A pill: kind good, bad, warn, info or plain. */
export const badge = (kind, label) => h("span", { class: `badge badge-${kind}` }, label);

/** Names and values. */
export function facts(entries) {
  const shown = entries.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false);
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

/** A table that becomes cards on a narrow screen; cells are nodes or text. */
export function table(caption, columns, body) {
  return h(
    "table",
    { class: "table" },
    h("caption", { class: "visually-hidden" }, caption),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        columns.map((column) => h("th", { scope: "col" }, column)),
      ),
    ),
    body,
  );
}

export const row = (columns, cells, attributes = {}) =>
  h(
    "tr",
    attributes,
    cells.map((cell, index) => h("td", { "data-label": columns[index] }, cell)),
  );

/** How far something is. */
export function progressBar(label, done, total) {
  return h("progress", { class: "progress", "aria-label": label, max: Math.max(total, 1), value: done });
}

/** A text to take along, with a button that copies it. */
export function copyable(text, label = "Copy") {
  const copied = async () => {
    await navigator.clipboard.writeText(text);
    announce("Copied");
  };
  return h(
    "div",
    { class: "copyable" },
    h("code", {}, text),
    navigator.clipboard && button(label, copied, { name: "copy" }),
  );
}
