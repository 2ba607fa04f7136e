// The door: what the webcam sees is recognised, again and again; large letters say who may pass.

import { Problem, at, get, post } from "../api.js";
import { announce, h, replace, sleep } from "../dom.js";
import { cameras, openCamera } from "../parts/camera.js";
import { prompt } from "../parts/challenge_prompt.js";
import { check } from "../parts/door_checks.js";
import { eventLog } from "../parts/door_events.js";
import { look } from "../parts/door_looks.js";
import { panel } from "../parts/door_panel.js";
import { icon } from "../parts/icons.js";
import { liveBoxes } from "../parts/live_boxes.js";
import { button, empty, field, formOf, heading, input, problemNotice, select } from "../parts/ui.js";
import { keepQuery } from "../router.js";

const PACES = [
  [500, "twice a second"],
  [1000, "once a second"],
  [3000, "every 3 seconds"],
];
const RULES_CHANGED = 422; // a liveness session is missing, or is not wanted any more

export default async function door({ query, signal }) {
  const { galleries } = await get("/v1/galleries", { query: { limit: 1000 }, signal });
  const title = heading("Door", { intro: "Stand before the camera: whoever is known and may pass is let through." });
  if (galleries.length === 0) {
    const link = h("a", { class: "button button-primary", href: "#/galleries" }, "To the galleries");
    return [
      title,
      empty("door", "There is nobody to recognise", h("p", {}, "Make a gallery and enrol somebody first."), link),
    ];
  }
  const view = { signal, visible, choice: null, camera: null, running: null };
  view.stage = h("div", { class: "door-stage" }, invitation());
  view.boxes = liveBoxes();
  view.panel = panel({ feedback: (sight, face) => notThisPerson(view, sight, face) });
  view.prompt = prompt(view.panel);
  signal.addEventListener("abort", () => view.panel.idle(""), { once: true });
  view.status = h("div", { class: "status door-status" });
  view.answered = () => {
    view.complaint = "";
    replace(view.status);
  };
  view.log = h(
    "section",
    { class: "card stack door-log" },
    h("h2", {}, "Latest events"),
    h("p", { class: "hint" }, "Start to see them."),
  );
  view.controls = controls(view, galleries, query);
  return [title, h("div", { class: "door" }, view.stage, view.panel.element, view.status, view.controls, view.log)];
}

const invitation = () => h("div", { class: "photo-invite" }, icon("camera", 32), h("p", {}, "The camera is off."));

function controls(view, galleries, query) {
  const camera = select("camera", [["", "Any camera"]]);
  const start = button("Start", null, { kind: "primary", name: "play", type: "submit" });
  const pause = button("Pause", () => stop(view), { name: "pause" });
  pause.hidden = true;
  const begin = async (fields) => {
    view.choice = Object.fromEntries(fields);
    keepQuery({ gallery: view.choice.gallery, device: view.choice.device });
    await watch(view);
    const known = await cameras();
    replace(
      camera,
      known.map(([id, label]) => h("option", { value: id }, label)),
    );
    camera.value = view.choice.camera || known[0]?.[0] || "";
  };
  const made = formOf(
    begin,
    { class: "card stack door-controls", status: view.status },
    h(
      "div",
      { class: "fields" },
      field(
        "Gallery",
        select(
          "gallery",
          galleries.map(({ id }) => id),
          { value: query.gallery },
        ),
      ),
      field(
        "Door",
        input("device", {
          value: query.device ?? "console",
          pattern: "[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}",
          "data-invalid": "1 to 64 letters, digits, dots, dashes or underscores.",
        }),
        { hint: "Its name in the audit and the rules" },
      ),
      field("Camera", camera),
      field("Look", select("pace", PACES, { value: 1000 })),
    ),
    h("div", { class: "actions" }, start, pause),
  );
  view.shown = (running) => {
    pause.hidden = !running;
    start.hidden = running;
    for (const control of made.querySelectorAll("select, input")) control.disabled = running;
  };
  return made;
}

/** Open the camera and begin to look. */
async function watch(view) {
  stop(view);
  const running = new AbortController();
  view.signal.addEventListener("abort", () => running.abort(view.signal.reason), { once: true });
  view.camera = await openCamera({ deviceId: view.choice.camera, signal: running.signal });
  view.camera.lost.then(() => !running.signal.aborted && lost(view));
  view.running = running;
  replace(view.stage, view.camera.video, view.boxes.element, view.prompt.element);
  view.shown(true);
  view.stage.scrollIntoView({ block: "nearest" });
  view.events = eventLog(view.log, {
    gallery: view.choice.gallery,
    device: view.choice.device,
    signal: running.signal,
  });
  serve(view, running.signal);
  announce("The door is watched.");
}

function stop(view) {
  view.running?.abort(new DOMException("Paused.", "AbortError"));
  view.running = null;
  view.camera?.stop();
  view.boxes.clear();
  view.prompt.clear();
  view.panel.idle("Paused");
  replace(view.stage, invitation());
  view.shown(false);
}

function lost(view) {
  stop(view);
  replace(
    view.status,
    problemNotice(new Problem({ detail: "The camera was disconnected: connect it and start again." })),
  );
}

/** Serve the door as the gallery's rules have it, and go on after what goes wrong. */
async function serve(view, signal) {
  view.panel.idle("Waiting for a face");
  while (!signal.aborted) {
    try {
      const { liveness } = await get(at`/v1/galleries/${view.choice.gallery}`, { signal });
      await (liveness === "active" ? check : look)(view, signal);
    } catch (error) {
      if (signal.aborted) return;
      await complain(view, error, signal);
    }
  }
}

/** Tell what went wrong and wait; rules that changed are read anew without a word. */
async function complain(view, error, signal) {
  view.boxes.clear();
  view.panel.gone("No answer");
  const isNew = view.complaint !== error.message;
  view.complaint = error.message;
  if (error.status === RULES_CHANGED && isNew) return;
  replace(view.status, problemNotice(error));
  await sleep((error.retryAfter ?? 2) * 1000, signal).catch(() => {});
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve, reject) => {
    document.addEventListener("visibilitychange", resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function notThisPerson(view, { job }, { number }) {
  const path = at`/v1/galleries/${view.choice.gallery}/feedback`;
  await post(path, { job, kind: "wrong_person", face: number }, { signal: view.signal });
  announce("Noted. It counts when the threshold is measured next.");
}
