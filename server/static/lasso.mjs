/** Which points lie inside a polygon, exactly, with edges sorted into bins so that a point meets few of them. */

const BINS = 512;

/**
 * @param {number[]} xs  of the polygon
 * @param {number[]} ys
 * @param {Float32Array} places  x, y of each row, in the same units
 * @param {(row: number) => boolean} [visible]
 * @returns {Uint32Array} rows inside, by the even-odd rule
 */
export function inside(xs, ys, places, visible = () => true) {
  const count = xs.length;
  if (count < 3) return new Uint32Array(0);
  const top = Math.min(...ys);
  const bottom = Math.max(...ys);
  const left = Math.min(...xs);
  const right = Math.max(...xs);
  const scale = bottom > top ? BINS / (bottom - top) : 0;
  const bin = (/** @type {number} */ y) => Math.max(0, Math.min(BINS - 1, Math.floor((y - top) * scale)));
  /** @type {number[][]} */
  const edges = Array.from({ length: BINS }, () => []);
  for (let i = 0, j = count - 1; i < count; j = i++) {
    const from = bin(Math.min(ys[i], ys[j]));
    const to = bin(Math.max(ys[i], ys[j]));
    for (let b = from; b <= to; b++) edges[b].push(i, j);
  }
  const found = [];
  for (let row = 0; row < places.length / 2; row++) {
    const x = places[2 * row];
    const y = places[2 * row + 1];
    if (!(x >= left && x <= right && y >= top && y <= bottom) || !visible(row)) continue;
    const near = edges[bin(y)];
    let odd = false;
    for (let e = 0; e < near.length; e += 2) {
      const i = near[e];
      const j = near[e + 1];
      if (ys[i] > y !== ys[j] > y && x < ((xs[j] - xs[i]) * (y - ys[i])) / (ys[j] - ys[i]) + xs[i]) odd = !odd;
    }
    if (odd) found.push(row);
  }
  return Uint32Array.from(found);
}

/**
 * The corners of a drawn shape, null for one that is neither a box nor a lasso.
 * @param {any} shape  Bokeh's geometry of a selection, in map units
 */
export function outlineOf(shape) {
  if (shape.type === "rect") return { xs: [shape.x0, shape.x1, shape.x1, shape.x0], ys: [shape.y0, shape.y0, shape.y1, shape.y1] };
  return shape.type === "poly" ? { xs: [...shape.x], ys: [...shape.y] } : null;
}
