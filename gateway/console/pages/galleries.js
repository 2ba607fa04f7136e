// The galleries: whom the service knows, in groups that are searched apart.

import { get, post } from "../api.js";
import { h } from "../dom.js";
import { ask } from "../parts/dialog.js";
import { ruleFields, rulesOf } from "../parts/gallery_rules.js";
import { badge, button, empty, field, heading, idInput, loading, select } from "../parts/ui.js";
import { day } from "../parts/words.js";
import { go } from "../router.js";
import { session } from "../session.js";

export default function galleries({ signal }) {
  const mayCreate = session.may("admin");
  const create = () => newGallery(signal);
  return [
    heading("People", {
      intro: "A gallery is a set of people that a face is looked for in: one for each site, team or event.",
      actions: mayCreate ? [button("New gallery", create, { kind: "primary", name: "plus" })] : [],
    }),
    loading(signal, async () => {
      const { galleries: found } = await get("/v1/galleries", { query: { limit: 1000 }, signal });
      if (found.length === 0) return nothing(mayCreate && create);
      return h("ul", { class: "cards" }, found.map(card));
    }),
  ];
}

function nothing(create) {
  return empty(
    "people",
    "There is no gallery yet",
    h(
      "p",
      {},
      create ? "Make the first one, then enrol people with one photo each." : "Ask an administrator to make one.",
    ),
    create && button("New gallery", create, { kind: "primary", name: "plus" }),
  );
}

function card(gallery) {
  return h(
    "li",
    {},
    h(
      "a",
      { class: "card card-link", href: `#/galleries/${encodeURIComponent(gallery.id)}` },
      h("h2", {}, gallery.id),
      h("p", { class: "hint" }, `Since ${day(gallery.created_at)} · ${gallery.model.name}`),
      h(
        "p",
        { class: "badges" },
        gallery.liveness !== "none" && badge("info", `Liveness: ${gallery.liveness}`),
        gallery.calibrated.length > 0 && badge("good", "Calibrated"),
        gallery.migration && badge("warn", "Migration under way"),
      ),
    ),
  );
}

async function newGallery(signal) {
  const { models, liveness = {} } = await get("/v1/models", { query: { limit: 1000 }, signal });
  const made = await ask("New gallery", {
    signal,
    confirm: "Create",
    body: [
      field("Name", idInput("id"), { hint: "For example: staff. It is part of addresses and cannot be changed." }),
      field(
        "Face model",
        select(
          "model",
          models.map((model) => [model.name, `${model.name}: ${model.description}`]),
        ),
      ),
      ruleFields(liveness),
    ],
    action: (fields) => {
      const named = { id: fields.get("id"), model: fields.get("model") };
      return post("/v1/galleries", { ...named, ...rulesOf(fields) }, { signal });
    },
  });
  if (made) go(`/galleries/${made.id}`);
}
