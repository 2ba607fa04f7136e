// Two photos: one person or two? Nothing is stored.

import { form, get } from "../api.js";
import { announce, h, replace } from "../dom.js";
import { run } from "../jobs.js";
import { photoPicker } from "../parts/photo.js";
import { scoreChart } from "../parts/score_chart.js";
import { button, field, formOf, heading, notice, select } from "../parts/ui.js";
import { mood, words } from "../parts/words.js";
import { session } from "../session.js";

const POLICIES = [
  ["verify-fmr-1e-3", "Lenient: 1 false match in 1,000"],
  ["verify-fmr-1e-4", "Balanced: 1 false match in 10,000"],
  ["verify-fmr-1e-5", "Strict: 1 false match in 100,000"],
];

export default async function compare({ signal }) {
  const { models } = await get("/v1/models", { query: { limit: 1000 }, signal });
  const result = h("section", { class: "stack", "aria-label": "Result", "aria-live": "polite" });
  const status = h("div", { class: "status" });
  const anew = () => (replace(result), replace(status));
  const pickers = ["First photo", "Second photo"].map((label) =>
    photoPicker({ label, signal, hint: "One face, from the front", onpick: anew }),
  );
  const send = async (fields) => {
    const [image_a, image_b] = pickers.map((picker) => picker.file);
    if (!image_a || !image_b) return replace(status, notice("warn", h("p", {}, "Choose two photos first.")));
    replace(result);
    const boxes = { box_a: pickers[0].box, box_b: pickers[1].box };
    const chosen = Object.fromEntries(fields);
    const job = await run("/v1/comparisons", form({ image_a, image_b, ...boxes, ...chosen }), { signal });
    const model =
      models.find((one) => one.digest === job.model?.digest) ?? models.find((one) => one.name === chosen.model);
    showFaces(pickers, job.result);
    replace(result, outcomeOf(job.result, model, signal));
    announce(words(job.result.verdict));
  };
  return [
    heading("Compare", { intro: "Two photos, one question: is it the same person? Neither photo is kept." }),
    formOf(
      send,
      { class: "stack", status },
      h(
        "div",
        { class: "pair" },
        pickers.map((picker) => picker.element),
      ),
      h(
        "div",
        { class: "row" },
        field("Policy", select("policy", POLICIES, { value: "verify-fmr-1e-4" })),
        field(
          "Face model",
          select(
            "model",
            models.map((model) => [model.name, `${model.name}: ${model.description}`]),
          ),
        ),
        button("Compare", null, { kind: "primary", type: "submit", name: "compare" }),
      ),
      status,
    ),
    result,
  ];
}

/** The faces that were compared; or those of which one must be chosen. */
function showFaces(pickers, result) {
  for (const [picker, face, faces] of [
    [pickers[0], result.face_a, result.faces_a],
    [pickers[1], result.face_b, result.faces_b],
  ]) {
    if (faces?.length > 1) picker.offerFaces(faces, {});
    else if (face)
      picker.show([{ box: face.box, good: face.quality.issues.length === 0 }], "The face that was compared");
  }
}

function outcomeOf(result, model, signal) {
  const kind = { good: "good", bad: "bad" }[mood(result.verdict)] ?? "warn";
  const texts = { match: "The same person", no_match: "Different people" };
  const isOpen = result.faces_a?.length > 1 || result.faces_b?.length > 1;
  const verdict = h(
    "div",
    { class: `verdict verdict-${kind}` },
    h("h2", { class: "verdict-word" }, texts[result.verdict] ?? words(result.verdict)),
    h(
      "p",
      {},
      (isOpen ? "Choose by its number whose face is meant, then compare again." : inWords(result.reason)) ??
        `By the policy ${result.policy}: a score of ${result.threshold.toFixed(3)} or more counts as a match.`,
    ),
  );
  const warnings = (result.warnings ?? []).map(({ code, detail }) =>
    notice("warn", h("p", {}, h("strong", {}, `${words(code)}. `), inWords(detail))),
  );
  if (result.score === null || result.score === undefined) {
    const text = "The score itself is for keys with the scope “scores:read”.";
    return [
      verdict,
      warnings,
      ["match", "no_match"].includes(result.verdict) && !session.may("scores:read") && h("p", { class: "hint" }, text),
    ];
  }
  if (!model?.false_match_rates?.length) return [verdict, warnings, h("p", {}, `Score ${result.score.toFixed(3)}`)];
  return [
    verdict,
    warnings,
    h("div", { class: "card" }, scoreChart({ model, score: result.score, threshold: result.threshold, signal })),
  ];
}

/** What the service says of `image_a` is said of what the page calls it. */
const inWords = (text) =>
  text?.replace(/`?image_([ab])`?/g, (_, which) => (which === "a" ? "First photo" : "Second photo"));
