/** Where dots pile up, as soft clouds in the colours of the dots: strength is their number, hue their mean colour. */

const BLURS = 3;

/**
 * Weighted sums of colour and number on a coarse grid, smoothed.
 * @param {Float32Array} places  x, y of each row in pixels
 * @param {Uint32Array} colors  ABGR; the alpha byte weighs, 0 is hidden
 * @param {number} wide
 * @param {number} high
 * @param {number} cell  pixels
 * @param {number} reach  cells to each side that a dot spreads to, in each of the blurs
 * @returns {{pixels: Uint8ClampedArray, columns: number, rows: number, most: number}}
 */
export function densityPixels(places, colors, wide, high, cell, reach = 2) {
  const columns = Math.ceil(wide / cell);
  const rows = Math.ceil(high / cell);
  const sums = Array.from({ length: 4 }, () => new Float32Array(columns * rows));
  for (let row = 0; row < colors.length; row++) {
    const color = colors[row];
    const x = Math.floor(places[2 * row] / cell);
    const y = Math.floor(places[2 * row + 1] / cell);
    if (color === 0 || x < 0 || y < 0 || x >= columns || y >= rows) continue;
    const weight = (color >>> 24) / 255;
    const at = y * columns + x;
    sums[0][at] += weight * (color & 255);
    sums[1][at] += weight * ((color >>> 8) & 255);
    sums[2][at] += weight * ((color >>> 16) & 255);
    sums[3][at] += weight;
  }
  for (const grid of sums) for (let turn = 0; turn < BLURS; turn++) blur(grid, columns, rows, reach);
  const [red, green, blue, weight] = sums;
  const most = weight.reduce((a, b) => Math.max(a, b), 0);
  const pixels = new Uint8ClampedArray(columns * rows * 4);
  for (let at = 0; at < weight.length; at++) {
    if (weight[at] <= 1e-6) continue;
    pixels[4 * at] = red[at] / weight[at];
    pixels[4 * at + 1] = green[at] / weight[at];
    pixels[4 * at + 2] = blue[at] / weight[at];
    pixels[4 * at + 3] = 250 * Math.sqrt(weight[at] / most);
  }
  return { pixels, columns, rows, most };
}

/** Mean over a window, along rows and then along columns, in place. @param {Float32Array} grid @param {number} columns @param {number} rows @param {number} reach */
function blur(grid, columns, rows, reach) {
  const line = new Float32Array(Math.max(columns, rows));
  const smooth = (/** @type {number} */ start, /** @type {number} */ step, /** @type {number} */ length) => {
    let sum = 0;
    for (let at = 0; at < Math.min(reach, length); at++) sum += grid[start + at * step];
    for (let at = 0; at < length; at++) {
      if (at + reach < length) sum += grid[start + (at + reach) * step];
      if (at - reach - 1 >= 0) sum -= grid[start + (at - reach - 1) * step];
      line[at] = sum / (2 * reach + 1);
    }
    for (let at = 0; at < length; at++) grid[start + at * step] = Math.max(0, line[at]);
  };
  for (let row = 0; row < rows; row++) smooth(row * columns, 1, columns);
  for (let column = 0; column < columns; column++) smooth(column, columns, rows);
}

/** @param {CanvasRenderingContext2D} pen @param {any} view @param {Float32Array} places @param {Uint32Array} colors */
export function paintDensity(pen, view, places, colors) {
  const cell = 4 * view.ratio;
  const { pixels, columns, rows } = densityPixels(places, colors, view.wide, view.high, cell);
  const small = document.createElement("canvas");
  small.width = columns;
  small.height = rows;
  small.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (pixels), columns, rows), 0, 0);
  pen.clearRect(0, 0, view.wide, view.high);
  pen.imageSmoothingEnabled = true;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(small, 0, 0, columns * cell, rows * cell);
}
