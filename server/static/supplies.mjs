/** What maps draw from: places, grounds and images of other epochs, fetched when wanted and ahead of that. */

import { decodeRaster } from "./regions.mjs";

const TRAIL_STOPS = 120;
const REPAINT_MS = 30;

export class Supplies {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
  }

  /** Places of a stretch of epochs that are here; fetches the others and draws again. @param {any} view @param {number} first @param {number} last */
  codesBetween(view, first, last) {
    const stack = [];
    let missing = false;
    const step = Math.max(1, Math.ceil((last - first) / TRAIL_STOPS));
    for (let at = first; ; at = Math.min(last, at + step)) {
      const epoch = view.map.epochs[at];
      const codes = this.page.api.peek(this.page.api.positionsPath(view.run, view.map, epoch));
      stack.push(codes);
      if (!codes) {
        missing = true;
        this.page.api.positions(view.run, view.map, epoch).then(() => this.repaintSoon(view), () => undefined);
      }
      if (at >= last) break;
    }
    return missing ? stack.filter(Boolean) : stack;
  }

  /** @param {any} view */
  repaintSoon(view) {
    clearTimeout(view.repaint);
    view.repaint = setTimeout(() => view.paint(), REPAINT_MS);
  }

  /** Rasters of all epochs up to the current one, for the isochrone; null until they are here. @param {any} view */
  rastersUpTo(view) {
    const epochs = view.map.epochs.slice(0, view.map.epochs.indexOf(view.epoch) + 1);
    const stack = epochs.map((/** @type {number} */ epoch) => this.page.api.peek(this.page.api.regionsPath(view.run, view.map, epoch)));
    if (stack.every(Boolean)) return stack;
    Promise.all(epochs.map((/** @type {number} */ epoch) => this.page.api.regions(view.run, view.map, epoch, decodeRaster))).then(() => this.repaintSoon(view), () => undefined);
    return null;
  }

  /** @param {any} run @param {number[]} rows @param {number} size */
  async imageSheet(run, rows, size) {
    const response = await this.page.api.request(`data/${run.slug}/sheet.png`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows, size }) });
    return createImageBitmap(await response.blob());
  }

  /** Fetches what will be wanted next. @param {any} view */
  prefetch(view) {
    const { epochs } = view.map;
    const at = epochs.indexOf(view.epoch);
    const { color } = this.page.store.get();
    for (const step of [1, -1, 2]) {
      const epoch = epochs[at + step];
      if (epoch === undefined) continue;
      this.page.api.positions(view.run, view.map, epoch).catch(() => undefined);
      for (const name of new Set([color, "correct", "flipped"])) if (view.run.columns.find((/** @type {any} */ one) => one.name === name)?.per_epoch) this.page.api.column(view.run, name, epoch).catch(() => undefined);
    }
  }
}
