/**
 * The ground of a map: decision regions or the last change of class, and the boundary, on one canvas.
 * Towards the border of the raster both fade out, so that the map has no edge.
 */

import { isochrone, regionPixels, veilPixels } from "../regions.mjs";

export class Ground {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.tile = document.createElement("canvas");
    this.veil = document.createElement("canvas");
    this.tileKey = "";
    this.drawnKey = "";
  }

  /** Forgets what was drawn: the theme, the layers or the raster are others now. */
  reset() {
    this.tileKey = this.drawnKey = "";
  }

  /**
   * @param {any} view  geometry of the map
   * @param {{raster: any, boundary: any, stack: any[] | null, extent: number[], colors: string[], theme: "light" | "dark", regions: boolean, lines: boolean, fine: boolean, ink: string, key: string}} shown
   */
  paint(view, shown) {
    const { raster, boundary, extent } = shown;
    const regions = shown.regions && raster;
    const lines = shown.lines && boundary && raster;
    // The ground stands still while dots move: it is drawn again only when something of it is another.
    const drawn = `${shown.key}/${Boolean(regions)}/${Boolean(lines)}/${shown.fine}/${view.wide}x${view.high}/${view.x(0)},${view.x(1)},${view.y(0)}`;
    if (drawn === this.drawnKey) return;
    this.drawnKey = drawn;
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, view.wide, view.high);
    if (!regions && !lines) return;
    this.#tiles(shown);
    const [x0, x1, y0, y1] = extent;
    const place = /** @type {[number, number, number, number]} */ ([view.x(x0), view.y(y1), view.x(x1) - view.x(x0), view.y(y0) - view.y(y1)]);
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = shown.fine ? "high" : "low";
    if (lines) {
      trace(pen, view, boundary.pieces, shown.ink);
      pen.globalCompositeOperation = "destination-in";
      pen.drawImage(this.veil, ...place);
      pen.globalCompositeOperation = "destination-over";
    }
    if (regions) pen.drawImage(this.tile, ...place);
    pen.globalCompositeOperation = "source-over";
  }

  /** @param {any} shown */
  #tiles({ raster, stack, colors, theme, key }) {
    if (this.tileKey === key) return;
    this.tileKey = key;
    const side = raster.resolution;
    fill(this.tile, stack && stack.length > 1 ? isochrone(stack).pixels : regionPixels(raster, colors, theme), side);
    fill(this.veil, veilPixels(raster), side);
  }
}

/** @param {HTMLCanvasElement} canvas @param {Uint8ClampedArray} pixels @param {number} side */
function fill(canvas, pixels, side) {
  canvas.width = canvas.height = side;
  canvas.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (pixels), side, side), 0, 0);
}

/** @param {CanvasRenderingContext2D} pen @param {any} view @param {{xy: number[]}[]} pieces @param {string} ink */
function trace(pen, view, pieces, ink) {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.1 * view.ratio;
  pen.lineJoin = "round";
  pen.beginPath();
  for (const { xy } of pieces) {
    for (let i = 0; i < xy.length; i += 2) {
      if (i === 0) pen.moveTo(view.x(xy[i]), view.y(xy[i + 1]));
      else pen.lineTo(view.x(xy[i]), view.y(xy[i + 1]));
    }
  }
  pen.stroke();
}
