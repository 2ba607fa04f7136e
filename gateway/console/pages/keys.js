// API keys: who may do what, for how long.

import { at, get, post, remove } from "../api.js";
import { announce, h } from "../dom.js";
import { ask, tell } from "../parts/dialog.js";
import {
  badge,
  button,
  copyable,
  empty,
  field,
  heading,
  input,
  notice,
  paged,
  row,
  select,
  table,
} from "../parts/ui.js";
import { day } from "../parts/words.js";
import { session } from "../session.js";

const COLUMNS = ["Key", "Name", "Tenant", "May", "Expires", "Change"];
const ROLES = [
  ["desk", "Front desk: enrol, verify, recognise"],
  ["door", "Door: verify, recognise"],
  ["artist", "Artist: stylise"],
  ["auditor", "Auditor: read the audit"],
  ["admin", "Administrator"],
  ["owner", "Owner: everything"],
];
const LOST = "The secret was lost on its way, for it is sent only once: rotate the key to get another one.";
const GRACES = [
  [0, "at once"],
  [3600, "in an hour"],
  [86400, "in a day"],
];

export default function keys({ signal }) {
  const list = h("tbody");
  const known = paged(list, signal, {
    read: async (cursor) => {
      const found = await get("/v1/keys", { query: { cursor, limit: 50 }, signal });
      return { rows: found.keys.map((key) => keyRow(key, { signal, again: known.begin })), next: found.next_cursor };
    },
    none: () => empty("keys", "No key"),
  });
  return [
    heading("Keys", {
      intro: "One key for each app, door or person: so that one can be revoked without the others.",
      actions: [button("New key", () => create(signal, known.begin), { kind: "primary", name: "plus" })],
    }),
    table("API keys", COLUMNS, list),
    known.more,
  ];
}

function keyRow(key, context) {
  const own = key.id === session.who.key;
  return row(COLUMNS, [
    h("span", { class: "badges" }, h("span", { class: "mono" }, key.id), own && badge("info", "yours")),
    key.name ?? "",
    key.tenant,
    h(
      "ul",
      { class: "chips" },
      key.scopes.map((scope) => h("li", {}, scope)),
    ),
    key.expires_at ? day(key.expires_at) : "never",
    h(
      "span",
      { class: "actions" },
      button("Rotate", () => rotate(key, context), { "aria-label": `Rotate ${key.name ?? key.id}` }),
      button("Revoke", () => revoke(key, context), { kind: "danger", "aria-label": `Revoke ${key.name ?? key.id}` }),
    ),
  ]);
}

async function create(signal, again) {
  const name = input("name", { required: true, maxlength: 200, "data-invalid": "Say what the key is for." });
  const days = input("days", {
    type: "number",
    min: 1,
    max: 3650,
    value: 90,
    "data-invalid": "A number of days from 1 to 3,650, or nothing.",
  });
  const made = await ask("New key", {
    signal,
    confirm: "Create",
    body: [
      field("What for", name, { hint: "For example: front door, mobile app" }),
      field("Role", select("role", ROLES)),
      field("Good for (days)", days, { hint: "Empty: as long as your own key" }),
    ],
    action: (fields) => {
      const body = { name: fields.get("name"), role: fields.get("role") };
      if (fields.get("days")) body.expires_in_days = Number(fields.get("days"));
      return post("/v1/keys", body, { signal });
    },
  });
  if (!made) return;
  await showToken("The new key", made, signal);
  again();
}

async function rotate(key, { signal, again }) {
  const own = key.id === session.who.key;
  const made = await ask(`Rotate ${key.name ?? key.id}?`, {
    signal,
    confirm: "Rotate",
    body: [
      h(
        "p",
        {},
        `It gets a new secret.${own ? " It is the key that you are signed in with: this tab goes on with the new one." : ""}`,
      ),
      field("The former secret ends", select("grace", GRACES)),
    ],
    action: (fields) => post(at`/v1/keys/${key.id}/rotate`, { grace_seconds: Number(fields.get("grace")) }, { signal }),
  });
  if (!made) return;
  if (own && made.token) {
    session.renew(made.token);
  }
  await showToken("The new secret", made, signal);
  again();
}

const showToken = (title, key, signal) =>
  tell(title, key.token ? token(key.token) : [notice("bad", h("p", {}, LOST))], {
    signal,
    confirm: "I have copied it",
  });

const token = (text) => [
  notice("warn", h("p", {}, "It is shown this once: copy it to where it is used.")),
  copyable(text, "Copy the key"),
];

async function revoke(key, { signal, again }) {
  const done = await ask(`Revoke ${key.name ?? key.id}?`, {
    signal,
    kind: "danger",
    confirm: "Revoke",
    body: [h("p", {}, "Whoever uses it is refused within seconds. This cannot be undone.")],
    action: async () => {
      await remove(at`/v1/keys/${key.id}`, { signal });
      return true;
    },
  });
  if (!done) return;
  announce("Revoked");
  again();
}
