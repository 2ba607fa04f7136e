// Elements, made from values. Text only ever becomes a text node: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";
let ids = 0;

/** An id that no other element has. */
export const newId = (prefix = "id") => `${prefix}-${++ids}`;

/**
 * An element: `h("p", { class: "hint", onclick: f }, "text", child)`.
 * `on…` are listeners, `vars` CSS custom properties, `props` properties; null, undefined and false are left out.
 */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "props") Object.assign(element, value);
    else if (name === "vars") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

const nodes = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Put these in the place of what an element holds. */
export function replace(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

/** The same for what changes as one looks at it: a control that has the focus keeps it, if it is there again. */
export function refresh(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement.textContent : "";
  replace(element, ...children);
  if (held) [...element.querySelectorAll("a, button")].find((one) => one.textContent === held)?.focus();
  return element;
}

/** Say something to those who do not see the page. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = "";
  requestAnimationFrame(() => {
    announcer.textContent = text;
  });
}

/** A URL of a blob for as long as the signal holds. */
export function objectUrl(blob, signal) {
  const url = URL.createObjectURL(blob);
  signal.addEventListener("abort", () => URL.revokeObjectURL(url), { once: true });
  return url;
}

/** Wait, unless the signal says that nobody waits any more. */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Offer a blob as a download. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
