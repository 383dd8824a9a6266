/** Colours as numbers: hex, OKLab, ramps. The classes' own colours come with the run. */

/** @param {string} hex @returns {[number, number, number]} */
export function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) /** @type {any} */;
}

/** @param {number[]} color @param {number} [alpha] */
export function abgr([red, green, blue], alpha = 255) {
  return ((alpha << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

/**
 * The same hue at about one lightness with at most so much chroma: what ground is tinted with.
 * @param {string} hex
 * @param {number} lightness  OKLab, 0 to 1
 * @param {number} chroma
 * @returns {[number, number, number]}
 */
export function tint(hex, lightness, chroma) {
  const [own, a, b] = toOklab(rgb(hex));
  const strength = Math.hypot(a, b);
  const scale = strength > 1e-6 ? Math.min(strength, chroma) / strength : 0;
  // Brown and orange share a hue, navy and blue too: a trace of their lightness keeps their grounds apart.
  return fromOklab([lightness + (own - 0.62) * 0.16, a * scale, b * scale]);
}

/** @param {number[]} color 0..255 @returns {[number, number, number]} */
export function toOklab(color) {
  const [r, g, b] = color.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/** @param {number[]} lab @returns {[number, number, number]} 0..255 */
export function fromOklab([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return /** @type {any} */ ([
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((value) => {
    const v = Math.max(0, Math.min(1, value));
    return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
  }));
}

const RAMPS = {
  viridis: ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"],
  cividis: ["#00224e", "#233e6c", "#555b6c", "#7b7a78", "#a59c74", "#d3c164", "#fee838"],
  puor: ["#542788", "#998ec3", "#f7f7f7", "#f1a340", "#b35806"],
  puorDark: ["#b9a3ff", "#6f5bb0", "#3a424c", "#a8681f", "#ffb04f"],
};

/**
 * A colour of a ramp.
 * @param {"viridis" | "cividis" | "puor" | "puorDark"} name
 * @param {number} share
 * @returns {[number, number, number]}
 */
export function ramp(name, share) {
  const stops = RAMPS[name].map(rgb);
  const place = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const below = Math.min(Math.floor(place), stops.length - 2);
  return /** @type {any} */ (stops[below].map((value, part) => value + (stops[below + 1][part] - value) * (place - below)));
}
