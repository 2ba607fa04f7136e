// The ordinary door: look after look is recognised, each when the answer to the former one is in.

import { at, form } from "../api.js";
import { sleep } from "../dom.js";
import { run } from "../jobs.js";
import { marksOf, sightOf } from "./sight.js";

const FRAME_PX = 640;
const FRAME_QUALITY = 0.85;
const WAIT_S = 5;
const STALE_MS = 2000; // beyond the pace: without an answer by then nobody knows whether the face is still there

/** Look once: { sight, picture }, the picture that was looked at. */
export async function recognise({ choice, image, session, signal }) {
  const { gallery, device } = choice;
  const body = form({ image, device, top_k: 1, liveness_session: session });
  const job = await run(at`/v1/galleries/${gallery}/recognitions`, body, { wait: WAIT_S, tries: 1, signal });
  return { sight: sightOf(job), picture: await createImageBitmap(image) };
}

/** Look again and again, until the signal says otherwise. Throws Problem when a look has no answer. */
export async function look(view, signal) {
  let stale;
  const fade = () => {
    view.boxes.clear();
    view.panel.gone();
  };
  try {
    while (!signal.aborted) {
      const next = sleep(Number(view.choice.pace), signal).catch(() => {});
      await view.visible(signal);
      const image = await view.camera.frame(FRAME_PX, FRAME_QUALITY);
      const { sight, picture } = await recognise({ choice: view.choice, image, signal });
      view.answered();
      clearTimeout(stale);
      if (sight.faces.length === 0) fade();
      else {
        view.boxes.show(marksOf(sight), picture);
        view.panel.show(sight, picture);
        view.events.add(sight);
        stale = setTimeout(fade, Number(view.choice.pace) + STALE_MS);
      }
      picture.close();
      await next;
    }
  } finally {
    clearTimeout(stale);
  }
}
