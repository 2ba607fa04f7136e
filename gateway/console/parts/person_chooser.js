// Who a photo is of: an id that is typed, or one of those who are there already, offered while one types.

import { at, get } from "../api.js";
import { h, newId, replace } from "../dom.js";
import { field, idInput } from "./ui.js";
import { count } from "./words.js";

const TYPING_MS = 200;
const OFFERED = 8;

export const nameOf = (person) => person.name ?? person.id;
export const facesOf = (person) => count(person.face_count, "face");

/** Who has an id; null: nobody. */
export const whoHas = (gallery, id, signal) =>
  get(at`/v1/galleries/${gallery}/persons/${id}`, { signal }).catch((error) => {
    if (error.status === 404) return null;
    throw error;
  });

/**
 * A combobox. `element` is the field; `id` is what it holds, `isChosen` whether that was chosen from the list;
 * `look()` reads who has the id, null: nobody yet. `onlook(person)` hears of it. `fixed` is an id that stays.
 */
export function personChooser({ gallery, fixed, signal, onlook }) {
  const people = at`/v1/galleries/${gallery}/persons`;
  const listId = newId("people");
  const control = idInput("person", {
    value: fixed ?? "",
    readonly: Boolean(fixed),
    ...(!fixed && { role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId }),
  });
  const list = h("ul", {
    class: "options",
    id: listId,
    role: "listbox",
    "aria-label": "People who are there",
    hidden: true,
  });
  const note = h("p", { class: "chooser-note", "aria-live": "polite" });
  const made = field("Person", control, { hint: "An id of your own, for example a staff number; or somebody’s name." });
  control.after(h("div", { class: "options-place" }, list), note);
  const chooser = { element: made, isChosen: Boolean(fixed), look, choose };
  Object.defineProperty(chooser, "id", { get: () => control.value.trim() });
  let offered = [];
  let active = -1;
  let round = 0;
  let timer;

  /** Offer these; who was marked among those of before stays so. */
  function open(found) {
    const marked = offered[active]?.id;
    offered = found;
    replace(
      list,
      found.map((person, index) => option(person, index)),
    );
    list.hidden = found.length === 0;
    control.setAttribute("aria-expanded", String(found.length > 0));
    mark(found.findIndex(({ id }) => id === marked));
  }

  function option(person, index) {
    const made = h(
      "li",
      { role: "option", id: `${listId}-${index}`, "aria-selected": "false" },
      h("span", { class: "option-id" }, person.id),
      h("span", { class: "hint" }, [person.name, facesOf(person)].filter(Boolean).join(" · ")),
    );
    made.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      choose(person);
    });
    return made;
  }

  function mark(index) {
    active = index;
    for (const [other, one] of [...list.children].entries()) one.setAttribute("aria-selected", String(other === index));
    if (index < 0) return control.removeAttribute("aria-activedescendant");
    control.setAttribute("aria-activedescendant", `${listId}-${index}`);
    list.children[index].scrollIntoView({ block: "nearest" });
  }

  function move(by) {
    const from = active < 0 && by < 0 ? 0 : active;
    if (offered.length) mark((from + by + offered.length) % offered.length);
  }

  function choose(person) {
    control.value = person.id;
    chooser.isChosen = true;
    round += 1; // what is still asked for was typed before
    clearTimeout(timer);
    open([]);
    tell(person);
  }

  function tell(person) {
    note.classList.toggle("chooser-warn", Boolean(person) && !chooser.isChosen);
    if (!person) note.textContent = chooser.id ? "Nobody has this id yet: they will be new." : "";
    else if (chooser.isChosen) note.textContent = `Adds to ${nameOf(person)} (${facesOf(person)}).`;
    else
      note.textContent = `${person.id} is there already: ${nameOf(person)} (${facesOf(person)}). Choose them from the list if they are meant.`;
    onlook?.(person);
  }

  /** Read who has the id that is typed. */
  async function look() {
    const id = chooser.id;
    if (!id || !control.validity.valid) return null;
    const person = await whoHas(gallery, id, signal);
    if (id === chooser.id) tell(person);
    return person;
  }

  async function offer() {
    clearTimeout(timer);
    const mine = ++round;
    const q = chooser.id;
    const { persons } = q ? await get(people, { query: { q, limit: OFFERED }, signal }) : { persons: [] };
    if (mine !== round) return;
    open(document.activeElement === control ? persons : []);
    const same = persons.find(({ id }) => id === q);
    if (same) tell(same);
  }

  control.addEventListener("input", () => {
    chooser.isChosen = false;
    note.textContent = "";
    onlook?.(null);
    clearTimeout(timer);
    timer = setTimeout(() => offer().catch(() => open([])), TYPING_MS); // without offers the id is typed whole
  });
  control.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) offer().catch(() => open([]));
      else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault(); // the form is not sent yet
      choose(offered[active]);
    } else if (event.key === "Escape" && !list.hidden) {
      event.stopPropagation();
      open([]);
    }
  });
  control.addEventListener("blur", () => open([]));
  control.addEventListener("change", () => chooser.isChosen || look().catch(() => {}));
  if (fixed) look().catch(() => {});
  return chooser;
}
