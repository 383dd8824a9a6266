/** The camera of a map: the way between map units and pixels, and the view that holds everything. */

/** Room in CSS pixels for what lies over a map: tools above, figures below, a margin beside. */
export const ROOM = { above: 52, below: 44, beside: 30, short: { above: 46, below: 36, beside: 14 } };
const SHORT_PX = 420;

/** The largest code of a position; one more means absent. */
const LARGEST_CODE = 65534;

/**
 * Canvas size and the way from map units and from codes to device pixels.
 * @param {{width: number, height: number, ratio: number, x: {start: number, end: number}, y: {start: number, end: number}, extent: number[]}} seen
 */
export function geometry({ width, height, ratio, x, y, extent: [x0, x1, y0, y1] }) {
  const perX = (width * ratio) / (x.end - x.start);
  const perY = (height * ratio) / (y.end - y.start);
  return {
    ratio, width, height, wide: Math.round(width * ratio), high: Math.round(height * ratio),
    scaleX: ((x1 - x0) / LARGEST_CODE) * perX, shiftX: (x0 - x.start) * perX,
    scaleY: (-(y1 - y0) / LARGEST_CODE) * perY, shiftY: height * ratio - (y0 - y.start) * perY,
    x: (/** @type {number} */ value) => (value - x.start) * perX,
    y: (/** @type {number} */ value) => height * ratio - (value - y.start) * perY,
  };
}

/**
 * The camera that shows boxes whole, clear of what lies over the map.
 * @param {number[][]} boxes  (x0, x1, y0, y1) in map units
 * @param {number} width  CSS pixels
 * @param {number} height
 * @returns {[number, number, number]} centre and width in map units
 */
export function fitted(boxes, width, height) {
  const room = height < SHORT_PX ? ROOM.short : ROOM;
  const [x0, y0] = [0, 2].map((at) => Math.min(...boxes.map((box) => box[at])));
  const [x1, y1] = [1, 3].map((at) => Math.max(...boxes.map((box) => box[at])));
  const clear = Math.max(80, height - room.above - room.below);
  const perPixel = Math.max((x1 - x0) / Math.max(80, width - 2 * room.beside), (y1 - y0) / clear);
  return [(x0 + x1) / 2, (y0 + y1) / 2 + ((room.above - room.below) / 2) * perPixel, perPixel * width];
}

/** Share of the dots that may lie outside on each side: one far dot must not shrink the rest. */
const OUTSIDE = 0.005;

/**
 * The box that holds nearly all dots, with a little room.
 * @param {Uint16Array} codes  x, y over the extent, 65535 absent
 * @param {number[]} extent
 * @returns {[number, number, number, number] | null} x0, x1, y0, y1 in map units
 */
export function boxOfCodes(codes, [x0, x1, y0, y1]) {
  const sides = [0, 1].map((side) => {
    const values = codes.filter((value, at) => at % 2 === side && value <= LARGEST_CODE).sort();
    const at = (/** @type {number} */ share) => values[Math.min(values.length - 1, Math.max(0, Math.round(share * (values.length - 1))))];
    return [at(OUTSIDE), at(1 - OUTSIDE)];
  });
  if (sides.some(([low]) => low === undefined)) return null;
  const room = 0.04 * Math.max(...sides.map(([low, high]) => high - low), LARGEST_CODE / 50);
  const [[left, right], [bottom, top]] = sides.map(([low, high]) => [low - room, high + room]);
  const x = (/** @type {number} */ code) => x0 + (code / LARGEST_CODE) * (x1 - x0);
  const y = (/** @type {number} */ code) => y0 + (code / LARGEST_CODE) * (y1 - y0);
  return [x(left), x(right), y(bottom), y(top)];
}
