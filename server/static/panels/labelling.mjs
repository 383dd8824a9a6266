/** Labelling rounds: what was labelled and picked in each, and what it was worth. */

import { number } from "../chart_math.mjs";
import { h, replace, s } from "../dom.mjs";

/**
 * The rounds with the last epoch of each, where picks and scores are recorded.
 * @param {{round: number, epoch: number}[]} rounds  first epochs
 * @param {number[]} epochs
 */
export function roundEnds(rounds, epochs) {
  return rounds.map((one, at) => {
    const next = rounds[at + 1];
    const stop = next ? epochs.indexOf(next.epoch) : epochs.length;
    return { round: one.round, first: one.epoch, last: epochs[Math.max(epochs.indexOf(one.epoch), stop - 1)] };
  });
}

/**
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void, onselect: (expression: string) => void}} context
 */
export function labellingPanel(element, { api, onepoch, onselect }) {
  let serial = 0;

  /** @param {any} next {run, epoch} */
  async function update(next) {
    const mine = ++serial;
    const { run, epoch } = next;
    const ends = roundEnds(run.rounds ?? [], run.epochs);
    try {
      const facts = await Promise.all(ends.map((one) => api.run(run.slug, `labelling/${one.last}.json`)));
      if (mine !== serial) return;
      const [split, accuracy] = Object.entries(run.accuracy ?? {}).at(-1) ?? ["", []];
      const rows = ends.map((one, at) => ({ ...one, ...facts[at], accuracy: /** @type {any} */ (accuracy)[run.epochs.indexOf(one.last)] ?? null }));
      replace(element, h("div", { class: "scroll" },
        h("table", { class: "samples" }, h("thead", null, h("tr", null, ["round", "epochs", "labelled", "picked at its end", "strategy", `${split} accuracy`].map((text) => h("th", { scope: "col" }, h("span", null, text))))),
          h("tbody", null, rows.map((one) => h("tr", { class: epoch >= one.first && epoch <= one.last ? "now" : "" },
            h("td", null, h("button", { type: "button", class: "link", onclick: () => onepoch(one.last) }, `round ${one.round}`)), h("td", null, `${one.first} to ${one.last}`), h("td", null, number(one.labelled)),
            h("td", null, one.picked ? h("button", { type: "button", class: "link", title: "select them", onclick: () => onselect(`picked:${one.round}`) }, number(one.picked)) : "–"),
            h("td", null, one.strategy ?? "–"), h("td", null, one.accuracy === null ? "–" : number(one.accuracy, 3)))))),
        h("h4", null, `${split} accuracy against the number of labels`), budget(rows),
        h("p", { class: "muted" }, "On the map: labelled samples filled, the others hollow, picks ringed with their rank.")));
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  return { update };
}

/** @param {any[]} rows */
function budget(rows) {
  const known = rows.filter((one) => one.accuracy !== null);
  if (known.length < 2) return h("p", { class: "empty" }, "Two rounds with an accuracy make a curve; there are not so many yet.");
  const [width, height, pad] = [420, 150, 30];
  const labels = known.map((one) => one.labelled);
  const [low, high] = [Math.min(...labels), Math.max(...labels)];
  const values = known.map((one) => one.accuracy);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (/** @type {number} */ value) => pad + 12 + ((value - low) / (high - low || 1)) * (width - pad - 30);
  const y = (/** @type {number} */ value) => height - pad - ((value - least) / (most - least || 1)) * (height - pad - 16);
  const picture = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart budget", role: "img", width, height, "aria-label": `accuracy from ${number(values[0], 3)} with ${labels[0]} labels to ${number(/** @type {number} */ (values.at(-1)), 3)} with ${labels.at(-1)}` },
    s("path", { d: known.map((one, at) => `${at ? "L" : "M"}${x(one.labelled)} ${y(one.accuracy)}`).join(""), fill: "none", stroke: "var(--accent)", "stroke-width": 2 }),
    known.map((one) => [s("circle", { cx: x(one.labelled), cy: y(one.accuracy), r: 4, fill: "var(--accent)" }, s("title", null, `round ${one.round}: ${one.labelled} labels, ${number(one.accuracy, 3)}`)),
      s("text", { x: x(one.labelled), y: height - 8, "text-anchor": "middle" }, String(one.labelled)), s("text", { x: x(one.labelled), y: y(one.accuracy) - 8, "text-anchor": "middle" }, number(one.accuracy, 2))]));
  return picture;
}
