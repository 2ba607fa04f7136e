// Is everything there and fast enough: readiness, how long jobs wait, models.

import { get } from "../api.js";
import { h, replace, sleep } from "../dom.js";
import { badge, facts, heading, loading, notice, problemNotice, row, table } from "../parts/ui.js";
import { clock, seconds, words } from "../parts/words.js";

const READ_MS = 5000;
const COLUMNS = ["Kind", "Waiting", "Running", "Done", "Failed", "Median wait", "Median time"];

export default function health({ signal }) {
  const ready = h("div", { class: "stack", "aria-live": "polite" });
  const queues = h("div", { class: "stack" });
  watch({ ready, queues, signal });
  return [
    heading("Health", { intro: "Read anew every few seconds." }),
    ready,
    h("section", { class: "stack" }, h("h2", {}, "Work of the last day"), queues),
    h(
      "section",
      { class: "stack" },
      h("h2", {}, "Face models"),
      loading(signal, () => modelCards(signal)),
    ),
  ];
}

async function watch({ ready, queues, signal }) {
  let said = null;
  while (!signal.aborted) {
    const state = await get("/readyz", { signal, tries: 1 }).then(
      () => null,
      (error) => error,
    );
    if (signal.aborted) return;
    const text = state?.message ?? "";
    if (text !== said) replace(ready, readiness(state));
    said = text;
    try {
      const found = await get("/v1/jobs", { query: { limit: 200 }, signal, tries: 1 });
      replace(queues, workOf(found.jobs));
    } catch (error) {
      if (signal.aborted) return;
      replace(queues, problemNotice(error));
    }
    await sleep(READ_MS, signal).catch(() => {});
  }
}

function readiness(problem) {
  if (!problem) {
    return notice(
      "good",
      h(
        "p",
        {},
        h("strong", {}, "Ready. "),
        "Redis, the object store and a warm worker for faces, for styles and for batches are there.",
      ),
      h("p", { class: "hint" }, `Since ${clock(new Date())}`),
    );
  }
  return notice("bad", h("p", {}, h("strong", {}, "Not ready. "), problem.message));
}

const median = (values) => (values.length ? values.sort((a, b) => a - b)[values.length >> 1] : null);
const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

function workOf(jobs) {
  const kinds = Map.groupBy(jobs, (job) => job.type);
  if (kinds.size === 0) return h("p", { class: "hint" }, "No job yet.");
  const rows = [...kinds].map(([type, found]) => {
    const of = (...statuses) => String(found.filter((job) => statuses.includes(job.status)).length);
    const waits = found.filter((job) => job.started_at).map((job) => between(job.created_at, job.started_at));
    const times = found
      .filter((job) => job.finished_at && job.started_at)
      .map((job) => between(job.started_at, job.finished_at));
    return row(
      COLUMNS,
      [
        words(type),
        of("queued"),
        of("running"),
        of("succeeded"),
        of("failed", "expired"),
        seconds(median(waits)),
        seconds(median(times)),
      ],
      { class: "number" },
    );
  });
  return [
    table("Work by kind", COLUMNS, h("tbody", {}, rows)),
    h("p", { class: "hint" }, `The latest ${jobs.length} jobs.`),
  ];
}

async function modelCards(signal) {
  const { models } = await get("/v1/models", { query: { limit: 1000 }, signal });
  return h(
    "ul",
    { class: "cards" },
    models.map((model) =>
      h(
        "li",
        { class: "card stack" },
        h("h3", {}, model.name),
        h("p", { class: "hint" }, model.description),
        facts([
          ["Embedding", `${model.dimensions} numbers`],
          ["Digest", h("span", { class: "mono" }, model.digest)],
          ["Measured on", model.measured_on],
        ]),
        h(
          "p",
          { class: "badges" },
          (model.false_match_rates ?? []).map(({ score, rate }) =>
            badge("plain", `${score.toFixed(3)}: 1 in ${Math.round(1 / rate).toLocaleString()}`),
          ),
        ),
      ),
    ),
  );
}
