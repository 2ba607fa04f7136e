// Sending a batch of pictures; what was sent is remembered while this tab lives, so that what failed can be sent again.

import { form, post } from "../api.js";

const UPLOAD_MS = 600_000;
const sent = new Map(); // id of the batch -> its fields

/** Send pictures (`images`, `archive`) with a style and options; the accepted batch. */
export async function sendBatch(fields, signal) {
  const batch = await post("/v1/batches", form(fields), { signal, timeout: UPLOAD_MS });
  if (!fields.archive) sent.set(batch.id, fields);
  return batch;
}

/** What this tab sent as a batch; undefined for others, and for those with an archive. */
export const sentHere = (batch) => sent.get(batch);
