// Enrol many at once: a ZIP with a folder of photos for each person.

import { Problem, at, form, post } from "../api.js";
import { h, replace } from "../dom.js";
import { dropZone, fileInput } from "../parts/photo.js";
import { button, formOf, heading, notice, problemNotice } from "../parts/ui.js";
import { go } from "../router.js";

const UPLOAD_MS = 600_000;

export default function bulk({ params, signal }) {
  const { gallery } = params;
  const status = h("div", { class: "status", "aria-live": "polite" });
  const chosen = h("p", { class: "hint" }, "Nothing chosen yet.");
  let archive = null;
  const take = ([file]) => {
    archive = file;
    replace(status);
    replace(chosen, `${file.name} (${(file.size / 2 ** 20).toFixed(1)} MiB)`);
  };
  const chooser = fileInput("ZIP archive", take, { accept: ".zip,application/zip", text: "Choose a ZIP" });
  const zone = h(
    "div",
    { class: "drop card stack" },
    h("p", {}, "Drop a ZIP here, or choose one."),
    chooser.element,
    chosen,
  );
  dropZone(zone, take, (detail) => replace(status, problemNotice(new Problem({ detail }))));
  const send = async () => {
    if (!archive) return replace(status, notice("warn", h("p", {}, "Choose a ZIP first.")));
    const path = at`/v1/galleries/${gallery}/enrolment-batches`;
    const batch = await post(path, form({ archive }), { signal, timeout: UPLOAD_MS });
    go(at`/batches/${batch.id}`);
  };
  return [
    heading("Enrol many", {
      back: { path: at`/galleries/${gallery}`, label: gallery },
      intro: "A ZIP with a folder for each person, named by the person's id, with one photo or more.",
    }),
    h(
      "div",
      { class: "columns" },
      formOf(
        send,
        { class: "stack", status },
        zone,
        status,
        h("div", { class: "actions" }, button("Enrol everybody", null, { kind: "primary", type: "submit" })),
      ),
      h(
        "figure",
        { class: "card stack" },
        h("figcaption", { class: "label" }, "How the ZIP looks"),
        h("pre", {}, "staff.zip\n├── ada/\n│   ├── badge.jpg\n│   └── door.jpg\n└── grace/\n    └── passport.png"),
        h("p", { class: "hint" }, "A photo that cannot be used is an error of its own line; the others are enrolled."),
      ),
    ),
  ];
}
