// The latest events of a door: from the audit, when the key may read it, otherwise what this page has seen.

import { at, get } from "../api.js";
import { h, replace, sleep } from "../dom.js";
import { session } from "../session.js";
import { badge } from "./ui.js";
import { clock, mood, words } from "./words.js";

const BEFORE = 1000; // entries to begin with: what came before this page
const READ = 50; // entries, each time after that
const KEPT = 2000; // entries
const SHOWN = 8; // visits
const READ_MS = 2000;
const SAME_MS = 10_000; // one person who stands there is one event

/** A list that `add(sight)` fills, or the audit. */
export function eventLog(place, { gallery, device, signal }) {
  const audited = session.may("audit:read");
  const list = h("ol", { class: "events" }, h("li", { class: "hint" }, "Nothing yet."));
  const source = audited ? `From the audit of ${device}` : "What this page has seen";
  replace(place, h("h2", {}, "Latest events"), h("p", { class: "hint" }, source), list);
  const seen = [];
  if (audited) follow(list, { gallery, device, signal });
  return { add: audited ? () => {} : (sight) => remember(list, seen, sight) };
}

function remember(list, seen, sight) {
  seen.unshift(...sight.faces.map(({ kind, name, reason }) => ({ at: sight.at, kind, text: told(name, reason) })));
  seen.length = Math.min(seen.length, KEPT);
  show(list, visits(seen));
}

/** Who it was and why they may not pass, as far as they are known. */
const told = (name, reason) => [name, words(reason)].filter(Boolean).join(" · ");

/** Frame after frame of one who stands there, alone or beside others, is one visit; newest first, as they come. */
function visits(events) {
  const found = [];
  for (const event of events) {
    const later = found.findLast((visit) => visit.kind === event.kind && visit.text === event.text);
    if (later && Date.parse(later.since) - Date.parse(event.at) < SAME_MS) {
      later.since = event.at;
      later.frames += 1;
    } else found.push({ ...event, since: event.at, frames: 1 });
  }
  return found.slice(0, SHOWN);
}

const show = (list, found) => replace(list, found.map(entry));

async function follow(list, { gallery, device, signal }) {
  const names = await namesOf(gallery, signal).catch(() => new Map());
  const known = new Map(); // by its number, for the latest entries are read again and again
  let limit = BEFORE;
  while (!signal.aborted) {
    try {
      const query = { gallery, device, action: "recognition", limit };
      const { entries } = await get("/v1/audit", { query, signal, tries: 1 });
      limit = READ;
      for (const one of entries) if (one.reason !== "no_face") known.set(one.sequence, eventOf(one, names));
      const latest = [...known.keys()].sort((a, b) => b - a);
      for (const old of latest.splice(KEPT)) known.delete(old);
      if (latest.length) show(list, visits(latest.map((number) => known.get(number))));
    } catch {
      if (signal.aborted) return; // otherwise the next round tries again; the list stays as it is
    }
    await sleep(READ_MS, signal).catch(() => {});
  }
}

function eventOf({ at: time, decision, outcome, reason, person }, names) {
  const name = names.get(person);
  return { at: time, kind: decision ?? outcome, text: told(name, reason ?? (name ? "" : outcome)) };
}

/** uid -> name, of the first people of a gallery: the audit knows pseudonyms only. */
async function namesOf(gallery, signal) {
  const { persons } = await get(at`/v1/galleries/${gallery}/persons`, { query: { limit: 1000 }, signal });
  return new Map(persons.map((person) => [person.uid, person.name ?? person.id]));
}

const entry = ({ at: time, kind, text, frames }) =>
  h(
    "li",
    {},
    h("time", { datetime: time, class: "number" }, clock(time)),
    badge(mood(kind), words(kind)),
    h("span", {}, text, frames > 1 && h("span", { class: "hint" }, ` · ${frames} times`)),
  );
