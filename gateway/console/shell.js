// What is around every page: brand, navigation, theme, who is signed in.

import { h, newId, replace } from "./dom.js";
import { NAVIGATION, pageAt } from "./pages.js";
import { session } from "./session.js";
import { icon } from "./parts/icons.js";
import { count } from "./parts/words.js";

/** The frame; `mark(path)` shows in the navigation where one is. */
export function shell() {
  const main = h("main", { id: "main", class: "main", tabindex: "-1" });
  const links = h("ul", { class: "nav-links" });
  const account = h("div", { class: "account" });
  const id = newId("nav");
  const toggle = h(
    "button",
    { class: "nav-toggle", type: "button", "aria-expanded": "false", "aria-controls": id },
    icon("menu"),
    h("span", {}, "Menu"),
  );
  const nav = h("nav", { class: "nav", id, "aria-label": "Pages" }, links, account);
  const open = (is) => {
    toggle.setAttribute("aria-expanded", String(is));
    nav.classList.toggle("nav-open", is);
  };
  toggle.addEventListener("click", () => open(toggle.getAttribute("aria-expanded") !== "true"));
  const bar = h(
    "header",
    { class: "bar" },
    h(
      "a",
      { class: "brand", href: "#/" },
      h("img", { src: "/console/icon.svg", alt: "", width: 28, height: 28 }),
      "Likeness",
    ),
    h("div", { class: "bar-end" }, themeSwitch(), toggle),
  );
  const fillNavigation = () => session.who && (replace(links, entries()), replace(account, accountOf(session.who)));
  session.addEventListener("change", fillNavigation);
  fillNavigation();
  const mark = (path) => {
    open(false);
    for (const link of links.querySelectorAll("a")) {
      const here = path === link.dataset.path || path.startsWith(`${link.dataset.path}/`);
      if (here) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
  return { frame: h("div", { class: "frame" }, bar, nav, main), main, mark };
}

function entries() {
  const shown = NAVIGATION.filter(({ path }) => session.mayAny(pageAt(path).scopes));
  return shown.map(({ path, label, icon: name }) =>
    h("li", {}, h("a", { href: `#${path}`, "data-path": path }, icon(name), label)),
  );
}

function accountOf(who) {
  return [
    h("p", { class: "account-name" }, who.name || `Key “${who.key}”`),
    h("p", { class: "account-tenant" }, who.tenant),
    h(
      "details",
      {},
      h("summary", {}, count(who.scopes.length, "scope")),
      h(
        "ul",
        { class: "chips" },
        [...who.scopes].sort().map((scope) => h("li", {}, scope)),
      ),
    ),
    h(
      "button",
      { class: "button button-quiet", type: "button", onclick: () => session.end() },
      icon("leave", 18),
      "Sign out",
    ),
  ];
}

/** Light or dark, kept in this browser; without a choice the system's theme holds. */
export function themeSwitch() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const made = h("button", { class: "button button-quiet button-icon", type: "button" });
  const show = () => {
    made.setAttribute("aria-label", isDark() ? "Switch to the light theme" : "Switch to the dark theme");
    replace(made, icon(isDark() ? "sun" : "moon"));
  };
  made.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    localStorage.setItem("likeness.theme", root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
  return made;
}
