// The door: what the webcam sees is recognised, again and again; large letters say who may pass.

import { Problem, at, form, get, post } from "../api.js";
import { announce, h, replace, sleep } from "../dom.js";
import { outcome, run } from "../jobs.js";
import { cameras, openCamera } from "../parts/camera.js";
import { eventLog } from "../parts/door_events.js";
import { decisionOf, panel } from "../parts/door_panel.js";
import { icon } from "../parts/icons.js";
import { button, empty, field, formOf, heading, input, problemNotice, select } from "../parts/ui.js";
import { keepQuery } from "../router.js";

const FRAME_PX = 640;
const FRAME_QUALITY = 0.85;
const PACES = [
  [500, "twice a second"],
  [1000, "once a second"],
  [3000, "every 3 seconds"],
];
const WAIT_S = 5;

export default async function door({ query, signal }) {
  const { galleries } = await get("/v1/galleries", { signal });
  const title = heading("Door", { intro: "Stand before the camera: whoever is known and may pass is let through." });
  if (galleries.length === 0) {
    const link = h("a", { class: "button button-primary", href: "#/galleries" }, "To the galleries");
    return [
      title,
      empty("door", "There is nobody to recognise", h("p", {}, "Make a gallery and enrol somebody first."), link),
    ];
  }
  const view = { signal, choice: null, camera: null, running: null };
  view.stage = h("div", { class: "door-stage" }, invitation());
  view.panel = panel({ feedback: (job) => notThisPerson(view, job) });
  view.status = h("div", { class: "status door-status" });
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
  replace(view.stage, view.camera.video);
  view.shown(true);
  view.stage.scrollIntoView({ block: "nearest" });
  view.events = eventLog(view.log, {
    gallery: view.choice.gallery,
    device: view.choice.device,
    signal: running.signal,
  });
  look(view, running.signal);
  announce("The door is watched.");
}

function stop(view) {
  view.running?.abort(new DOMException("Paused.", "AbortError"));
  view.running = null;
  view.camera?.stop();
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

/** Frame after frame, each when the answer to the former one is in; none while nobody looks at the tab. */
async function look(view, signal) {
  view.panel.idle("Waiting for a face");
  while (!signal.aborted) {
    const next = sleep(Number(view.choice.pace), signal).catch(() => {});
    try {
      await visible(signal);
      await recognise(view, signal);
      replace(view.status);
    } catch (error) {
      if (signal.aborted) return;
      replace(view.status, problemNotice(error));
      view.panel.idle("No answer");
      await sleep((error.retryAfter ?? 2) * 1000, signal).catch(() => {});
    }
    await next;
  }
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve, reject) => {
    document.addEventListener("visibilitychange", resolve, { once: true, signal });
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function recognise(view, signal) {
  const image = await view.camera.frame(FRAME_PX, FRAME_QUALITY);
  const { gallery, device } = view.choice;
  const body = form({ image, device, top_k: 1 });
  const job = await run(at`/v1/galleries/${gallery}/recognitions`, body, { wait: WAIT_S, tries: 1, signal });
  const decision = decisionOf(outcome(job));
  if (decision.person) decision.name = await nameOf(view, decision.person);
  view.panel.show(decision);
  view.events.add(decision);
}

/** A person's name, asked once. */
async function nameOf(view, person) {
  view.names ??= new Map();
  const key = `${view.choice.gallery}/${person}`;
  if (!view.names.has(key)) {
    const found = await get(at`/v1/galleries/${view.choice.gallery}/persons/${person}`, { signal: view.signal }).catch(
      () => ({}),
    );
    view.names.set(key, found.name ?? person);
  }
  return view.names.get(key);
}

async function notThisPerson(view, decision) {
  await post(
    at`/v1/galleries/${view.choice.gallery}/feedback`,
    { job: decision.job, kind: "wrong_person" },
    { signal: view.signal },
  );
  announce("Noted. It counts when the threshold is measured next.");
}
