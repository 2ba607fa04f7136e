// Batches: many pictures, or many people, at once.

import { Problem, get } from "../api.js";
import { h, replace } from "../dom.js";
import { sendBatch } from "../parts/batch_sending.js";
import { batchBadge, batchProgress } from "../parts/batch_view.js";
import { ACCEPT, isImage } from "../parts/image_files.js";
import { dropZone, fileInput } from "../parts/photo.js";
import { paintingOptions } from "../parts/painting_options.js";
import { styleGrid } from "../parts/style_grid.js";
import { button, empty, formOf, heading, notice, paged, problemNotice, row, table } from "../parts/ui.js";
import { count, when, words } from "../parts/words.js";
import { go } from "../router.js";
import { session } from "../session.js";

const COLUMNS = ["Batch", "Kind", "Status", "Progress", "Since"];

export default function batches({ signal }) {
  const list = h("tbody");
  const known = paged(list, signal, {
    read: async (cursor) => {
      const found = await get("/v1/batches", { query: { cursor, limit: 20 }, signal });
      return { rows: found.batches.map(batchRow), next: found.next_cursor };
    },
    none: () =>
      empty(
        "batches",
        "No batch yet",
        h("p", {}, "Paint many pictures at once, or enrol many people from a gallery’s page."),
      ),
  });
  return [
    heading("Batches", { intro: "Many at once, behind whatever is interactive; each item is a job of its own." }),
    session.may("stylise") && newBatch(signal),
    table("Batches, newest first", COLUMNS, list),
    known.more,
  ];
}

function batchRow(batch) {
  return row(COLUMNS, [
    h("a", { href: `#/batches/${encodeURIComponent(batch.id)}`, class: "mono" }, batch.id.slice(0, 8)),
    words(batch.kind ?? "stylization"),
    batchBadge(batch),
    batchProgress(batch),
    when(batch.created_at),
  ]);
}

function newBatch(signal) {
  const status = h("div", { class: "status", "aria-live": "polite" });
  const chosen = h("p", { class: "hint" }, "Nothing chosen yet.");
  const place = h("div", { class: "stack" });
  let files = [];
  const take = (given) => {
    files = given.filter((file) => isImage(file) || isZip(file));
    replace(
      status,
      files.length < given.length &&
        notice(
          "warn",
          h("p", {}, `${count(given.length - files.length, "file")} left out: neither a picture nor a ZIP.`),
        ),
    );
    replace(chosen, `${count(files.length, "file")} chosen`);
  };
  const chooser = fileInput("pictures or a ZIP", take, {
    accept: `${ACCEPT},.zip`,
    multiple: true,
    text: "Choose files",
  });
  const zone = h(
    "div",
    { class: "drop stack" },
    h("p", {}, "Drop pictures or a ZIP of them."),
    chooser.element,
    chosen,
  );
  dropZone(zone, take, (detail) => replace(status, problemNotice(new Problem({ detail }))));
  const made = h("details", { class: "card" }, h("summary", {}, h("h2", {}, "Paint many pictures")), place);
  made.addEventListener("toggle", () => made.open && !place.hasChildNodes() && begin(), { once: true });

  function begin() {
    const options = paintingOptions({ onchange: () => styles.fit(), preview: false });
    const styles = styleGrid({ signal, modeOf: () => options.values().mode });
    const send = async () => {
      if (files.length === 0) return replace(status, notice("warn", h("p", {}, "Choose pictures first.")));
      const images = files.filter((file) => !isZip(file));
      const [archive, ...others] = files.filter(isZip);
      if (others.length) return replace(status, notice("warn", h("p", {}, "Send one ZIP at a time: choose again.")));
      const batch = await sendBatch({ images, archive, ...styles.choice(), ...options.values() }, signal);
      go(`/batches/${batch.id}`);
    };
    replace(
      place,
      formOf(
        send,
        { class: "stack", status },
        h("div", { class: "columns" }, h("div", { class: "stack" }, zone, styles.element), options.element),
        status,
        h("div", { class: "actions" }, button("Begin", null, { kind: "primary", type: "submit" })),
      ),
    );
  }
  return made;
}

const isZip = (file) => /zip/.test(file.type) || /\.zip$/i.test(file.name);
