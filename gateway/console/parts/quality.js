// What a detection says of a photo, before anybody is enrolled with it.

import { form } from "../api.js";
import { h } from "../dom.js";
import { run } from "../jobs.js";
import { session } from "../session.js";
import { count, percent, words } from "./words.js";
import { notice } from "./ui.js";

/** Look at the photo of a picker, draw the faces on it; { good, element } tells what to do. */
export async function judge(picker, signal) {
  if (!session.may("verify")) {
    const text =
      "This key cannot check photos (it lacks the scope “verify”): the enrolment itself will say whether it is good.";
    return { good: true, element: notice("info", h("p", {}, text)) };
  }
  const { file } = picker;
  const job = await run("/v1/detections", form({ image: file }), { signal });
  const { faces } = job.result;
  const boxes = faces.map(({ box, quality }) => ({ box, good: faces.length === 1 && quality.issues.length === 0 }));
  if (picker.file === file) picker.show(boxes, described(faces));
  return verdictOf(faces);
}

const described = (faces) =>
  `${count(faces.length, "face")} found${faces.map(({ quality }) => `, quality ${percent(quality.score)}`).join("")}`;

function verdictOf(faces) {
  if (faces.length === 0) {
    return advice("warn", "No face was found.", "Choose a photo that shows the face from the front.");
  }
  const [face, ...others] = faces;
  const rival = others.find(({ box }) => box.width * box.height >= 0.5 * face.box.width * face.box.height);
  if (rival) {
    return advice("warn", "There is more than one face.", "Cut the photo so that it shows one person only.");
  }
  const score = `Quality ${percent(face.quality.score)}.`;
  if (face.quality.issues.length === 0) {
    return { good: true, element: notice("good", h("p", {}, h("strong", {}, "A good photo."), ` ${score}`)) };
  }
  const issues = face.quality.issues.map((issue) => words(issue).toLowerCase()).join(", ");
  return advice("warn", `The face is ${issues}.`, `${face.advice ?? ""} ${score}`);
}

function advice(kind, what, todo) {
  return { good: false, element: notice(kind, h("p", {}, h("strong", {}, what), ` ${todo}`)) };
}
