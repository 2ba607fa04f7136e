// The console: who is signed in, which page is shown, what ends when it is left.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { PAGES, home } from "./pages.js";
import { match, parse } from "./router.js";
import { session } from "./session.js";
import { shell } from "./shell.js";
import { heading, notice, problemNotice } from "./parts/ui.js";
import signIn from "./pages/sign_in.js";

const app = document.getElementById("app");
const { frame, main, mark } = shell();
let leave = new AbortController();
const SLOW_MS = 300;

/** Show the page that the location names; what the former one holds (camera, streams, pictures) ends. */
async function show() {
  leave.abort(new DOMException("The page was left.", "AbortError"));
  leave = new AbortController();
  const { signal } = leave;
  if (!session.who) return showSignIn(signal);
  const { path, query } = parse(location.hash);
  if (path === "/") return location.replace(`#${home(session)}`);
  const [page, params] = find(path);
  mark(path);
  if (!frame.isConnected) replace(app, frame);
  const slow = setTimeout(() => replace(main, h("p", { class: "loading" }, "Loading…")), SLOW_MS);
  signal.addEventListener("abort", () => clearTimeout(slow), { once: true });
  const content = await contentOf(page, { params, query, signal });
  clearTimeout(slow);
  if (signal.aborted) return;
  replace(main, content);
  main.className = `main page-${path.split("/")[1]}`;
  main.querySelector("h1")?.focus();
  document.title = `${main.querySelector("h1")?.textContent ?? "Likeness"} · Likeness`;
  window.scrollTo(0, 0);
}

function find(path) {
  for (const page of PAGES) {
    const params = match(page.path, path);
    if (params) return [page, params];
  }
  return [null, {}];
}

async function contentOf(page, view) {
  if (!page) {
    return [heading("There is no such page"), h("p", {}, "Choose one from the navigation.")];
  }
  if (!session.mayAny(page.scopes)) return forbidden(page);
  try {
    const { default: make } = await page.load();
    return await make(view);
  } catch (error) {
    return [heading("This page cannot be shown"), problemNotice(error, show)];
  }
}

function forbidden(page) {
  const wanted = page.scopes.map((scope) => `“${scope}”`).join(" or ");
  return [
    heading("Not with this key"),
    notice("info", h("p", {}, `This page needs a key with the scope ${wanted}: ask an administrator for one.`)),
  ];
}

function showSignIn(signal) {
  document.title = "Sign in · Likeness";
  replace(main); // whoever comes next does not see what this one saw
  replace(app, signIn({ signal }));
  app.querySelector("input")?.focus();
}

/** The key is kept: nothing is known against it. */
function unreached(error) {
  const again = problemNotice(error, () => location.reload());
  replace(app, h("main", { class: "main", id: "main" }, heading("The service does not answer"), again));
}

/** A key that this tab has kept is tried before anything is shown. */
async function begin() {
  if (session.key) {
    try {
      session.confirm(await get("/v1/whoami"));
    } catch (error) {
      if (session.key) return unreached(error); // 401 has ended the session
    }
  }
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address names the page, not a place on it
    document.getElementById("main").focus();
  });
  session.addEventListener("change", show);
  window.addEventListener("hashchange", show);
  window.addEventListener("pageshow", (event) => event.persisted && show()); // what was ended when it was left
  window.addEventListener("pagehide", () => leave.abort(new DOMException("The page was left.", "AbortError")));
  await show();
}

begin();
