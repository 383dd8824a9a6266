/** The dots: opaque squares while anything moves, soft discs in slices once it is still; hollow ones lie beneath. */

import { abgr, rgb } from "../color.mjs";
import { discStamps, drawDiscs, drawSquares } from "../splat.mjs";

const STILL_AFTER_MS = 120;
const SLICE_MS = 8;
const HOLE = 0.56;
const HOLE_ALPHA = 225;

/**
 * What is drawn one after the other: hollow dots, their holes, the others.
 * @param {Uint32Array} order
 * @param {Uint32Array} colors
 * @param {ArrayLike<number> | null} hollow  per row, 1 where the dot is a ring
 * @param {string} ground  colour of a hole
 * @returns {{order: Uint32Array, colors: Uint32Array, share: number}[]}
 */
export function passes(order, colors, hollow, ground) {
  if (!hollow) return [{ order, colors, share: 1 }];
  const rings = order.filter((row) => hollow[row] === 1);
  const hole = abgr(rgb(ground), HOLE_ALPHA);
  // A dimmed dot has a dimmed hole, a hidden one none.
  const holes = colors.map((color) => (color >>> 24 >= HOLE_ALPHA ? hole : color === 0 ? 0 : ((hole & 0xffffff) | (color & 0xff000000)) >>> 0));
  return [{ order: rings, colors, share: 1 }, { order: rings, colors: holes, share: HOLE }, { order: order.filter((row) => hollow[row] !== 1), colors, share: 1 }];
}

export class Cloud {
  /** @param {HTMLCanvasElement} canvas @param {() => void} still  called when the fine picture stands */
  constructor(canvas, still) {
    this.canvas = canvas;
    this.done = still;
    this.serial = 0;
    this.timer = 0;
    /** @type {ImageData | null} */
    this.image = null;
    /** @type {ImageData | null} */
    this.fine = null;
  }

  /** Whatever is being drawn is given up. */
  stop() {
    clearTimeout(this.timer);
    return ++this.serial;
  }

  /**
   * @param {any} view
   * @param {{places: Float32Array, parts: {order: Uint32Array, colors: Uint32Array, share: number}[], radius: number, moving: boolean}} shown  radius in device pixels
   */
  paint(view, { places, parts, radius, moving }) {
    const mine = this.stop();
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    if (!this.image || this.image.width !== view.wide || this.image.height !== view.high) this.image = new ImageData(view.wide, view.high);
    const words = new Uint32Array(this.image.data.buffer);
    words.fill(0);
    for (const { order, colors, share } of parts) drawSquares(words, view.wide, view.high, places, order, colors, radius * share);
    pen.putImageData(this.image, 0, 0);
    if (!moving) this.timer = window.setTimeout(() => this.#still(mine, view, places, parts, radius), STILL_AFTER_MS);
  }

  /** @param {number} mine @param {any} view @param {Float32Array} places @param {any[]} parts @param {number} radius */
  #still(mine, view, places, parts, radius) {
    if (!this.fine || this.fine.width !== view.wide || this.fine.height !== view.high) this.fine = new ImageData(view.wide, view.high);
    const image = this.fine;
    image.data.fill(0);
    let part = 0;
    let at = 0;
    let disc = discStamps(radius * parts[0].share);
    const slice = () => {
      if (mine !== this.serial) return;
      const end = performance.now() + SLICE_MS;
      while (part < parts.length) {
        const { order, colors } = parts[part];
        at = drawDiscs(image.data, view.wide, view.high, places, order, colors, disc, at, () => performance.now() > end);
        if (at < order.length) {
          setTimeout(slice, 0);
          return;
        }
        part++;
        at = 0;
        if (part < parts.length) disc = discStamps(radius * parts[part].share);
      }
      this.canvas.getContext("2d")?.putImageData(image, 0, 0);
      this.done();
    };
    slice();
  }
}
