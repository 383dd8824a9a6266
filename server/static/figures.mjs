/** How far a map can be believed at its epoch: three figures with a plain word, and a warning where one is due. */

import { number } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";

const FIGURES = [
  { name: "neighbor_preservation", text: "neighbours kept", short: "kept", good: 0.45, fair: 0.25, meaning: "Share of the 15 nearest neighbours in the network's space that are among the 15 nearest on the map. No map of many dimensions keeps all." },
  { name: "ppr", text: "agrees with the model", short: "agrees", good: 0.99, fair: 0.97, meaning: "Share of samples whose predicted class is unchanged after going to the map and back. Click to select the others.", selects: true },
  { name: "confidence_difference", text: "projection error", short: "error", good: 0.01, fair: 0.03, less: true, meaning: "Projection error: mean change of the predicted class's probability after going to the map and back." },
];

/** @param {number} value @param {{good: number, fair: number, less?: boolean}} limits */
export function word(value, { good, fair, less = false }) {
  const reaches = (/** @type {number} */ limit) => (less ? value <= limit : value >= limit);
  return reaches(good) ? "good" : reaches(fair) ? "fair" : "poor";
}

/**
 * @param {HTMLElement} element
 * @param {any} map
 * @param {number} epoch  that the map shows
 * @param {() => void} onunfaithful
 */
export function showFigures(element, map, epoch, onunfaithful) {
  const at = map.epochs.indexOf(epoch);
  const shown = FIGURES.map((one) => ({ ...one, value: map.quality?.[one.name]?.[at] })).filter(({ value }) => value !== null && value !== undefined);
  const warning = (map.words?.[epoch] ?? [])[0];
  replace(element, shown.map((one) => {
    const verdict = word(one.value, one);
    const inside = [h("span", { class: "what" }, one.text), h("span", { class: "short" }, one.short), h("strong", null, one.less ? number(one.value, 1) : one.value.toFixed(one.value > 0.995 && one.value < 1 ? 3 : 2)), h("span", { class: `word ${verdict}` }, verdict)];
    return one.selects ? h("button", { type: "button", class: `figure ${verdict}`, title: `${one.text}: ${verdict}. ${one.meaning}`, onclick: onunfaithful }, inside) : h("span", { class: `figure ${verdict}`, title: `${one.text}: ${verdict}. ${one.meaning}`, tabindex: 0 }, inside);
  }), warning ? h("span", { class: "figure warning", title: warning, tabindex: 0 }, "⚠", h("span", { class: "what" }, ` ${warning}`)) : null);
}
