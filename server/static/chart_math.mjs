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

/**
 * Exponentially smoothed values, without the pull of the first one; a gap stays a gap and is stepped over.
 * @param {(number | null | undefined)[]} values
 * @param {number} weight  of what was before, from 0 to below 1
 * @returns {(number | null)[]}
 */
export function smoothed(values, weight) {
  let sum = 0;
  let total = 0;
  return values.map((value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return null;
    sum = weight * sum + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}

/**
 * Round numbers along an axis, as few as there can be from a count on; on a logarithmic one powers of ten where there are two.
 * @param {[number, number]} span
 * @param {{count?: number, log?: boolean, whole?: boolean}} [options]
 * @returns {number[]}
 */
export function axisNumbers([low, high], { count = 4, log = false, whole = false } = {}) {
  if (!(low < high)) return [low];
  if (log && low > 0) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const decades = Array.from({ length: to - from + 1 }, (_, at) => from + at);
    const inside = (/** @type {number} */ value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
    const powers = decades.map((power) => Number(`1e${power}`)).filter(inside);
    if (powers.length >= 2) return powers.filter((_, at) => at % Math.ceil(powers.length / (count + 1)) === 0);
    const between = decades.flatMap((power) => [1, 2, 5].map((part) => Number(`${part}e${power}`))).filter(inside);
    if (between.length >= 2) return between;
  }
  const most = Math.floor(Math.log10(high - low));
  const steps = [most, most - 1, most - 2].flatMap((power) => [5, 2, 1].map((part) => Number(`${part}e${power}`))).filter((step) => !whole || step >= 1);
  const along = (/** @type {number} */ step) => {
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, at) => Number(((first + at) * step).toPrecision(12)));
  };
  return along(steps.find((step) => along(step).length >= count) ?? steps.at(-1) ?? 1);
}

/** Numbers of an axis as words, with as many digits as it takes to tell them apart. @param {number[]} values */
export function axisWords(values) {
  for (let digits = 3; digits < 9; digits++) {
    const words = values.map((value) => number(value, digits));
    if (new Set(words).size === values.length) return words;
  }
  return values.map(String);
}

/** The ends of an axis in words, the higher first; one where they are the same. @param {[number, number]} ends */
export function endWords([low, high]) {
  if (low === high) return [number(low, 3)];
  for (let digits = 2; digits < 9; digits++) {
    const words = [number(high, digits), number(low, digits)];
    if (words[0] !== words[1]) return words;
  }
  return [String(high), String(low)];
}

/** Whether a split is kept out of the training, by its name. @param {string} split */
export function isHeldOut(split) {
  return /^(val|valid|validation|test|testing|eval|evaluation|dev|held|holdout)/i.test(split);
}

/** The split that a run is judged by: one kept out of the training, else the last one. @param {string[]} splits */
export function judgedSplit(splits) {
  return splits.find(isHeldOut) ?? splits.at(-1);
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

/** How many of something: 1 sample, 2 samples. @param {number} count @param {string} one */
export function counted(count, one) {
  return `${number(count)} ${one}${count === 1 ? "" : "s"}`;
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

/** At most so many of some values, spread evenly, the last among them. @param {number[]} values @param {number} most */
export function spread(values, most) {
  return values.length <= most ? values : Array.from({ length: most }, (_, at) => values[Math.round(((at + 1) / most) * values.length) - 1]);
}
