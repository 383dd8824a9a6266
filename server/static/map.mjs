/**
 * One map: three canvases (ground, cloud, marks) beneath a transparent Bokeh figure, which gives the
 * coordinates, pan, zoom, lasso and box. The cloud is splatted into pixels; Bokeh never holds a point.
 */

import { abgr, ramp, rgb } from "./color.mjs";
import { h } from "./dom.mjs";
import { inside } from "./lasso.mjs";
import { has } from "./masks.mjs";
import { decodeRaster, isochrone, regionPixels } from "./regions.mjs";
import { discStamps, drawDiscs, drawSquares, drawingOrder, nearestRow, project } from "./splat.mjs";

const TWEEN_MS = 400;
const STILL_AFTER_MS = 120;
const SLICE_MS = 8;
const ABSENT = 65535;
const MARKS_AT_MOST = 5000;
const TRAILS_AT_MOST = 300;
const TRAILS_WHOLE = 6;
const WINDOW = 3;
const TOUCH_MS = 1200;
const ABOVE_PX = 58;
const BELOW_PX = 72;
const BESIDE_PX = 30;

/** Eased: slow, fast, slow. @param {number} t */
export function ease(t) {
  return t * t * (3 - 2 * t);
}

export class MapView {
  /**
   * @param {HTMLElement} element  where the map lives
   * @param {{side: "a" | "b", page: any, figure: any, host: HTMLElement}} options
   */
  constructor(element, { side, page, figure, host }) {
    this.element = element;
    this.side = side;
    this.page = page;
    this.figure = figure;
    this.ground = /** @type {HTMLCanvasElement} */ (h("canvas", { class: "layer ground" }));
    this.cloud = /** @type {HTMLCanvasElement} */ (h("canvas", { class: "layer cloud" }));
    this.marks = /** @type {HTMLCanvasElement} */ (h("canvas", { class: "layer marks" }));
    this.tile = document.createElement("canvas");
    this.tileKey = "";
    host.classList.add("bokeh-host");
    host.hidden = false;
    element.append(this.ground, this.cloud, this.marks, host);
    /** @type {any} */
    this.run = null;
    /** @type {any} */
    this.map = null;
    this.epoch = NaN;
    /** @type {Uint16Array | null} */
    this.codes = null;
    /** @type {Uint16Array | null} */
    this.from = null;
    this.share = 1;
    this.places = new Float32Array(0);
    this.colors = new Uint32Array(0);
    this.order = new Uint32Array(0);
    this.hover = -1;
    this.touched = -Infinity;
    this.serial = 0;
    this.drawSerial = 0;
    this.lastChangeMs = NaN;
    this.lastTweenFps = NaN;
    this.tools();
    new ResizeObserver(() => this.resized()).observe(element);
  }

  // -- geometry

  /** Canvas size and the way from codes to device pixels. */
  view() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, this.element.clientWidth);
    const height = Math.max(1, this.element.clientHeight);
    const { x_range: xr, y_range: yr } = this.figure;
    const perX = (width * ratio) / (xr.end - xr.start);
    const perY = (height * ratio) / (yr.end - yr.start);
    const [x0, x1, y0, y1] = this.map ? this.map.extent : [0, 1, 0, 1];
    return {
      ratio, width, height, wide: Math.round(width * ratio), high: Math.round(height * ratio),
      scaleX: ((x1 - x0) / (ABSENT - 1)) * perX, shiftX: (x0 - xr.start) * perX,
      scaleY: (-(y1 - y0) / (ABSENT - 1)) * perY, shiftY: height * ratio - (y0 - yr.start) * perY,
      x: (/** @type {number} */ value) => (value - xr.start) * perX,
      y: (/** @type {number} */ value) => height * ratio - (value - yr.start) * perY,
    };
  }

  /** @param {[number, number, number]} camera centre and width in map units */
  look([cx, cy, width]) {
    const height = (width * this.element.clientHeight) / Math.max(1, this.element.clientWidth);
    this.looking = true;
    this.figure.x_range.setv({ start: cx - width / 2, end: cx + width / 2 });
    this.figure.y_range.setv({ start: cy - height / 2, end: cy + height / 2 });
    this.looking = false;
    this.moved();
  }

  /** @returns {[number, number, number]} */
  camera() {
    const { x_range: xr, y_range: yr } = this.figure;
    return [(xr.start + xr.end) / 2, (yr.start + yr.end) / 2, xr.end - xr.start];
  }

  /** @param {number} factor */
  zoom(factor) {
    const [cx, cy, width] = this.camera();
    this.look([cx, cy, width * factor]);
    this.page.cameraChanged(this.camera());
  }

  resized() {
    if (!this.map || !this.element.clientWidth) return;
    if (this.side === "a") this.look(this.page.store.get().camera ?? this.fitted());
    else this.paint();
    this.settle();
  }

  /** Looks again once Bokeh has come to rest. */
  settle() {
    // Two maps share one camera; the first leads.
    if (this.side !== "a") return;
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => {
      const wanted = this.page.store.get().camera ?? this.fitted();
      const now = this.camera();
      if (wanted.some((value, index) => Math.abs(value - now[index]) > 1e-6 * Math.abs(wanted[2]))) this.look(wanted);
    }, 60);
  }

  /** The camera that shows every map whole, clear of the tools above and the figures below. @returns {[number, number, number]} */
  fitted() {
    const boxes = this.page.views.filter((/** @type {any} */ view) => view.map).map((/** @type {any} */ view) => view.map.view ?? view.map.extent);
    const all = boxes.length ? boxes : [this.map.view ?? this.map.extent];
    const [x0, y0] = [0, 2].map((at) => Math.min(...all.map((/** @type {number[]} */ box) => box[at])));
    const [x1, y1] = [1, 3].map((at) => Math.max(...all.map((/** @type {number[]} */ box) => box[at])));
    const width = Math.max(1, this.element.clientWidth);
    const height = Math.max(1, this.element.clientHeight);
    const clear = Math.max(80, height - ABOVE_PX - BELOW_PX);
    const perPixel = Math.max((x1 - x0) / Math.max(80, width - 2 * BESIDE_PX), (y1 - y0) / clear);
    return [(x0 + x1) / 2, (y0 + y1) / 2 + ((ABOVE_PX - BELOW_PX) / 2) * perPixel, perPixel * width];
  }

  // -- what is shown

  /** @param {any} run @param {any} map */
  setRun(run, map) {
    this.run = run;
    this.map = map;
    this.codes = this.from = null;
    this.places = new Float32Array(run.samples * 2);
    this.colors = new Uint32Array(run.samples);
    this.order = new Uint32Array(0);
    this.tileKey = "";
    this.epoch = NaN;
  }

  /**
   * Goes to an epoch: the new places arrive, then the dots move there.
   * @param {number} epoch
   * @param {{tween?: boolean}} [options]
   */
  async go(epoch, { tween = true } = {}) {
    const mine = ++this.serial;
    const started = performance.now();
    const { api } = this.page;
    const codes = api.peek(api.positionsPath(this.run, this.map, epoch)) ?? (await api.positions(this.run, this.map, epoch));
    if (mine !== this.serial) return;
    this.from = this.codes;
    this.codes = codes;
    this.epoch = epoch;
    this.tileKey = "";
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const moves = tween && !calm && this.from !== null;
    this.share = moves ? 0 : 1;
    await this.recolor();
    if (mine !== this.serial) return;
    this.paint();
    this.lastChangeMs = performance.now() - started;
    if (moves) this.tween(mine);
    this.loadGround(mine);
    this.page.prefetch(this);
  }

  /** @param {number} mine */
  tween(mine) {
    const started = performance.now();
    let frames = 0;
    const step = (/** @type {number} */ now) => {
      if (mine !== this.serial) return;
      const t = Math.min(1, Math.max(0, (now - started) / TWEEN_MS));
      this.share = ease(t);
      frames++;
      this.paint();
      if (t < 1) requestAnimationFrame(step);
      else this.lastTweenFps = (frames * 1000) / (performance.now() - started);
    };
    requestAnimationFrame(step);
  }

  /** @param {number} mine */
  async loadGround(mine) {
    const { api, store } = this.page;
    const wanted = this.page.needs(this);
    try {
      const [raster, boundary] = await Promise.all([
        this.map.resolution ? api.regions(this.run, this.map, this.epoch, decodeRaster) : null,
        this.map.resolution && store.get().layers.includes("boundary") ? api.boundary(this.run, this.map, this.epoch) : null,
        wanted,
      ]);
      if (mine !== this.serial) return;
      this.raster = raster;
      this.boundary = boundary;
    } catch (error) {
      this.raster = this.boundary = null;
      this.page.report(error);
    }
    this.tileKey = "";
    this.paint();
  }

  /** Recomputes the colour of every dot: its column, dimmed where it is not selected, 0 where it is hidden. */
  async recolor() {
    const { page, run } = this;
    const state = page.store.get();
    const theme = page.theme();
    const shades = await page.shades(this);
    if (!shades || this.run !== run) return;
    const mask = page.maskFor(this);
    const dim = theme === "dark" ? 46 : 34;
    const { colors } = this;
    for (let row = 0; row < colors.length; row++) {
      const shown = shades.visible ? shades.visible[row] !== 0 : true;
      const chosen = mask === null || has(mask, row);
      const alpha = chosen ? shades.alpha : state.onlySelected ? 0 : dim;
      colors[row] = shown && alpha ? ((shades.colors[row] & 0xffffff) | (alpha << 24)) >>> 0 : 0;
    }
    if (this.order.length !== colors.length || this.orderKey !== shades.key || this.orderMask !== mask) {
      this.order = drawingOrder(shades.groups, mask === null ? undefined : (row) => has(mask, row));
      this.orderKey = shades.key;
      this.orderMask = mask;
    }
    this.rings = shades.rings;
  }

  /** The camera or the size changed: draw at once, and finely when it rests. */
  moved() {
    this.paint();
  }

  /** Draws everything now. */
  paint() {
    if (!this.codes || !this.element.clientWidth) return;
    const view = this.view();
    for (const canvas of [this.ground, this.cloud, this.marks]) {
      if (canvas.width !== view.wide) canvas.width = view.wide;
      if (canvas.height !== view.high) canvas.height = view.high;
    }
    project(this.codes, view, this.places, this.from ?? undefined, this.share);
    this.paintGround(view);
    this.paintCloud(view);
    this.paintMarks(view);
  }

  /** @param {any} view */
  paintGround(view) {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.ground.getContext("2d"));
    pen.clearRect(0, 0, view.wide, view.high);
    const state = this.page.store.get();
    if (!this.raster || !state.layers.includes("regions")) return;
    const theme = this.page.theme();
    const key = `${this.epoch}/${theme}/${state.layers.includes("isochrone")}`;
    if (this.tileKey !== key) {
      this.tileKey = key;
      const side = this.raster.resolution;
      const stack = state.layers.includes("isochrone") ? this.page.rastersUpTo(this) : null;
      const pixels = stack && stack.length > 1 ? isochrone(stack).pixels : regionPixels(this.raster, this.page.classColors(this.run), theme);
      this.tile.width = this.tile.height = side;
      this.tile.getContext("2d")?.putImageData(new ImageData(/** @type {any} */ (pixels), side, side), 0, 0);
    }
    const [x0, x1, y0, y1] = this.map.extent;
    pen.imageSmoothingEnabled = true;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(this.tile, view.x(x0), view.y(y1), view.x(x1) - view.x(x0), view.y(y0) - view.y(y1));
    if (this.boundary && state.layers.includes("boundary")) {
      pen.strokeStyle = this.page.css("--boundary");
      pen.lineWidth = 1.1 * view.ratio;
      pen.lineJoin = "round";
      pen.beginPath();
      for (const piece of this.boundary.pieces) {
        for (let i = 0; i < piece.xy.length; i += 2) {
          const x = view.x(piece.xy[i]);
          const y = view.y(piece.xy[i + 1]);
          if (i === 0) pen.moveTo(x, y);
          else pen.lineTo(x, y);
        }
      }
      pen.stroke();
    }
  }

  /** Dot radius in CSS pixels: smaller where there are many, larger when zoomed in. */
  radius() {
    const count = this.run.samples;
    const base = count <= 3000 ? 3.4 : count <= 12_000 ? 2.7 : count <= 60_000 ? 2 : count <= 250_000 ? 1.4 : 1;
    const whole = this.fitted()[2];
    const room = Math.min(1.15, Math.max(0.6, Math.min(this.element.clientWidth, this.element.clientHeight) / 600));
    return base * room * Math.min(2.4, Math.max(1, (whole / this.camera()[2]) ** 0.4));
  }

  /** @param {any} view */
  paintCloud(view) {
    const state = this.page.store.get();
    const serial = ++this.drawSerial;
    const pen = /** @type {CanvasRenderingContext2D} */ (this.cloud.getContext("2d"));
    if (state.layers.includes("density")) {
      this.paintDensity(pen, view);
      return;
    }
    const image = this.buffer(view);
    const words = new Uint32Array(image.data.buffer);
    words.fill(0);
    drawSquares(words, view.wide, view.high, this.places, this.order, this.colors, this.radius() * view.ratio);
    pen.putImageData(image, 0, 0);
    clearTimeout(this.stillTimer);
    if (this.share < 1) return;
    this.stillTimer = window.setTimeout(() => this.paintStill(serial, view), STILL_AFTER_MS);
  }

  /** @param {any} view */
  buffer(view) {
    if (!this.image || this.image.width !== view.wide || this.image.height !== view.high) this.image = new ImageData(view.wide, view.high);
    return this.image;
  }

  /**
   * Discs with soft edges, in slices, given up as soon as something moves.
   * @param {number} serial @param {any} view
   */
  paintStill(serial, view) {
    const image = new ImageData(view.wide, view.high);
    const disc = discStamps(this.radius() * view.ratio);
    let at = 0;
    const slice = () => {
      if (serial !== this.drawSerial) return;
      const end = performance.now() + SLICE_MS;
      at = drawDiscs(image.data, view.wide, view.high, this.places, this.order, this.colors, disc, at, () => performance.now() > end);
      if (at < this.order.length) {
        setTimeout(slice, 0);
        return;
      }
      this.cloud.getContext("2d")?.putImageData(image, 0, 0);
      this.still = true;
      this.page.stillDrawn(this);
    };
    this.still = false;
    slice();
  }

  /** Where dots pile up. @param {CanvasRenderingContext2D} pen @param {any} view */
  paintDensity(pen, view) {
    const cell = 6 * view.ratio;
    const columns = Math.ceil(view.wide / cell);
    const rows = Math.ceil(view.high / cell);
    const counts = new Float32Array(columns * rows);
    for (let row = 0; row < this.colors.length; row++) {
      if (this.colors[row] === 0) continue;
      const x = Math.floor(this.places[2 * row] / cell);
      const y = Math.floor(this.places[2 * row + 1] / cell);
      if (x >= 0 && y >= 0 && x < columns && y < rows) counts[y * columns + x]++;
    }
    const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
    const image = new ImageData(columns, rows);
    counts.forEach((value, at) => {
      const color = ramp("viridis", Math.log1p(value) / most);
      image.data.set([color[0], color[1], color[2], value ? 235 : 0], at * 4);
    });
    const small = document.createElement("canvas");
    small.width = columns;
    small.height = rows;
    small.getContext("2d")?.putImageData(image, 0, 0);
    pen.clearRect(0, 0, view.wide, view.high);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(small, 0, 0, columns * cell, rows * cell);
    this.page.stillDrawn(this);
  }

  // -- marks

  /** @param {any} view */
  paintMarks(view) {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.marks.getContext("2d"));
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, view.wide, view.high);
    const { page } = this;
    const state = page.store.get();
    const layers = state.layers;
    const r = this.radius() * view.ratio;
    const marks = page.marksFor(this);
    if (layers.includes("trails")) this.paintTrails(pen, view);
    if (layers.includes("wrong") && marks.wrong) this.paintCrosses(pen, view, marks.wrong, r);
    if (marks.flipped) this.paintRings(pen, marks.flipped, r + 2 * view.ratio, page.css("--ink"), 1 * view.ratio);
    if (marks.picks) this.paintPicks(pen, view, marks.picks, r);
    if (layers.includes("neighbors") && page.neighbors?.side === this.side) this.paintNeighbors(pen, view);
    if (layers.includes("images") && this.run.has.images) page.paintImages(this, pen, view);
    if (layers.includes("labels")) this.paintLabels(pen, view);
    const pin = page.pinRow(this);
    if (pin >= 0) this.paintRings(pen, [pin], r + 4 * view.ratio, page.css("--ink"), 2.4 * view.ratio);
    if (this.hover >= 0) this.paintRings(pen, [this.hover], r + 4 * view.ratio, page.css("--accent"), 2 * view.ratio);
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view @param {ArrayLike<number>} rows @param {number} r */
  paintCrosses(pen, view, rows, r) {
    pen.strokeStyle = this.page.css("--ink");
    pen.lineWidth = Math.max(1, view.ratio);
    pen.beginPath();
    for (let i = 0; i < Math.min(rows.length, MARKS_AT_MOST); i++) {
      const row = rows[i];
      if (this.colors[row] >>> 24 < 128) continue;
      const x = this.places[2 * row];
      const y = this.places[2 * row + 1];
      pen.moveTo(x - r, y - r);
      pen.lineTo(x + r, y + r);
      pen.moveTo(x - r, y + r);
      pen.lineTo(x + r, y - r);
    }
    pen.stroke();
  }

  /** @param {CanvasRenderingContext2D} pen @param {ArrayLike<number>} rows @param {number} r @param {string} color @param {number} width */
  paintRings(pen, rows, r, color, width) {
    pen.strokeStyle = color;
    pen.lineWidth = width;
    for (let i = 0; i < Math.min(rows.length, MARKS_AT_MOST); i++) {
      if (this.colors[rows[i]] >>> 24 < 128) continue; // hidden or dimmed
      pen.beginPath();
      pen.arc(this.places[2 * rows[i]], this.places[2 * rows[i] + 1], r, 0, 7);
      pen.stroke();
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view @param {{rows: number[], ranks: ArrayLike<number>}} picks @param {number} r */
  paintPicks(pen, view, picks, r) {
    this.paintRings(pen, picks.rows, r + 3 * view.ratio, this.page.css("--pick"), 2 * view.ratio);
    pen.font = `600 ${10 * view.ratio}px system-ui, sans-serif`;
    pen.fillStyle = this.page.css("--ink");
    for (const row of picks.rows.slice(0, 60)) pen.fillText(String(picks.ranks[row]), this.places[2 * row] + r + 4 * view.ratio, this.places[2 * row + 1] - r);
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view */
  paintNeighbors(pen, view) {
    const { row, data } = this.page.neighbors;
    const common = new Set(data.kept ?? []);
    const from = [this.places[2 * row], this.places[2 * row + 1]];
    for (const [rows, color, dash] of /** @type {any[]} */ ([[data.map.rows, this.page.css("--near-map"), [4, 4]], [data.representation.rows, this.page.css("--near-network"), []]])) {
      for (const other of rows) {
        if (this.places[2 * other] < -1e5) continue;
        pen.setLineDash(dash.map((/** @type {number} */ value) => value * view.ratio));
        pen.lineWidth = (common.has(other) ? 2.4 : 1.4) * view.ratio;
        pen.strokeStyle = color;
        pen.beginPath();
        pen.moveTo(from[0], from[1]);
        pen.lineTo(this.places[2 * other], this.places[2 * other + 1]);
        pen.stroke();
      }
    }
    pen.setLineDash([]);
  }

  /** Trails: whole for a few samples or for a marked interval, a window around the current epoch for many. @param {CanvasRenderingContext2D} pen @param {any} view */
  paintTrails(pen, view) {
    const { page } = this;
    const rows = page.trailRows(this).slice(0, TRAILS_AT_MOST);
    if (!rows.length) return;
    const epochs = this.map.epochs;
    const at = epochs.indexOf(this.epoch);
    const { interval } = page.store.get();
    const few = rows.length <= TRAILS_WHOLE;
    let first = few ? 0 : Math.max(0, at - WINDOW);
    let last = few ? epochs.length - 1 : Math.min(epochs.length - 1, at + WINDOW);
    if (interval) {
      first = epochs.findIndex((/** @type {number} */ epoch) => epoch >= interval[0]);
      last = epochs.findLastIndex((/** @type {number} */ epoch) => epoch <= interval[1]);
    }
    if (first < 0 || last <= first) return;
    const stack = page.codesBetween(this, first, last);
    pen.lineCap = pen.lineJoin = "round";
    const dark = page.theme() === "dark";
    for (const casing of [true, false]) {
      for (let step = 1; step < stack.length; step++) {
        const before = stack[step - 1];
        const now = stack[step];
        if (!before || !now) continue;
        const time = step / Math.max(1, stack.length - 1);
        pen.lineWidth = (casing ? (few ? 5 : 2.6) : few ? 2.4 : 1.1) * view.ratio;
        const shade = ramp("cividis", dark ? 0.25 + 0.75 * time : 0.95 - 0.85 * time);
        pen.strokeStyle = casing ? page.css("--ground") : `rgb(${shade.map(Math.round).join(" ")} / ${few ? 1 : 0.75})`;
        pen.beginPath();
        for (const row of rows) {
          if (before[2 * row] === ABSENT || now[2 * row] === ABSENT) continue;
          pen.moveTo(before[2 * row] * view.scaleX + view.shiftX, before[2 * row + 1] * view.scaleY + view.shiftY);
          pen.lineTo(now[2 * row] * view.scaleX + view.shiftX, now[2 * row + 1] * view.scaleY + view.shiftY);
        }
        pen.stroke();
      }
    }
    if (few) this.paintArrows(pen, view, rows, stack);
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view @param {number[]} rows @param {(Uint16Array | undefined)[]} stack */
  paintArrows(pen, view, rows, stack) {
    const end = stack[stack.length - 1];
    const before = stack[stack.length - 2];
    if (!end || !before) return;
    pen.fillStyle = this.page.css("--ink");
    for (const row of rows) {
      if (end[2 * row] === ABSENT || before[2 * row] === ABSENT) continue;
      const x = end[2 * row] * view.scaleX + view.shiftX;
      const y = end[2 * row + 1] * view.scaleY + view.shiftY;
      const angle = Math.atan2(y - (before[2 * row + 1] * view.scaleY + view.shiftY), x - (before[2 * row] * view.scaleX + view.shiftX));
      const s = 7 * view.ratio;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x - s * Math.cos(angle - 0.45), y - s * Math.sin(angle - 0.45));
      pen.lineTo(x - s * Math.cos(angle + 0.45), y - s * Math.sin(angle + 0.45));
      pen.fill();
    }
  }

  /** Class names at the middle of their dots. @param {CanvasRenderingContext2D} pen @param {any} view */
  paintLabels(pen, view) {
    const { page, run } = this;
    const labels = page.labelsOf(run);
    if (!labels || !run.classes.length) return;
    const count = run.classes.length;
    const bins = 24;
    // The densest spot of a class, not its mean: a mean may lie between two clusters on foreign ground.
    const histogram = new Uint32Array(count * bins * bins);
    const [x0, x1, y0, y1] = this.map.extent;
    const left = view.x(x0);
    const wide = view.x(x1) - left;
    const top = view.y(y1);
    const high = view.y(y0) - top;
    for (let row = 0; row < labels.length; row++) {
      const label = labels[row];
      if (label >= count || this.colors[row] === 0) continue;
      const bx = Math.floor(((this.places[2 * row] - left) / wide) * bins);
      const by = Math.floor(((this.places[2 * row + 1] - top) / high) * bins);
      if (bx >= 0 && by >= 0 && bx < bins && by < bins) histogram[(label * bins + by) * bins + bx]++;
    }
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    /** @type {number[][]} */
    const taken = [];
    const sizes = run.class_counts ?? [];
    const order = [...run.classes.keys()].sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0));
    for (const label of order.slice(0, 200)) {
      let best = -1;
      let most = 0;
      for (let cell = 0; cell < bins * bins; cell++) {
        const value = histogram[label * bins * bins + cell];
        if (value > most) {
          most = value;
          best = cell;
        }
      }
      if (best < 0 || most < (count > 20 ? 4 : 1)) continue;
      const x = left + (((best % bins) + 0.5) / bins) * wide;
      const y = top + ((Math.floor(best / bins) + 0.5) / bins) * high;
      const size = (count > 20 ? 11 : 15) * view.ratio;
      const text = run.classes[label].length > 18 ? `${run.classes[label].slice(0, 17)}…` : run.classes[label];
      pen.font = `650 ${size}px system-ui, sans-serif`;
      const half = pen.measureText(text).width / 2 + 3 * view.ratio;
      if (taken.some((other) => Math.abs(other[0] - x) < other[2] + half && Math.abs(other[1] - y) < size * 1.15)) continue;
      taken.push([x, y, half]);
      pen.lineWidth = 4 * view.ratio;
      pen.strokeStyle = page.css("--halo");
      pen.fillStyle = page.css("--ink");
      pen.strokeText(text, x, y);
      pen.fillText(text, x, y);
    }
    pen.textAlign = "left";
  }

  // -- the figure's tools

  tools() {
    const { figure } = this;
    const ranges = () => {
      if (this.looking) return;
      this.moved();
      // Bokeh moves the ranges by itself when the frame changes its shape; only people move the camera.
      if (performance.now() - this.touched < TOUCH_MS) this.page.cameraChanged(this.camera(), this);
      else this.settle();
    };
    for (const kind of ["pointerdown", "pointermove", "wheel"]) this.element.addEventListener(kind, (event) => { if (kind !== "pointermove" || /** @type {PointerEvent} */ (event).buttons) this.touched = performance.now(); }, { capture: true, passive: true });
    for (const range of [figure.x_range, figure.y_range]) range.change.connect(ranges);
    figure.on_event?.("selectiongeometry", (/** @type {any} */ event) => this.selected(event));
    this.element.addEventListener("pointermove", (event) => this.pointed(event));
    this.element.addEventListener("pointerleave", () => this.setHover(-1));
    let down = [0, 0];
    this.element.addEventListener("pointerdown", (event) => { down = [event.clientX, event.clientY]; }, true);
    this.element.addEventListener("pointerup", (event) => {
      if (Math.hypot(event.clientX - down[0], event.clientY - down[1]) < 4) this.page.clicked(this, this.rowAt(event), event);
    }, true);
    this.element.addEventListener("dblclick", () => this.page.resetCamera());
  }

  /** @param {any} event */
  selected(event) {
    if (!event.final) return;
    const { geometry } = event;
    const view = this.view();
    const started = performance.now();
    let xs;
    let ys;
    if (geometry.type === "rect") {
      xs = [geometry.x0, geometry.x1, geometry.x1, geometry.x0];
      ys = [geometry.y0, geometry.y0, geometry.y1, geometry.y1];
    } else if (geometry.type === "poly") {
      xs = [...geometry.x];
      ys = [...geometry.y];
    } else return;
    const rows = inside(xs.map(view.x), ys.map(view.y), this.places, (row) => this.colors[row] !== 0);
    this.lastLassoMs = performance.now() - started;
    this.page.selectedByShape(this, rows);
  }

  /** @param {PointerEvent} event */
  rowAt(event) {
    const box = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return nearestRow(this.places, (event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, 10 * ratio, this.colors);
  }

  /** @param {PointerEvent} event */
  pointed(event) {
    if (event.buttons || !this.codes) return;
    this.setHover(this.rowAt(event), event);
  }

  /** @param {number} row @param {PointerEvent} [event] */
  setHover(row, event) {
    if (row === this.hover) return;
    this.hover = row;
    if (this.codes) this.paintMarks(this.view());
    this.page.hovered(this, row, event);
  }

  /** Where a row is drawn, in CSS pixels of the window. @param {number} row */
  sampleAt(row) {
    const box = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return this.places[2 * row] < -1e5 ? null : [box.left + this.places[2 * row] / ratio, box.top + this.places[2 * row + 1] / ratio];
  }
}

export { abgr, rgb };
