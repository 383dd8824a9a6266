/** Class names on the map, each at the densest spot of its dots, none over another. */

const BINS = 24;
const MANY_CLASSES = 20;
const NAMES_AT_MOST = 200;
const LONGEST = 18;
const ABOVE_PX = 13;
const SAMPLED = 50_000;

/**
 * Where each class has most of its dots: the mean of those in its fullest cell. The mean of all may lie between
 * two clusters, on foreign ground.
 * @param {ArrayLike<number>} labels
 * @param {number} count  of classes
 * @param {Float32Array} places
 * @param {Uint32Array} colors  rows of colour 0 are hidden
 * @returns {{x: number, y: number, dots: number}[]} by class; dots 0 where there is none
 */
export function densestSpots(labels, count, places, colors) {
  // Ten thousand dots of many say where a class is densest, and this runs in every frame of a movement.
  const step = Math.max(1, Math.floor(labels.length / SAMPLED));
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  const seen = (/** @type {number} */ row) => labels[row] < count && colors[row] !== 0 && places[2 * row] > -1e5;
  for (let row = 0; row < labels.length; row += step) {
    if (!seen(row)) continue;
    left = Math.min(left, places[2 * row]);
    right = Math.max(right, places[2 * row]);
    top = Math.min(top, places[2 * row + 1]);
    bottom = Math.max(bottom, places[2 * row + 1]);
  }
  const cell = Math.max(right - left, bottom - top, 1e-6) / BINS;
  const cellOf = (/** @type {number} */ row) => Math.min(BINS - 1, Math.floor((places[2 * row + 1] - top) / cell)) * BINS + Math.min(BINS - 1, Math.floor((places[2 * row] - left) / cell));
  const histogram = new Uint32Array(count * BINS * BINS);
  for (let row = 0; row < labels.length; row += step) if (seen(row)) histogram[labels[row] * BINS * BINS + cellOf(row)]++;
  const fullest = Int32Array.from({ length: count }, (_, label) => {
    let best = 0;
    for (let at = 1; at < BINS * BINS; at++) if (histogram[label * BINS * BINS + at] > histogram[label * BINS * BINS + best]) best = at;
    return best;
  });
  const spots = Array.from({ length: count }, () => ({ x: 0, y: 0, dots: 0 }));
  for (let row = 0; row < labels.length; row += step) {
    if (!seen(row) || cellOf(row) !== fullest[labels[row]]) continue;
    const spot = spots[labels[row]];
    spot.dots++;
    spot.x += (places[2 * row] - spot.x) / spot.dots;
    spot.y += (places[2 * row + 1] - spot.y) / spot.dots;
  }
  return spots;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {any} view
 * @param {{run: any, labels: ArrayLike<number>, places: Float32Array, colors: Uint32Array, ink: string, halo: string}} shown
 */
export function paintNames(pen, view, { run, labels, places, colors, ink, halo }) {
  const count = run.classes.length;
  if (!labels || !count) return;
  const spots = densestSpots(labels, count, places, colors);
  const many = count > MANY_CLASSES;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  /** @type {number[][]} */
  const taken = [];
  const order = [...run.classes.keys()].sort((a, b) => spots[b].dots - spots[a].dots);
  for (const label of order.slice(0, NAMES_AT_MOST)) {
    const { x, dots } = spots[label];
    // Where clusters are small the name stands above its dots, not on them.
    const y = spots[label].y - (many ? ABOVE_PX * view.ratio : 0);
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
