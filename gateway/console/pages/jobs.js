// The jobs of the last day, newest first.

import { get } from "../api.js";
import { h } from "../dom.js";
import { badge, button, empty, field, heading, paged, row, select, table } from "../parts/ui.js";
import { mood, took, when, words } from "../parts/words.js";
import { keepQuery } from "../router.js";

const COLUMNS = ["Job", "Kind", "Status", "Accepted", "Took", "Outcome"];
const TYPES = [
  "recognition",
  "verification",
  "comparison",
  "detection",
  "liveness_check",
  "enrolment",
  "reembedding",
  "import",
  "stylization",
  "visualisation",
  "evaluation",
  "calibration",
  "training",
  "registration",
];
const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled", "expired"];
const ENOUGH = 20; // rows of a page that a filter should find before it stops reading on
const READS = 5;

export default function jobs({ query, signal }) {
  const all = (values, any) => [["", any], ...values.map((value) => [value, words(value)])];
  const type = select("type", all(TYPES, "All kinds"), { value: query.type ?? "" });
  const status = select("status", all(STATUSES, "All"), { value: query.status ?? "" });
  const wanted = (job) => (!type.value || job.type === type.value) && (!status.value || job.status === status.value);
  const list = h("tbody");
  const known = paged(list, signal, {
    read: (cursor) => read(cursor, wanted, signal),
    none: () => nothing(type.value || status.value),
  });
  for (const control of [type, status]) {
    control.addEventListener("change", () => {
      keepQuery({ type: type.value, status: status.value });
      known.begin();
    });
  }
  return [
    heading("Jobs", {
      intro: "What was asked of the service in the last day.",
      actions: [button("Refresh", known.begin)],
    }),
    h("search", { class: "row filters" }, field("Kind", type), field("Status", status)),
    table("Jobs, newest first", COLUMNS, list),
    known.more,
  ];
}

/** The API has no filter of its own: read on until there is something to see. */
async function read(cursor, wanted, signal) {
  const rows = [];
  let next = cursor;
  for (let reads = 0; reads < READS; reads++) {
    const found = await get("/v1/jobs", { query: { cursor: next, limit: 50 }, signal });
    rows.push(...found.jobs.filter(wanted).map(jobRow));
    next = found.next_cursor;
    if (!next || rows.length >= ENOUGH) break;
  }
  return { rows, next };
}

const nothing = (filtered) =>
  filtered
    ? empty("jobs", "No job of the last day is like that", h("p", {}, "Choose another kind or status."))
    : empty("jobs", "No job yet", h("p", {}, "Enrol, compare or paint something: it appears here."));

function jobRow(job) {
  return row(COLUMNS, [
    h("a", { class: "mono", href: `#/jobs/${encodeURIComponent(job.id)}` }, job.id.slice(0, 8)),
    words(job.type),
    badge(mood(job.status), words(job.status)),
    when(job.created_at),
    h("span", { class: "number" }, took(job)),
    job.error?.detail ?? words(job.result?.verdict ?? ""),
  ]);
}
