/** Marks over dots: crosses on wrong ones, rings round flipped, picked, pinned and hovered ones, lines to neighbours. */

const MARKS_AT_MOST = 5000;
const RANKS_AT_MOST = 60;
const DIMMED = 128;

/** How dark marks are: where half of all dots have one they must not hide the other half. @param {number} share of marked dots */
export function markStrength(share) {
  return Math.max(0.3, 1 - 1.6 * Math.max(0, share - 0.1));
}

/**
 * How dark and how wide rings are: round a few dots they must be seen, round most they must let the dots be seen.
 * @param {number} share of ringed dots
 * @returns {{strength: number, gap: number, width: number}} gap and width in CSS pixels
 */
export function ringForm(share) {
  const many = Math.min(1, Math.max(0, (share - 0.05) / 0.35));
  return { strength: 1 - 0.75 * many, gap: 2 - 1.2 * many, width: 1 - 0.3 * many };
}

/** @param {CanvasRenderingContext2D} pen @param {any} map @param {any} view @param {ArrayLike<number>} rows @param {number} r @param {string} color @param {number} [strength] */
export function paintCrosses(pen, { places, colors }, view, rows, r, color, strength = 1) {
  pen.strokeStyle = color;
  pen.globalAlpha = strength;
  pen.lineWidth = Math.max(1, view.ratio);
  pen.beginPath();
  for (let i = 0; i < Math.min(rows.length, MARKS_AT_MOST); i++) {
    const row = rows[i];
    if (colors[row] >>> 24 < DIMMED) continue;
    const x = places[2 * row];
    const y = places[2 * row + 1];
    pen.moveTo(x - r, y - r);
    pen.lineTo(x + r, y + r);
    pen.moveTo(x - r, y + r);
    pen.lineTo(x + r, y - r);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} pen @param {any} map @param {ArrayLike<number>} rows @param {number} r @param {string} color @param {number} width @param {{always?: boolean, strength?: number}} [how] always: dimmed ones too */
export function paintRings(pen, { places, colors }, rows, r, color, width, { always = false, strength = 1 } = {}) {
  pen.globalAlpha = strength;
  pen.strokeStyle = color;
  pen.lineWidth = width;
  pen.beginPath();
  for (let i = 0; i < Math.min(rows.length, MARKS_AT_MOST); i++) {
    const alpha = colors[rows[i]] >>> 24;
    if (alpha === 0 || (alpha < DIMMED && !always)) continue;
    const x = places[2 * rows[i]];
    const y = places[2 * rows[i] + 1];
    pen.moveTo(x + r, y);
    pen.arc(x, y, r, 0, 2 * Math.PI);
  }
  pen.stroke();
  pen.globalAlpha = 1;
}

/** Picks of a labelling round, with their rank. @param {CanvasRenderingContext2D} pen @param {any} map @param {any} view @param {{rows: number[], ranks: ArrayLike<number>}} picks @param {number} r @param {{ring: string, ink: string, halo: string}} tones */
export function paintPicks(pen, map, view, { rows, ranks }, r, { ring, ink, halo }) {
  paintRings(pen, map, rows, r + 3 * view.ratio, ring, 2 * view.ratio, { always: true });
  named(pen, view, rows.slice(0, RANKS_AT_MOST).map((row) => ({ text: String(ranks[row]), x: map.places[2 * row] + r + 4 * view.ratio, y: map.places[2 * row + 1] - r })), ink, halo);
}

/** The ids of a few samples beside those of their dots that are shown. @param {CanvasRenderingContext2D} pen @param {any} map @param {any} view @param {number[]} rows @param {number} r @param {{ids: ArrayLike<number | bigint>, ink: string, halo: string}} how */
export function paintIds(pen, { places, colors }, view, rows, r, { ids, ink, halo }) {
  const shown = rows.filter((row) => colors[row] !== 0);
  named(pen, view, shown.map((row) => ({ text: `#${ids[row]}`, x: places[2 * row] + r + 2 * view.ratio, y: places[2 * row + 1] - r })), ink, halo);
}

/** Words beside dots, none over another. @param {CanvasRenderingContext2D} pen @param {any} view @param {{text: string, x: number, y: number}[]} words @param {string} ink @param {string} halo */
function named(pen, view, words, ink, halo) {
  pen.font = `600 ${10 * view.ratio}px system-ui, sans-serif`;
  pen.lineJoin = "round";
  pen.lineWidth = 3 * view.ratio;
  pen.strokeStyle = halo;
  pen.fillStyle = ink;
  /** @type {number[][]} */
  const taken = [];
  for (const { text, x, y } of words) {
    const end = x + pen.measureText(text).width;
    if (taken.some(([from, to, line]) => x < to && from < end && Math.abs(line - y) < 11 * view.ratio)) continue;
    taken.push([x, end, y]);
    pen.strokeText(text, x, y);
    pen.fillText(text, x, y);
  }
}

/**
 * Lines to the neighbours in representation space (whole) and on the map (dashed); thick where both agree.
 * @param {CanvasRenderingContext2D} pen @param {any} map @param {any} view
 * @param {{row: number, data: any}} neighbors @param {{network: string, map: string}} tones
 */
export function paintNeighbors(pen, { places }, view, { row, data }, tones) {
  const common = new Set(data.kept ?? []);
  for (const [rows, color, dash] of /** @type {any[]} */ ([[data.map.rows, tones.map, [4, 4]], [data.representation.rows, tones.network, []]])) {
    for (const other of rows) {
      if (places[2 * other] < -1e5) continue;
      pen.setLineDash(dash.map((/** @type {number} */ value) => value * view.ratio));
      pen.lineWidth = (common.has(other) ? 2.6 : 1.5) * view.ratio;
      pen.strokeStyle = color;
      pen.beginPath();
      pen.moveTo(places[2 * row], places[2 * row + 1]);
      pen.lineTo(places[2 * other], places[2 * other + 1]);
      pen.stroke();
    }
  }
  pen.setLineDash([]);
}
