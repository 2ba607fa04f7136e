// A photo: dropped, chosen or taken with the webcam; and the faces that were found in it.

import { Problem, blob } from "../api.js";
import { announce, h, newId, objectUrl, replace, svg } from "../dom.js";
import { openCamera } from "./camera.js";
import { icon } from "./icons.js";
import { button, problemNotice } from "./ui.js";

export const IMAGE_TYPES = ["image/jpeg", "image/png", "image/webp"];

/**
 * A place for one photo. `onpick(file)` is told of each; `show(faces, words)` draws boxes on it.
 * Options: label, hint, camera (whether one may be used), signal.
 */
export function photoPicker({ label, hint, camera = true, signal, onpick }) {
  const stage = h("div", { class: "photo-stage" });
  const status = h("div", { class: "status" });
  const tools = h("div", { class: "actions photo-tools" });
  const element = h("div", { class: "photo", role: "group", "aria-label": label }, stage, tools, status);
  const picker = { element, file: null, show, pick, clear };
  const chooser = fileInput(label, (files) => pick(files[0]));
  let shown = new AbortController();
  dropZone(
    element,
    (files) => pick(files[0]),
    (detail) => complain(detail),
  );

  function begin() {
    shown.abort();
    shown = new AbortController();
    signal.addEventListener("abort", () => shown.abort(), { once: true });
    replace(status);
    return shown.signal;
  }

  /** The ways to a photo; where they are shown already they stay, and with them the focus. */
  function offer() {
    if (tools.contains(chooser.element)) return;
    replace(tools, chooser.element, camera && button("Use the camera", film, { name: "camera", status }));
  }

  function clear() {
    begin();
    picker.file = null;
    element.classList.remove("photo-full");
    replace(
      stage,
      h(
        "div",
        { class: "photo-invite" },
        icon("upload", 28),
        h("p", {}, `${label}: drop it here`),
        hint && h("p", { class: "hint" }, hint),
      ),
    );
    offer();
  }

  function pick(file) {
    if (!IMAGE_TYPES.includes(file.type)) return complain("Choose a JPEG, PNG or WebP picture.");
    const during = begin();
    picker.file = file;
    element.classList.add("photo-full");
    replace(stage, h("img", { src: objectUrl(file, during), alt: `${label}: ${file.name || "from the camera"}` }));
    offer();
    onpick?.(file);
  }

  async function film() {
    const during = begin();
    const opened = await openCamera({ signal: during });
    const take = async () => {
      const made = await opened.frame();
      opened.stop();
      pick(new File([made], "camera.jpg", { type: made.type }));
      announce("The photo was taken.");
      tools.querySelector("button, input")?.focus();
    };
    const cancel = () => {
      opened.stop();
      clear();
    };
    replace(stage, opened.video);
    const shutter = button("Take the photo", take, { kind: "primary", name: "camera", status });
    replace(tools, shutter, button("Cancel", cancel));
    shutter.focus();
  }

  /** Draw the faces: [{ box, good, label }], in pixels of the upright photo. */
  function show(faces, words) {
    const image = stage.querySelector("img");
    if (!image) return;
    const draw = () => {
      stage.querySelector("svg")?.remove();
      stage.append(faceBoxes(faces, image.naturalWidth, image.naturalHeight, words));
    };
    if (image.complete && image.naturalWidth) draw();
    else image.addEventListener("load", draw, { once: true });
  }

  function complain(detail) {
    replace(status, problemNotice(new Problem({ detail })));
  }

  clear();
  return picker;
}

function faceBoxes(faces, width, height, words) {
  return svg(
    "svg",
    { class: "boxes", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words ?? `${faces.length} faces` },
    faces.map(({ box, good }) =>
      svg("rect", {
        class: good ? "box box-good" : "box box-warn",
        ...box,
        rx: Math.min(box.width, box.height) * 0.08,
      }),
    ),
  );
}

/** A file input that looks like a button. */
export function fileInput(
  label,
  onfiles,
  { accept = IMAGE_TYPES.join(","), multiple = false, text = "Choose a file" } = {},
) {
  const control = h("input", {
    type: "file",
    id: newId("file"),
    class: "visually-hidden",
    accept,
    multiple,
    "aria-label": `${text}: ${label}`,
  });
  control.addEventListener("change", () => {
    if (control.files.length) onfiles([...control.files]);
    control.value = "";
  });
  control.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // what looks like a button is pressed like one; the form is not sent
    control.click();
  });
  const face = h("label", { class: "button", for: control.id }, icon("upload", 18), h("span", {}, text));
  return { element: h("span", { class: "file-input" }, control, face), control };
}

/** Files may be dropped on an element. */
export function dropZone(element, onfiles, complain) {
  const over = (is) => (event) => {
    event.preventDefault();
    element.classList.toggle("drop-over", is);
  };
  element.addEventListener("dragover", over(true));
  element.addEventListener("dragleave", over(false));
  element.addEventListener("drop", (event) => {
    over(false)(event);
    const files = [...event.dataTransfer.files];
    if (files.length) onfiles(files);
    else complain("That was no file: drop a picture from a folder.");
  });
}

const NOTHING = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"; // one clear pixel

/** A picture of the API, which needs the key; fetched when it comes into view. */
export function picture(path, { alt, signal, ...attributes }) {
  const image = h("img", { src: NOTHING, alt, ...attributes, class: `remote ${attributes.class ?? ""}` });
  const fetchIt = async () => {
    try {
      image.src = objectUrl(await blob(path, { signal }), signal);
    } catch (error) {
      if (!signal.aborted) image.alt = `${alt} (${error.message})`;
    }
  };
  const watcher = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      fetchIt();
    },
    { rootMargin: "200px" },
  );
  watcher.observe(image);
  signal.addEventListener("abort", () => watcher.disconnect(), { once: true });
  return image;
}
