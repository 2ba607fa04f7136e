// What this tenant has painted lately, as pictures.

import { blob, get } from "../api.js";
import { h, save } from "../dom.js";
import { picture } from "./photo.js";
import { attempt, empty, paged } from "./ui.js";
import { when } from "./words.js";

const PAGE = 50; // jobs; not all of them are paintings

export function recentPaintings({ signal }) {
  const list = h("ul", { class: "paintings" });
  const jobs = paged(list, signal, {
    read: async (cursor) => {
      const found = await get("/v1/jobs", { query: { cursor, limit: PAGE }, signal });
      const made = found.jobs.filter((job) => job.type === "stylization" && job.status === "succeeded");
      return { rows: made.map((job) => tile(job, signal)), next: found.next_cursor };
    },
    none: () => empty("studio", "No painting of the last day"),
  });
  return { element: h("div", {}, list, jobs.more), begin: jobs.begin };
}

function tile(job, signal) {
  const { width, height, media_type: type } = job.result.image;
  const styles = job.result.styles.map((style) => style.style_id ?? "own picture").join(" + ");
  const download = async () =>
    save(await blob(job.links.image, { signal }), `painting-${job.id.slice(0, 8)}.${type.split("/")[1]}`);
  return h(
    "li",
    { class: "painting" },
    picture(job.links.image, { alt: `Painting after ${styles}`, signal, width, height }),
    h("div", { class: "painting-words" }, h("p", {}, styles), h("p", { class: "hint" }, when(job.finished_at))),
    h(
      "button",
      {
        class: "link",
        type: "button",
        "aria-label": `Download the painting after ${styles}`,
        onclick: ({ currentTarget }) => attempt(currentTarget, download),
      },
      "Download",
    ),
  );
}
