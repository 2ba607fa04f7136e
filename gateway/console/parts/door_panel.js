// The large panel of the door view: granted or denied, who and why.

import { announce, h, replace } from "../dom.js";
import { icon } from "./icons.js";
import { button } from "./ui.js";
import { clock, words } from "./words.js";

const STALE_MS = 10_000; // a decision that none follows says nothing of who stands there now
const STAYS_MS = 3000; // a decision is shown at least as long after its face is gone

/** What a recognition decides: { kind: granted | denied | nobody, reason, person, at, job }. */
export function decisionOf(job) {
  const { result } = job;
  const base = { job: job.id, at: job.finished_at, person: result.person };
  if (result.verdict === "no_face") return { ...base, kind: "nobody", reason: "no_face" };
  const granted = result.decision ? result.decision === "granted" : result.verdict === "recognised";
  return { ...base, kind: granted ? "granted" : "denied", reason: granted ? "" : (result.denial ?? result.verdict) };
}

/** The panel; `feedback(decision)` is what “Not this person” does. */
export function panel({ feedback }) {
  const element = h("section", { class: "door-panel", "aria-label": "Decision" });
  const time = h("p", { class: "door-time" });
  let shownAt = 0;
  let shown = null; // the decision and its words
  let fading;

  function idle(text) {
    clearTimeout(fading);
    shownAt = 0;
    shown = null;
    element.dataset.decision = "idle";
    replace(element, h("p", { class: "door-word" }, text));
  }

  /** Frame after frame says the same of one who stands there: then only the time changes, and nothing is said anew. */
  function show(decision) {
    if (decision.kind === "nobody") {
      if (Date.now() - shownAt > STAYS_MS) idle("Waiting for a face");
      return;
    }
    shownAt = Date.now();
    clearTimeout(fading);
    fading = setTimeout(() => idle("Waiting for an answer"), STALE_MS);
    const granted = decision.kind === "granted";
    const word = granted ? "Granted" : "Denied";
    const why = words(decision.reason);
    const text = `${word}: ${[decision.name, why].filter(Boolean).join(", ")}`;
    const same = shown?.text === text && shown.decision.person === decision.person;
    shown = { decision, text };
    time.textContent = clock(decision.at);
    if (same) return;
    element.dataset.decision = decision.kind;
    replace(
      element,
      icon(granted ? "check" : "cross", 56),
      h("p", { class: "door-word" }, word),
      h("p", { class: "door-who" }, decision.name ?? why),
      decision.name && why && h("p", {}, why),
      time,
      granted && notThis(),
    );
    announce(text);
  }

  function notThis() {
    const made = button("Not this person", async () => {
      await feedback(shown.decision);
      replace(made, "Thank you, noted");
      made.disabled = true;
    });
    return made;
  }

  idle("Paused");
  return { element, idle, show };
}
