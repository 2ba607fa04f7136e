// What the service's codes mean, in words; times and sizes as people read them.

const WORDS = {
  match: "Match",
  no_match: "No match",
  recognised: "Recognised",
  not_recognised: "Not recognised",
  ambiguous: "Two people are equally likely",
  no_face: "No face",
  multiple_faces: "More than one face",
  low_quality: "The photo is not good enough",
  spoof_suspected: "Perhaps not a living face",
  liveness_unavailable: "Liveness cannot be checked here",
  live: "A living face",
  enrolled: "Enrolled",
  already_enrolled: "Enrolled already",
  lookalike: "Looks like somebody else",
  identity_conflict: "Does not look like this person",
  other_faces: "Other faces in the photo",
  outside_opening_hours: "Outside the opening hours",
  not_yet_valid: "Not valid yet",
  no_longer_valid: "No longer valid",
  group_not_allowed: "Not in a group that may pass here",
  unknown_device: "This door is not known",
  too_small: "too small",
  blurred: "blurred",
  extreme_pose: "turned away",
  too_dark: "too dark",
  too_bright: "too bright",
  low_contrast: "low contrast",
  occluded: "covered",
  cut_off: "cut off",
  noisy: "noisy",
  compressed: "compressed too much",
  pattern: "covered by a pattern of print or screen",
  unreliable: "not told reliably",
  fmr: "false match rate",
};

/** A code in words; unknown ones lose their underscores. */
export function words(code) {
  if (!code) return "";
  const plain = String(code).replaceAll("_", " ");
  return WORDS[code] ?? plain.charAt(0).toUpperCase() + plain.slice(1);
}

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

const date = (text) => new Date(text);
export const when = (text) => (text ? WHEN.format(date(text)) : "");
export const clock = (text) => (text ? CLOCK.format(date(text)) : "");
export const day = (text) => (text ? DAY.format(date(text)) : "");

/** What a `datetime-local` input holds, as the API takes it. */
export const instant = (local) => (local ? new Date(local).toISOString() : null);

/** The reverse: an instant as a `datetime-local` input takes it. */
export function local(text) {
  if (!text) return "";
  const moment = date(text);
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 90) return `${Math.round(value)} s`;
  return value < 5400 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

export const took = (job) =>
  job.started_at && job.finished_at ? seconds((date(job.finished_at) - date(job.started_at)) / 1000) : "";

export const percent = (part) => `${Math.round(part * 100)} %`;
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

/** The badge of a job's or a batch's status, or of a verdict. */
export function mood(status) {
  if (["succeeded", "match", "recognised", "enrolled", "granted", "live", "active", "delivered"].includes(status))
    return "good";
  if (["failed", "expired", "no_match", "denied", "spoof_suspected", "revoked"].includes(status)) return "bad";
  if (
    ["running", "cancelling", "ambiguous", "low_quality", "lookalike", "identity_conflict", "multiple_faces"].includes(
      status,
    )
  )
    return "warn";
  return "plain";
}
