// Enrolling a photo: what is asked before a doubtful one is stored, what came of it, and taking it back.

import { at, form, get, remove } from "../api.js";
import { h, replace } from "../dom.js";
import { run } from "../jobs.js";
import { session } from "../session.js";
import { ask, tell } from "./dialog.js";
import { faceCards, numbered } from "./face_cards.js";
import { nameOf, whoHas } from "./person_chooser.js";
import { button, notice } from "./ui.js";
import { count, percent, words } from "./words.js";

const CONFLICT = "identity_conflict";

/** Whether a photo goes to somebody who is there, although nobody chose them from the list. */
export function askWhetherMeant(person, signal) {
  return ask(`Add the photo to ${nameOf(person)}?`, {
    signal,
    confirm: "Add to them",
    body: [
      h("p", {}, `The id ${person.id} belongs to somebody who is there already. Cancel if somebody else is meant.`),
      person.faces.length > 0 ? faceCards(numbered(person.faces), { signal }) : h("p", {}, "They have no face yet."),
    ],
  });
}

/**
 * Send the photo; a face that does not look like the person is stored only after somebody with the right to it said so.
 * `sent`: gallery, id, person (null: new), picker, label. The result, or null when it was not to be.
 */
export async function enrolPhoto(sent, signal) {
  const fields = { image: sent.picker.file, box: sent.picker.box, label: sent.label, conflicts: "refuse" };
  const path = at`/v1/galleries/${sent.gallery}/persons/${sent.id}/faces`;
  const { result } = await run(path, form(fields), { signal });
  if (result.verdict !== CONFLICT) return result;
  const person = await get(at`/v1/galleries/${sent.gallery}/persons/${sent.id}`, { signal });
  if (!session.may("admin")) {
    await tell(
      `This does not look like ${nameOf(person)}`,
      [...comparison(sent, person, result, signal), whomToAsk()],
      { signal },
    );
    return null;
  }
  const confirmed = await ask(
    `This does not look like ${nameOf(person)} (${count(person.face_count, "photo")}). Add anyway?`,
    {
      signal,
      kind: "danger",
      confirm: "Add anyway",
      body: comparison(sent, person, result, signal),
      action: async () => {
        const again = { ...fields, conflicts: undefined, override: CONFLICT };
        return (await run(path, form(again), { signal })).result;
      },
    },
  );
  return confirmed ?? null;
}

/** The photo beside the faces that are there. */
function comparison({ picker }, person, result, signal) {
  const resembled = result.warnings.find(({ code, person: other }) => code === "lookalike" && other);
  return [
    h("div", { class: "doubt-photo" }, picker.preview()),
    resembled && h("p", {}, `It looks like ${resembled.person}.`),
    h("p", {}, `Whoever it shows passes as ${nameOf(person)} once it is added. These faces are known:`),
    faceCards(numbered(person.faces), { signal }),
  ];
}

const whomToAsk = () =>
  h(
    "p",
    {},
    "Nothing was stored. If it is the same person, ask an administrator to add it: that needs the scope “admin”.",
  );

/** What came of it: notices, with a way back where something was stored. `onundo` is called once it is taken back. */
export function outcomeOf(result, { gallery, id, person, signal, onundo }) {
  const warnings = (result.warnings ?? []).map((warning) => warned(warning, gallery));
  if (result.verdict === "enrolled") return [stored(result, { gallery, id, signal, onundo }), ...warnings];
  if (result.verdict === "already_enrolled") return [alreadyThere(result, gallery, id, person)];
  const nobody = person ? "" : " Nobody was made.";
  return [
    notice("warn", h("p", {}, h("strong", {}, `${words(result.verdict)}. `), reasonOf(result), nobody)),
    ...warnings,
  ];
}

const reasonOf = ({ faces, reason }) =>
  faces?.length ? "Choose the one that is meant by its number in the photo." : (reason ?? "");

const linkTo = (gallery, id, text = "See the person") =>
  h("a", { href: `#${at`/galleries/${gallery}/persons/${id}`}` }, text);

function stored(result, { gallery, id, signal, onundo }) {
  const quality = result.quality ? ` Quality ${percent(result.quality.score)}.` : "";
  const fresh = result.created ? " They are new here." : "";
  const made = notice("good", h("p", {}, `${id} is enrolled.${quality}${fresh} `, linkTo(gallery, id)));
  const undo = button("Undo", async () => {
    const path = at`/v1/galleries/${gallery}/persons/${id}/faces/${result.face}`;
    await remove(path, { query: { undo: true }, signal });
    const stays = !result.created || (await whoHas(gallery, id, signal));
    const told = stays ? `${id} stays as before.` : `${id}, who was new, is gone with it.`;
    replace(made.parentElement, notice("info", h("p", {}, `The photo is taken back. ${told}`)));
    onundo?.();
  });
  const room =
    result.replaced && h("p", {}, "The weakest face made room for this one; undoing does not bring it back.");
  made.lastElementChild.append(...[room].filter(Boolean), h("div", { class: "actions notice-actions" }, undo));
  return made;
}

function alreadyThere(result, gallery, id, person) {
  const same = numbered(person?.faces ?? []).find(({ face }) => face.id === result.face);
  const which = same ? ` as “${same.name}”` : "";
  const text = `This photo is enrolled already${which}: nothing was changed. `;
  return notice("info", h("p", {}, text, linkTo(gallery, id)));
}

function warned({ code, detail, person }, gallery) {
  const who = person && code === "lookalike" ? [" ", linkTo(gallery, person, `It looks like ${person}.`)] : [];
  return notice("warn", h("p", {}, h("strong", {}, `${words(code)}. `), detail, who));
}
