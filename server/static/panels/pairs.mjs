/** Pairs of classes and how many samples have them: a matrix whose cells select, a list where there are many classes. */

import { number, signed } from "../chart_math.mjs";
import { h } from "../dom.mjs";

export const MATRIX_CLASSES = 40;
const LISTED = 60;

/** @typedef {[number, number, number]} Pair  a class, another class, samples */

/**
 * @typedef {{
 *   classes: string[], pairs: Pair[], words: [string, string], onselect: (a: number, b: number) => void,
 *   before?: Pair[] | null, shown?: number[], write?: (value: number) => string,
 * }} Options  words: what the first class is, and the second; before: then changes against it are shown; shown: these classes alone
 */

/** @param {Options} options */
export function pairMatrix({ classes, pairs, words, onselect, before = null, shown = [...classes.keys()], write = String }) {
  const [now, earlier] = [counts(pairs), counts(before ?? [])];
  const count = (/** @type {number} */ a, /** @type {number} */ b) => now.get(`${a} ${b}`) ?? 0;
  const value = (/** @type {number} */ a, /** @type {number} */ b) => count(a, b) - (earlier.get(`${a} ${b}`) ?? 0);
  const most = Math.max(1, ...shown.flatMap((a) => shown.filter((b) => a !== b).map((b) => Math.abs(value(a, b)))));
  const cell = (/** @type {number} */ a, /** @type {number} */ b, /** @type {number} */ total) => {
    const here = value(a, b);
    const share = a === b && !before ? here / Math.max(1, total) : Math.min(1, Math.abs(here) / most);
    const text = `${words[0]} ${classes[a]}, ${words[1]} ${classes[b]}: ${before ? signed(here) : number(here)}`;
    return h("td", null, h("button", {
      type: "button", class: `cell ${before ? (here > 0 === (a !== b) ? "up" : "down") : a === b ? "right" : "off"}`, style: `--share:${share.toFixed(3)}`,
      "aria-label": text, title: text, disabled: count(a, b) === 0, onclick: () => onselect(a, b),
    }, here === 0 ? "" : `${here < 0 ? "−" : before ? "+" : ""}${write(Math.abs(here))}`));
  };
  return h("div", { class: "scroll" }, h("table", { class: "confusion" },
    h("caption", null, `rows: ${words[0]}, columns: ${words[1]}`),
    h("thead", null, h("tr", null, h("td"), shown.map((b) => h("th", { scope: "col", title: classes[b] }, short(classes[b]))))),
    h("tbody", null, shown.map((a) => {
      const total = shown.reduce((sum, b) => sum + count(a, b), 0);
      return h("tr", null, h("th", { scope: "row", title: classes[a] }, short(classes[a])), shown.map((b) => cell(a, b, total)));
    }))));
}

/** The most frequent pairs of two different classes, or those that changed most. @param {Options} options */
export function pairList({ classes, pairs, words, onselect, before = null }) {
  return h("table", { class: "figures pairs" }, h("thead", null, h("tr", null, [...words, before ? "change" : "samples"].map((word) => h("th", null, word)))),
    h("tbody", null, mostFrequent(pairs, before).slice(0, LISTED).map(({ a, b, count, value }) => h("tr", null, h("td", null, classes[a]), h("td", null, classes[b]),
      h("td", null, count === 0 ? signed(value) : h("button", { type: "button", class: "link", onclick: () => onselect(a, b) }, before ? signed(value) : number(value)))))));
}

/**
 * Pairs of two different classes, the largest value first: samples, or against `before` how many more or fewer.
 * @param {Pair[]} pairs @param {Pair[] | null} [before]
 */
export function mostFrequent(pairs, before = null) {
  const [now, earlier] = [counts(pairs), counts(before ?? [])];
  return [...new Set([...now.keys(), ...earlier.keys()])].map((key) => {
    const [a, b] = key.split(" ").map(Number);
    const count = now.get(key) ?? 0;
    return { a, b, count, value: count - (earlier.get(key) ?? 0) };
  }).filter(({ a, b, value }) => a !== b && value !== 0).sort((x, y) => Math.abs(y.value) - Math.abs(x.value));
}

/** The pairs of a matrix that occur. @param {number[][]} matrix @returns {Pair[]} */
export function pairsOf(matrix) {
  return matrix.flatMap((row, a) => row.map((count, b) => /** @type {Pair} */ ([a, b, count]))).filter(([, , count]) => count);
}

/** @param {Pair[]} pairs @returns {Map<string, number>} */
function counts(pairs) {
  return new Map(pairs.map(([a, b, count]) => [`${a} ${b}`, count]));
}

/** @param {string} name */
function short(name) {
  return name.length > 9 ? `${name.slice(0, 8)}…` : name;
}
