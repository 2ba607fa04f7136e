// Two pictures, one over the other, and a handle between them: a range input, so that arrows move it too.

import { h, replace } from "../dom.js";

export function beforeAfter(beforeUrl, afterUrl, { before = "Before", after = "After" } = {}) {
  const place = h("div", { class: "before-after", vars: { "--cut": "50%" } });
  const handle = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    value: 50,
    class: "before-after-handle",
    "aria-label": "How much of the original is shown",
  });
  const move = () => {
    place.style.setProperty("--cut", `${handle.value}%`);
    handle.setAttribute("aria-valuetext", `${handle.value} % original, ${100 - handle.value} % painted`);
  };
  handle.addEventListener("input", move);
  move();
  const onlyAfter = h("img", { src: afterUrl, alt: after }); // of a photo whose format the browser cannot show
  place.append(
    onlyAfter,
    h("img", { src: beforeUrl, alt: before, class: "before-after-top", onerror: () => replace(place, onlyAfter) }),
    h("span", { class: "before-after-line", "aria-hidden": "true" }),
    h("span", { class: "before-after-label before-after-left", "aria-hidden": "true" }, before),
    h("span", { class: "before-after-label before-after-right", "aria-hidden": "true" }, after),
    handle,
  );
  return place;
}
