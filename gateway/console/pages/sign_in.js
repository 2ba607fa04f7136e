// Sign in with an API key.

import { get } from "../api.js";
import { h } from "../dom.js";
import { button, field, formOf, input, notice } from "../parts/ui.js";
import { session } from "../session.js";
import { themeSwitch } from "../shell.js";

export default function signIn({ signal }) {
  const status = h("div", { class: "status" }, session.reason && notice("warn", h("p", {}, session.reason)));
  const enter = async (fields) => {
    session.begin(fields.get("key").trim());
    try {
      session.confirm(await get("/v1/whoami", { signal }));
    } catch (error) {
      session.end();
      throw error;
    }
  };
  const key = input("key", {
    type: "password",
    required: true,
    autocomplete: "current-password",
    spellcheck: "false",
    pattern: "\\s*[!-~]+\\s*", // what a header can carry
    "data-invalid": "Paste an API key: it begins with lk_.",
  });
  return h(
    "main",
    { class: "sign-in", id: "main", tabindex: "-1" },
    h("div", { class: "sign-in-theme" }, themeSwitch()),
    h(
      "div",
      { class: "card sign-in-card" },
      h("img", { src: "/console/icon.svg", alt: "", width: 48, height: 48 }),
      h("h1", { tabindex: "-1" }, "Sign in to Likeness"),
      h("p", { class: "intro" }, "With an API key. It stays in this tab and is forgotten when the tab is closed."),
      formOf(
        enter,
        { status },
        field("API key", key, { hint: "The first key is printed when the service is started." }),
        status,
        button("Sign in", null, { kind: "primary", type: "submit" }),
      ),
      h("p", { class: "hint" }, h("a", { href: "/docs" }, "API reference")),
    ),
  );
}
