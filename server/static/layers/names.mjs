/** Class names on the map, each at the densest spot of its dots, none over another. */

const BINS = 24;
const MANY_CLASSES = 20;
const NAMES_AT_MOST = 200;
const LONGEST = 18;

/**
 * Where each class has most of its dots: the middle of the fullest cell, not the mean, which may lie between
 * two clusters on foreign ground.
 * @param {ArrayLike<number>} labels
 * @param {number} count  of classes
 * @param {Float32Array} places
 * @param {{left: number, top: number, wide: number, high: number}} box  that holds the map, in pixels
 * @param {Uint32Array} colors  rows of colour 0 are hidden
 * @returns {{x: number, y: number, dots: number}[]} by class; dots 0 where there is none
 */
export function densestSpots(labels, count, places, { left, top, wide, high }, colors) {
  const histogram = new Uint32Array(count * BINS * BINS);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    if (label >= count || colors[row] === 0) continue;
    const bx = Math.floor(((places[2 * row] - left) / wide) * BINS);
    const by = Math.floor(((places[2 * row + 1] - top) / high) * BINS);
    if (bx >= 0 && by >= 0 && bx < BINS && by < BINS) histogram[(label * BINS + by) * BINS + bx]++;
  }
  return Array.from({ length: count }, (_, label) => {
    let best = 0;
    for (let cell = 1; cell < BINS * BINS; cell++) if (histogram[label * BINS * BINS + cell] > histogram[label * BINS * BINS + best]) best = cell;
    return { x: left + (((best % BINS) + 0.5) / BINS) * wide, y: top + ((Math.floor(best / BINS) + 0.5) / BINS) * high, dots: histogram[label * BINS * BINS + best] };
  });
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {any} view
 * @param {{run: any, labels: ArrayLike<number>, places: Float32Array, colors: Uint32Array, extent: number[], ink: string, halo: string}} shown
 */
export function paintNames(pen, view, { run, labels, places, colors, extent, ink, halo }) {
  const count = run.classes.length;
  if (!labels || !count) return;
  const [x0, x1, y0, y1] = extent;
  const box = { left: view.x(x0), top: view.y(y1), wide: view.x(x1) - view.x(x0), high: view.y(y0) - view.y(y1) };
  const spots = densestSpots(labels, count, places, box, colors);
  const many = count > MANY_CLASSES;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  /** @type {number[][]} */
  const taken = [];
  const order = [...run.classes.keys()].sort((a, b) => spots[b].dots - spots[a].dots);
  for (const label of order.slice(0, NAMES_AT_MOST)) {
    const { x, y, dots } = spots[label];
    if (dots < (many ? 4 : 1)) continue;
    const size = (many ? 11 : 15) * view.ratio;
    const name = run.classes[label];
    const text = name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
    pen.font = `650 ${size}px system-ui, sans-serif`;
    const half = pen.measureText(text).width / 2 + 3 * view.ratio;
    if (taken.some((other) => Math.abs(other[0] - x) < other[2] + half && Math.abs(other[1] - y) < size * 1.15)) continue;
    taken.push([x, y, half]);
    pen.lineWidth = 4 * view.ratio;
    pen.strokeStyle = halo;
    pen.fillStyle = ink;
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }
  pen.textAlign = "left";
}
