// One gallery: its people, by name, tag or group.

import { at, get, remove } from "../api.js";
import { h } from "../dom.js";
import { ask } from "../parts/dialog.js";
import { changeRules } from "../parts/gallery_rules.js";
import { badge, button, empty, field, heading, input, paged, row, select, table } from "../parts/ui.js";
import { day } from "../parts/words.js";
import { go, keepQuery } from "../router.js";
import { session } from "../session.js";

const COLUMNS = ["Person", "Name", "Faces", "Tags and groups", "Since"];
const FACES = [
  ["", "Everybody"],
  ["some", "With a face"],
  ["none", "Without a face"],
];
const TYPING_MS = 250;

export default function gallery({ params, query, signal }) {
  const { gallery: id } = params;
  const here = at`/galleries/${id}`;
  const filters = { q: query.q ?? "", tag: query.tag ?? "", group: query.group ?? "", faces: query.faces ?? "" };
  const list = h("tbody");
  const bar = filterBar(filters, () => {
    if (signal.aborted) return; // the address is another page's
    keepQuery(filters);
    people.begin();
  });
  const people = paged(list, signal, {
    read: async (cursor) => {
      const found = await get(at`/v1/galleries/${id}/persons`, { query: { ...filters, cursor, limit: 50 }, signal });
      return { rows: found.persons.map((person) => personRow(id, person)), next: found.next_cursor };
    },
    none: () => nobody(here, Object.values(filters).some(Boolean)),
  });
  return [
    heading(id, { back: { path: "/galleries", label: "All galleries" }, actions: actionsOf(id, here, signal) }),
    bar,
    table(`People of ${id}`, COLUMNS, list),
    people.more,
  ];
}

function actionsOf(id, here, signal) {
  const link = (path, label, kind = "") => h("a", { class: `button ${kind}`, href: `#${path}` }, label);
  const erase = () => eraseGallery(id, signal);
  return [
    session.may("enrol") && link(`${here}/enrol`, "Enrol somebody", "button-primary"),
    session.may("enrol") && link(`${here}/bulk`, "Enrol many"),
    session.may("recognise") && link(`/door?gallery=${encodeURIComponent(id)}`, "Open the door view"),
    session.may("admin") && button("Rules", () => changeRules(id, signal)),
    session.may("admin") && button("Delete", erase, { kind: "danger" }),
  ].filter(Boolean);
}

function filterBar(filters, changed) {
  let timer;
  const one = (name, label, attributes) => {
    const control = input(name, { type: "search", value: filters[name], ...attributes });
    control.addEventListener("input", () => {
      filters[name] = control.value.trim();
      clearTimeout(timer);
      timer = setTimeout(changed, TYPING_MS);
    });
    return field(label, control);
  };
  const faces = select("faces", FACES, { value: filters.faces });
  filters.faces = faces.value; // an address may name what is not there
  faces.addEventListener("change", () => {
    filters.faces = faces.value;
    changed();
  });
  return h(
    "search",
    { class: "row filters" },
    one("q", "Search", { placeholder: "Name or id" }),
    one("tag", "Tag"),
    one("group", "Group"),
    field("Show", faces),
  );
}

function personRow(gallery, person) {
  const path = `#/galleries/${encodeURIComponent(gallery)}/persons/${encodeURIComponent(person.id)}`;
  const marks = [...(person.tags ?? []), ...(person.groups ?? []).map((group) => `group ${group}`)];
  return row(COLUMNS, [
    h("a", { href: path }, person.id),
    person.name ?? "",
    person.face_count > 0 ? String(person.face_count) : badge("warn", "No face"),
    marks.length
      ? h(
          "span",
          { class: "badges" },
          marks.map((mark) => badge("plain", mark)),
        )
      : "",
    day(person.created_at),
  ]);
}

function nobody(here, filtered) {
  if (filtered) return empty("people", "Nobody is like that", h("p", {}, "Change or empty the search above."));
  return empty(
    "people",
    "Nobody is enrolled yet",
    h("p", {}, "One photo of a face is enough; more make it better."),
    session.may("enrol") && h("a", { class: "button button-primary", href: `#${here}/enrol` }, "Enrol somebody"),
  );
}

async function eraseGallery(id, signal) {
  const again = input("again", {
    required: true,
    pattern: id.replaceAll(".", "\\."),
    "data-invalid": `Type ${id} to confirm.`,
  });
  const gone = await ask(`Delete the gallery ${id}?`, {
    signal,
    kind: "danger",
    confirm: "Delete everybody in it",
    body: [
      h("p", {}, "Everybody in it is erased with all faces. This cannot be undone."),
      field(`Type ${id} to confirm`, again),
    ],
    action: async () => {
      await remove(at`/v1/galleries/${id}`, { signal });
      return true;
    },
  });
  if (gone) go("/galleries");
}
