// The door of a gallery that asks for a challenge: whoever stands there makes its movements, then is recognised once.

import { form } from "../api.js";
import { h, sleep } from "../dom.js";
import { run } from "../jobs.js";
import { session } from "../session.js";
import { challenge } from "./challenge.js";
import { recognise } from "./door_looks.js";
import { button } from "./ui.js";

const SEE_PX = 640;
const SEE_QUALITY = 0.8;
const FACE_PX = 80; // of a face that is near enough to begin with
const SHOWN_MS = 5000; // a decision is of this moment; whoever stands there later must be asked anew
const AGAIN_S = 8; // until a challenge that failed is begun again by itself
const TRIES = 3; // by itself; then somebody presses the button
const WAIT_S = 5;

/** Ask and recognise one after the other, until the signal says otherwise. Throws Problem when there is no answer. */
export async function check(view, signal) {
  try {
    for (let failures = 0; !signal.aborted;) {
      if (failures === 0) await somebody(view, signal);
      view.boxes.clear();
      const failure = await passage(view, signal);
      view.prompt.clear();
      failures = failure === null ? 0 : failures + 1;
      if (failure === null) await leaving(view, signal);
      else if (!(await again(view, signal, failure, failures))) failures = 0;
    }
  } finally {
    view.prompt.clear();
  }
}

/** Wait until one face is near enough, or the button is pressed. */
async function somebody(view, signal) {
  const ask = "Movements are asked for, to see that somebody is really there.";
  const hint = h("p", {}, ask);
  const begin = button("Begin", null, { kind: "primary" });
  view.panel.gone("Stand before the camera", hint, begin);
  await until(view, signal, begin, (faces) => {
    const hints = [ask, "Come a little closer."];
    hint.textContent = hints[faces.length] ?? "One at a time, please.";
    return faces.length === 1 && faces[0].box.width >= FACE_PX;
  });
}

/** The challenge and the recognition; why it did not come to that, or null. */
async function passage(view, signal) {
  const { gallery } = view.choice;
  const answer = await challenge({ gallery, camera: view.camera, told: view.prompt, signal });
  view.answered();
  if (answer.failure) return answer.failure;
  const passed = { choice: view.choice, image: answer.face, session: answer.session, signal };
  const { sight, picture } = await recognise(passed);
  if (sight.faces.length === 0) return "No face was found: stand before the camera, in even light.";
  view.panel.show(sight, picture);
  view.events.add(sight);
  picture.close();
  return null;
}

/** A decision stays until the face goes, and not for long; the next one is asked when another comes. */
async function leaving(view, signal) {
  const isGone = (faces) => faces.length === 0;
  const left = await until(view, signal, null, isGone, SHOWN_MS);
  if (left === "seen" || !session.may("verify")) return;
  const next = button("Next person", null);
  view.panel.gone("The next one, please", next);
  await until(view, signal, next, isGone);
}

/** After a failure: whether it is tried again with the one who stands there. */
async function again(view, signal, failure, failures) {
  const now = button("Try again", null, { kind: "primary" });
  const byItself = failures < TRIES;
  const waiting = h(
    "p",
    { class: "door-time" },
    byItself ? "" : "It did not work several times: ask somebody for help.",
  );
  view.panel.tell("failed", h("p", { class: "door-word" }, "Not seen"), h("p", {}, failure), waiting, now);
  let seconds = AGAIN_S;
  const tick = () => {
    waiting.textContent = `Again in ${seconds} s`;
    seconds -= 1;
  };
  if (byItself) tick();
  const ticking = byItself && setInterval(tick, 1000);
  try {
    const how = await until(view, signal, now, (faces) => faces.length === 0, byItself ? AGAIN_S * 1000 : undefined);
    return how !== "seen";
  } finally {
    clearInterval(ticking);
  }
}

/** What comes first: "pressed", "seen" (faces that are wanted), or "late". */
async function until(view, signal, control, wanted, ms) {
  const over = new AbortController();
  const during = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.race(
      [
        seen(view, during, wanted),
        control &&
          new Promise((resolve) => control.addEventListener("click", () => resolve("pressed"), { once: true })),
        ms && sleep(ms, during).then(() => "late"),
      ].filter(Boolean),
    );
  } finally {
    over.abort(new DOMException("Something else came first.", "AbortError"));
  }
}

/** Look whether anybody is there; keys that may not look wait for the button. */
async function seen(view, signal, wanted) {
  while (session.may("verify")) {
    const next = sleep(Number(view.choice.pace), signal).catch(() => {});
    await view.visible(signal);
    const image = await view.camera.frame(SEE_PX, SEE_QUALITY);
    const { result } = await run("/v1/detections", form({ image }), { wait: WAIT_S, tries: 1, signal });
    view.answered();
    signal.throwIfAborted();
    view.boxes.show(
      result.faces.map(({ box }) => ({ box, kind: "seen" })),
      result,
    );
    if (wanted(result.faces)) return "seen";
    await next;
    signal.throwIfAborted();
  }
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
