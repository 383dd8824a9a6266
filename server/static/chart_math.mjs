/** The arithmetic of small charts: scales, paths, numbers in words. No document here. */

/**
 * Lowest and highest finite value; null when there is none.
 * @param {Iterable<number | null | undefined>} values
 * @returns {[number, number] | null}
 */
export function range(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/**
 * A linear scale; a range without width maps to the middle.
 * @param {[number, number]} domain
 * @param {[number, number]} target
 * @returns {(value: number) => number}
 */
export function linear([from, to], [start, end]) {
  const width = to - from;
  return width === 0 ? () => (start + end) / 2 : (value) => start + ((value - from) / width) * (end - start);
}

/**
 * SVG path through points; a gap where a value is missing, a dot for a value alone.
 * @param {(number | null)[]} values
 * @param {(index: number) => number} x
 * @param {(value: number) => number} y
 */
export function path(values, x, y) {
  let text = "";
  let open = false;
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) {
      open = false;
      return;
    }
    const point = `${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    const alone = !open && !isNumber(values[index + 1]);
    text += open ? `L${point}` : `M${point}${alone ? "h.01" : ""}`;
    open = true;
  });
  return text;
}

/** @param {unknown} value */
function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/**
 * A number as a person reads it: few digits, no exponent where it can be helped, "–" for nothing.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

/**
 * Signed, with a true minus.
 * @param {number | null | undefined} value
 * @param {number} [digits]
 */
export function signed(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return `${value < 0 ? "−" : "+"}${number(Math.abs(value), digits)}`;
}

/** @param {number | null | undefined} share */
export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return `${Number((share * 100).toPrecision(3))} %`;
}

/**
 * Which of many lines matter: the label's and the strongest rivals'.
 * @param {number[][]} values  per line, per epoch
 * @param {number} own  index of the line that always counts, -1 for none
 * @param {number} count
 * @returns {Set<number>}
 */
export function strongest(values, own, count) {
  const peak = values.map((line, index) => ({ index, peak: Math.max(...line.map((v) => v ?? 0)) }));
  peak.sort((a, b) => b.peak - a.peak || a.index - b.index);
  const chosen = new Set(own >= 0 ? [own] : []);
  for (const { index } of peak) {
    if (chosen.size >= count) break;
    chosen.add(index);
  }
  return chosen;
}

/**
 * Colours of an attribution map: viridis-like for unsigned values, purple to orange for signed ones.
 * @param {Float32Array} values  one map
 * @param {number} limit  value of the full colour; the same for all maps of a strip
 * @param {boolean} isSigned
 * @returns {Uint8ClampedArray} RGBA
 */
export function attributionColors(values, limit, isSigned) {
  const pixels = new Uint8ClampedArray(values.length * 4);
  const scale = limit > 0 ? 1 / limit : 0;
  for (let i = 0; i < values.length; i++) {
    const share = Math.max(-1, Math.min(1, values[i] * scale));
    const color = isSigned ? diverging(share) : sequential(Math.abs(share));
    pixels.set([color[0], color[1], color[2], 255], i * 4);
  }
  return pixels;
}

const PUOR = [[84, 39, 136], [153, 142, 195], [247, 247, 247], [241, 163, 64], [179, 88, 6]];
const INFERNO = [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

/** @param {number} share in [-1, 1] */
export function diverging(share) {
  return ramp(PUOR, (share + 1) / 2);
}

/** @param {number} share in [0, 1] */
export function sequential(share) {
  return ramp(INFERNO, share);
}

/** @param {number[][]} stops @param {number} share */
function ramp(stops, share) {
  const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  return stops[below].map((value, part) => value + (stops[below + 1][part] - value) * (place - below));
}
