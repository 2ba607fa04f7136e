// What a recognition saw: its faces, and of which of them the door speaks.

import { words } from "./words.js";

const COMPARABLE_AREA = 0.5; // as the service has it: a face so large beside the largest may be the one that is meant

const SHORT = { not_recognised: "Unknown", low_quality: "Unclear", ambiguous: "Unsure" }; // above a small box

const area = ({ box }) => box.width * box.height;

/** Whether a face is large enough beside another one to be the one that is meant. */
export const isRival = (face, largest) => area(face) >= COMPARABLE_AREA * area(largest);

/**
 * { job, at, faces, found, isGroup }; a face is { kind: granted | denied, reason, advice, person, name, box, number }.
 * The largest face comes first; in a group no face is the one that stands at the door.
 */
export function sightOf(job) {
  const { result } = job;
  const faces = result.faces.map((face, number) => faceOf(face, number));
  const isGroup = faces.length > 1 && isRival(faces[1], faces[0]);
  return { job: job.id, at: job.finished_at, faces, found: result.faces_found ?? faces.length, isGroup };
}

function faceOf(face, number) {
  const isGranted = face.decision ? face.decision === "granted" : face.verdict === "recognised";
  return {
    number,
    kind: isGranted ? "granted" : "denied",
    reason: isGranted ? "" : (face.denial ?? face.verdict),
    advice: face.verdict === "low_quality" ? face.reason : null,
    person: face.person,
    name: face.name ?? face.person,
    box: face.box,
  };
}

/** The faces as parts/live_boxes.js draws them. */
export const marksOf = ({ faces, isGroup }) =>
  faces.map((face, index) => ({
    box: face.box,
    kind: face.kind,
    label: face.name ?? SHORT[face.reason] ?? words(face.reason),
    isSubject: index === 0 && !isGroup,
  }));
