// One person: what is known of them, the faces they are recognised by, merging and erasing.

import { at, get, post, put, remove } from "../api.js";
import { announce, h } from "../dom.js";
import { ask, tell } from "../parts/dialog.js";
import { faceCards, numbered } from "../parts/face_cards.js";
import { forgetFace } from "../parts/forgetting.js";
import { badge, button, empty, facts, field, formOf, heading, idInput, input, load, notice } from "../parts/ui.js";
import { instant, local, when, words } from "../parts/words.js";
import { go } from "../router.js";
import { session } from "../session.js";

export default function person({ params, signal }) {
  const { gallery, person: id } = params;
  const path = at`/v1/galleries/${gallery}/persons/${id}`;
  const place = h("div", { class: "stack" });
  const reload = () =>
    load(place, signal, async () => contentOf(await get(path, { signal }), { path, signal, reload }));
  reload();
  return [
    heading(id, {
      back: { path: at`/galleries/${gallery}`, label: gallery },
      actions: [
        session.may("enrol") &&
          h(
            "a",
            {
              class: "button button-primary",
              href: `#${at`/galleries/${gallery}/enrol`}?person=${encodeURIComponent(id)}`,
            },
            "Add a face",
          ),
        session.may("admin") && button("Merge", () => merge({ gallery, id, path, signal, reload })),
        session.may("admin") &&
          button("Erase", () => erase({ gallery, id, path, signal }), { kind: "danger", name: "trash" }),
      ].filter(Boolean),
    }),
    place,
  ];
}

function contentOf(found, context) {
  return [
    h(
      "section",
      { class: "card stack" },
      h("h2", {}, "Details"),
      detailsOf(found),
      session.may("enrol") && editorOf(found, context),
    ),
    h("section", { class: "stack" }, h("h2", {}, `Faces (${found.faces.length})`), facesOf(found, context)),
  ];
}

function detailsOf(found) {
  const list = (values) =>
    values?.length > 0 &&
    h(
      "span",
      { class: "badges" },
      values.map((one) => badge("plain", one)),
    );
  return facts([
    ["Name", found.name],
    ["External id", found.external_id],
    ["Tags", list(found.tags)],
    ["Groups", list(found.groups)],
    ["Valid from", when(found.valid_from)],
    ["Valid until", when(found.valid_until)],
    ["Erased automatically", when(found.expires_at)],
    [
      "Consent",
      found.consent && `${found.consent.reference}${found.consent.given_at ? `, ${when(found.consent.given_at)}` : ""}`,
    ],
    ...Object.entries(found.attributes ?? {}).map(([name, value]) => [name, String(value)]),
    ["Since", when(found.created_at)],
  ]);
}

const list = (text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

/** The fields of the editor: the text that one shows, and what the API is told of a text. */
const FIELDS = {
  name: [(found) => found.name ?? "", (text) => text || null],
  external_id: [(found) => found.external_id ?? "", (text) => text || null],
  tags: [(found) => (found.tags ?? []).join(", "), list],
  groups: [(found) => (found.groups ?? []).join(", "), list],
  valid_from: [(found) => local(found.valid_from), instant],
  valid_until: [(found) => local(found.valid_until), instant],
  expires_at: [(found) => local(found.expires_at), instant],
  consent: [
    (found) => found.consent?.reference ?? "",
    (text, found) => (text ? { ...found.consent, reference: text } : null),
  ],
};

function editorOf(found, { path, signal, reload }) {
  const shown = Object.fromEntries(Object.entries(FIELDS).map(([name, [show]]) => [name, show(found)]));
  const status = h("div", { class: "status", "aria-live": "polite" });
  const moment = (name, label, hint) =>
    field(label, input(name, { type: "datetime-local", value: shown[name] }), { hint });
  const save = async (fields) => {
    // what was not touched stays as it is, to the second
    const changed = Object.entries(FIELDS).filter(([name]) => fields.get(name) !== shown[name]);
    const told = changed.map(([name, [, read]]) => [name, read(fields.get(name).trim(), found)]);
    await put(path, Object.fromEntries(told), { signal });
    await reload();
    announce("Saved");
  };
  return h(
    "details",
    {},
    h("summary", {}, "Change"),
    formOf(
      save,
      { status, class: "stack editor" },
      h(
        "div",
        { class: "fields" },
        field("Name", input("name", { value: shown.name, maxlength: 200 })),
        field("External id", input("external_id", { value: shown.external_id, maxlength: 200 })),
        field("Tags", input("tags", { value: shown.tags }), { hint: "Separated by commas" }),
        field("Groups", input("groups", { value: shown.groups }), { hint: "Who may pass where" }),
        moment("valid_from", "Valid from"),
        moment("valid_until", "Valid until", "Denied afterwards; the faces stay"),
        moment("expires_at", "Erase automatically", "Faces and record are gone afterwards"),
        field("Consent", input("consent", { value: shown.consent }), {
          hint: "Where it is on record",
        }),
      ),
      status,
      h("div", { class: "actions" }, button("Save", null, { kind: "primary", type: "submit" })),
    ),
  );
}

function facesOf(found, context) {
  if (found.faces.length === 0) {
    return empty("person", "No face yet", h("p", {}, "Without one nobody is recognised: add a photo."));
  }
  const forget = (entry) =>
    session.may("enrol") &&
    h(
      "button",
      {
        class: "link",
        type: "button",
        "aria-label": `Forget ${entry.name}`,
        onclick: () => forgetFace(found.faces, entry, context),
      },
      "Forget this face",
    );
  return faceCards(numbered(found.faces), { signal: context.signal, action: forget });
}

async function merge({ gallery, id, path, signal, reload }) {
  const from = idInput("from");
  const done = await ask(`Merge somebody into ${id}`, {
    signal,
    confirm: "Merge",
    body: [
      h(
        "p",
        {},
        `When one person was enrolled twice: the faces of the other one become ${id}'s, and the other one is erased.`,
      ),
      field("Id of the other one", from, { hint: `In the gallery ${gallery}` }),
    ],
    action: (fields) => post(`${path}/merge`, { from: fields.get("from") }, { signal }),
  });
  if (done) {
    reload();
    announce("Merged");
  }
}

async function erase({ gallery, id, path, signal }) {
  const report = await ask(`Erase ${id}?`, {
    signal,
    kind: "danger",
    confirm: "Erase for ever",
    body: [
      h(
        "p",
        {},
        "All faces, results, uploads and events of this person are erased, on every worker. This cannot be undone.",
      ),
      h("p", { class: "hint" }, "A backup that is restored later still has them until the erasure log is replayed."),
    ],
    action: async () => (await remove(path, { signal })) ?? {},
  });
  if (!report) return;
  const entries = Object.entries(report).filter(([, value]) => ["string", "number"].includes(typeof value));
  const told = [
    notice("good", h("p", {}, "Nothing that identifies this person is left. Keep this report if you must prove it.")),
    facts(entries.map(([name, value]) => [words(name), name.endsWith("_at") ? when(value) : String(value)])),
  ];
  await tell(`${id} is erased`, told, { signal });
  if (!signal.aborted) go(at`/galleries/${gallery}`);
}
