// Before the first paint, so that nothing flashes: the theme that was chosen here, if one was.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("likeness.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // without storage the system's theme holds
  }
})();
