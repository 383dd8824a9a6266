/** The decision map as pixels: class by hue, margin by strength, and fading where it is not to be trusted. */

import { ramp, tint } from "./color.mjs";

/** Opacity that is left where the map cannot be trusted: enough to see whose side one is on, too little to believe it. */
const UNTRUSTED = 0.16;

/** Share of the raster's side over which everything fades out towards the border, so that the map has no edge. */
const BORDER = 0.16;

/** Opacity of the boundary where the map cannot be trusted. */
const UNTRUSTED_LINE = 0.72;

/** Share of the side over which what cannot be trusted fades further, away from the nearest ground that can. */
const FAR = 0.13;
const TRUSTED = 128;
const FARTHEST = 1e9;

/** Cells to a side from which distances are measured on every third cell. */
const FINE = 120;

export const THEMES = { light: { lightness: 0.895, chroma: 0.06 }, dark: { lightness: 0.36, chroma: 0.075 } };

/**
 * Opacity by place alone: 1 inside, falling to 0 at the border.
 * @param {number} side  cells
 * @returns {Float32Array} one value for each row or column; a cell has the product of its two
 */
export function borderFade(side) {
  const reach = Math.max(1, side * BORDER);
  return Float32Array.from({ length: side }, (_, at) => {
    const share = Math.min(1, Math.min(at, side - 1 - at) / reach);
    return share * share * (3 - 2 * share);
  });
}

/**
 * How near a cell is to trusted ground: 1 on it, falling with the distance. Far from all samples a map has nothing to say.
 * @param {{trust: Uint8Array, resolution: number}} raster
 * @returns {Float32Array}
 */
export function nearness(raster) {
  const kept = known.get(raster);
  if (kept) return kept;
  const near = measured(raster);
  known.set(raster, near);
  return near;
}

/** A raster is drawn again for each theme and each layer; its distances stay. @type {WeakMap<object, Float32Array>} */
const known = new WeakMap();

/** @param {{trust: Uint8Array, resolution: number}} raster */
function measured({ trust, resolution: side }) {
  // What fades over an eighth of the map needs no finer grid than this.
  const step = side >= FINE ? 3 : 1;
  const size = Math.ceil(side / step);
  const away = new Float32Array(size * size);
  for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) away[row * size + column] = trust[row * step * side + column * step] >= TRUSTED ? 0 : FARTHEST;
  sweep(away, size, 0, size, 1);
  sweep(away, size, size - 1, -1, -1);
  const reach = (side * FAR) / step;
  const near = away.map((distance) => (distance >= FARTHEST ? 1 : Math.exp(-distance / reach)));
  if (step === 1) return near;
  const fine = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    const line = Math.floor(row / step) * size;
    for (let column = 0; column < side; column++) fine[row * side + column] = near[line + Math.floor(column / step)];
  }
  return fine;
}

/** Distances from the neighbours that were visited before: one of the two sweeps. @param {Float32Array} away @param {number} size @param {number} from @param {number} to @param {number} by */
function sweep(away, size, from, to, by) {
  for (let row = from; row !== to; row += by) {
    const line = row * size;
    const before = line - by * size;
    const first = row === from;
    for (let column = from; column !== to; column += by) {
      let least = away[line + column];
      if (column !== from) least = Math.min(least, away[line + column - by] + 1);
      if (!first) {
        least = Math.min(least, away[before + column] + 1);
        if (column !== from) least = Math.min(least, away[before + column - by] + Math.SQRT2);
        if (column + by !== to) least = Math.min(least, away[before + column + by] + Math.SQRT2);
      }
      away[line + column] = least;
    }
  }
}

/**
 * What fades the boundary: white, its opacity is how far a line there is to be believed.
 * @param {{trust: Uint8Array, resolution: number}} raster
 * @returns {Uint8ClampedArray} RGBA, row 0 at the top
 */
export function veilPixels(raster) {
  const { trust, resolution: side } = raster;
  const fade = borderFade(side);
  const near = nearness(raster);
  const pixels = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const from = (side - 1 - row) * side + column;
      const believed = mix(UNTRUSTED_LINE * near[from], trust[from] / 255);
      pixels[(row * side + column) * 4 + 3] = 255 * believed * fade[row] * fade[column];
    }
  }
  return pixels;
}

/**
 * @param {{classes: Uint16Array, confidence: Uint8Array, trust: Uint8Array, resolution: number}} raster  row 0 at the bottom
 * @param {string[]} colors  of the classes
 * @param {"light" | "dark"} theme
 * @returns {Uint8ClampedArray} RGBA, row 0 at the top
 */
export function regionPixels(raster, colors, theme) {
  const { resolution: side, classes, confidence, trust } = raster;
  const { lightness, chroma } = THEMES[theme];
  const tints = colors.map((color) => tint(color, lightness, chroma));
  const fade = borderFade(side);
  const near = nearness(raster);
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const from = (side - 1 - row) * side + column;
      const color = tints[classes[from]];
      if (!color) continue;
      const to = (row * side + column) * 4;
      pixels[to] = color[0];
      pixels[to + 1] = color[1];
      pixels[to + 2] = color[2];
      pixels[to + 3] = (0.35 + 0.65 * (confidence[from] / 255)) * mix(UNTRUSTED * near[from], trust[from] / 255) * fade[row] * fade[column] * 255;
    }
  }
  return pixels;
}

/** Between a floor and 1. @param {number} floor @param {number} share */
function mix(floor, share) {
  return floor + (1 - floor) * share;
}

/**
 * Isochrone still: each pixel by the epoch at which its class last changed.
 * @param {{classes: Uint16Array, trust: Uint8Array, resolution: number}[]} rasters  in order, up to the current epoch
 * @returns {{pixels: Uint8ClampedArray, last: Int16Array}}  last: index of the last change, -1 for never
 */
export function isochrone(rasters) {
  const side = rasters[0].resolution;
  const last = new Int16Array(side * side).fill(-1);
  for (let at = 1; at < rasters.length; at++) {
    const before = rasters[at - 1].classes;
    const now = rasters[at].classes;
    for (let cell = 0; cell < last.length; cell++) if (now[cell] !== before[cell]) last[cell] = at;
  }
  const { trust } = rasters[rasters.length - 1];
  const fade = borderFade(side);
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const from = (side - 1 - row) * side + column;
      const color = last[from] < 0 ? [128, 128, 128] : ramp("cividis", last[from] / Math.max(1, rasters.length - 1));
      pixels.set([color[0], color[1], color[2], (last[from] < 0 ? 0.15 : 0.85) * trust[from] * fade[row] * fade[column]], (row * side + column) * 4);
    }
  }
  return { pixels, last };
}

/**
 * A raster out of its blob.
 * @param {ArrayBuffer} blob  u16 class, u8 confidence, u8 trust
 * @param {number} resolution
 */
export function decodeRaster(blob, resolution) {
  const cells = resolution * resolution;
  return {
    resolution,
    classes: new Uint16Array(blob, 0, cells),
    confidence: new Uint8Array(blob, 2 * cells, cells),
    trust: new Uint8Array(blob, 3 * cells, cells),
  };
}
