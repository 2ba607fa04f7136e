// Forgetting one face of somebody, after what is lost with it was said.

import { remove } from "../api.js";
import { announce, h } from "../dom.js";
import { ask } from "./dialog.js";
import { faceCards } from "./face_cards.js";
import { notice } from "./ui.js";

/** `entry` is one of parts/face_cards.js; `faces` are all of the person's. */
export async function forgetFace(faces, entry, { path, signal, reload }) {
  const { face, name } = entry;
  const done = await ask(`Forget “${name}”?`, {
    signal,
    kind: "danger",
    confirm: "Forget it",
    body: [faceCards([entry], { signal }), told(faces)],
    action: async () => {
      await remove(`${path}/faces/${encodeURIComponent(face.id)}`, { signal });
      return true;
    },
  });
  if (!done) return;
  reload();
  announce("Forgotten");
}

function told(faces) {
  if (faces.length > 1) return h("p", {}, "They stay known by the other faces.");
  return notice("warn", h("p", {}, "It is the only face: without one they are not recognised any more."));
}
