/** The decision map as pixels: class by hue, margin by strength, and fading where it is not to be trusted. */

import { ramp, tint } from "./color.mjs";

/** Opacity that is left where the map cannot be trusted: enough to see whose side one is on, too little to believe it. */
const UNTRUSTED = 0.16;

export const THEMES = { light: { lightness: 0.895, chroma: 0.06 }, dark: { lightness: 0.36, chroma: 0.075 } };

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
      pixels[to + 3] = (0.35 + 0.65 * (confidence[from] / 255)) * (UNTRUSTED + (1 - UNTRUSTED) * (trust[from] / 255)) * 255;
    }
  }
  return pixels;
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
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const from = (side - 1 - row) * side + column;
      const color = last[from] < 0 ? [128, 128, 128] : ramp("cividis", last[from] / Math.max(1, rasters.length - 1));
      pixels.set([color[0], color[1], color[2], last[from] < 0 ? trust[from] * 0.15 : trust[from] * 0.85], (row * side + column) * 4);
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
