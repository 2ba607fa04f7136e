// One batch: how far it is, what became of each item, the results.

import { at, blob, get, post } from "../api.js";
import { announce, h, refresh, replace, save, sleep } from "../dom.js";
import { sendBatch, sentHere } from "../parts/batch_sending.js";
import { batchBadge, batchProgress, isOver, skippedOf } from "../parts/batch_view.js";
import { picture } from "../parts/photo.js";
import { badge, button, empty, facts, field, heading, paged, problemNotice, row, select, table } from "../parts/ui.js";
import { mood, when, words } from "../parts/words.js";
import { go } from "../router.js";

const COLUMNS = ["Item", "File", "Status", "Result"];
const POLL_MS = 1500;
const DOWNLOAD_MS = 600_000;

export default async function batch({ params, signal }) {
  const path = at`/v1/batches/${params.batch}`;
  const found = await get(path, { signal });
  const head = h("div", { class: "card stack" });
  const status = h("div", { class: "status" });
  const list = h("tbody");
  const filter = select("status", [
    ["", "All"],
    ["succeeded", "Succeeded"],
    ["failed", "Failed"],
    ["running", "Running"],
    ["queued", "Queued"],
    ["cancelled", "Cancelled"],
  ]);
  const pictures = pictureShelf(signal);
  const items = paged(list, signal, {
    read: async (cursor) => {
      const page = await get(`${path}/items`, { query: { cursor, limit: 50, status: filter.value }, signal });
      return { rows: page.items.map((item) => itemRow(path, item, pictures)), next: page.next_cursor };
    },
    none: () => empty("batches", "No item is like that"),
  });
  filter.addEventListener("change", items.begin);
  const show = (now) => refresh(head, overview(now, { path, signal, status, show }));
  show(found);
  if (!isOver(found))
    watch(path, signal, show, items.again).catch((error) => !signal.aborted && replace(status, problemNotice(error)));
  return [
    heading(`Batch ${params.batch.slice(0, 8)}`, { back: { path: "/batches", label: "All batches" } }),
    head,
    status,
    skippedOf(found),
    h("div", { class: "row filters" }, h("h2", {}, "Items"), field("Show", filter)),
    table("Items", COLUMNS, list),
    items.more,
  ];
}

function overview(now, { path, signal, status, show }) {
  const act = (what) => async () => {
    const changed = await post(`${path}/${what}`, undefined, { signal });
    show(changed);
    announce(words(changed.status));
  };
  const download = async () => save(await blob(now.links.results, { signal, timeout: DOWNLOAD_MS }), `${now.id}.zip`);
  return [
    h("p", {}, batchBadge(now)),
    batchProgress(now),
    facts([
      ["Kind", words(now.kind ?? "stylization")],
      ["Gallery", now.gallery && h("a", { href: `#${at`/galleries/${now.gallery}`}` }, now.gallery)],
      ["Accepted", when(now.created_at)],
      ["Finished", when(now.finished_at)],
      ["Id", h("span", { class: "mono" }, now.id)],
    ]),
    h(
      "div",
      { class: "actions" },
      now.links.pause && button("Pause", act("pause"), { name: "pause", status }),
      now.links.resume && button("Go on", act("resume"), { name: "play", status }),
      isOver(now) &&
        now.counts.failed > 0 &&
        sentHere(now.id) &&
        button("Try the failed ones again", () => tryAgain(now, signal), { status }),
      now.links.cancel && button("Cancel", act("cancel"), { kind: "danger", status }),
      now.counts.done > 0 &&
        now.links.results &&
        button("Download the results", download, { name: "download", status }),
    ),
  ];
}

/** A new batch of the files that failed; this page still has them. */
async function tryAgain(now, signal) {
  const failed = new Set();
  for (let cursor = null; ;) {
    const found = await get(now.links.items, { query: { status: "failed", limit: 1000, cursor }, signal });
    for (const item of found.items) failed.add(item.name);
    cursor = found.next_cursor;
    if (!cursor) break;
  }
  const { images, ...fields } = sentHere(now.id);
  const again = await sendBatch({ ...fields, images: images.filter((file) => failed.has(file.name)) }, signal);
  go(at`/batches/${again.id}`);
}

/** Ask how far it is until it is over; a batch of thousands has too many events to show each. */
async function watch(path, signal, show, again) {
  let shown = -1;
  for (;;) {
    const now = await get(path, { signal });
    show(now);
    const done = now.counts.done + now.counts.failed + now.counts.cancelled;
    if (done !== shown) again();
    shown = done;
    if (isOver(now)) return announce(`The batch is over: ${words(now.status)}.`);
    await sleep(POLL_MS, signal);
  }
}

/** The pictures of items, each fetched once however often the list is read. */
function pictureShelf(signal) {
  const made = new Map();
  return (source, attributes) => {
    if (!made.has(source)) made.set(source, picture(source, { signal, ...attributes }));
    return made.get(source);
  };
}

function itemRow(path, item, pictures) {
  return row(COLUMNS, [
    h("span", { class: "mono" }, item.custom_id),
    item.name ?? "",
    badge(mood(item.status), words(item.status)),
    h("div", {}, resultOf(path, item, pictures), (item.warnings ?? item.enrolment?.warnings ?? []).map(warned)),
  ]);
}

const warned = ({ code, detail }) =>
  h("p", {}, badge("warn", words(code)), h("span", { class: "hint" }, ` ${detail ?? ""}`));

/** The picture; or what came of it, in the service's own words where it went wrong. */
function resultOf(path, item, pictures) {
  if (item.image) {
    const source = item.image.url ?? `${path}/images/${encodeURIComponent(item.job)}`;
    return pictures(source, {
      alt: `Painted ${item.name ?? item.custom_id}`,
      class: "thumb",
      width: 96,
      height: 72,
    });
  }
  const verdict = item.enrolment?.verdict ?? item.verdict;
  return [verdict && words(verdict), item.error?.detail].filter(Boolean).join(": ");
}
