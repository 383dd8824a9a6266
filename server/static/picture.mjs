/** The maps as they are seen, with legend and words, as one picture. */

const ROW_PX = 20;
const LEGEND_PX = 168;
const FOOT_PX = 30;
const HEAD_PX = 30;
const ENTRIES_AT_MOST = 26;
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/**
 * What a legend says in a picture: at most so many entries, then how many more there are.
 * @param {any} shades
 * @param {number} most
 * @returns {{text: string, color: string | null, ring: boolean}[]}
 */
export function legendLines(shades, most = ENTRIES_AT_MOST) {
  if (!shades) return [];
  const title = { text: shades.title, color: null, ring: false };
  if (!shades.entries) return [title, { text: `${shades.low.toPrecision(3)} … ${shades.high.toPrecision(3)}`, color: null, ring: false }];
  const shown = shades.entries.filter((/** @type {any} */ one) => one.count > 0);
  const lines = shown.slice(0, most).map((/** @type {any} */ one) => ({ text: `${one.name}  ${one.count.toLocaleString("en-US")}`, color: one.color, ring: Boolean(one.ring) }));
  const rest = shown.length > most ? [{ text: `and ${shown.length - most} more`, color: null, ring: false }] : [];
  return [title, ...lines, ...rest, ...(shades.marked ?? []).map(([/** @type {string} */ text, /** @type {number} */ count]) => ({ text: `${text}  ${count.toLocaleString("en-US")}`, color: null, ring: false }))];
}

/**
 * @param {{views: any[], shades: any, words: {title: string, foot: string}[], css: (name: string) => string, ratio: number}} shown
 * @returns {HTMLCanvasElement}
 */
export function composePicture({ views, shades, words, css, ratio }) {
  const boxes = views.map((view) => ({ view, width: view.element.clientWidth, height: view.element.clientHeight }));
  const width = boxes.reduce((sum, box) => sum + box.width, 0) + LEGEND_PX;
  const height = Math.max(...boxes.map((box) => box.height)) + HEAD_PX + FOOT_PX;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.scale(ratio, ratio);
  pen.fillStyle = css("--ground");
  pen.fillRect(0, 0, width, height);
  pen.textBaseline = "middle";
  let left = 0;
  boxes.forEach(({ view, width: wide, height: high }, index) => {
    for (const layer of view.canvases) pen.drawImage(layer, left, HEAD_PX, wide, high);
    if (index) {
      pen.fillStyle = css("--line");
      pen.fillRect(left, HEAD_PX, 1, high);
    }
    pen.fillStyle = css("--ink");
    pen.font = `650 15px ${FONT}`;
    pen.fillText(words[index].title, left + 14, HEAD_PX / 2 + 4);
    pen.fillStyle = css("--muted");
    pen.font = `12px ${FONT}`;
    pen.fillText(words[index].foot, left + 14, HEAD_PX + high + FOOT_PX / 2, wide - 28);
    left += wide;
  });
  legend(pen, legendLines(shades), left + 12, HEAD_PX + 12, css);
  return canvas;
}

/** @param {CanvasRenderingContext2D} pen @param {{text: string, color: string | null, ring: boolean}[]} lines @param {number} x @param {number} y @param {(name: string) => string} css */
function legend(pen, lines, x, y, css) {
  lines.forEach(({ text, color, ring }, at) => {
    const middle = y + at * ROW_PX;
    pen.font = `${at === 0 ? "650 " : ""}12.5px ${FONT}`;
    pen.fillStyle = color ? css("--ink") : css("--muted");
    pen.fillText(text, x + (color ? 18 : 0), middle, LEGEND_PX - 34);
    if (!color) return;
    pen.beginPath();
    pen.arc(x + 6, middle, ring ? 4 : 5, 0, 7);
    pen.fillStyle = pen.strokeStyle = color;
    pen.lineWidth = 2.4;
    if (ring) pen.stroke();
    else pen.fill();
  });
}
