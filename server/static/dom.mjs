/** Building elements without markup in strings: every text from a run stays text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element. `on…` attributes add listeners, `class`, `style` and `data-…` work as written,
 * null, undefined and false leave an attribute out.
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...any} children  nodes, texts, numbers, arrays of these; null and false are left out
 * @returns {HTMLElement}
 */
export function h(tag, attributes, ...children) {
  return /** @type {HTMLElement} */ (fill(document.createElement(tag), attributes, children));
}

/**
 * An SVG element, made like `h`.
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...any} children
 * @returns {SVGElement}
 */
export function s(tag, attributes, ...children) {
  return /** @type {SVGElement} */ (fill(document.createElementNS(SVG, tag), attributes, children));
}

/**
 * Replaces everything inside an element.
 * @param {Element} element
 * @param {...any} children
 */
export function replace(element, ...children) {
  element.replaceChildren(...flat(children));
}

/**
 * @param {Element} element
 * @param {Record<string, any> | null | undefined} attributes
 * @param {any[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

/** @param {any[]} children @returns {(Node | string)[]} */
function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
