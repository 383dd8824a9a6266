/** Points into pixels: opaque squares while anything moves, anti-aliased discs when it is still. No document here. */

const PHASES = 4;
const OPAQUE = 0xff000000;

/**
 * Coverage of a disc for each of PHASES x PHASES sub-pixel centres.
 * @param {number} radius  device pixels
 * @returns {{size: number, offset: number, stamps: Float32Array[]}}
 */
export function discStamps(radius) {
  const offset = Math.ceil(radius + 1);
  const size = 2 * offset + 1;
  const stamps = [];
  for (let phaseY = 0; phaseY < PHASES; phaseY++) {
    for (let phaseX = 0; phaseX < PHASES; phaseX++) {
      const stamp = new Float32Array(size * size);
      const centreX = offset + (phaseX + 0.5) / PHASES;
      const centreY = offset + (phaseY + 0.5) / PHASES;
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const away = Math.hypot(x + 0.5 - centreX, y + 0.5 - centreY);
          stamp[y * size + x] = Math.max(0, Math.min(1, radius - away + 0.5));
        }
      }
      stamps.push(stamp);
    }
  }
  return { size, offset, stamps };
}

/**
 * Places of all points in pixels; -1e6 where there is none.
 * @param {Uint16Array} codes  x, y over the extent, 65535 absent
 * @param {{scaleX: number, shiftX: number, scaleY: number, shiftY: number}} view  code to pixel
 * @param {Float32Array} into
 * @param {Uint16Array} [from]  places at the epoch before, for a tween
 * @param {number} [share]  0 at `from`, 1 at `codes`
 */
export function project(codes, view, into, from, share = 1) {
  const { scaleX, shiftX, scaleY, shiftY } = view;
  for (let i = 0; i < codes.length; i += 2) {
    if (codes[i] === 65535 && codes[i + 1] === 65535) {
      into[i] = into[i + 1] = -1e6;
      continue;
    }
    let x = codes[i];
    let y = codes[i + 1];
    if (from && share < 1 && !(from[i] === 65535 && from[i + 1] === 65535)) {
      x = from[i] + (x - from[i]) * share;
      y = from[i + 1] + (y - from[i + 1]) * share;
    }
    into[i] = x * scaleX + shiftX;
    into[i + 1] = y * scaleY + shiftY;
  }
  return into;
}

/**
 * Opaque squares, for frames that last 16 ms.
 * @param {Uint32Array} pixels  ABGR, width x height, cleared by the caller
 * @param {number} width
 * @param {number} height
 * @param {Float32Array} places
 * @param {Uint32Array} order  rows to draw, the last on top
 * @param {Uint32Array} colors  ABGR per row, alpha 255 means undimmed
 * @param {number} radius
 */
export function drawSquares(pixels, width, height, places, order, colors, radius) {
  const r = Math.max(0, Math.round(radius * 0.82));
  for (let at = 0; at < order.length; at++) {
    const row = order[at];
    const color = colors[row];
    if (color === 0) continue;
    const x = Math.floor(places[2 * row] + 0.5);
    const y = Math.floor(places[2 * row + 1] + 0.5);
    if (x < r || y < r || x >= width - r || y >= height - r) continue;
    if (r === 1) {
      // The dots of a large map, written out: less than half the time.
      const middle = y * width + x;
      pixels[middle - width - 1] = pixels[middle - width] = pixels[middle - width + 1] = color;
      pixels[middle - 1] = pixels[middle] = pixels[middle + 1] = color;
      pixels[middle + width - 1] = pixels[middle + width] = pixels[middle + width + 1] = color;
      continue;
    }
    for (let line = -r; line <= r; line++) {
      const inset = r > 1 && Math.abs(line) === r ? 1 : 0;
      const start = (y + line) * width + x;
      for (let column = -r + inset; column <= r - inset; column++) pixels[start + column] = color;
    }
  }
}

/**
 * Anti-aliased discs over what is there, from `start` on; returns the row where time ran out.
 * @param {Uint8ClampedArray} pixels  RGBA, premultiplied by nothing
 * @param {number} width
 * @param {number} height
 * @param {Float32Array} places
 * @param {Uint32Array} order
 * @param {Uint32Array} colors  ABGR; the alpha byte is the point's opacity
 * @param {{size: number, offset: number, stamps: Float32Array[]}} disc
 * @param {number} start
 * @param {() => boolean} timeIsUp
 */
export function drawDiscs(pixels, width, height, places, order, colors, disc, start, timeIsUp) {
  const { offset } = disc;
  const words = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
  const stamps = disc.stamps.map((stamp) => coveredSpots(stamp, disc, width));
  let at = start;
  for (; at < order.length; at++) {
    if ((at & 1023) === 1023 && timeIsUp()) return at;
    const row = order[at];
    const color = colors[row];
    const alpha = color >>> 24;
    if (alpha === 0) continue;
    const px = places[2 * row];
    const py = places[2 * row + 1];
    const left = Math.floor(px);
    const top = Math.floor(py);
    if (left < -offset || top < -offset || left >= width + offset || top >= height + offset) continue;
    const { steps, across, down, covers } = stamps[Math.floor((py - top) * PHASES) * PHASES + Math.floor((px - left) * PHASES)];
    const whole = left >= offset && top >= offset && left < width - offset && top < height - offset;
    const middle = top * width + left;
    for (let spot = 0; spot < steps.length; spot++) {
      if (!whole && (left + across[spot] < 0 || left + across[spot] >= width || top + down[spot] < 0 || top + down[spot] >= height)) continue;
      const p = middle + steps[spot];
      const cover = covers[spot] * alpha;
      const under = words[p];
      if (cover >= 255) words[p] = color;
      else if (under >= OPAQUE) words[p] = mixed(under, color, cover | 0);
      else if (under === 0) words[p] = (color & 0xffffff) | (cover << 24);
      else blend(pixels, 4 * p, color, cover / 255);
    }
  }
  return at;
}

/** The pixels that a stamp covers, as steps from the middle of a disc. @param {Float32Array} stamp @param {{size: number, offset: number}} disc @param {number} width */
function coveredSpots(stamp, { size, offset }, width) {
  const spots = [...stamp.keys()].filter((spot) => stamp[spot] > 0);
  const across = Int32Array.from(spots, (spot) => (spot % size) - offset);
  const down = Int32Array.from(spots, (spot) => Math.floor(spot / size) - offset);
  return { across, down, steps: across.map((column, spot) => down[spot] * width + column), covers: Float32Array.from(spots, (spot) => stamp[spot]) };
}

/** An opaque colour with `cover` 255ths of another over it; red and blue are mixed in one number. @param {number} under @param {number} color @param {number} cover */
function mixed(under, color, cover) {
  const over = cover + (cover >> 7);
  const left = 256 - over;
  const sides = ((under & 0xff00ff) * left + (color & 0xff00ff) * over) >>> 8;
  const green = ((under & 0xff00) * left + (color & 0xff00) * over) >>> 8;
  return OPAQUE | (sides & 0xff00ff) | (green & 0xff00);
}

/** A colour over what is there. @param {Uint8ClampedArray} pixels @param {number} p @param {number} color @param {number} cover */
function blend(pixels, p, color, cover) {
  const under = pixels[p + 3] / 255;
  const total = cover + under * (1 - cover);
  const keep = (under * (1 - cover)) / total;
  const take = cover / total;
  pixels[p] = (color & 255) * take + pixels[p] * keep;
  pixels[p + 1] = ((color >>> 8) & 255) * take + pixels[p + 1] * keep;
  pixels[p + 2] = ((color >>> 16) & 255) * take + pixels[p + 2] * keep;
  pixels[p + 3] = total * 255;
}

/**
 * Order of drawing: large classes first, so that small ones are seen; inside a class by a fixed shuffle.
 * Counted and dealt, not compared: a million rows take some 30 ms.
 * @param {Uint8Array | Uint16Array} groups  numbers of the classes
 * @returns {Uint32Array}
 */
export function drawingOrder(groups) {
  const sizes = new Uint32Array(groups.reduce((most, group) => Math.max(most, group), 0) + 1);
  for (let row = 0; row < groups.length; row++) sizes[groups[row]]++;
  const largest = sizes.reduce((most, size) => Math.max(most, size), 1);
  // Classes of about equal size are mixed, so that none hides another; each smaller one is a level of its own.
  const level = new Uint32Array(sizes.length);
  const small = [...sizes.keys()].filter((group) => sizes[group] * 4 < largest).sort((a, b) => sizes[b] - sizes[a]);
  small.forEach((group, at) => { level[group] = at + 1; });
  const next = new Uint32Array(small.length + 2);
  for (let group = 0; group < sizes.length; group++) next[level[group] + 1] += sizes[group];
  for (let at = 1; at < next.length; at++) next[at] += next[at - 1];
  const order = new Uint32Array(groups.length);
  for (const row of shuffled(groups.length)) order[next[level[groups[row]]]++] = row;
  return order;
}

/** All rows in an order that looks random and is the same each time. @param {number} count */
function shuffled(count) {
  const rows = new Uint32Array(count);
  let state = 1;
  for (let row = 0; row < count; row++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const at = Math.floor((state / 4294967296) * (row + 1));
    rows[row] = rows[at];
    rows[at] = row;
  }
  return rows;
}

/** The same order with some rows after all others. @param {Uint32Array} order @param {(row: number) => boolean} chosen */
export function onTop(order, chosen) {
  const next = new Uint32Array(order.length);
  let below = 0;
  let above = order.length;
  for (let at = 0; at < order.length; at++) if (!chosen(order[at])) next[below++] = order[at];
  for (let at = order.length - 1; at >= 0; at--) if (chosen(order[at])) next[--above] = order[at];
  return next;
}

/**
 * The row nearest to a spot, -1 when none lies within reach.
 * @param {Float32Array} places
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {Uint32Array} colors  rows of colour 0 are hidden
 */
export function nearestRow(places, x, y, reach, colors) {
  let best = -1;
  let least = reach * reach;
  for (let row = 0; row < colors.length; row++) {
    const dx = places[2 * row] - x;
    const dy = places[2 * row + 1] - y;
    const away = dx * dx + dy * dy;
    if (away < least && colors[row] !== 0) {
      least = away;
      best = row;
    }
  }
  return best;
}
