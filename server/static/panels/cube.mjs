/** The space-time cube: trails through (x, y, epoch) that turn with the mouse; the server draws the lit still. */

import { cubeCamera, meanTrails, namedStops, spreadRows, trailOf } from "../cube_math.mjs";
import { h, replace } from "../dom.mjs";
import { progressText, runJob } from "../jobs.mjs";
import { save } from "./exporting.mjs";

const MEAN_ROWS = 1600;
const CHOSEN_ROWS = 60;
const CLASSES = 24;
const TURN = 0.5;
const KEY_TURN = 8;
const STILL_PX = 1000;
const START = { azimuth: 35, elevation: 22 };

/**
 * @param {HTMLElement} element
 * @param {{api: any, css: (name: string) => string}} context
 */
export function cubePanel(element, { api, css }) {
  const camera = { ...START };
  /** @type {any} */
  let current = null;
  /** @type {any} */
  let trails = null;
  let key = "";
  let serial = 0;
  /** @type {AbortController | null} */
  let running = null;
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { class: "cube", tabindex: 0, role: "img", "aria-label": "space-time cube: drag or press the arrow keys to turn it" }));
  const still = /** @type {HTMLImageElement} */ (h("img", { class: "cube-still", alt: "the cube drawn with surfaces", hidden: true }));
  const status = h("div", { role: "status" });
  const stage = h("div", { class: "cube-stage" }, canvas, still);
  const drawing = /** @type {HTMLButtonElement} */ (h("button", { type: "button", id: "cube-draw", onclick: () => lit() }, "Draw with the boundary as a surface"));
  const saving = h("button", { type: "button", onclick: () => saveStill() }, "PNG");
  element.classList.add("cube-panel");
  replace(element, stage, h("div", { class: "row" }, drawing, saving, h("button", { type: "button", onclick: () => turnTo(START.azimuth, START.elevation) }, "Turn back")), status,
    h("p", { class: "muted" }, "Time goes up; the tinted slice is the current epoch. Thick: mean of a class. Thin: pinned and selected samples, else those learned and forgotten most."));
  new ResizeObserver(() => draw()).observe(stage);

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    let [x, y] = [event.clientX, event.clientY];
    const move = (/** @type {PointerEvent} */ moved) => {
      turnTo(camera.azimuth + (moved.clientX - x) * TURN, camera.elevation + (moved.clientY - y) * TURN);
      [x, y] = [moved.clientX, moved.clientY];
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", () => canvas.removeEventListener("pointermove", move), { once: true });
  });
  still.addEventListener("pointerdown", () => { still.hidden = true; });
  canvas.addEventListener("keydown", (event) => {
    const step = /** @type {Record<string, number[]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] })[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    turnTo(camera.azimuth + step[0] * KEY_TURN, camera.elevation + step[1] * KEY_TURN);
  });

  /** @param {any} next {run, map, epoch, rows, labels, colors, raster: canvas | null, theme, key} */
  async function update(next) {
    current = next;
    const mine = ++serial;
    if (!next.map) return replace(status, h("p", { class: "empty" }, "The cube needs a map: make one first."));
    if (next.map.epochs.length < 2) return replace(status, h("p", { class: "empty" }, "One epoch is on the map: there is no time to see yet."));
    const wanted = `${next.run.slug}/${next.map.name}/${next.map.key}/${next.key}`;
    if (wanted !== key) {
      try {
        const found = await gather(next);
        if (mine !== serial) return;
        trails = found;
        key = wanted;
      } catch (error) {
        replace(status, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
        return;
      }
    }
    still.hidden = true;
    draw();
  }

  /** @param {any} next */
  async function gather({ run, map, labels, rows }) {
    const count = labels ? Math.min(run.classes.length, CLASSES) : 0;
    const standing = labels ? spreadRows(labels, count, MEAN_ROWS) : [];
    const chosen = (rows.length ? rows : await forgotten(run)).slice(0, CHOSEN_ROWS);
    const all = [...standing, ...chosen];
    const body = JSON.stringify({ rows: all });
    const response = await api.request(`data/${run.slug}/trails/${encodeURIComponent(map.name)}.bin`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const codes = new Uint16Array(await response.arrayBuffer());
    const epochs = map.epochs.length;
    const groups = all.map((row, at) => (at < standing.length ? labels[row] : -1));
    const means = meanTrails(codes, epochs, groups, count, map.extent);
    return { means, chosen: chosen.map((row, at) => ({ row, label: labels ? labels[row] : -1, trail: trailOf(codes, epochs, all.length, standing.length + at, map.extent) })) };
  }

  /** @param {any} run @returns {Promise<number[]>} */
  async function forgotten(run) {
    if (!run.columns.some((/** @type {any} */ one) => one.name === "forgets")) return [];
    const data = await api.runPost(run.slug, "table", { epoch: run.epochs.at(-1), sort: "forgets", descending: true, limit: 20, columns: ["id"] });
    return data.rows.map((/** @type {any} */ one) => one.row);
  }

  /** @param {number} azimuth @param {number} elevation */
  function turnTo(azimuth, elevation) {
    camera.azimuth = ((azimuth % 360) + 360) % 360;
    camera.elevation = Math.max(-10, Math.min(89, elevation));
    still.hidden = true;
    draw();
  }

  function draw() {
    if (!current?.map || !trails || !stage.clientWidth) return;
    const ratio = window.devicePixelRatio || 1;
    const side = Math.max(160, Math.min(stage.clientWidth, stage.clientHeight));
    canvas.style.width = canvas.style.height = still.style.width = still.style.height = `${side}px`;
    canvas.width = canvas.height = Math.round(side * ratio);
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { map, epoch, colors, raster, run } = current;
    const eye = cubeCamera(map.extent, camera.azimuth, camera.elevation, canvas.width);
    const stops = map.epochs.length;
    const now = Math.max(0, map.epochs.indexOf(epoch)) / (stops - 1);
    pen.lineCap = pen.lineJoin = "round";
    outline(pen, eye, map.extent, 0, css("--faint"), ratio);
    // What lies below the slice is drawn before it, what lies above after it: seen from above that is the order.
    const strokes = (/** @type {(time: number) => boolean} */ part) => segments(pen, eye, part, ratio);
    strokes((time) => time < now);
    slice(pen, eye, map.extent, now, raster, css("--accent"), ratio);
    strokes((time) => time >= now);
    axis(pen, eye, map, css("--ink"), ratio);
    pen.font = `650 ${12 * ratio}px system-ui, sans-serif`;
    pen.textAlign = "center";
    /** @type {number[][]} */
    const taken = [];
    trails.means.forEach((/** @type {Float32Array} */ trail, /** @type {number} */ index) => {
      const [x, y] = [trail[2 * stops - 2], trail[2 * stops - 1]];
      if (!Number.isFinite(x)) return;
      const [px, py] = eye.place(x, y, 1);
      const text = run.classes[index].slice(0, 14);
      const half = pen.measureText(text).width / 2 + 2 * ratio;
      if (taken.some((other) => Math.abs(other[0] - px) < other[2] + half && Math.abs(other[1] - py) < 12 * ratio)) return;
      taken.push([px, py, half]);
      word(pen, text, px, py - 9 * ratio, css("--ink"), css("--halo"), ratio);
    });
    canvas.dataset.drawn = `${Math.round(camera.azimuth)},${Math.round(camera.elevation)},${epoch},${trails.means.length},${trails.chosen.length}`;

    /** @param {CanvasRenderingContext2D} pen @param {any} eye @param {(time: number) => boolean} part @param {number} ratio */
    function segments(pen, eye, part, ratio) {
      /** @type {{depth: number, from: number[], to: number[], color: string, wide: number}[]} */
      const found = [];
      const add = (/** @type {Float32Array} */ trail, /** @type {string} */ color, /** @type {number} */ wide) => {
        for (let at = 1; at < stops; at++) {
          const [xa, ya, xb, yb] = trail.slice(2 * at - 2, 2 * at + 2);
          const time = (at - 0.5) / (stops - 1);
          if (!part(time) || !Number.isFinite(xa + xb)) continue;
          found.push({ depth: eye.near((xa + xb) / 2, (ya + yb) / 2, time), from: eye.place(xa, ya, (at - 1) / (stops - 1)), to: eye.place(xb, yb, at / (stops - 1)), color, wide });
        }
      };
      for (const { trail, label } of trails.chosen) add(trail, colors[label] ?? css("--muted"), 1.3);
      trails.means.forEach((/** @type {Float32Array} */ trail, /** @type {number} */ index) => add(trail, colors[index], 4));
      for (const one of found.sort((a, b) => a.depth - b.depth)) {
        for (const [color, extra] of /** @type {[string, number][]} */ ([[css("--ground"), 2], [one.color, 0]])) {
          pen.strokeStyle = color;
          pen.globalAlpha = extra ? 0.55 : one.wide > 2 ? 1 : 0.85;
          pen.lineWidth = (one.wide + extra) * ratio;
          pen.beginPath();
          pen.moveTo(one.from[0], one.from[1]);
          pen.lineTo(one.to[0], one.to[1]);
          pen.stroke();
        }
      }
      pen.globalAlpha = 1;
    }
  }

  async function lit() {
    if (running || !current?.map) return;
    running = new AbortController();
    const { signal } = running;
    drawing.disabled = true;
    const word = h("span", null, "starting");
    replace(status, h("div", { class: "progress" }, h("progress"), word, h("button", { type: "button", onclick: () => running?.abort() }, "Cancel")));
    try {
      const request = { kind: "cube", run: current.run.slug, map: current.map.name, size: STILL_PX, dark: current.theme === "dark", camera: [camera.azimuth, camera.elevation], ...(trails?.chosen.length ? { rows: trails.chosen.map((/** @type {any} */ one) => one.row) } : {}) };
      const job = await runJob(api, request, { signal, onprogress: (state) => { word.textContent = progressText(state); } });
      const blob = new Blob([await api.bytes(`jobs/${job.id}/result.bin`)], { type: "image/png" });
      if (still.src) URL.revokeObjectURL(still.src);
      still.src = URL.createObjectURL(blob);
      still.hidden = false;
      replace(status);
    } catch (error) {
      replace(status, h("p", { class: signal.aborted ? "empty" : "error", role: signal.aborted ? null : "alert" }, signal.aborted ? "Cancelled." : `${/** @type {Error} */ (error).message}. The trails can still be turned here.`));
    } finally {
      running = null;
      drawing.disabled = false;
    }
  }

  async function saveStill() {
    const name = `${current?.run.name ?? "run"}-cube.png`;
    if (!still.hidden) save(await (await fetch(still.src)).blob(), name);
    else canvas.toBlob((blob) => blob && save(blob, name));
  }

  return { update };
}

/** @param {CanvasRenderingContext2D} pen @param {any} eye @param {number[]} extent @param {number} time @param {string} color @param {number} ratio */
function outline(pen, eye, [x0, x1, y0, y1], time, color, ratio) {
  pen.strokeStyle = color;
  pen.lineWidth = ratio;
  pen.beginPath();
  [[x0, y0], [x1, y0], [x1, y1], [x0, y1]].forEach(([x, y], at) => pen[at ? "lineTo" : "moveTo"](.../** @type {[number, number]} */ (eye.place(x, y, time))));
  pen.closePath();
  pen.stroke();
}

/** The map's ground as a slice: rays are parallel, so a picture lies on it exactly. @param {CanvasRenderingContext2D} pen @param {any} eye @param {number[]} extent @param {number} time @param {HTMLCanvasElement | null} raster @param {string} color @param {number} ratio */
function slice(pen, eye, extent, time, raster, color, ratio) {
  const [x0, x1, y0, y1] = extent;
  if (raster?.width) {
    const [corner, right, down] = [eye.place(x0, y1, time), eye.place(x1, y1, time), eye.place(x0, y0, time)];
    pen.save();
    pen.setTransform((right[0] - corner[0]) / raster.width, (right[1] - corner[1]) / raster.width, (down[0] - corner[0]) / raster.height, (down[1] - corner[1]) / raster.height, corner[0], corner[1]);
    pen.globalAlpha = 0.8;
    pen.drawImage(raster, 0, 0);
    pen.restore();
  }
  pen.globalAlpha = 0.6;
  outline(pen, eye, extent, time, color, ratio);
  pen.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} pen @param {any} eye @param {any} map @param {string} ink @param {number} ratio */
function axis(pen, eye, map, ink, ratio) {
  const [x0, x1, y0, y1] = map.extent;
  const corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  // The corner that is leftmost on screen: nothing lies before its edge.
  const [x, y] = corners.reduce((best, one) => (eye.place(one[0], one[1], 0)[0] < eye.place(best[0], best[1], 0)[0] ? one : best));
  pen.strokeStyle = pen.fillStyle = ink;
  pen.lineWidth = 1.2 * ratio;
  pen.beginPath();
  pen.moveTo(.../** @type {[number, number]} */ (eye.place(x, y, 0)));
  pen.lineTo(.../** @type {[number, number]} */ (eye.place(x, y, 1)));
  pen.stroke();
  pen.font = `${11 * ratio}px system-ui, sans-serif`;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const at of namedStops(map.epochs.length)) {
    const [px, py] = eye.place(x, y, at / (map.epochs.length - 1));
    pen.fillText(`${at === 0 ? "epoch " : ""}${map.epochs[at]}`, Math.max(52 * ratio, px - 6 * ratio), py);
  }
}

/** @param {CanvasRenderingContext2D} pen @param {string} text @param {number} x @param {number} y @param {string} ink @param {string} halo @param {number} ratio */
function word(pen, text, x, y, ink, halo, ratio) {
  pen.lineWidth = 3.5 * ratio;
  pen.strokeStyle = halo;
  pen.fillStyle = ink;
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
}
