// One job, whole.

import { at, blob, get, post } from "../api.js";
import { announce, h, refresh, replace, save } from "../dom.js";
import { follow, isFinished } from "../jobs.js";
import { picture } from "../parts/photo.js";
import { badge, button, facts, heading, notice, problemNotice, progressBar } from "../parts/ui.js";
import { mood, seconds, took, when, words } from "../parts/words.js";

export default async function job({ params, signal }) {
  const path = at`/v1/jobs/${params.job}`;
  const place = h("div", { class: "stack" });
  const status = h("div", { class: "status" });
  const show = (now) => refresh(place, contentOf(now, { path, signal, status, show }));
  const found = await get(path, { signal });
  show(found);
  if (!isFinished(found)) watch(found, { signal, show, status });
  return [
    heading(`${words(found.type)} ${found.id.slice(0, 8)}`, { back: { path: "/jobs", label: "All jobs" } }),
    status,
    place,
  ];
}

async function watch(found, { signal, show, status }) {
  try {
    const ended = await follow(found, {
      signal,
      onprogress: (progress) => show({ ...found, status: "running", progress }),
    });
    show(ended);
    announce(`The job ${words(ended.status).toLowerCase()}.`);
  } catch (error) {
    if (!signal.aborted) replace(status, problemNotice(error));
  }
}

function contentOf(now, { path, signal, status, show }) {
  const cancel = async () => show(await post(`${path}/cancel`, undefined, { signal }));
  const fetchReport = (link) => async () => save(await blob(link, { signal }), link.split("/").at(-1));
  return [
    h(
      "section",
      { class: "card stack" },
      h("p", {}, badge(mood(now.status), words(now.status))),
      now.progress && !isFinished(now) && progressOf(now.progress),
      now.error && notice("bad", h("p", {}, `${now.error.detail} (${now.error.code})`)),
      facts([
        ["Accepted", when(now.created_at)],
        ["Begun", when(now.started_at)],
        ["Finished", when(now.finished_at)],
        ["Took", took(now)],
        ["Attempts", String(now.attempts)],
        ["Must begin and end by", isFinished(now) ? null : when(now.deadline)],
        ["Model", now.model && `${now.model.name} (${now.model.digest})`],
        ["Id", h("span", { class: "mono" }, now.id)],
      ]),
      h(
        "div",
        { class: "actions" },
        now.links.cancel && button("Cancel", cancel, { kind: "danger", status }),
        (now.links.report ?? []).map((link) =>
          button(link.split("/").at(-1), fetchReport(link), { name: "download", status }),
        ),
      ),
    ),
    now.links.image && h("section", { class: "card" }, picture(now.links.image, { alt: "The painting", signal })),
    now.result &&
      h(
        "section",
        { class: "card stack" },
        h("h2", {}, "Result"),
        h("pre", { tabindex: "0", "aria-label": "Result as JSON" }, JSON.stringify(now.result, null, 2)),
      ),
  ];
}

const progressOf = ({ done, total, stage, eta_seconds: eta }) =>
  h(
    "div",
    {},
    progressBar("Progress", done, total),
    h("p", { class: "hint" }, `${stage}: ${done} of ${total}${eta ? ` · about ${seconds(eta)} left` : ""}`),
  );
