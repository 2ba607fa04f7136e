// Boxes and names over the live picture: whom a look has seen, until the next look.

import { h, replace } from "../dom.js";

const STAGE_RATIO = 4 / 3; // of the stage, as styles/photos.css has it
const TOP = 0.12; // of the picture: a name has no room above a face that begins there

/**
 * A layer over a mirrored video. `show(faces, picture)` draws [{ box, kind, label, isSubject }], boxes in pixels of
 * that picture; `clear()` takes them away.
 */
export function liveBoxes() {
  const element = h("div", { class: "live-boxes", role: "img" });
  const clear = () => {
    element.hidden = true;
    replace(element);
  };

  function show(faces, { width, height }) {
    const ratio = width / height / STAGE_RATIO;
    element.style.setProperty("--wide", `${100 * Math.min(1, ratio)}%`);
    element.style.setProperty("--high", `${100 * Math.min(1, 1 / ratio)}%`);
    element.setAttribute("aria-label", spoken(faces));
    element.hidden = faces.length === 0;
    replace(
      element,
      faces.map((face) => mark(face, width, height)),
    );
  }

  clear();
  return { element, show, clear };
}

const spoken = (faces) => `In the picture: ${faces.map(({ label, kind }) => `${label || "a face"}, ${kind}`).join("; ")}`;

/** The picture is a mirror, its words are not: only the place of a box is mirrored. */
function mark({ box, kind, label, isSubject }, width, height) {
  const part = (length, whole) => `${(100 * length) / whole}%`;
  const place = {
    "--left": part(width - box.x - box.width, width),
    "--top": part(box.y, height),
    "--wide": part(box.width, width),
    "--high": part(box.height, height),
  };
  const classes = ["live-box", `live-${kind}`, isSubject && "live-subject", box.y < height * TOP && "live-low"];
  return h(
    "div",
    { class: classes.filter(Boolean).join(" "), vars: place },
    label && h("span", { class: "live-label" }, label),
  );
}
