// A batch in numbers: shared by the list and the page of one.

import { h } from "../dom.js";
import { badge, progressBar } from "./ui.js";
import { count, mood, seconds, words } from "./words.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export const isOver = (batch) => ENDED.has(batch.status);
export const settled = ({ counts }) => counts.done + counts.failed + counts.cancelled;

/** Its status; where something went wrong it is no plain success. */
export function batchBadge({ status, counts, warnings = 0, skipped_count: skipped = 0 }) {
  if (status === "succeeded" && counts.failed + warnings > 0) return badge("warn", "Finished with problems");
  if (status === "succeeded" && skipped > 0) return badge("warn", "Finished, some left out");
  return badge(mood(status), words(status));
}

/** The files that were left out, and why. */
export function skippedOf({ skipped = [], skipped_count: all = skipped.length }) {
  if (all === 0) return null;
  return h(
    "details",
    {},
    h("summary", {}, `${count(all, "file")} left out`),
    h(
      "ul",
      { class: "skipped" },
      skipped.map(({ name, reason }) => h("li", {}, h("span", { class: "mono" }, name), ` ${reason}`)),
    ),
    all > skipped.length && h("p", { class: "hint" }, `and ${count(all - skipped.length, "other file")}`),
  );
}

/** Progress bar and a line of words. */
export function batchProgress(batch) {
  const { counts, eta_seconds: eta } = batch;
  const parts = [
    `${counts.done.toLocaleString()} of ${count(counts.total, "item")} done`,
    counts.failed > 0 && `${counts.failed.toLocaleString()} failed`,
    counts.cancelled > 0 && `${counts.cancelled.toLocaleString()} cancelled`,
    batch.warnings > 0 && `${count(batch.warnings, "item")} with warnings`,
    batch.skipped_count > 0 && `${count(batch.skipped_count, "file")} left out`,
    eta && `about ${seconds(eta)} left`,
  ];
  return h(
    "div",
    { class: "batch-progress" },
    progressBar(`Batch ${batch.id.slice(0, 8)}`, settled(batch), counts.total),
    h("p", { class: "hint" }, parts.filter(Boolean).join(" · ")),
  );
}
