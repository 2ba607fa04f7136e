// The audit: who did what, when and at which door, in a chain that shows tampering.

import { blob, get } from "../api.js";
import { announce, h, replace, save } from "../dom.js";
import { badge, button, empty, field, formOf, heading, input, notice, paged, row, table } from "../parts/ui.js";
import { count, instant, local, mood, when, words } from "../parts/words.js";
import { keepQuery } from "../router.js";

const COLUMNS = ["No.", "When", "Action", "Person", "Door", "Outcome", "By"];
const VERIFY_MS = 300_000;

export default function audit({ query, signal }) {
  let filters = { ...query };
  const status = h("div", { class: "status", "aria-live": "polite" });
  const list = h("tbody");
  const known = paged(list, signal, {
    read: async (cursor) => {
      const found = await get("/v1/audit", { query: { ...filters, cursor, limit: 50 }, signal });
      return { rows: found.entries.map(entryRow), next: found.next_cursor };
    },
    none: () =>
      empty(
        "audit",
        "No entry is like that",
        h("p", {}, "Every verification, recognition, enrolment, erasure and change of a key is noted here."),
      ),
  });
  const verify = async () =>
    replace(status, verified(await get("/v1/audit/verification", { signal, timeout: VERIFY_MS })));
  const exportCsv = async () => {
    save(await blob("/v1/audit/export", { query: filters, signal, timeout: VERIFY_MS }), "audit.csv");
    announce("The CSV was downloaded.");
  };
  const search = (fields) => {
    filters = Object.fromEntries([...fields].map(([name, value]) => [name, value.trim()]));
    filters.since = instant(filters.since);
    filters.until = instant(filters.until);
    keepQuery(filters);
    return known.begin();
  };
  return [
    heading("Audit", {
      intro:
        "Every decision and every change, in order. Each entry seals the one before it: none can be altered unseen.",
      actions: [
        button("Verify the chain", verify, { name: "check", status }),
        button("Download CSV", exportCsv, { name: "download", status }),
      ],
    }),
    status,
    formOf(
      search,
      { class: "card", role: "search" },
      h(
        "div",
        { class: "fields" },
        field("From", input("since", { type: "datetime-local", value: local(query.since) })),
        field("Until", input("until", { type: "datetime-local", value: local(query.until) })),
        field("Gallery", input("gallery", { value: query.gallery ?? "" })),
        field("Person", input("person", { value: query.person ?? "" }), { hint: "The pseudonym of an entry" }),
        field("Door", input("device", { value: query.device ?? "" })),
        h("div", { class: "actions field-end" }, button("Search", null, { kind: "primary", type: "submit" })),
      ),
    ),
    table("Entries, newest first", COLUMNS, list),
    known.more,
  ];
}

function entryRow(entry) {
  const outcome = entry.decision ?? entry.outcome;
  return row(COLUMNS, [
    h("span", { class: "number" }, String(entry.sequence)),
    when(entry.at),
    words(entry.action.replaceAll(".", " ")),
    entry.person
      ? h("a", { class: "mono", href: `#/audit?person=${entry.person}`, title: entry.person }, entry.person.slice(0, 8))
      : "",
    entry.device ?? "",
    outcome
      ? h(
          "span",
          { class: "badges" },
          badge(mood(outcome), words(outcome)),
          entry.reason && h("span", { class: "hint" }, words(entry.reason)),
        )
      : "",
    h("span", { class: "mono" }, entry.actor || "–"),
  ]);
}

function verified({ valid, entries, head, problems }) {
  if (valid) {
    return notice(
      "good",
      h(
        "p",
        {},
        h("strong", {}, "The chain is whole. "),
        `${count(entries, "entry", "entries")}, the last one sealed with `,
        h("code", {}, (head ?? "").slice(0, 16)),
        ".",
      ),
    );
  }
  return notice(
    "bad",
    h(
      "p",
      {},
      h("strong", {}, "The chain is broken: "),
      "somebody has altered or removed entries. Compare it with a backup.",
    ),
    h(
      "ul",
      {},
      problems.slice(0, 20).map(({ sequence, problem }) => h("li", {}, `Entry ${sequence}: ${problem}`)),
    ),
  );
}
