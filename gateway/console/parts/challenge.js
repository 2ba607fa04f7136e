// A liveness challenge: movements in an order that nobody could know before, filmed and sent to be checked.

import { Problem, at, form, post } from "../api.js";
import { sleep } from "../dom.js";
import { run } from "../jobs.js";

const FRAME_PX = 640;
const FRAME_QUALITY = 0.85;
const FACE_MS = 1200; // a first look into the camera
const MOVE_MS = 2700; // there and back; four of them and the first look in 60 frames: five a second
const LEAST_MS = 100; // between two frames
const READY_S = 3;
const CHECK_MS = 60_000;

/** Why it failed, for the person before the camera; of what is not known here the service's own sentence is shown. */
const FAILURES = {
  too_few_frames: "The camera was too slow: close other programs, or choose another camera.",
  repeated_frame: "The camera’s picture stood still: try again, or choose another camera.",
  replayed_frame: "The camera’s picture was seen before: try again, or choose another camera.",
  not_facing: "Look straight into the camera when it begins.",
  jump: "That was too fast: move slowly.",
  another_face: "Another face came before the camera: one at a time, please.",
  wrong_action: "A movement came out of its turn: make each one when it is shown.",
  missing_action: "A movement was not seen: make each one slowly, and farther.",
  passive: "It looks like a picture of a face: find more even light, and a plain background.",
  no_face: "The face was not seen all the time: stay in the picture.",
  multiple_faces: "More than one face was seen: one at a time, please.",
};

/**
 * Run one before an open camera. `told` hears what is to be done: ready(steps, seconds), face(),
 * move(index, steps, ms), checking(). Gives { session, face, failure }: the picture to be recognised, or why not.
 */
export async function challenge({ gallery, camera, told, signal }) {
  const session = await post("/v1/liveness-sessions", { gallery }, { signal });
  const steps = session.challenge;
  for (let seconds = READY_S; seconds > 0; seconds--) {
    told.ready(steps, seconds);
    await sleep(1000, signal);
  }
  const { frames, face } = await film(camera, { steps, most: session.frames.max, told, signal });
  told.checking();
  const path = at`/v1/liveness-sessions/${session.id}/frames`;
  const { result } = await run(path, form({ frames }), { signal, timeout: CHECK_MS });
  if (result.verdict === "live") return { session: session.id, face, failure: null };
  return { session: session.id, face, failure: FAILURES[result.failure] ?? result.reason ?? "Try again." };
}

/** Frames from the first look to the end of the last movement; `face` is one of the first. */
async function film(camera, { steps, most, told, signal }) {
  const total = FACE_MS + MOVE_MS * steps.length;
  const between = Math.max(LEAST_MS, total / (most - 1));
  const frames = [];
  const begun = performance.now();
  let face = null;
  let step = -2;
  for (let due = 0; due <= total && frames.length < most; due = Math.max(due + between, performance.now() - begun)) {
    const now = Math.floor((due - FACE_MS) / MOVE_MS);
    if (now !== step && now < steps.length) {
      step = now;
      if (step < 0) told.face();
      else told.move(step, steps, MOVE_MS);
    }
    await sleep(Math.max(0, begun + due - performance.now()), signal);
    frames.push(await camera.fresh(FRAME_PX, FRAME_QUALITY));
    if (step < 0) face = frames.at(-1);
  }
  if (!face) throw new Problem({ detail: "The camera gave too few pictures: close other programs, then try again." });
  return { frames, face };
}
