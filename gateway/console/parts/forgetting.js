// Forgetting one face of somebody, after what is lost with it was said.

import { remove } from "../api.js";
import { announce, h } from "../dom.js";
import { ask } from "./dialog.js";
import { faceCards, numbered } from "./face_cards.js";
import { notice } from "./ui.js";

/** `entry` is one of parts/face_cards.js; `faces` are all of the person's. */
export async function forgetFace(faces, entry, { path, signal, reload }) {
  const { face, name } = entry;
  const done = await ask(`Forget “${name}”?`, {
    signal,
    kind: "danger",
    confirm: "Forget it",
    body: [faceCards([entry], { signal }), told(faces, face)],
    action: async () => {
      await remove(`${path}/faces/${encodeURIComponent(face.id)}`, { signal });
      return true;
    },
  });
  if (!done) return;
  reload();
  announce("Forgotten");
}

/** What is lost with a face; above all where it is the right one, and another one is not. */
function told(faces, face) {
  const warn = (text) => notice("warn", h("p", {}, text));
  if (faces.length === 1) return warn("It is the only face: without one they are not recognised any more.");
  const odd = numbered(faces).filter((other) => other.face.like_others === false);
  const isOdd = odd.some((other) => other.face.id === face.id);
  if (isOdd && odd.length === faces.length)
    return warn("Their faces do not look like one person. Make sure which of them is theirs before one is forgotten.");
  if (isOdd) return h("p", {}, "It does not look like their other faces, which stay.");
  if (odd.length > 0)
    return warn(`This one looks like their other faces; “${odd[0].name}” does not. Is that the one to forget?`);
  return h("p", {}, "They stay known by the other faces.");
}
