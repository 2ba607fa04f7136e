// The style studio: a photo, a style, how; the painting grows before one's eyes.

import { at, blob, form, post } from "../api.js";
import { announce, h, objectUrl, replace, save, sleep } from "../dom.js";
import { run } from "../jobs.js";
import { beforeAfter } from "../parts/before_after.js";
import { photoPicker } from "../parts/photo.js";
import { recentPaintings } from "../parts/paintings.js";
import { styleGrid } from "../parts/style_grid.js";
import { paintingOptions } from "../parts/painting_options.js";
import { button, empty, formOf, heading, notice, problemNotice, progressBar } from "../parts/ui.js";
import { percent, seconds } from "../parts/words.js";

const PREVIEW_PX = 256;
const SETTLE_MS = 500;
const PREVIEWS = 12; // of a fine painting

export default function studio({ signal }) {
  const canvas = h("div", { class: "canvas" }, waiting());
  const status = h("div", { class: "status", "aria-live": "polite" });
  const studio = { signal, canvas, status, job: null, painting: false, sketching: new AbortController() };
  studio.options = paintingOptions({ onchange: () => (studio.styles.fit(), sketch(studio)) });
  studio.styles = styleGrid({ signal, onchange: () => sketch(studio), modeOf: () => studio.options.values().mode });
  studio.photo = photoPicker({
    label: "Photo",
    hint: "Any picture: people, a street, a cat",
    signal,
    onpick: () => sketch(studio),
  });
  studio.recent = recentPaintings({ signal });
  studio.stop = button("Stop", () => post(at`/v1/jobs/${studio.job.id}/cancel`, undefined, { signal }), {
    name: "cross",
  });
  studio.stop.hidden = true;
  const paint = button("Paint", null, { kind: "primary", type: "submit", name: "studio" });
  return [
    heading("Style studio", { intro: "Drop a photo, choose a style, and see it painted." }),
    formOf(
      () => painted(studio),
      { class: "studio", status },
      h(
        "div",
        { class: "stack studio-choice" },
        h("h2", {}, "1. Photo"),
        studio.photo.element,
        h("h2", {}, "2. Style"),
        studio.styles.element,
      ),
      h(
        "div",
        { class: "stack studio-result" },
        h("h2", {}, "3. How"),
        studio.options.element,
        h("div", { class: "actions" }, paint, studio.stop),
        status,
        canvas,
      ),
    ),
    h("section", { class: "stack recent" }, h("h2", {}, "Lately painted"), studio.recent.element),
  ];
}

const waiting = () => empty("studio", "Nothing painted yet", h("p", {}, "Choose a photo and a style, then paint."));

/** Everything to send; a problem to show where something is missing. */
function fieldsOf(studio) {
  const style = studio.styles.choice();
  if (!studio.photo.file) return [null, "Choose a photo first."];
  if (!style) return [null, "Choose a style first."];
  return [{ content: studio.photo.file, ...style, ...studio.options.values() }, null];
}

/** Paint in earnest. */
async function painted(studio) {
  const { signal, status, canvas } = studio;
  studio.sketching.abort();
  const [fields, missing] = fieldsOf(studio);
  if (missing) return replace(status, notice("warn", h("p", {}, missing)));
  if (fields.mode === "fine") fields.preview_every = Math.max(1, Math.round((Number(fields.steps) || 80) / PREVIEWS));
  const photo = studio.photo.file;
  const view = progressView(studio);
  replace(canvas, view.element);
  studio.painting = true;
  try {
    const job = await run("/v1/stylizations", form(fields), {
      signal,
      wait: fields.mode === "fast" ? 10 : 0,
      onaccepted: (accepted) => {
        studio.job = accepted;
        studio.stop.hidden = fields.mode === "fast";
      },
      onprogress: view.show,
    });
    const picture = await blob(job.links.image, { signal });
    showPainting(canvas, photo, picture, job, signal);
    announce("The painting is done.");
    studio.recent.begin();
  } catch (error) {
    replace(canvas, waiting());
    throw error;
  } finally {
    studio.painting = false;
    studio.stop.hidden = true;
  }
}

/** Progress with the latest preview. */
function progressView({ signal }) {
  const bar = h("div", {}, progressBar("Painting", 0, 1));
  const words = h("p", { class: "hint", role: "status" }, "Waiting for a worker…");
  const shown = h("div", { class: "preview" });
  let latest = null;
  const show = async ({ done, total, stage, eta_seconds: eta, preview }) => {
    replace(bar, progressBar("Painting", done, total));
    words.textContent = `${percent(done / Math.max(1, total))} · ${stage}${eta ? ` · about ${seconds(eta)} left` : ""}`;
    if (!preview || preview === latest) return;
    latest = preview;
    const data = await blob(preview, { signal }).catch(() => null);
    if (data && latest === preview)
      replace(shown, h("img", { src: objectUrl(data, signal), alt: `The painting after ${done} steps` }));
  };
  return { element: h("div", { class: "stack" }, bar, words, shown), show };
}

function showPainting(canvas, photo, picture, job, signal) {
  const { width, height, media_type: type } = job.result.image;
  const costs = job.result.costs;
  replace(
    canvas,
    beforeAfter(objectUrl(photo, signal), objectUrl(picture, signal), { before: "Original", after: "Painted" }),
    h(
      "div",
      { class: "row" },
      h(
        "p",
        { class: "hint" },
        `${width} × ${height} px · ${seconds(job.result.seconds)}${costs ? ` · style cost ${percent(costs.style / costs.style_at_start)} of the start` : ""}`,
      ),
      button("Download", () => save(picture, `painting-${job.id.slice(0, 8)}.${type.split("/")[1]}`), {
        name: "download",
      }),
    ),
  );
}

/** A small, fast painting after each change, where that is wanted; the latest wish wins. */
async function sketch(studio) {
  studio.sketching.abort();
  const [fields, missing] = fieldsOf(studio);
  if (studio.painting) return;
  replace(studio.status); // what was missing or went wrong was said of another wish
  if (missing || !studio.options.live()) return;
  const mine = (studio.sketching = new AbortController());
  const signal = AbortSignal.any([studio.signal, mine.signal]);
  try {
    await sleep(SETTLE_MS, signal);
    const { content, style, style_id, strength, colours } = fields;
    const small = { content, style, style_id, strength, colours, mode: "fast", size: PREVIEW_PX };
    const job = await run("/v1/stylizations", form(small), { signal });
    const picture = await blob(job.links.image, { signal });
    const url = objectUrl(picture, studio.signal);
    replace(
      studio.canvas,
      h("div", { class: "preview" }, h("img", { src: url, alt: "Preview" })),
      h("p", { class: "hint" }, "A small preview; paint for the real one."),
    );
  } catch (error) {
    if (!signal.aborted) replace(studio.status, problemNotice(error));
  }
}
