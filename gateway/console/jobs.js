// Jobs, from the POST that makes one to its result.

import { Problem, at, events, get, post } from "./api.js";
import { sleep } from "./dom.js";

const FINISHED = new Set(["succeeded", "failed", "cancelled", "expired"]);
const GONE = new Set([401, 403, 404]);
const WAIT_S = 10;
const POLL_MS = 1000;

export const isFinished = (job) => FINISHED.has(job.status);

/** Make a job and see it through; the finished job. Throws Problem when it did not succeed. */
export async function run(path, body, { wait = WAIT_S, onaccepted, onprogress, ...options } = {}) {
  const headers = wait ? { Prefer: `wait=${wait}` } : {};
  const job = await post(path, body, { ...options, headers });
  onaccepted?.(job);
  return outcome(isFinished(job) ? job : await follow(job, { onprogress, signal: options.signal }));
}

/** Wait for a job, telling its progress on the way: { done, total, stage, eta_seconds?, preview? }. */
export async function follow(job, { onprogress, signal } = {}) {
  const path = at`/v1/jobs/${job.id}`;
  try {
    for await (const event of events(`${path}/events`, { signal })) {
      if (event.event === "progress") onprogress?.(event.data.progress ?? event.data);
      if (FINISHED.has(event.event)) break;
    }
  } catch (error) {
    // streams are refused before anything else is: then it is asked again and again
    if (!(error instanceof Problem) || GONE.has(error.status)) throw error;
  }
  for (;;) {
    const now = await get(path, { signal });
    if (isFinished(now)) return now;
    if (now.progress) onprogress?.(now.progress);
    await sleep(POLL_MS, signal);
  }
}

/** The job, if it succeeded. */
export function outcome(job) {
  if (job.status === "succeeded") return job;
  const detail = {
    failed: job.error?.detail ?? "The job failed.",
    cancelled: "The job was cancelled.",
    expired: "The job was not begun in time: try again when less is waiting.",
  };
  throw new Problem({ code: job.error?.code ?? job.status, detail: detail[job.status] ?? job.status });
}
