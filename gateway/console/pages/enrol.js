// Enrol somebody: a photo, what is good or bad about it, who it is.

import { at, put } from "../api.js";
import { announce, h, replace } from "../dom.js";
import { askWhetherMeant, enrolPhoto, outcomeOf } from "../parts/enrolling.js";
import { IMAGE_NAMES } from "../parts/image_files.js";
import { personChooser } from "../parts/person_chooser.js";
import { photoPicker } from "../parts/photo.js";
import { judge } from "../parts/quality.js";
import { button, field, formOf, heading, input, notice, problemNotice } from "../parts/ui.js";
import { words } from "../parts/words.js";

export default function enrol({ params, query, signal }) {
  const { gallery } = params;
  const advice = h("div", { class: "status stack", "aria-live": "polite" });
  const outcome = h("div", { class: "status stack", "aria-live": "polite" });
  const picker = photoPicker({
    label: "Photo",
    hint: `${IMAGE_NAMES}; one face, from the front, in even light`,
    signal,
    onpick: async (file) => {
      const tell = (...elements) => picker.file === file && !signal.aborted && replace(advice, elements);
      replace(outcome);
      tell(h("p", { class: "loading" }, "Looking at the photo…"));
      await judge(picker, signal, tell).catch((error) => tell(problemNotice(error)));
    },
  });
  const name = field("Name (optional)", input("name", { maxlength: 200 }));
  const chooser = personChooser({
    gallery,
    fixed: query.person,
    signal,
    onlook: (person) => {
      name.hidden = Boolean(person); // who is there has a name, or is given one on their page
    },
  });
  name.hidden = Boolean(query.person);
  const label = input("label", { maxlength: 64, placeholder: "For example: badge 2026" });

  async function save(fields) {
    if (!picker.file) return replace(advice, notice("warn", h("p", {}, "Choose a photo first, or take one.")));
    const person = await chooser.look();
    if (person && !chooser.isChosen) {
      if (!(await askWhetherMeant(person, signal))) return;
      chooser.choose(person);
    }
    const { id } = chooser;
    const result = await enrolPhoto({ gallery, id, person, picker, label: fields.get("label") }, signal);
    if (!result) return replace(outcome, notice("info", h("p", {}, "The photo was not added: nothing was stored.")));
    const given = fields.get("name");
    if (result.verdict === "enrolled" && given && !person)
      await put(at`/v1/galleries/${gallery}/persons/${id}`, { name: given }, { signal });
    show(result, id, person);
  }

  function show(result, id, person) {
    replace(outcome, outcomeOf(result, { gallery, id, person, signal, onundo: () => chooser.look().catch(() => {}) }));
    announce(words(result.verdict));
    if (result.verdict === "enrolled") {
      picker.clear();
      replace(advice);
      label.value = "";
      chooser.look().catch(() => {});
    } else if (result.faces?.length) picker.offerFaces(result.faces, {});
  }

  const back = query.person
    ? { path: at`/galleries/${gallery}/persons/${query.person}`, label: query.person }
    : { path: at`/galleries/${gallery}`, label: gallery };
  return [
    heading(query.person ? "Add a face" : "Enrol somebody", {
      back,
      intro:
        "One photo is enough; two or three, on different days, make it better. Photos are deleted once the face is read.",
    }),
    h(
      "div",
      { class: "columns" },
      h("div", { class: "stack" }, picker.element, advice),
      formOf(
        save,
        { class: "card stack", status: outcome },
        chooser.element,
        name,
        field("Label (optional)", label, { hint: "Tells this face from their other ones" }),
        h("div", { class: "actions" }, button("Enrol", null, { kind: "primary", type: "submit" })),
        outcome,
      ),
    ),
  ];
}
