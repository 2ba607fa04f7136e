// A photo: dropped, chosen or taken with the webcam; and the faces that were found in it.

import { Problem, blob } from "../api.js";
import { announce, h, newId, objectUrl, replace, svg } from "../dom.js";
import { openCamera } from "./camera.js";
import { fit, placeOf } from "./face_layer.js";
import { icon } from "./icons.js";
import { ACCEPT, IMAGE_NAMES, isImage } from "./image_files.js";
import { button, problemNotice } from "./ui.js";

/**
 * A place for one photo. `onpick(file)` is told of each; `show(faces, words, size)` draws boxes on it, `offerFaces`
 * lets one of several faces be chosen, whose `box` it then has. Options: label, hint, camera (may it be used), signal.
 */
export function photoPicker({ label, hint, camera = true, signal, onpick }) {
  const stage = h("div", { class: "photo-stage" });
  const status = h("div", { class: "status" });
  const tools = h("div", { class: "actions photo-tools" });
  const element = h("div", { class: "photo", role: "group", "aria-label": label }, stage, tools, status);
  const picker = { element, file: null, box: null, show, offerFaces, preview, pick, clear };
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
    picker.file = picker.box = null;
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
    if (!isImage(file)) return complain(`Choose a picture: ${IMAGE_NAMES}.`);
    const during = begin();
    picker.file = file;
    picker.box = null;
    element.classList.add("photo-full");
    replace(stage, pictureOf(file, label, during));
    offer();
    onpick?.(file);
  }

  /** The photo once more, for another place. */
  function preview() {
    return picker.file && pictureOf(picker.file, label, shown.signal);
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

  /** Draw the faces: [{ box, good }], in pixels of the upright photo, whose size is told where it is known. */
  function show(faces, words, size) {
    layer(size, (known) => faceBoxes(faces, known, words));
  }

  /** Several faces, the largest first: somebody says which one is meant, and may say otherwise. */
  function offerFaces(faces, { size, onchoose }) {
    const choose = (index) => {
      const { x, y, width, height } = faces[index].box;
      picker.box = [Math.max(0, x), Math.max(0, y), width, height].map(Math.round).join(",");
      for (const [other, one] of buttons.entries()) one.setAttribute("aria-pressed", String(other === index));
      onchoose?.(index);
    };
    const buttons = faces.map((_, index) => faceButton(index, faces.length, () => choose(index)));
    layer(size ?? extentOf(faces), (known) => {
      const made = h("div", { class: "face-layer", role: "group", "aria-label": "Whose face is meant?" }, buttons);
      for (const [index, one] of buttons.entries())
        for (const [name, value] of Object.entries(placeOf(faces[index].box, known)))
          one.style.setProperty(name, value);
      fit(made, stage, known);
      return made;
    });
  }

  /** Put a layer over the photo, in the place of the former one, once it is known how large the photo is. */
  function layer(size, make) {
    const image = stage.querySelector("img");
    const draw = (known) => {
      stage.querySelector(".boxes, .face-layer")?.remove();
      if (known) stage.append(make(known));
    };
    if (!image) return draw(size);
    const natural = () => image.isConnected && draw({ width: image.naturalWidth, height: image.naturalHeight });
    if (image.complete && image.naturalWidth) natural();
    else {
      image.addEventListener("load", natural, { once: true });
      image.addEventListener("error", () => draw(size), { once: true });
    }
  }

  function complain(detail) {
    replace(status, problemNotice(new Problem({ detail })));
  }

  clear();
  return picker;
}

/** A photo; or, where the browser cannot show its format, what it is called. */
function pictureOf(file, label, signal) {
  const name = file.name || "from the camera";
  const image = h("img", { src: objectUrl(file, signal), alt: `${label}: ${name}` });
  image.addEventListener("error", () => image.replaceWith(unseen(name)), { once: true });
  return image;
}

const unseen = (name) =>
  h(
    "div",
    { class: "photo-invite photo-unseen" },
    icon("picture", 32),
    h("p", {}, name),
    h("p", { class: "hint" }, "This browser cannot show the format; the service reads it."),
  );

/** Of a photo of unknown size: what holds all of its faces. */
const extentOf = (faces) => ({
  width: Math.max(...faces.map(({ box }) => box.x + box.width)),
  height: Math.max(...faces.map(({ box }) => box.y + box.height)),
});

function faceButton(index, of, onclick) {
  const label = `Face ${index + 1} of ${of}`;
  return h(
    "button",
    { class: "face-choice", type: "button", "aria-pressed": "false", "aria-label": label, onclick },
    h("span", { "aria-hidden": "true" }, String(index + 1)),
  );
}

function faceBoxes(faces, { width, height }, words) {
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
export function fileInput(label, onfiles, { accept = ACCEPT, multiple = false, text = "Choose a file" } = {}) {
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
