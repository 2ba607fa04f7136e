// A liveness challenge as the person sees it: which movement now, how far, how long.

import { announce, h, replace } from "../dom.js";
import { icon } from "./icons.js";
import { progressBar } from "./ui.js";

const TICK_MS = 100;
const BACK = 0.55; // of a movement's time: from then on it is ended

/** What each movement is, there and back; of one that is not known here the service's own sentence is shown. */
const MOVES = {
  turn_left: ["Turn your head to your left", "Look straight ahead again"],
  turn_right: ["Turn your head to your right", "Look straight ahead again"],
  look_up: ["Raise your chin, look up", "Look straight ahead again"],
  come_closer: ["Come closer to the camera", "Move back again"],
};
const movesOf = ({ action, instruction }) => MOVES[action] ?? [instruction, instruction];

/** What parts/challenge.js tells, in the panel and as a sign over the live picture; `element` is that sign. */
export function prompt(panel) {
  const element = h("div", { class: "live-sign", "aria-hidden": "true", hidden: true });
  let ticking;

  function sign(name, text) {
    element.hidden = false;
    element.dataset.sign = name;
    replace(element, icon(name, 56), h("span", {}, text));
  }

  function clear() {
    clearInterval(ticking);
    element.hidden = true;
  }

  function say(word, ...content) {
    clearInterval(ticking);
    panel.tell("check", h("p", { class: "door-word" }, word), content);
    announce(word);
  }

  function ready(steps, seconds) {
    const text = `Look into the camera: ${seconds}`;
    sign("person", text);
    panel.tell(
      "check",
      h("p", { class: "door-word" }, text),
      h("p", {}, `Then make ${steps.length} movements as they are shown:`),
      listOf(steps, -1),
    );
    if (seconds === 3) announce(`Look into the camera. Then make ${steps.length} movements as they are said.`);
  }

  function face() {
    sign("person", "Look into the camera");
    say("Look into the camera");
  }

  function move(index, steps, ms) {
    const [there, back] = movesOf(steps[index]);
    const text = h("p", { class: "door-word" }, there);
    const bar = progressBar("Time for this movement", 0, ms);
    sign(steps[index].action, there);
    clearInterval(ticking);
    panel.tell(
      "check",
      h("p", {}, `Movement ${index + 1} of ${steps.length}`),
      icon(steps[index].action, 56),
      text,
      bar,
      listOf(steps, index),
    );
    announce(there);
    const begun = performance.now();
    ticking = setInterval(() => {
      bar.value = performance.now() - begun;
      if (bar.value < BACK * ms || text.textContent === back) return;
      text.textContent = back;
      sign("person", back);
      announce(back);
    }, TICK_MS);
  }

  function checking() {
    clear();
    say("Checking the movements…", h("p", {}, "Stay where you are."));
  }

  return { element, clear, ready, face, move, checking };
}

/** The movements in their order; those that are done are ticked, the one of now is marked. */
const listOf = (steps, now) =>
  h(
    "ol",
    { class: "door-steps" },
    steps.map((step, index) =>
      h(
        "li",
        { "aria-current": index === now && "step", class: index < now ? "done" : "" },
        icon(index < now ? "check" : step.action, 18),
        movesOf(step)[0],
      ),
    ),
  );
