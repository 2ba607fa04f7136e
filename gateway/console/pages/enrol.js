// Enrol somebody: a photo, what is good or bad about it, who it is.

import { at, form, put } from "../api.js";
import { announce, h, replace } from "../dom.js";
import { run } from "../jobs.js";
import { photoPicker } from "../parts/photo.js";
import { judge } from "../parts/quality.js";
import { badge, button, field, formOf, heading, input, notice, problemNotice } from "../parts/ui.js";
import { mood, percent, words } from "../parts/words.js";
import { idInput } from "./galleries.js";

export default function enrol({ params, query, signal }) {
  const { gallery } = params;
  const advice = h("div", { class: "status", "aria-live": "polite" });
  const outcome = h("div", { class: "status", "aria-live": "polite" });
  const picker = photoPicker({
    label: "Photo",
    hint: "JPEG, PNG or WebP; one face, from the front, in even light",
    signal,
    onpick: async (file) => {
      const isShown = () => picker.file === file && !signal.aborted;
      replace(outcome);
      replace(advice, h("p", { class: "loading" }, "Looking at the photo…"));
      try {
        const { element } = await judge(picker, signal);
        if (isShown()) replace(advice, element);
      } catch (error) {
        if (isShown()) replace(advice, problemNotice(error));
      }
    },
  });
  const person = idInput("person", { value: query.person ?? "", readonly: Boolean(query.person) });
  const name = input("name", { maxlength: 200 });
  const save = async (fields) => {
    if (!picker.file) return replace(advice, notice("warn", h("p", {}, "Choose a photo first, or take one.")));
    const id = fields.get("person");
    const path = at`/v1/galleries/${gallery}/persons/${id}`;
    const job = await run(`${path}/faces`, form({ image: picker.file }), { signal });
    const enrolled = job.result.verdict === "enrolled";
    if (enrolled && fields.get("name")) await put(path, { name: fields.get("name") }, { signal });
    replace(outcome, ...outcomeOf(job.result, gallery, id));
    announce(words(job.result.verdict));
    if (enrolled) {
      picker.clear();
      replace(advice);
    }
  };
  const form_ = formOf(
    save,
    { class: "card stack", status: outcome },
    field("Person", person, {
      hint: "An id of your own, for example a staff number. Somebody who is there gets one more face.",
    }),
    !query.person && field("Name (optional)", name),
    h("div", { class: "actions" }, button("Enrol", null, { kind: "primary", type: "submit" })),
    outcome,
  );
  const back = query.person
    ? { path: at`/galleries/${gallery}/persons/${query.person}`, label: query.person }
    : { path: at`/galleries/${gallery}`, label: gallery };
  return [
    heading(query.person ? "Add a face" : "Enrol somebody", {
      back,
      intro:
        "One photo is enough; two or three, on different days, make it better. Photos are deleted once the face is read.",
    }),
    h("div", { class: "columns" }, h("div", { class: "stack" }, picker.element, advice), form_),
  ];
}

function outcomeOf(result, gallery, person) {
  const enrolled = result.verdict === "enrolled";
  const link = h("a", { href: `#${at`/galleries/${gallery}/persons/${person}`}` }, "See the person");
  const quality = result.quality ? ` Quality ${percent(result.quality.score)}.` : "";
  const text = enrolled ? `${person} is enrolled.${quality} ` : `${words(result.verdict)}. ${result.reason ?? ""}`;
  return [
    notice(enrolled ? "good" : "warn", h("p", {}, text, enrolled && link)),
    result.replaced && notice("info", h("p", {}, "The person's weakest face made room for this one.")),
    ...(result.warnings ?? []).map((warning) =>
      notice("warn", h("p", {}, badge(mood("ambiguous"), words(warning.code)), ` ${warning.detail}`)),
    ),
  ];
}
