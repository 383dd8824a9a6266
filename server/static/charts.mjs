/** Small charts as SVG: they share the epoch axis, mark the current epoch, and answer a click with an epoch. */

import { endWords, linear, number, path, range } from "./chart_math.mjs";
import { h, s } from "./dom.mjs";

const PAD = 4;
/** A chart with less room than this has no axes; one with more gives them a part of its own height and width. */
const ROOM = { width: 200, height: 36 };
const FOOT_PX = 12;

/**
 * Lines over the epochs of a run, with the current epoch marked and a click that goes there; where there is room
 * with the ends of both axes in words.
 * @param {{
 *   epochs: number[], epoch: number, label: string, width?: number, height?: number,
 *   lines: {values: (number|null)[], color: string, name: string, dash?: string, strong?: boolean}[],
 *   band?: {low: (number|null)[], high: (number|null)[], color: string},
 *   domain?: [number, number], log?: boolean, onepoch?: (epoch: number) => void,
 * }} options
 * @returns {HTMLElement}
 */
export function curves(options) {
  const { epochs, epoch, lines, band, label, width = 312, height: whole = 64, onepoch } = options;
  const roomy = width >= ROOM.width && whole >= ROOM.height && epochs.length > 0;
  const height = roomy ? whole - FOOT_PX : whole;
  const shown = options.log ? (v) => (v === null || v <= 0 ? null : Math.log10(v)) : (v) => v;
  const values = lines.map((line) => line.values.map(shown));
  const lows = band ? [...band.low.map(shown), ...band.high.map(shown)] : [];
  const domain = options.domain ?? range([...values.flat(), ...lows]) ?? [0, 1];
  const x = linear([0, Math.max(1, epochs.length - 1)], [PAD, width - PAD]);
  const y = linear(domain, [height - PAD, PAD]);
  const at = epochs.indexOf(epoch);
  const picture = s("svg", {
    viewBox: `0 0 ${width} ${height}`, width: "100%", height, role: "img", class: "chart",
    "aria-label": `${label}: ${describe(lines, epochs)}`, preserveAspectRatio: "none",
  });
  if (band) picture.append(s("path", { d: area(band, shown, x, y), fill: band.color, opacity: 0.18 }));
  lines.forEach((line, index) => {
    picture.append(s("path", {
      d: path(values[index], x, y), fill: "none", stroke: line.color, "stroke-width": line.strong ? 2.2 : 1.3,
      "stroke-dasharray": line.dash, "stroke-linecap": "round", "vector-effect": "non-scaling-stroke",
    }, s("title", null, line.name)));
  });
  if (at >= 0) {
    picture.append(s("line", {
      x1: x(at), x2: x(at), y1: 0, y2: height, class: "chart-now", "vector-effect": "non-scaling-stroke",
    }));
  }
  if (onepoch) {
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      onepoch(epochs[Math.max(0, Math.min(epochs.length - 1, Math.round(share * (epochs.length - 1))))]);
    });
    picture.classList.add("clickable");
  }
  const chart = /** @type {HTMLElement} */ (/** @type {unknown} */ (picture));
  if (!roomy) return chart;
  const ends = endWords(/** @type {[number, number]} */ (options.log ? domain.map((value) => 10 ** value) : domain));
  return h("div", { class: "chart-axes" },
    h("div", { class: "chart-values", "aria-hidden": "true" }, ends.map((text) => h("span", null, text))), chart,
    h("div", { class: "chart-epochs", "aria-hidden": "true" }, endWords([epochs[0], /** @type {number} */ (epochs.at(-1))]).reverse().map((text) => h("span", null, text))));
}

/**
 * Bars from a zero line, largest first or as given; each may be clicked.
 * @param {{
 *   rows: {name: string, value: number|null, color?: string, note?: string, onclick?: () => void}[],
 *   digits?: number, signed?: boolean,
 * }} options
 */
export function bars({ rows, digits = 3 }) {
  const span = range([0, ...rows.map((row) => row.value)]) ?? [0, 1];
  const at = linear(span[0] === span[1] ? [0, 1] : span, [0, 100]);
  return h("ul", { class: "bars" }, rows.map((row) => {
    const value = row.value ?? 0;
    const [left, right] = [Math.min(at(0), at(value)), Math.max(at(0), at(value))];
    const inside = [
      h("span", { class: "bar-name" }, row.name),
      h("span", { class: "bar-track" }, h("span", {
        class: "bar-fill",
        style: `left:${left}%;width:${Math.max(0.6, right - left)}%;${row.color ? `background:${row.color}` : ""}`,
      })),
      h("span", { class: "bar-value", title: row.note ?? null }, number(row.value, digits)),
    ];
    return h("li", { title: row.note ?? null },
      row.onclick ? h("button", { class: "bar", type: "button", onclick: row.onclick }, inside) : h("div", { class: "bar" }, inside));
  }));
}

/**
 * One cell an epoch in the colour of the predicted class: a history that is read at a glance.
 * @param {{
 *   epochs: number[], epoch: number, classes: (number)[], colors: string[], names: string[],
 *   label: number, onepoch?: (epoch: number) => void,
 * }} options
 */
export function classStrip({ epochs, epoch, classes, colors, names, label, onepoch }) {
  return h("div", { class: "class-strip", role: "list", "aria-label": "predicted class over epochs" },
    classes.map((index, at) => h("button", {
      type: "button", role: "listitem", tabindex: -1,
      class: `cell${epochs[at] === epoch ? " now" : ""}${label >= 0 && index !== label ? " wrong" : ""}`,
      style: `--cell:${index < 0 ? "transparent" : colors[index]}`,
      title: `epoch ${epochs[at]}: ${index < 0 ? "not recorded" : names[index]}${label >= 0 && index >= 0 && index !== label ? " (wrong)" : ""}`,
      onclick: onepoch ? () => onepoch(epochs[at]) : null,
    })));
}

/**
 * A map of numbers as a canvas.
 * @param {Uint8ClampedArray} pixels RGBA
 * @param {number} width
 * @param {number} height
 * @param {string} label
 */
export function pixelImage(pixels, width, height, label) {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { width, height, role: "img", "aria-label": label, class: "pixels" }));
  const context = canvas.getContext("2d");
  context?.putImageData(new ImageData(/** @type {any} */ (pixels), width, height), 0, 0);
  return canvas;
}

/** @param {{name: string, values: (number|null)[]}[]} lines @param {number[]} epochs */
function describe(lines, epochs) {
  return lines.slice(0, 3).map((line) => {
    const known = line.values.filter((v) => v !== null);
    return `${line.name} from ${number(known[0])} to ${number(known.at(-1))}`;
  }).join(", ") + `, epochs ${epochs[0]} to ${epochs.at(-1)}`;
}

/**
 * @param {{low: (number|null)[], high: (number|null)[]}} band
 * @param {(v: number|null) => number|null} shown
 * @param {(i: number) => number} x
 * @param {(v: number) => number} y
 */
function area(band, shown, x, y) {
  const points = (/** @type {(number|null)[]} */ values) => values.map(shown).map((v, i) => (v === null ? null : `${x(i).toFixed(1)} ${y(v).toFixed(1)}`)).filter((p) => p !== null);
  const upper = points(band.high);
  const lower = points(band.low).reverse();
  return upper.length ? `M${[...upper, ...lower].join("L")}Z` : "";
}
