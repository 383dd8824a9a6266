/** The space-time cube as numbers: x and y of the map, time upwards, seen along parallel rays. No document here. */

/** Length of the time axis as a share of the map's width; the drawn still has the same. */
export const HEIGHT = 0.9;

/** Half the picture as a share of the cube's half diagonal: its corners are empty. */
const FILLING = 0.84;

/**
 * The way from (x, y, time) to pixels of a square picture: azimuth 0 looks along +y, elevation 90 straight down.
 * @param {number[]} extent  x0, x1, y0, y1 in map units
 * @param {number} azimuth  degrees
 * @param {number} elevation  degrees
 * @param {number} size  pixels
 */
export function cubeCamera([x0, x1, y0, y1], azimuth, elevation, size) {
  const top = HEIGHT * (x1 - x0);
  const radius = Math.hypot(x1 - x0, y1 - y0, top) / 2;
  const [turn, rise] = [(azimuth * Math.PI) / 180, (Math.max(-89, Math.min(89, elevation)) * Math.PI) / 180];
  const scale = size / 2 / (radius * FILLING);
  const right = [Math.cos(turn), -Math.sin(turn), 0];
  const towards = [-Math.sin(turn) * Math.cos(rise), -Math.cos(turn) * Math.cos(rise), Math.sin(rise)];
  const up = [towards[1] * right[2] - towards[2] * right[1], towards[2] * right[0] - towards[0] * right[2], towards[0] * right[1] - towards[1] * right[0]];
  const middle = [(x0 + x1) / 2, (y0 + y1) / 2, top / 2];
  const along = (/** @type {number[]} */ axis, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ z) => axis[0] * (x - middle[0]) + axis[1] * (y - middle[1]) + axis[2] * (z - middle[2]);
  return {
    /** @param {number} x @param {number} y @param {number} time 0 to 1 @returns {[number, number]} */
    place: (x, y, time) => [size / 2 + scale * along(right, x, y, time * top), size / 2 - scale * along(up, x, y, time * top)],
    /** How near the viewer a point is. @param {number} x @param {number} y @param {number} time */
    near: (x, y, time) => along(towards, x, y, time * top),
  };
}

/**
 * Mean places of groups over the epochs.
 * @param {Uint16Array} codes  [epochs][rows][2], 65535 absent
 * @param {number} epochs
 * @param {ArrayLike<number>} groups  of the rows
 * @param {number} count  of groups
 * @param {number[]} extent
 * @returns {Float32Array[]} for each group x, y of each epoch; NaN where nobody is there
 */
export function meanTrails(codes, epochs, groups, count, [x0, x1, y0, y1]) {
  const rows = groups.length;
  return Array.from({ length: count }, (_, group) => {
    const trail = new Float32Array(2 * epochs).fill(NaN);
    for (let epoch = 0; epoch < epochs; epoch++) {
      let [x, y, there] = [0, 0, 0];
      for (let row = 0; row < rows; row++) {
        const at = 2 * (epoch * rows + row);
        if (groups[row] !== group || codes[at] === 65535) continue;
        x += codes[at];
        y += codes[at + 1];
        there++;
      }
      if (!there) continue;
      trail[2 * epoch] = x0 + (x / there / 65534) * (x1 - x0);
      trail[2 * epoch + 1] = y0 + (y / there / 65534) * (y1 - y0);
    }
    return trail;
  });
}

/** The trail of one row. @param {Uint16Array} codes @param {number} epochs @param {number} rows @param {number} row @param {number[]} extent */
export function trailOf(codes, epochs, rows, row, extent) {
  const own = new Uint16Array(2 * epochs);
  for (let epoch = 0; epoch < epochs; epoch++) own.set(codes.subarray(2 * (epoch * rows + row), 2 * (epoch * rows + row) + 2), 2 * epoch);
  return meanTrails(own, epochs, [0], 1, extent)[0];
}

/**
 * Rows that stand for their classes: at most so many in all, spread evenly.
 * @param {ArrayLike<number>} labels @param {number} count of classes @param {number} most
 */
export function spreadRows(labels, count, most) {
  /** @type {number[][]} */
  const members = Array.from({ length: count }, () => []);
  for (let row = 0; row < labels.length; row++) members[labels[row]]?.push(row);
  const each = Math.max(1, Math.floor(most / Math.max(1, count)));
  return members.flatMap((rows) => (rows.length <= each ? rows : Array.from({ length: each }, (_, at) => rows[Math.floor((at * rows.length) / each)])));
}

/** Epochs that are named along the time axis: at most so many, the first and last among them. @param {number} count @param {number} most @returns {number[]} indices */
export function namedStops(count, most = 6) {
  const shown = Math.min(most, count);
  return [...new Set(Array.from({ length: shown }, (_, at) => (shown < 2 ? 0 : Math.round((at * (count - 1)) / (shown - 1)))))];
}
