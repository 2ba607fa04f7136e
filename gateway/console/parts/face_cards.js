// The faces somebody is known by, so that one sees which is which: picture, label, source, time, quality.

import { h } from "../dom.js";
import { picture } from "./photo.js";
import { badge } from "./ui.js";
import { percent, when } from "./words.js";

const GOOD_QUALITY = 0.5;
const THUMB_PX = 64;
const SOURCES = {
  enrolment: "Enrolled by itself",
  batch: "From a batch",
  import: "Imported",
  reembedding: "Embedded anew for another model",
};

/** The faces with their numbers, the oldest is 1: a number stays while newer faces come. */
export function numbered(faces) {
  const oldest = [...faces].sort((a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id));
  return oldest.map((face, index) => ({ face, number: index + 1, name: face.label || `Face ${index + 1}` }));
}

/** Cards of numbered faces; `action(entry)` adds to one. */
export function faceCards(entries, { signal, action }) {
  return h(
    "ul",
    { class: "cards face-cards" },
    entries.map((entry) => h("li", { class: "card face-card" }, cardOf(entry, signal, action))),
  );
}

function cardOf({ face, number, name }, signal, action) {
  const isGood = face.quality >= GOOD_QUALITY;
  return [
    face.thumbnail
      ? picture(face.thumbnail, {
          alt: `Face ${number}`,
          class: "face-thumb",
          width: THUMB_PX,
          height: THUMB_PX,
          signal,
        })
      : h("div", { class: "face-thumb face-number", "aria-hidden": "true" }, String(number)),
    h(
      "div",
      {},
      h("p", { class: "face-name" }, name),
      h("p", { class: "hint" }, [face.label && `Face ${number}`, SOURCES[face.source]].filter(Boolean).join(" · ")),
      h("p", { class: "hint" }, when(face.created_at)),
      h("p", {}, badge(isGood ? "good" : "warn", `${isGood ? "Good" : "Weak"} quality, ${percent(face.quality)}`)),
      face.like_others === false && h("p", {}, badge("bad", "Unlike the other faces")),
      action?.({ face, number, name }),
    ),
  ];
}
