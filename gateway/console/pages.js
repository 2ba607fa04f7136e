// Every page: its path, the scopes of which one is needed to see it, where its code is.

const page = (path, file, scopes = []) => ({ path, scopes, load: () => import(`./pages/${file}.js`) });

const FACES = ["enrol", "verify", "recognise", "admin"];
const BATCHES = ["stylise", "enrol", "admin"];

export const PAGES = [
  page("/galleries", "galleries", FACES),
  page("/galleries/:gallery", "gallery", FACES),
  page("/galleries/:gallery/enrol", "enrol", ["enrol"]),
  page("/galleries/:gallery/bulk", "bulk", ["enrol"]),
  page("/galleries/:gallery/persons/:person", "person", FACES),
  page("/door", "door", ["recognise"]),
  page("/compare", "compare", ["verify"]),
  page("/studio", "studio", ["stylise"]),
  page("/batches", "batches", BATCHES),
  page("/batches/:batch", "batch", BATCHES),
  page("/jobs", "jobs"),
  page("/jobs/:job", "job"),
  page("/audit", "audit", ["audit:read"]),
  page("/keys", "keys", ["admin"]),
  page("/health", "health"),
];

/** What the navigation shows, in its order. */
export const NAVIGATION = [
  { path: "/galleries", label: "People", icon: "people" },
  { path: "/door", label: "Door", icon: "door" },
  { path: "/compare", label: "Compare", icon: "compare" },
  { path: "/studio", label: "Style studio", icon: "studio" },
  { path: "/batches", label: "Batches", icon: "batches" },
  { path: "/jobs", label: "Jobs", icon: "jobs" },
  { path: "/audit", label: "Audit", icon: "audit" },
  { path: "/keys", label: "Keys", icon: "keys" },
  { path: "/health", label: "Health", icon: "health" },
];

/** The first page that a key may see. */
export const home = (session) => NAVIGATION.find(({ path }) => session.mayAny(pageAt(path).scopes)).path;

export const pageAt = (path) => PAGES.find((one) => one.path === path);
