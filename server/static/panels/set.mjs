/** A set of samples: its make-up, what changed at this epoch, how its loss ran, which samples had most happen to them. */

import { number, percent, signed } from "../chart_math.mjs";
import { bars, curves } from "../charts.mjs";
import { h } from "../dom.mjs";

const CLASSES_SHOWN = 12;

/**
 * @param {any} data  answer of set/EPOCH.json
 * @param {{run: any, colors: string[], epoch: number, onepoch: (epoch: number) => void,
 *   onselect: (expression: string) => void, onrow: (row: number) => void, thumbnails: (rows: number[]) => HTMLElement|null}} context
 * @returns {HTMLElement[]}
 */
export function setView(data, { run, colors, epoch, onepoch, onselect, onrow, thumbnails }) {
  const classes = data.by_class.filter((one) => one.count > 0).sort((a, b) => b.count - a.count);
  const transitions = (data.transitions?.matrix ?? []).filter((cell) => cell.from !== cell.to).sort((a, b) => b.count - a.count);
  return [
    h("h3", null, `${number(data.count)} samples`, data.accuracy === null || data.accuracy === undefined ? null
      : h("span", { class: "muted" }, ` · ${percent(data.accuracy)} right at epoch ${epoch}`)),
    h("h4", null, "Make-up"),
    bars({ rows: classes.slice(0, CLASSES_SHOWN).map((one) => ({
      name: run.classes[one.class] ?? "unlabelled", value: one.count, color: colors[one.class],
      note: `${one.correct} of ${one.count} right; click to keep only these`,
      onclick: () => onselect(`label:"${run.classes[one.class]}"`),
    })) }),
    classes.length > CLASSES_SHOWN ? h("p", { class: "muted" }, `and ${classes.length - CLASSES_SHOWN} more classes`) : null,
    h("h4", null, data.transitions?.from_epoch === null || data.transitions?.from_epoch === undefined ? "Changes"
      : `Changed since epoch ${data.transitions.from_epoch}`),
    transitions.length
      ? h("ul", { class: "transitions" }, transitions.slice(0, 10).map((cell) => h("li", null,
        h("span", { class: "dot", style: `background:${colors[cell.from] ?? "transparent"}` }), run.classes[cell.from] ?? "?", " → ",
        h("span", { class: "dot", style: `background:${colors[cell.to] ?? "transparent"}` }), run.classes[cell.to] ?? "?", `: ${number(cell.count)}`)))
      : h("p", { class: "empty" }, "No prediction of this set changed here."),
    ...loss(data, { epoch, onepoch, onrow }),
    ...eventful(data, onrow),
    data.rows_shown?.length ? thumbnails(data.rows_shown) : null,
  ].filter((part) => part !== null);
}

/** @param {any} data @param {any} context */
function loss(data, { epoch, onepoch, onrow }) {
  const parts = [];
  if (data.curves?.epochs?.length) {
    parts.push(h("h4", null, "Mean loss, middle half shaded"), curves({
      epochs: data.curves.epochs, epoch, label: "mean loss", onepoch, height: 60,
      lines: [{ name: "mean loss", values: data.curves.mean_loss, color: "var(--accent)" }],
      band: data.curves.q1 ? { low: data.curves.q1, high: data.curves.q3, color: "var(--accent)" } : undefined,
    }));
    if (data.curves.accuracy) {
      parts.push(h("h4", null, "Accuracy"), curves({
        epochs: data.curves.epochs, epoch, label: "accuracy", onepoch, height: 44, domain: [0, 1],
        lines: [{ name: "accuracy", values: data.curves.accuracy, color: "var(--ink)" }],
      }));
    }
  }
  const figures = data.loss;
  if (figures?.mean !== null && figures?.mean !== undefined) {
    parts.push(h("p", null, `Mean loss ${number(figures.mean)}`,
      figures.previous_mean === null || figures.previous_mean === undefined ? null : ` (${signed(figures.mean - figures.previous_mean)} since the epoch before)`));
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
