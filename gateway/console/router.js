// Which page a hash names: #/galleries/staff/persons/ada?x=1.

const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded as it should be: no page will match
  }
};

const DOTS = new Set([".", ".."]); // a browser would take them for steps in the path of a request

/** The path and query of a location's hash. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?", 2);
  return { path: path || "/", query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The values of a pattern's `:names` in a path; null when it does not match. */
export function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const values = {};
  for (const [index, part] of wanted.entries()) {
    const value = decode(given[index]);
    if (part.startsWith(":") && value && !DOTS.has(value)) values[part.slice(1)] = value;
    else if (part !== given[index]) return null;
  }
  return values;
}

export function go(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  location.hash = given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** Change the query of the page that is shown, without showing it anew. */
export function keepQuery(query) {
  const { path } = parse(location.hash);
  const given = Object.entries(query).filter(([, value]) => value);
  history.replaceState(null, "", `#${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`);
}
