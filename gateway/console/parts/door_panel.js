// The large panel of the door view: granted or denied, who and why, for as long as the face is there.

import { announce, h, replace } from "../dom.js";
import { icon } from "./icons.js";
import { badge, button } from "./ui.js";
import { clock, count, mood, words } from "./words.js";

const ROWS = 6; // faces of a group that the panel lists
const LAST_MS = 30_000; // so long it is told who was there last
const AGAIN_MS = 5000; // who is back so soon is not announced anew
const PORTRAIT_PX = 96;
const MARGIN = 0.25; // around a face, of its width and height

/** The panel; `feedback(sight, face)` is what “Not this person” does. */
export function panel({ feedback }) {
  const element = h("section", { class: "door-panel", "aria-label": "Decision" });
  let shown = null; // { sight, key, draw } of the faces that are there
  let last = null; // { sight, at } of those that were
  let said = { text: "", at: 0 };
  let ticking;

  function put(decision, ...content) {
    element.dataset.decision = decision;
    replace(element, content);
  }

  /** Nobody is looked at; what was decided is forgotten. */
  function idle(text) {
    clearInterval(ticking);
    shown = last = null;
    put("idle", h("p", { class: "door-word" }, text));
  }

  /** The face has gone, or nobody knows: what was decided no longer holds, and is told as what has been. */
  function gone(text = "Waiting for a face", ...more) {
    if (shown) last = { sight: shown.sight, at: Date.now() };
    shown = null;
    clearInterval(ticking);
    if (!last) return put("idle", h("p", { class: "door-word" }, text), more);
    const told = h("p", { class: "door-last" });
    const tick = () => {
      const passed = Date.now() - last.at;
      if (passed > LAST_MS) return forget();
      told.textContent = `Last: ${pastText(last.sight)}, ${Math.round(passed / 1000)} s ago`;
    };
    const mistaken = doubt(last.sight);
    const forget = () => {
      clearInterval(ticking);
      last = null;
      told.remove();
      mistaken?.remove();
    };
    put("past", h("p", { class: "door-word" }, text), more, told, mistaken);
    ticking = setInterval(tick, 1000);
    tick();
  }

  /** Something else than a decision: what somebody has to do. */
  function tell(decision, ...content) {
    clearInterval(ticking);
    shown = null;
    put(decision, content);
  }

  /** Look after look says the same of whoever stands there: then only picture and time change, and nothing is said. */
  function show(sight, picture) {
    clearInterval(ticking);
    const { key, text } = toldOf(sight);
    if (shown?.key !== key) {
      const made = (sight.isGroup ? groupView : faceView)(sight);
      put(sight.isGroup ? groupKind(sight) : sight.faces[0].kind, made.content, doubt(sight));
      shown = { draw: made.draw, key };
    }
    shown.sight = sight;
    shown.draw(sight, picture);
    if (said.text !== text || Date.now() - said.at > AGAIN_MS) announce(text);
    said = { text, at: Date.now() };
  }

  /** “Not this person”, where one face was let through. */
  function doubt(of) {
    if (of.isGroup || of.faces[0].kind !== "granted") return null;
    const made = button("Not this person", async () => {
      const { sight } = shown ?? last;
      await feedback(sight, sight.faces[0]);
      replace(made, "Thank you, noted");
      made.disabled = true;
    });
    return made;
  }

  idle("Paused");
  return { element, idle, gone, tell, show };
}

const WORDS = { granted: "Granted", denied: "Denied" };
const faceText = ({ kind, name, reason }) => `${WORDS[kind]}: ${[name, words(reason)].filter(Boolean).join(", ")}`;
const pastText = (sight) =>
  sight.isGroup
    ? groupText(sight)
    : `${sight.faces[0].name ?? words(sight.faces[0].reason)}, ${WORDS[sight.faces[0].kind].toLowerCase()}`;
const grantedOf = ({ faces }) => faces.filter(({ kind }) => kind === "granted").length;
const groupText = (sight) => `${grantedOf(sight)} of ${sight.found} may pass`;

/** What is announced, and what the panel holds beside pictures and time. */
function toldOf(sight) {
  const text = sight.isGroup ? groupText(sight) : faceText(sight.faces[0]);
  const faces = sight.isGroup ? sight.faces : sight.faces.slice(0, 1);
  return { text, key: JSON.stringify([text, sight.found, faces.map(({ person, reason }) => [person, reason])]) };
}

function groupKind(sight) {
  const granted = grantedOf(sight);
  if (granted === 0) return "denied";
  return granted === sight.found ? "granted" : "some";
}

function faceView({ faces, found }) {
  const [{ kind, name, reason, advice }] = faces;
  const face = portrait("door-portrait");
  const time = h("p", { class: "door-time" });
  const why = words(reason);
  return {
    content: [
      face,
      h("p", { class: "door-word" }, icon(kind === "granted" ? "check" : "cross", 36), WORDS[kind]),
      h("p", { class: "door-who" }, name ?? why),
      name && why && h("p", {}, why),
      advice && h("p", { class: "door-time" }, advice),
      found > 1 && h("p", { class: "door-time" }, `Of the face in front; ${count(found - 1, "other")} behind`),
      time,
    ],
    draw: (sight, picture) => {
      time.textContent = clock(sight.at);
      drawFace(face, picture, sight.faces[0].box);
    },
  };
}

function groupView(sight) {
  const rows = sight.faces.slice(0, ROWS).map(({ kind, name, reason }) => {
    const face = portrait("door-small");
    const told = h("span", { class: "door-name" }, name ?? words(reason), name && reason && ` · ${words(reason)}`);
    return { face, element: h("li", {}, face, told, badge(mood(kind), WORDS[kind])) };
  });
  const more = sight.found - rows.length;
  return {
    content: [
      h("p", { class: "door-word" }, groupText(sight)),
      h("p", { class: "door-time" }, "Several stand here alike: one at a time, please"),
      h(
        "ul",
        { class: "door-group" },
        rows.map(({ element }) => element),
      ),
      more > 0 && h("p", { class: "door-time" }, `and ${count(more, "other face")}`),
    ],
    draw: (now, picture) => {
      for (const [index, { face }] of rows.entries()) drawFace(face, picture, now.faces[index].box);
    },
  };
}

const portrait = (name) => h("canvas", { class: name, width: PORTRAIT_PX, height: PORTRAIT_PX, "aria-hidden": "true" });

/** The face as it was looked at, a little larger than its box. */
function drawFace(canvas, picture, { x, y, width, height }) {
  const side = Math.max(width, height) * (1 + 2 * MARGIN);
  const [left, top] = [x + (width - side) / 2, y + (height - side) / 2];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, PORTRAIT_PX, PORTRAIT_PX);
  context.drawImage(picture, left, top, side, side, 0, 0, PORTRAIT_PX, PORTRAIT_PX);
}
