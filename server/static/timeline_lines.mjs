/** What the timeline draws and reads out: error and loss of one run or two. No document here. */

import { isHeldOut, judgedSplit } from "./chart_math.mjs";

/** An error of none has no logarithm. */
const SMALLEST_ERROR = 5e-4;

/**
 * Up to two splits to show: what is trained on, then what is kept out of it, whatever their order; with their colours.
 * @param {string[]} names
 * @returns {{split: string, shade: number}[]}
 */
export function shownSplits(names) {
  const [own, kept] = [names.filter((name) => !isHeldOut(name)), names.filter(isHeldOut)];
  const shown = own.length && kept.length ? [own[0], kept[0]] : [...own, ...kept].slice(0, 2);
  return shown.map((split, at) => ({ split, shade: at && isHeldOut(split) === isHeldOut(shown[0]) ? 2 : Number(isHeldOut(split)) }));
}

/** The losses that a run has, and their colours. @param {any} run */
function losses(run) {
  const known = (/** @type {string} */ name) => run.metrics?.[name]?.some((/** @type {any} */ value) => Number.isFinite(value));
  const kept = ["val_loss", "test_loss"].find(known);
  return [...(known("train_loss") ? [{ name: "train_loss", split: "train", shade: 0 }] : []), ...(kept ? [{ name: kept, split: kept.replace("_loss", ""), shade: 1 }] : [])];
}

/**
 * The curves above the slider, as logarithms: the error of two splits and the losses of one run, trained on and kept
 * out in the same two colours; of two runs the error and the loss on the split that was not trained on.
 * @param {any[]} runs
 * @param {{a: number, b: number, holdsA: boolean, holdsB: boolean}[]} stops
 * @returns {{kind: "error" | "loss", text: string, shade: number, places: number[], values: (number | null)[]}[]}  places: stops of the values
 */
export function timelineLines(runs, stops) {
  const error = (/** @type {number | null | undefined} */ accuracy) => (accuracy === null || accuracy === undefined ? null : Math.log10(Math.max(1 - accuracy, SMALLEST_ERROR)));
  const log = (/** @type {number | null | undefined} */ loss) => (loss === null || loss === undefined || loss <= 0 ? null : Math.log10(loss));
  return runs.flatMap((run, index) => {
    const rows = new Map(run.epochs.map((/** @type {number} */ epoch, /** @type {number} */ row) => [epoch, row]));
    const places = [...stops.keys()].filter((at) => !(index ? stops[at].holdsB : stops[at].holdsA));
    const along = (/** @type {(number | null)[]} */ values, /** @type {(value: any) => number | null} */ shown) => ({ places, values: places.map((at) => shown(values[rows.get(index ? stops[at].b : stops[at].a)])) });
    const [splits, found] = [Object.keys(run.accuracy ?? {}), losses(run)];
    const judged = judgedSplit(splits);
    const two = runs.length > 1;
    const errors = two ? (judged === undefined ? [] : [{ split: judged, shade: index }]) : shownSplits(splits);
    return [
      ...errors.map(({ split, shade }) => ({ kind: /** @type {const} */ ("error"), text: `error${two ? ` ${"AB"[index]}` : ""}, ${split}`, shade, ...along(run.accuracy[split], error) })),
      ...(two ? found.slice(-1) : found).map(({ name, shade }) => ({ kind: /** @type {const} */ ("loss"), text: `${name.replace("_", " ")}${two ? ` ${"AB"[index]}` : ""}`, shade: two ? index : shade, ...along(run.metrics[name], log) })),
    ];
  });
}

/**
 * Accuracy and loss at the epoch shown: of both splits of one run, or of two runs where they are judged.
 * @param {any[]} runs
 * @param {number[]} shown  the epoch of each run
 * @returns {{name: string, title: string, parts: {text: string, value: number}[]}[]}
 */
export function readings(runs, shown) {
  return runs.flatMap((run, index) => {
    const at = run.epochs.indexOf(shown[index]);
    const read = (/** @type {any} */ values) => (Number.isFinite(values?.[at]) ? values[at] : null);
    const [splits, found] = [Object.keys(run.accuracy ?? {}), losses(run)];
    if (runs.length > 1) {
      const split = judgedSplit(splits);
      const loss = found.at(-1);
      return [line("AB"[index], "", split === undefined ? null : read(run.accuracy[split]), split ?? "", loss ? read(run.metrics[loss.name]) : null, loss?.split ?? "")];
    }
    const rows = shownSplits(splits).map((one) => ({ ...one, loss: found.find((loss) => isHeldOut(loss.split) === isHeldOut(one.split)) }));
    const rest = found.filter((loss) => !rows.some((row) => row.loss === loss));
    return [...rows.map(({ split, loss }) => line(split, split, read(run.accuracy[split]), split, loss ? read(run.metrics[loss.name]) : null, loss?.split ?? "")), ...rest.map((loss) => line(loss.split, loss.split, null, "", read(run.metrics[loss.name]), loss.split))];
  }).filter((one) => one.parts.length);
}

/**
 * @param {string} name  of the line
 * @param {string} own  the split that needs no word
 * @param {number | null} accuracy @param {string} split
 * @param {number | null} loss @param {string} lossSplit
 */
function line(name, own, accuracy, split, loss, lossSplit) {
  const parts = [];
  if (accuracy !== null) parts.push({ text: "", value: accuracy });
  if (loss !== null) parts.push({ text: !own || own === lossSplit ? "loss" : `${lossSplit} loss`, value: loss });
  return { name, title: [accuracy === null ? "" : `accuracy, ${split}`, loss === null ? "" : `${lossSplit} loss`].filter(Boolean).join("; "), parts };
}
