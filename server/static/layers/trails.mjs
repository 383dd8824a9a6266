/** Trails: where samples came from and go to. Colour runs with time, an arrow ends them. */

import { ramp } from "../color.mjs";

const ABSENT = 65535;
export const TRAILS_AT_MOST = 300;
export const TRAILS_WHOLE = 6;
const WINDOW = 3;
const ARROW_PX = 7;

/**
 * The stretch of a map's epochs that trails show: a marked interval, else the whole run or a window around the
 * current epoch.
 * @param {number[]} epochs
 * @param {number} epoch
 * @param {[number, number] | null} interval
 * @param {boolean} whole  for a few samples; the trails of many would hide one another
 * @returns {[number, number]} indices; the second is not larger than the first where there is nothing to draw
 */
export function trailStretch(epochs, epoch, interval, whole) {
  if (interval) return [epochs.findIndex((one) => one >= interval[0]), epochs.findLastIndex((one) => one <= interval[1])];
  if (whole) return [0, epochs.length - 1];
  const at = epochs.indexOf(epoch);
  return [Math.max(0, at - WINDOW), Math.min(epochs.length - 1, at + WINDOW)];
}

/** Colour of a moment: dark to light on dark ground, light to dark on light. @param {number} time 0 to 1 @param {boolean} dark */
export function trailColor(time, dark) {
  return `rgb(${ramp("cividis", dark ? 0.25 + 0.75 * time : 0.95 - 0.85 * time).map(Math.round).join(" ")}`;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {any} view
 * @param {{rows: number[], whole: boolean, stack: (Uint16Array | undefined)[], dark: boolean, casing: string, ink: string}} shown  codes of the epochs in order
 */
export function paintTrails(pen, view, { rows, whole, stack, dark, casing, ink }) {
  pen.lineCap = pen.lineJoin = "round";
  for (const under of [true, false]) {
    for (let step = 1; step < stack.length; step++) {
      const before = stack[step - 1];
      const now = stack[step];
      if (!before || !now) continue;
      pen.lineWidth = (under ? (whole ? 5 : 2.6) : whole ? 2.4 : 1.1) * view.ratio;
      pen.strokeStyle = under ? casing : `${trailColor(step / Math.max(1, stack.length - 1), dark)} / ${whole ? 1 : 0.75})`;
      pen.beginPath();
      for (const row of rows) {
        if (before[2 * row] === ABSENT || now[2 * row] === ABSENT) continue;
        pen.moveTo(before[2 * row] * view.scaleX + view.shiftX, before[2 * row + 1] * view.scaleY + view.shiftY);
        pen.lineTo(now[2 * row] * view.scaleX + view.shiftX, now[2 * row + 1] * view.scaleY + view.shiftY);
      }
      pen.stroke();
    }
  }
  if (whole) for (const row of rows) arrow(pen, view, row, stack, ink);
}

/** @param {CanvasRenderingContext2D} pen @param {any} view @param {number} row @param {(Uint16Array | undefined)[]} stack @param {string} ink */
function arrow(pen, view, row, stack, ink) {
  const end = stack.at(-1);
  if (!end || end[2 * row] === ABSENT) return;
  const x = end[2 * row] * view.scaleX + view.shiftX;
  const y = end[2 * row + 1] * view.scaleY + view.shiftY;
  const size = ARROW_PX * view.ratio;
  // The direction is that of the last stretch long enough to have one: a sample at rest would point anywhere.
  for (let at = stack.length - 2; at >= 0; at--) {
    const before = stack[at];
    if (!before || before[2 * row] === ABSENT) continue;
    const dx = x - (before[2 * row] * view.scaleX + view.shiftX);
    const dy = y - (before[2 * row + 1] * view.scaleY + view.shiftY);
    if (Math.hypot(dx, dy) < 1.5 * size) continue;
    const angle = Math.atan2(dy, dx);
    pen.fillStyle = ink;
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x - size * Math.cos(angle - 0.45), y - size * Math.sin(angle - 0.45));
    pen.lineTo(x - size * Math.cos(angle + 0.45), y - size * Math.sin(angle + 0.45));
    pen.fill();
    return;
  }
}
