// The rules of a gallery as form fields: for a new one, and to change them.

import { at, get, patch } from "../api.js";
import { announce, h } from "../dom.js";
import { ask } from "./dialog.js";
import { field, input, notice, select } from "./ui.js";

const LIVENESS = [
  ["none", "Not checked"],
  ["report", "Looked at and told"],
  ["passive", "Every photo must look alive"],
  ["active", "Movements must be made before the camera"],
];
const CONFLICTS = [
  ["refuse", "is refused"],
  ["flag", "is enrolled with a warning"],
];
const LOOKALIKES = [
  ["flag", "is enrolled with a warning"],
  ["refuse", "is refused"],
];
const NEW = { liveness: "none", conflicts: "refuse", lookalikes: "flag", thumbnails: false };

/** What can be checked here, by GET /v1/models: { passive, active }, each { available, reason }. */
export const livenessHere = async (signal) => (await get("/v1/models", { signal })).liveness ?? {};

/** The fields, as they are or as a new gallery has them; `here` says which liveness can be checked. */
export function ruleFields(here, rules = NEW) {
  const thumbnails = h("input", { type: "checkbox", name: "thumbnails", checked: rules.thumbnails });
  return [
    livenessField(here, rules.liveness),
    field(
      "A photo that does not look like the person’s others",
      select("conflicts", CONFLICTS, { value: rules.conflicts }),
      { hint: "An administrator may add one that is refused" },
    ),
    field("A new face that resembles somebody else", select("lookalikes", LOOKALIKES, { value: rules.lookalikes })),
    field(
      "Faces kept of a person",
      input("templates_per_person", {
        type: "number",
        min: 1,
        max: 50,
        required: rules !== NEW,
        value: rules.templates_per_person ?? "",
        placeholder: "As the service has it",
        "data-invalid": "A number from 1 to 50.",
      }),
      { hint: "Beyond it the weakest one makes room for a new one" },
    ),
    h("label", { class: "check" }, thumbnails, "Keep a small picture of each face, to tell them apart"),
  ];
}

function livenessField(here, chosen) {
  const control = select("liveness", LIVENESS, { value: chosen });
  const missing = ["passive", "active"].filter((kind) => here[kind]?.available === false);
  for (const kind of missing) {
    const option = control.querySelector(`[value="${kind}"]`);
    option.disabled = kind !== chosen; // what holds already stays chosen until it is changed
    option.textContent += " (not available here)";
  }
  const made = field("Liveness", control);
  const reasons = missing.map((kind) => `“${LIVENESS.find(([value]) => value === kind)[1]}”: ${here[kind].reason}`);
  if (reasons.length) made.append(notice("info", ...reasons.map((reason) => h("p", {}, reason))));
  return made;
}

/** What the fields hold, as the API takes it. */
export function rulesOf(fields) {
  const most = fields.get("templates_per_person");
  return {
    liveness: fields.get("liveness"),
    conflicts: fields.get("conflicts"),
    lookalikes: fields.get("lookalikes"),
    thumbnails: fields.has("thumbnails"),
    ...(most && { templates_per_person: Number(most) }),
  };
}

/** A dialog that changes a gallery's rules: only those that are other than before are sent. */
export async function changeRules(gallery, signal) {
  const path = at`/v1/galleries/${gallery}`;
  const [rules, here] = await Promise.all([get(path, { signal }), livenessHere(signal)]);
  const changed = await ask(`Rules of ${gallery}`, {
    signal,
    confirm: "Save",
    body: ruleFields(here, rules),
    action: (fields) => {
      const wanted = Object.entries(rulesOf(fields)).filter(([name, value]) => value !== rules[name]);
      return wanted.length ? patch(path, Object.fromEntries(wanted), { signal }) : rules;
    },
  });
  if (changed) announce("Saved");
  return changed;
}
