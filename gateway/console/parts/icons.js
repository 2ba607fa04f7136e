// Line icons of 24 px; decoration only, the words beside them say what they mean.

import { svg } from "../dom.js";

const PATHS = {
  people: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M2 21a7 7 0 0 1 14 0M16 3.5a4 4 0 0 1 0 7M22 21a7 7 0 0 0-5-6.7",
  door: "M4 21h16M6 21V4a1 1 0 0 1 1-1h10a1 1 0 0 1 1 1v17M14.5 12h.01",
  compare: "M3 5h7v14H3zM14 5h7v14h-7zM10 12h4",
  studio:
    "M12 3a9 9 0 1 0 0 18c1.7 0 2-1.2 1.3-2.2-.8-1.2 0-2.8 1.7-2.8h2a4 4 0 0 0 4-4c0-5-4-9-9-9M7.5 11h.01M11 7.500h.01M16 9h.01",
  batches: "M4 7l8-4 8 4-8 4zM4 12l8 4 8-4M4 17l8 4 8-4",
  jobs: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  audit: "M6 3h9l4 4v14H6zM14 3v5h5M9 13h6M9 17h6",
  keys: "M15 9a4.5 4.5 0 1 1-4.5-4.500A4.5 4.5 0 0 1 15 9M13.5 12.5 21 20M18 17l2-2",
  health: "M3 12h4l3-8 4 16 3-8h4",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.400M17.6 17.6 19 19M5 19l1.4-1.400M17.6 6.4 19 5",
  moon: "M20 14.500A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5",
  menu: "M4 7h16M4 12h16M4 17h16",
  leave: "M10 4H5v16h5M15 8l4 4-4 4M19 12H9",
  camera:
    "M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1M12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6",
  upload: "M12 15V4M8 8l4-4 4 4M4 15v4a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-4",
  download: "M12 4v11M8 11l4 4 4-4M4 17v2a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-2",
  check: "M4 12.5 9.5 18 20 6.5",
  cross: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  alert: "M12 3 2.5 20h19zM12 10v4M12 17h.01",
  info: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 8h.01",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.500v15l12-7.500z",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  person: "M12 12a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9M4 21a8 8 0 0 1 16 0",
  back: "M11 5l-7 7 7 7M4 12h16",
  turn_left: "M20 12H4M10 5l-7 7 7 7",
  turn_right: "M4 12h16M14 5l7 7-7 7",
  look_up: "M12 20V4M5 10l7-7 7 7",
  come_closer: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5M4 4l5 5M20 4l-5 5M4 20l5-5M20 20l-5-5",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

export function icon(name, size = 20) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
