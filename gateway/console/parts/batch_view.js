// A batch in numbers: shared by the list and the page of one.

import { h } from "../dom.js";
import { progressBar } from "./ui.js";
import { count, seconds } from "./words.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export const isOver = (batch) => ENDED.has(batch.status);
export const settled = ({ counts }) => counts.done + counts.failed + counts.cancelled;

/** Progress bar and a line of words. */
export function batchProgress(batch) {
  const { counts, eta_seconds: eta } = batch;
  const parts = [
    `${counts.done.toLocaleString()} of ${count(counts.total, "item")} done`,
    counts.failed > 0 && `${counts.failed.toLocaleString()} failed`,
    counts.cancelled > 0 && `${counts.cancelled.toLocaleString()} cancelled`,
    eta && `about ${seconds(eta)} left`,
  ];
  return h(
    "div",
    { class: "batch-progress" },
    progressBar(`Batch ${batch.id.slice(0, 8)}`, settled(batch), counts.total),
    h("p", { class: "hint" }, parts.filter(Boolean).join(" · ")),
  );
}
