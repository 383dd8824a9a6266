/** The images themselves in place of dots, thinned so that none covers another. */

const SIZE_PX = 30;
const SHEET_PX = 32;
const SHEET_COLUMNS = 16;
const AT_MOST = 256;
const SETTLE_MS = 160;

/**
 * Rows whose images are shown, those drawn last first, so that no two overlap.
 * @param {Float32Array} places
 * @param {Uint32Array} order  the last on top
 * @param {Uint32Array} colors  hidden and dimmed rows have no image
 * @param {{wide: number, high: number}} view
 * @param {number} size  pixels, with the room between
 */
export function thinned(places, order, colors, { wide, high }, size) {
  /** @type {Map<string, number[]>} */
  const taken = new Map();
  const rows = [];
  for (let at = order.length - 1; at >= 0 && rows.length < AT_MOST; at--) {
    const row = order[at];
    const x = places[2 * row];
    const y = places[2 * row + 1];
    if (colors[row] >>> 24 < 128 || x < 0 || y < 0 || x > wide || y > high) continue;
    const column = Math.floor(x / size);
    const line = Math.floor(y / size);
    let free = true;
    for (let dx = -1; dx <= 1 && free; dx++) {
      for (let dy = -1; dy <= 1 && free; dy++) {
        const other = taken.get(`${column + dx},${line + dy}`);
        free = !other || Math.max(Math.abs(other[0] - x), Math.abs(other[1] - y)) >= size;
      }
    }
    if (!free) continue;
    taken.set(`${column},${line}`, [x, y]);
    rows.push(row);
  }
  return rows;
}

export class Thumbnails {
  /** @param {(rows: number[], size: number) => Promise<ImageBitmap>} sheet  images of rows, 16 a line @param {() => void} arrived @param {(error: unknown) => void} failed */
  constructor(sheet, arrived, failed) {
    this.fetch = sheet;
    this.arrived = arrived;
    this.failed = failed;
    this.timer = 0;
    /** @type {{key: string, rows: number[], image: ImageBitmap} | null} */
    this.sheet = null;
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view @param {any} map @param {(row: number) => string} frame colour round an image */
  paint(pen, view, { places, order, colors }, frame) {
    const size = SIZE_PX * view.ratio;
    const rows = thinned(places, order, colors, view, size + 4 * view.ratio);
    const key = rows.join();
    if (this.sheet?.key !== key) {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.#load(rows, key), SETTLE_MS);
      if (!this.sheet) return;
    }
    pen.imageSmoothingEnabled = false;
    pen.lineWidth = 2 * view.ratio;
    this.sheet.rows.forEach((row, at) => {
      const x = places[2 * row] - size / 2;
      const y = places[2 * row + 1] - size / 2;
      if (x < -size || colors[row] === 0) return;
      pen.drawImage(this.sheet.image, (at % SHEET_COLUMNS) * SHEET_PX, Math.floor(at / SHEET_COLUMNS) * SHEET_PX, SHEET_PX, SHEET_PX, x, y, size, size);
      pen.strokeStyle = frame(row);
      pen.strokeRect(x, y, size, size);
    });
  }

  /** @param {number[]} rows @param {string} key */
  async #load(rows, key) {
    try {
      this.sheet = { key, rows, image: await this.fetch(rows, SHEET_PX) };
      this.arrived();
    } catch (error) {
      this.failed(error);
    }
  }
}
