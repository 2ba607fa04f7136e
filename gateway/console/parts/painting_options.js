// How to paint: mode, size, strength, colours; for the fine mode also preset and steps.

import { h } from "../dom.js";
import { field, input, select, slider } from "./ui.js";

const PRESET_STEPS = { sketch: 40, balanced: 80, rich: 120 };
const COLOURS = [
  ["style", "Of the style"],
  ["luminance", "Of the photo (lightness only)"],
  ["histogram", "Of the photo (histogram)"],
  ["cholesky", "Of the photo (covariance)"],
];

/** `preview`: whether there is a choice to see small previews. */
export function paintingOptions({ onchange, preview = true }) {
  const mode = (value, label, hint) =>
    h(
      "label",
      { class: "segment" },
      h("input", { type: "radio", name: "mode", value, class: "visually-hidden", checked: value === "fast" }),
      h("span", {}, h("strong", {}, label), h("span", { class: "hint" }, hint)),
    );
  const size = slider("Size", "size", { min: 128, max: 2048, step: 64, value: 768, format: (px) => `${px} px` });
  const steps = slider("Steps", "steps", { min: 10, max: 300, step: 10, value: PRESET_STEPS.balanced });
  const preset = select(
    "preset",
    [
      ["sketch", "Sketch: quick"],
      ["balanced", "Balanced"],
      ["rich", "Rich: slow"],
    ],
    { value: "balanced" },
  );
  const fine = h("div", { class: "fields", hidden: true }, field("Preset", preset), steps);
  const live = input("live", { type: "checkbox", checked: true });
  const element = h(
    "div",
    { class: "card stack" },
    h(
      "fieldset",
      { class: "segments" },
      h("legend", { class: "label" }, "Mode"),
      mode("fast", "Fast", "one pass, seconds"),
      mode("fine", "Fine", "optimised step by step"),
    ),
    h(
      "div",
      { class: "fields" },
      slider("Strength", "strength", {
        min: 0,
        max: 1,
        step: 0.05,
        value: 1,
        format: (part) => `${Math.round(part * 100)} %`,
      }),
      size,
      field("Colours", select("colours", COLOURS)),
      field(
        "Format",
        select("format", [
          ["jpeg", "JPEG"],
          ["png", "PNG"],
          ["webp", "WebP"],
        ]),
      ),
    ),
    fine,
    preview && h("label", { class: "check" }, live, "Preview as I change things"),
  );
  const control = (name) => element.querySelector(`[name="${name}"]`);
  const isFine = () => element.querySelector('[name="mode"]:checked').value === "fine";
  const put = (name, value) => {
    control(name).value = value;
    control(name).dispatchEvent(new Event("input"));
  };
  element.addEventListener("change", ({ target }) => {
    if (target.name === "mode") {
      fine.hidden = !isFine();
      put("size", isFine() ? 384 : 768);
    }
    if (target.name === "preset") put("steps", PRESET_STEPS[target.value]);
    onchange();
  });

  /** The fields as the API takes them. */
  function values() {
    const names = ["strength", "size", "colours", "format", ...(isFine() ? ["preset", "steps"] : [])];
    return {
      mode: isFine() ? "fine" : "fast",
      ...Object.fromEntries(names.map((name) => [name, control(name).value])),
    };
  }
  return { element, values, live: () => live.checked };
}
