// The styles of the library as pictures to choose from, and one's own.

import { Problem, at, form, get, put } from "../api.js";
import { h, newId, objectUrl, replace } from "../dom.js";
import { IMAGE_NAMES, isImage } from "./image_files.js";
import { dropZone, fileInput, picture } from "./photo.js";
import { button, field, input, problemNotice } from "./ui.js";

const TYPING_MS = 250;

/** A group of radio buttons; `choice()` is { style_id } or { style: file }, null without one. */
export function styleGrid({ signal, onchange, modeOf = () => "fast" }) {
  const name = newId("style");
  const grid = h("div", { class: "styles", role: "radiogroup", "aria-label": "Style" });
  const status = h("div", { class: "status" });
  let own = null;
  let keep = null;
  const search = input("style-search", { type: "search", placeholder: "Painter, title, look…" });
  let timer;
  let round = 0;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(fill, TYPING_MS);
  });
  search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  grid.addEventListener("change", () => onchange?.());

  const take = ([file]) => {
    if (!isImage(file)) return complain(`Choose a picture: ${IMAGE_NAMES}.`);
    own = file;
    keep.hidden = false;
    replace(status);
    grid.querySelector(".style-own")?.remove();
    grid.prepend(ownTile(file));
    grid.querySelector(".style-own input").checked = true;
    onchange?.();
  };
  const complain = (detail) => replace(status, problemNotice(new Problem({ detail })));
  const chooser = fileInput("style", take, { text: "Use a picture of my own" });
  dropZone(grid, take, complain);

  const radio = (value, label, image, extra) =>
    h(
      "label",
      { class: `style ${extra ?? ""}` },
      h("input", { type: "radio", name, value, class: "visually-hidden" }),
      image,
      h("span", { class: "style-title" }, label),
    );

  function ownTile(file) {
    return radio("", "My own", h("img", { src: objectUrl(file, signal), alt: "" }), "style-own");
  }

  async function fill() {
    const mine = ++round;
    const chosen = grid.querySelector("input:checked")?.value;
    grid.setAttribute("aria-busy", "true");
    try {
      const found = await get("/v1/styles", { query: { q: search.value.trim(), limit: 200 }, signal });
      if (mine !== round) return; // another search was faster
      const tiles = found.styles.map((style) => {
        const made = radio(
          style.id,
          style.title,
          picture(style.links.thumbnail, { alt: "", signal, width: 96, height: 96 }),
        );
        made.title = [style.title, style.artist, style.year].filter(Boolean).join(", ");
        made.dataset.modes = style.modes.join(" ");
        return made;
      });
      const none = tiles.length === 0 && h("p", { class: "hint" }, "No style is like that: change the search.");
      replace(grid, own && ownTile(own), tiles, none);
      const kept =
        [...grid.querySelectorAll("input")].find((one) => one.value === chosen) ?? grid.querySelector("input");
      if (kept) kept.checked = true;
      fit();
      if (grid.querySelector("input:checked")?.value !== chosen) onchange?.();
    } catch (error) {
      if (!signal.aborted && mine === round) replace(grid, problemNotice(error, fill));
    } finally {
      grid.removeAttribute("aria-busy");
    }
  }

  /** Looks are for the fast mode only. */
  function fit() {
    for (const tile of grid.querySelectorAll(".style[data-modes]")) {
      const fits = tile.dataset.modes.split(" ").includes(modeOf());
      tile.hidden = !fits;
      tile.querySelector("input").disabled = !fits;
    }
    const chosen = grid.querySelector("input:checked");
    if (!chosen || chosen.disabled) {
      const first = grid.querySelector("input:not(:disabled)");
      if (first) first.checked = true;
    }
  }

  function choice() {
    const chosen = grid.querySelector("input:checked");
    if (!chosen) return null;
    return chosen.closest(".style-own") ? { style: own } : { style_id: chosen.value };
  }

  keep = keepButton(
    () => own,
    async (wanted) => {
      const id = await freeId(wanted, signal);
      await put(at`/v1/styles/${id}`, form({ image: own, title: id }), { signal });
      own = null;
      keep.hidden = true;
      await fill();
    },
  );
  const ready = fill();
  return {
    element: h(
      "div",
      { class: "stack" },
      h("div", { class: "row" }, field("Find a style", search), chooser.element, keep),
      grid,
      status,
    ),
    choice,
    fit,
    ready,
  };
}

/** An id that no style of the library has: keeping one replaces none. */
async function freeId(wanted, signal) {
  const { styles } = await get("/v1/styles", { query: { q: wanted, limit: 1000 }, signal });
  const taken = new Set(styles.map((style) => style.id));
  let id = wanted;
  for (let number = 2; taken.has(id); number++) id = `${wanted}-${number}`;
  return id;
}

/** Keep one's own picture in the library, under an id made of its file's name. */
function keepButton(own, save) {
  const id = (name) =>
    name
      .replace(/\.[^.]*$/, "")
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[._-]+/, "")
      .slice(0, 60);
  return button("Keep it in the library", () => save(id(own().name) || "my-style"), { kind: "quiet", hidden: true });
}
