/** A set of samples: its make-up, what changed at this epoch, how its loss ran, which samples had most happen to them. */

import { counted, number, percent, signed } from "../chart_math.mjs";
import { bars, curves } from "../charts.mjs";
import { h } from "../dom.mjs";
import { atEpoch, classTerm } from "../terms.mjs";
import { mostFrequent, pairMatrix } from "./pairs.mjs";

const CLASSES_SHOWN = 12;
/** Classes up to which a matrix fits beside the map. */
const MATRIX_CLASSES = 10;
const [PAIRS_BESIDE, PAIRS_ALONE] = [5, 20];
const CHANGES = [
  ["learned", "learned", "wrong before, right now"], ["forgotten", "forgotten", "right before, wrong now"],
  ["drift", "wrong to other wrong", "wrong before, wrong in another way now"], ["unchanged", "unchanged", "the same prediction as before"],
];
const FLIPS = [["flipped", "flipped", "another prediction than before"], CHANGES[3]];

/**
 * @param {any} data  answer of set/EPOCH.json
 * @param {{run: any, title: string|null, colors: string[], epoch: number, onepoch: (epoch: number) => void,
 *   onkeep: (expression: string) => void, onrow: (row: number) => void, thumbnails: (rows: number[]) => HTMLElement|null}} context
 *   onkeep: of the set keeps only what a search names too
 * @returns {HTMLElement[]}
 */
export function setView(data, { run, title, colors, epoch, onepoch, onkeep, onrow, thumbnails }) {
  const classes = data.by_class.filter((one) => one.count > 0).sort((a, b) => b.count - a.count);
  return [
    title ? h("h2", { class: "run-name" }, title) : null,
    h("h3", null, counted(data.count, "sample"), data.accuracy === null || data.accuracy === undefined ? null
      : h("span", { class: "muted" }, ` · ${percent(data.accuracy)} right at epoch ${epoch}`)),
    h("h4", null, "Make-up"),
    bars({ rows: classes.slice(0, CLASSES_SHOWN).map((one) => ({
      name: run.classes[one.class] ?? "unlabelled", value: one.count, color: colors[one.class],
      note: `${one.class < 0 ? "" : `${one.correct} of ${one.count} right; `}click to keep only these`,
      onclick: () => onkeep(classTerm("label", run.classes, one.class)),
    })) }),
    classes.length > CLASSES_SHOWN ? h("p", { class: "muted" }, `and ${number(classes.length - CLASSES_SHOWN)} more`) : null,
    ...changed(data, { run, colors, epoch, onkeep }),
    ...loss(data, { epoch, onepoch, onrow }),
    ...eventful(data, onrow),
    data.rows_shown?.length ? thumbnails(data.rows_shown) : null,
  ].filter((part) => part !== null);
}

/** From which prediction to which (Q3). @param {any} data @param {any} context */
function changed(data, { run, colors, epoch, onkeep }) {
  const { from_epoch: from, matrix, counts } = data.transitions;
  if (from === null) return [h("h4", null, "Changes"), h("p", { class: "empty" }, "There is no epoch before this one.")];
  if (!run.has.logits) return [h("h4", null, "Changes"), h("p", { class: "empty" }, "No predictions were recorded, so none can have changed.")];
  const pairs = matrix.map((cell) => /** @type {import("./pairs.mjs").Pair} */ ([cell.from, cell.to, cell.count]));
  const flips = mostFrequent(pairs);
  const shown = [...new Set(pairs.flatMap(([a, b]) => [a, b]))].sort((a, b) => a - b);
  const onselect = (/** @type {number} */ a, /** @type {number} */ b) => onkeep([classTerm(atEpoch("pred", from), run.classes, a), classTerm(atEpoch("pred", epoch), run.classes, b)].join(" "));
  const small = shown.length <= MATRIX_CLASSES;
  const dot = (/** @type {number} */ index) => [h("span", { class: "dot", style: `background:${colors[index] ?? "transparent"}` }), run.classes[index]];
  return [
    h("h4", null, `Changed since epoch ${from}`),
    h("p", { class: "row" }, (run.has.labels ? CHANGES : FLIPS).map(([name, word, title]) => h("button", {
      type: "button", class: "chip", title: `${title}; click to keep only these`, disabled: counts[name] === 0, onclick: () => onkeep(changeTerms(name, from, epoch)),
    }, h("strong", null, number(counts[name])), ` ${word}`))),
    flips.length === 0 ? h("p", { class: "empty" }, "No prediction of this set changed here.")
      : h("ul", { class: "transitions" }, flips.slice(0, small ? PAIRS_BESIDE : PAIRS_ALONE).map(({ a, b, count }) => h("li", null,
        h("button", { type: "button", class: "link plain", title: "click to keep only these", onclick: () => onselect(a, b) }, dot(a), " → ", dot(b)), `: ${counted(count, "sample")}`))),
    flips.length && small ? pairMatrix({ classes: run.classes, pairs, shown, words: [`epoch ${from}`, `epoch ${epoch}`], onselect, write: brief }) : null,
  ];
}

/** What happened between two epochs, in words of the search. @param {string} name @param {number} from @param {number} epoch */
export function changeTerms(name, from, epoch) {
  return name === "unchanged" ? `-flipped:${epoch} -${atEpoch("pred", from)}:none -${atEpoch("pred", epoch)}:none` : `${name}:${epoch}`;
}

/** @param {number} count */
function brief(count) {
  return count < 1000 ? String(count) : `${number(count / 1000, 2)}k`;
}

/** @param {any} data @param {any} context */
function loss(data, { epoch, onepoch, onrow }) {
  const parts = [];
  const known = (/** @type {any[] | undefined} */ values) => values?.some((value) => Number.isFinite(value));
  if (known(data.curves?.mean_loss)) {
    parts.push(h("h4", null, "Mean loss, middle half shaded"), curves({
      epochs: data.curves.epochs, epoch, label: "mean loss", onepoch, height: 60,
      lines: [{ name: "mean loss", values: data.curves.mean_loss, color: "var(--accent)" }],
      band: data.curves.q1 ? { low: data.curves.q1, high: data.curves.q3, color: "var(--accent)" } : undefined,
    }));
    if (known(data.curves.accuracy)) {
      parts.push(h("h4", null, "Accuracy"), curves({
        epochs: data.curves.epochs, epoch, label: "accuracy", onepoch, height: 44, domain: [0, 1],
        lines: [{ name: "accuracy", values: data.curves.accuracy, color: "var(--ink)" }],
      }));
    }
  }
  const figures = data.loss;
  if (figures?.mean !== null && figures?.mean !== undefined) {
    parts.push(h("p", null, `Mean loss ${number(figures.mean)}`,
      figures.mean_change === null || figures.mean_change === undefined ? null : ` (${signed(figures.mean_change)} since the epoch before)`));
    const changes = [...(figures.rises ?? []), ...(figures.falls ?? [])];
    if (changes.length) {
      parts.push(h("h4", null, "Largest changes of loss"), bars({ rows: changes.map((one) => ({
        name: `#${one.id ?? one.row}`, value: one.change, color: one.change > 0 ? "var(--worse)" : "var(--better)", onclick: () => onrow(one.row),
      })) }));
    }
  }
  return parts;
}

/** @param {any} data @param {(row: number) => void} onrow */
function eventful(data, onrow) {
  if (!data.eventful?.length) return [];
  return [h("h4", null, "Most eventful"), h("ul", { class: "events" }, data.eventful.map((one) => h("li", null,
    h("button", { type: "button", class: "link", onclick: () => onrow(one.row) }, `#${one.id ?? one.row}`), ` ${one.text}`)))];
}
