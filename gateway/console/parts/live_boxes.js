// Boxes and names over the live picture: whom a look has seen, until the next look.

import { h, replace } from "../dom.js";
import { fit, placeOf } from "./face_layer.js";

const TOP = 0.12; // of the picture: a name has no room above a face that begins there

/**
 * A layer over a mirrored video. `show(faces, picture)` draws [{ box, kind, label, isSubject }], boxes in pixels of
 * that picture; `clear()` takes them away.
 */
export function liveBoxes() {
  const element = h("div", { class: "face-layer", role: "img" });
  const clear = () => {
    element.hidden = true;
    replace(element);
  };

  function show(faces, { width, height }) {
    fit(element, element.parentElement ?? element, { width, height });
    element.setAttribute("aria-label", spoken(faces));
    element.hidden = faces.length === 0;
    replace(
      element,
      faces.map((face) => mark(face, { width, height })),
    );
  }

  clear();
  return { element, show, clear };
}

const spoken = (faces) =>
  `In the picture: ${faces.map(({ label, kind }) => `${label || "a face"}, ${kind}`).join("; ")}`;

/** The picture is a mirror, its words are not: only the place of a box is mirrored. */
function mark({ box, kind, label, isSubject }, size) {
  const classes = ["live-box", `live-${kind}`, isSubject && "live-subject", box.y < size.height * TOP && "live-low"];
  return h(
    "div",
    { class: classes.filter(Boolean).join(" "), vars: placeOf(box, size, { isMirrored: true }) },
    label && h("span", { class: "live-label" }, label),
  );
}
