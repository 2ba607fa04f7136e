// Every request of the console goes through here: the key, problems, patience, idempotency, event streams.

import { sleep } from "./dom.js";
import { session } from "./session.js";

const TIMEOUT_MS = 60_000;
const PATIENCE_S = 10; // a Retry-After beyond it is for the person to decide
const TRIES = 4;
const PASSING = new Set(["idempotency_in_progress", "rate_limited", "verification_under_way"]);

/** What is said here of problems whose own words are for those who write programs. */
const WORDS = { gallery_not_found: "There is no such gallery, or not any more: choose one under People." };

/** Why a request failed (RFC 9457): `message` says what to do. */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail, retryAfter = null, requestId = null }) {
    super(detail);
    Object.assign(this, { status, code, retryAfter, requestId });
  }
}

/** A path of the API with its values encoded: at`/v1/jobs/${id}`. */
export function at(texts, ...values) {
  return texts.reduce((path, text, index) => path + encodeURIComponent(values[index - 1]) + text);
}

export const get = async (path, options = {}) => bodyOf(await request("GET", path, options), "json");
/** The thing itself, for this page may not follow to the object store, wherever that is. */
export const blob = async (path, options = {}) =>
  bodyOf(await request("GET", path, { ...options, headers: { Prefer: "return=representation" } }), "blob");
export const post = async (path, body, options = {}) => content(await request("POST", path, { ...options, body }));
export const put = async (path, body, options = {}) => content(await request("PUT", path, { ...options, body }));
export const patch = async (path, body, options = {}) => content(await request("PATCH", path, { ...options, body }));
export const remove = async (path, options = {}) => content(await request("DELETE", path, options));

const content = async (response) => (response.status === 204 ? null : bodyOf(response, "json"));

/** What an answer brings: it may break off, too. */
async function bodyOf(response, as) {
  try {
    return await response[as]();
  } catch (error) {
    throw unanswered(error);
  }
}

/**
 * Send a request, again where that is safe and the server asks for it.
 * Options: query, body (FormData, or a value for JSON), headers, signal, tries, timeout (ms).
 * Throws Problem, or the signal's reason.
 */
export async function request(method, path, { query = {}, body, headers = {}, tries = TRIES, ...rest } = {}) {
  const sent = { method, body, headers: { ...headers } };
  if (session.key) sent.headers.Authorization = `Bearer ${session.key}`;
  if (method === "POST") sent.headers["Idempotency-Key"] = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  if (body !== undefined && !(body instanceof FormData)) {
    sent.body = JSON.stringify(body);
    sent.headers["Content-Type"] = "application/json";
  }
  const url = withQuery(path, query);
  for (let tried = 1; ; tried++) {
    try {
      return await once(url, sent, rest);
    } catch (problem) {
      const wait = patience(problem, tried);
      if (tried >= tries || wait === null) throw problem;
      await sleep(wait * 1000, rest.signal);
    }
  }
}

/** Seconds until it is worth trying again; null: never by itself. */
function patience(problem, tried) {
  if (!(problem instanceof Problem)) return null;
  if (problem.status === 0) return problem.code === "timeout" ? null : 0.3 * 2 ** tried;
  if (problem.status !== 503 && !PASSING.has(problem.code)) return null;
  return problem.retryAfter !== null && problem.retryAfter <= PATIENCE_S ? problem.retryAfter : null;
}

async function once(url, sent, { signal, timeout = TIMEOUT_MS }) {
  const limits = [signal, timeout ? AbortSignal.timeout(timeout) : null].filter(Boolean);
  let response;
  try {
    response = await fetch(url, { ...sent, signal: AbortSignal.any(limits), cache: "no-store" });
  } catch (error) {
    throw unanswered(error);
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401) session.end("The key is not valid, or not any more: sign in again.");
  throw problem;
}

/** Why there is no answer; that the page was left is no problem. */
function unanswered(error) {
  if (error.name === "AbortError") return error;
  const late = error.name === "TimeoutError";
  return new Problem({
    code: late ? "timeout" : "unreachable",
    detail: late
      ? "The service did not answer in time: try again."
      : "The service cannot be reached: check the connection, then try again.",
  });
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  const after = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  return new Problem({
    status: response.status,
    code: told.code ?? "http_error",
    detail: WORDS[told.code] ?? told.detail ?? `The service answered ${response.status}: try again later.`,
    retryAfter: Number.isNaN(after) ? null : after,
    requestId: told.request_id ?? response.headers.get("X-Request-Id"),
  });
}

function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A form of fields: undefined and empty ones are left out, lists become repeated fields. */
export function form(fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) {
      if (one === null || one === undefined || one === "") continue;
      if (one instanceof Blob) made.append(name, one, one.name || `${name}.jpg`);
      else made.append(name, String(one));
    }
  }
  return made;
}

/**
 * Server-sent events of a path, as { id, event, data }. EventSource could not send the key.
 * A connection that breaks is resumed after the last event.
 */
export async function* events(path, { signal } = {}) {
  let last = null;
  for (let failures = 0; failures < TRIES;) {
    try {
      const headers = { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) };
      const response = await request("GET", path, { headers, signal, timeout: 0 });
      if (response.status === 204) return;
      for await (const event of parse(response.body)) {
        last = event.id ?? last;
        failures = 0;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted || error instanceof Problem) throw error;
    }
    failures += 1;
    await sleep(500 * failures, signal);
  }
}

async function* parse(body) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block
            .split(/\r?\n/)
            .filter((line) => /^\w+:/.test(line))
            .map((line) => line.split(/: ?(.*)/s, 2)),
        );
        if (fields.data !== undefined) yield { ...fields, data: JSON.parse(fields.data) };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
