/** One sample over the whole training: what it is, what the network said of it, what happened to it. */

import { counted, number, strongest } from "../chart_math.mjs";
import { classStrip, curves } from "../charts.mjs";
import { h } from "../dom.mjs";
import { quoted } from "../terms.mjs";

const RIVALS = 3;

/**
 * Who the sample is, and what the network says of it now.
 * @param {any} data  answer of sample/ROW.json
 * @param {{run: any, colors: string[], epoch: number, image: string|null, pinned: boolean, onpin: () => void, onclose: () => void}} context
 * @returns {HTMLElement}
 */
export function sampleCard(data, { run, colors, epoch, image, pinned, onpin, onclose }) {
  const at = data.epochs.indexOf(epoch);
  const predicted = at >= 0 ? data.predicted[at] : -1;
  const wrong = data.label >= 0 && predicted >= 0 && predicted !== data.label;
  const name = (/** @type {number} */ index) => (index >= 0 ? run.classes[index] : "unknown");
  return h("div", { class: "card" },
    image ? h("img", { src: image, alt: `sample ${data.id}`, class: "sample-image" }) : h("div", { class: "sample-image none" }, "no image"),
    h("div", { class: "card-text" },
      h("h3", null, `#${data.id}`, h("button", { class: "quiet", type: "button", title: "keep it pinned beside others, with its trail (P)", "aria-pressed": String(pinned), onclick: onpin }, pinned ? "pinned" : "pin"),
        h("button", { class: "quiet", type: "button", title: "close (Esc)", "aria-label": "close", onclick: onclose }, "×")),
      h("p", null, h("span", { class: "dot", style: `background:${colors[data.label] ?? "transparent"}` }), `label ${name(data.label)}`,
        data.true_label !== null && data.true_label !== undefined && data.true_label !== data.label ? h("span", { class: "warn" }, ` (rightly ${name(data.true_label)})`) : null),
      h("p", { class: wrong ? "wrong" : "" }, h("span", { class: "dot", style: `background:${colors[predicted] ?? "transparent"}` }),
        predicted < 0 ? (at >= 0 && data.present?.[at] ? "no prediction at this epoch" : "not recorded at this epoch") : `predicted ${name(predicted)} (${number(data.confidence[at], 2)})${wrong ? " ✕" : ""}`),
      h("p", { class: "muted" }, [data.split, labelled(data, epoch), kept(data, epoch)].filter(Boolean).join(" · "))));
}

/**
 * What the network said of it at every epoch.
 * @param {any} data
 * @param {{run: any, colors: string[], epoch: number, onepoch: (epoch: number) => void}} context
 * @returns {HTMLElement[]}
 */
export function sampleHistory(data, { run, colors, epoch, onepoch }) {
  return [
    ...(data.predicted.some((/** @type {number} */ one) => one >= 0) ? [h("h4", null, "Prediction over epochs"), classStrip({ epochs: data.epochs, epoch, classes: data.predicted, colors, names: run.classes, label: data.label, onepoch })] : []),
    ...probability(data, { run, colors, epoch, onepoch }),
    ...(data.loss?.some((/** @type {any} */ value) => Number.isFinite(value)) ? [h("h4", null, "Loss"), curves({ epochs: data.epochs, epoch, label: "loss", height: 40, onepoch, lines: [{ name: "loss", values: data.loss, color: "var(--ink)" }] })] : []),
  ];
}

/**
 * Its events and its columns.
 * @param {any} data
 * @param {{onepoch: (epoch: number) => void, onselect: (expression: string) => void}} context
 * @returns {HTMLElement[]}
 */
export function sampleEvents(data, { onepoch, onselect }) {
  return [...events(data, onepoch), ...attributes(data, onselect)];
}

/** @param {any} data @param {number} epoch */
function labelled(data, epoch) {
  const pick = (data.picks ?? []).find((/** @type {any} */ one) => one.epoch === epoch);
  if (pick) return `picked here, rank ${pick.rank}${pick.strategy ? ` by ${pick.strategy}` : ""}`;
  return data.labelled_since === null || data.labelled_since === undefined ? null : `labelled since epoch ${data.labelled_since}`;
}

/** @param {any} data @param {number} epoch */
function kept(data, epoch) {
  const at = (data.kept_epochs ?? data.epochs).indexOf(epoch);
  const share = data.kept?.[at];
  return share === null || share === undefined ? null : `map keeps ${Math.round(share * data.kept_k)} of its ${counted(data.kept_k, "nearest neighbour")}`;
}

/** @param {any} data @param {any} context */
function probability(data, { run, colors, epoch, onepoch }) {
  if (!data.probabilities) return [h("p", { class: "empty" }, "No logits were recorded, so there are no probabilities.")];
  const { classes, values } = data.probabilities;
  const lines = classes.map((_, index) => values.map((row) => row?.[index] ?? null));
  const matter = strongest(lines, classes.indexOf(data.label), RIVALS + 1);
  const order = [...classes.keys()].sort((a, b) => Number(matter.has(a)) - Number(matter.has(b)));
  return [
    h("h4", null, "Probability"),
    curves({
      epochs: data.epochs, epoch, label: "probability", height: 76, domain: [0, 1], onepoch,
      lines: order.map((index) => ({
        name: run.classes[classes[index]], values: lines[index],
        color: matter.has(index) ? colors[classes[index]] : "var(--faint)", strong: classes[index] === data.label,
        dash: matter.has(index) && classes[index] !== data.label ? "5 3" : undefined,
      })),
    }),
    h("p", { class: "keys" }, [...matter].map((index) => h("span", null,
      h("span", { class: classes[index] === data.label ? "line" : "line dashed", style: `border-color:${colors[classes[index]]}` }),
      `${run.classes[classes[index]]}${classes[index] === data.label ? " (label)" : ""}`))),
  ];
}

/** @param {any} data @param {(epoch: number) => void} onepoch */
function events(data, onepoch) {
  if (!data.events?.length) return [];
  return [h("h3", null, `Events (${data.events.length})`),
    h("ul", { class: "events" }, data.events.map((event) => h("li", null,
      h("button", { type: "button", class: "link", onclick: () => onepoch(event.epoch) }, `epoch ${event.epoch}`), " ", event.text)))];
}

/** @param {any} data @param {(expression: string) => void} onselect */
function attributes(data, onselect) {
  const names = Object.keys(data.attributes ?? {});
  if (!names.length) return [];
  return [h("h3", null, "Columns"), h("dl", { class: "columns" }, names.map((name) => [
    h("dt", null, name),
    h("dd", null, h("button", { type: "button", class: "link", title: "select samples like this", onclick: () => onselect(expression(name, data.attributes[name])) },
      typeof data.attributes[name] === "number" ? number(data.attributes[name]) : String(data.attributes[name]))),
  ]))];
}

/** @param {string} name @param {unknown} value */
export function expression(name, value) {
  return `${quoted(name)}:${quoted(String(value))}`;
}
