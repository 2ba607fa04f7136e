// What a detection says of a photo, before anybody is enrolled with it.

import { form } from "../api.js";
import { h } from "../dom.js";
import { run } from "../jobs.js";
import { session } from "../session.js";
import { isRival } from "./sight.js";
import { count, percent, words } from "./words.js";
import { notice } from "./ui.js";

/** Look at the photo of a picker and draw its faces; `tell` is given what to do, anew when another face is chosen. */
export async function judge(picker, signal, tell) {
  if (!session.may("verify")) {
    const text =
      "This key cannot check photos (it lacks the scope “verify”): the enrolment itself will say whether it is good.";
    return tell(notice("info", h("p", {}, text)));
  }
  const { file } = picker;
  const { result } = await run("/v1/detections", form({ image: file }), { signal });
  if (picker.file !== file || signal.aborted) return;
  const { faces, faces_found: found = faces.length } = result;
  if (faces.length > 1) {
    picker.offerFaces(faces, { size: result, onchoose: (index) => tell(verdictOf(faces[index])) });
    return tell(severalOf(faces, found));
  }
  const boxes = faces.map(({ box, quality }) => ({ box, good: quality.issues.length === 0 }));
  picker.show(boxes, described(faces), result);
  tell(
    faces.length ? verdictOf(faces[0]) : advice("No face was found.", "Choose a photo that shows it from the front."),
  );
}

const described = (faces) =>
  `${count(faces.length, "face")} found${faces.map(({ quality }) => `, quality ${percent(quality.score)}`).join("")}`;

function severalOf([face, ...others], found) {
  if (others.some((other) => isRival(other, face)))
    return advice("There is more than one face.", "Choose the one that is meant by its number in the photo.");
  const rest = h(
    "p",
    {},
    `${count(found - 1, "smaller face")} beside it: the largest one is taken, unless you choose.`,
  );
  return [verdictOf(face), notice("info", rest)];
}

/** One face, as it is seen. */
function verdictOf({ quality, advice: todo }) {
  const score = `Quality ${percent(quality.score)}.`;
  if (quality.issues.length === 0) return notice("good", h("p", {}, h("strong", {}, "A good photo."), ` ${score}`));
  const issues = quality.issues.map((issue) => words(issue).toLowerCase()).join(", ");
  return advice(`The face is ${issues}.`, `${todo ?? ""} ${score}`);
}

const advice = (what, todo) => notice("warn", h("p", {}, h("strong", {}, what), ` ${todo}`));
