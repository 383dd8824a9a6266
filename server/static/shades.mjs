/** What colours the dots: a class, a text, a number or a change, with the legend that explains it. */

import { abgr, ramp, rgb } from "./color.mjs";

const MISSING = 65535;
const GREY = { light: "#8a929c", dark: "#7a838d" };

/**
 * @param {{name: string, kind: string, text?: string, signed?: boolean, turned?: boolean}} column
 * @param {ArrayLike<number>} values
 * @param {{run: any, colors: string[], ring: boolean[], theme: "light" | "dark", categories?: string[], solo: number[], range?: [number, number] | null}} context  range: of the ramp, over all epochs
 * @returns {any} {colors: Uint32Array (ABGR), groups, visible, entries or ramp, alpha, title, key, rings}
 */
export function shadesOf(column, values, { run, colors, ring, theme, categories, solo, range }) {
  const grey = rgb(GREY[theme]);
  const count = values.length;
  const packed = new Uint32Array(count);
  const alpha = count > 100_000 ? 200 : count > 20_000 ? 225 : 245;
  const base = { colors: packed, alpha, key: `${run.slug}/${column.name}`, title: title(column) };
  if (column.kind === "class" || column.kind === "text" || column.kind === "flag") {
    const names = column.kind === "class" ? run.classes : column.kind === "flag" ? flagNames(column.name) : categories ?? [];
    const palette = column.kind === "class" ? colors : names.map((_, index) => colors[index % colors.length] ?? GREY[theme]);
    const shade = palette.map((color) => abgr(rgb(color)));
    const missing = abgr(grey);
    const counts = new Uint32Array(names.length + 1);
    const groups = new Uint16Array(count);
    for (let row = 0; row < count; row++) {
      const value = values[row];
      const known = value >= 0 && value < names.length && value !== MISSING;
      packed[row] = known ? shade[value] : missing;
      groups[row] = known ? value : names.length;
      counts[groups[row]]++;
    }
    const entries = names.map((name, value) => ({ name, value, count: counts[value], color: palette[value], ring: column.kind === "class" && ring[value] })).filter((one) => one.count || names.length <= 20);
    if (counts[names.length]) entries.push({ name: "unknown", value: names.length, count: counts[names.length], color: GREY[theme], ring: false });
    let visible = null;
    if (solo.length) {
      visible = new Uint8Array(count);
      const chosen = new Set(solo);
      for (let row = 0; row < count; row++) visible[row] = chosen.has(groups[row]) ? 1 : 0;
    }
    return { ...base, groups, entries, visible, rings: column.kind === "class" && ring.some(Boolean) ? ring : null };
  }
  const signed = column.signed ?? /change$/.test(column.name);
  const [low, high] = range ?? limits(values, signed);
  const tones = signed ? (theme === "dark" ? "puorDark" : "puor") : "viridis";
  // Turned round where orange would stand for what elsewhere is blue: A of two runs.
  const along = (/** @type {number} */ share) => (column.turned ? 1 - share : share);
  let missingCount = 0;
  for (let row = 0; row < count; row++) {
    const value = values[row];
    if (!Number.isFinite(value)) {
      packed[row] = abgr(grey);
      missingCount++;
      continue;
    }
    packed[row] = abgr(ramp(tones, along((value - low) / (high - low || 1))));
  }
  const stops = Array.from({ length: 9 }, (_, index) => `rgb(${ramp(tones, along(index / 8)).map(Math.round).join(" ")})`);
  return { ...base, groups: new Uint8Array(count), visible: null, entries: null, low, high, gradient: stops.join(","), note: [range ? "one scale for all epochs" : "", missingCount ? `${missingCount.toLocaleString("en-US")} without a value, grey` : ""].filter(Boolean).join(" · "), rings: null };
}

/** One grey for all: for a run that knows nothing of its samples. @param {any} run @param {string} theme */
export function plainShades(run, theme) {
  const grey = GREY[/** @type {"light" | "dark"} */ (theme)];
  return {
    colors: new Uint32Array(run.samples).fill(abgr(rgb(grey))), alpha: 235, key: `${run.slug}/plain`, title: "samples", groups: new Uint16Array(run.samples), visible: null, rings: null,
    entries: [{ name: "no label, no prediction", value: 0, count: run.samples, color: grey, ring: false }],
  };
}

/**
 * Limits of a ramp: the 2nd and 98th percentile; around zero when the values are changes.
 * @param {ArrayLike<number>} values
 * @param {boolean} signed
 * @returns {[number, number]}
 */
export function limits(values, signed) {
  const step = Math.max(1, Math.floor(values.length / 20_000));
  const known = [];
  for (let row = 0; row < values.length; row += step) if (Number.isFinite(values[row])) known.push(signed ? Math.abs(values[row]) : values[row]);
  if (!known.length) return [0, 1];
  known.sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => known[Math.min(known.length - 1, Math.floor(share * known.length))];
  return signed ? [-(at(0.98) || 1), at(0.98) || 1] : [at(0.02), at(0.98)];
}

/** @param {{name: string, text?: string}} column */
function title(column) {
  return column.text && column.text.length < 26 ? column.text : column.name.replaceAll("_", " ");
}

/** @param {string} name */
function flagNames(name) {
  return name === "correct" ? ["wrong", "right", "unknown"] : ["no", "yes"];
}
