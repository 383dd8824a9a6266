/**
 * One map: four canvases (ground, cloud, marks, the ring under the pointer) beneath a transparent Bokeh figure, which
 * gives the coordinates, pan, zoom, lasso and box. The cloud is splatted into pixels; Bokeh never holds a point.
 */

import { h } from "./dom.mjs";
import { Frame } from "./frame.mjs";
import { Cloud, passes } from "./layers/cloud.mjs";
import { paintDensity } from "./layers/density.mjs";
import { Ground } from "./layers/ground.mjs";
import { markStrength, paintCrosses, paintIds, paintNeighbors, paintPicks, paintRings, ringForm } from "./layers/marks.mjs";
import { paintNames } from "./layers/names.mjs";
import { Thumbnails } from "./layers/thumbnails.mjs";
import { TRAILS_AT_MOST, TRAILS_WHOLE, paintTrails, trailStretch } from "./layers/trails.mjs";
import { inside, outlineOf } from "./lasso.mjs";
import { has } from "./masks.mjs";
import { onPress } from "./press.mjs";
import { decodeRaster } from "./regions.mjs";
import { drawingOrder, nearestRow, onTop, project } from "./splat.mjs";

const TWEEN_MS = 400;
const DOT_STEP = 1.25;
const REACH_PX = 10;
const DIM = { light: 34, dark: 46 };

/** Eased: slow, fast, slow. @param {number} t */
export function ease(t) {
  return t * t * (3 - 2 * t);
}

export class MapView extends Frame {
  /**
   * @param {HTMLElement} element  where the map lives
   * @param {{side: "a" | "b", page: any, figure: any, host: HTMLElement}} options
   */
  constructor(element, { side, page, figure, host }) {
    super(element, { side, page, figure });
    const canvas = (/** @type {string} */ name) => /** @type {HTMLCanvasElement} */ (h("canvas", { class: `layer ${name}` }));
    this.canvases = [canvas("ground"), canvas("cloud"), canvas("marks"), canvas("hover")];
    this.ground = new Ground(this.canvases[0]);
    this.cloud = new Cloud(this.canvases[1], () => this.stands());
    this.thumbnails = new Thumbnails((rows, size) => page.supplies.imageSheet(this.run, rows, size), () => this.paint(), (error) => page.report(error));
    host.classList.add("bokeh-host");
    host.hidden = false;
    element.append(...this.canvases, host);
    /** @type {any} */
    this.run = null;
    this.epoch = NaN;
    /** The epoch that was asked for in vain: the map still shows the one before. */
    this.missed = NaN;
    /** @type {Uint16Array | null} */
    this.from = null;
    this.share = 1;
    this.places = new Float32Array(0);
    this.colors = new Uint32Array(0);
    this.order = new Uint32Array(0);
    /** @type {ArrayLike<number> | null} */
    this.hollow = null;
    this.hover = -1;
    this.visible = this.hollowCount = this.wish = 0;
    this.serial = this.coloring = 0;
    this.still = false;
    /** Whether the camera moves: the ground is enlarged roughly until it rests. */
    this.hasty = false;
    this.lastChangeMs = NaN;
    this.lastTweenFps = NaN;
    this.tools();
  }

  /** @param {any} run @param {any} map */
  setRun(run, map) {
    this.run = run;
    this.map = map;
    this.codes = this.from = this.raster = this.boundary = null;
    this.places = new Float32Array(run.samples * 2);
    this.colors = new Uint32Array(run.samples);
    this.order = new Uint32Array(0);
    this.ground.reset();
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
    this.lastChangeMs = NaN;
    const { api } = this.page;
    const codes = api.peek(api.positionsPath(this.run, this.map, epoch)) ?? (await api.positions(this.run, this.map, epoch).catch((/** @type {any} */ error) => {
      if (mine === this.serial) this.missed = epoch;
      throw error;
    }));
    if (mine !== this.serial) return;
    this.missed = NaN;
    this.from = this.codes;
    this.codes = codes;
    this.epoch = epoch;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const moves = tween && !calm && this.from !== null;
    this.share = moves ? 0 : 1;
    await this.recolor();
    if (mine !== this.serial) return;
    this.paint();
    this.lastChangeMs = performance.now() - started;
    if (moves) this.tween(mine);
    this.loadGround(mine);
    this.page.supplies.prefetch(this);
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
    try {
      const [raster, boundary] = await Promise.all([
        this.map.resolution ? api.regions(this.run, this.map, this.epoch, decodeRaster) : null,
        this.map.resolution && store.get().layers.includes("boundary") ? api.boundary(this.run, this.map, this.epoch) : null,
      ]);
      if (mine !== this.serial) return;
      this.raster = raster;
      this.boundary = boundary;
      this.groundEpoch = this.epoch;
    } catch (error) {
      this.raster = this.boundary = null;
      this.page.report(error);
    }
    this.ground.reset();
    if (this.codes && this.element.clientWidth) this.paintGround(this.view());
  }

  /** Recomputes the colour of every dot: its column, dimmed where it is not selected, 0 where it is hidden. */
  async recolor() {
    const { page, run } = this;
    const mine = ++this.coloring;
    const shades = await page.shading.of(this, () => mine === this.coloring && this.run === run);
    if (!shades) return;
    const state = page.store.get();
    const mask = page.selecting.maskFor(this);
    const dim = DIM[/** @type {"light" | "dark"} */ (page.theme())];
    const { colors } = this;
    let visible = 0;
    for (let row = 0; row < colors.length; row++) {
      const shown = shades.visible ? shades.visible[row] !== 0 : true;
      const chosen = mask === null || has(mask, row);
      const alpha = chosen ? shades.alpha : state.onlySelected ? 0 : dim;
      colors[row] = shown && alpha ? ((shades.colors[row] & 0xffffff) | (alpha << 24)) >>> 0 : 0;
      if (colors[row] !== 0) visible++;
    }
    this.visible = visible;
    if (this.allOrder?.length !== colors.length || this.orderKey !== shades.key) {
      this.allOrder = this.order = drawingOrder(shades.groups);
      this.orderKey = shades.key;
      this.orderMask = null;
    }
    if (this.orderMask !== mask) {
      this.order = mask === null ? this.allOrder : onTop(this.allOrder, (row) => has(mask, row));
      this.orderMask = mask;
    }
    this.hollow = page.shading.hollow(this, shades);
    this.hollowCount = this.hollow ? this.hollow.reduce((/** @type {number} */ sum, /** @type {number} */ flag) => sum + flag, 0) : 0;
    this.parts = passes(this.order, colors, this.hollow, page.css("--ground"));
  }

  /** Draws everything in the next frame: pan and zoom ask more often than there are frames. */
  paintSoon() {
    this.hasty = true;
    this.wish ||= requestAnimationFrame(() => this.paint());
  }

  /** Draws everything now. */
  paint() {
    cancelAnimationFrame(this.wish);
    this.wish = 0;
    if (!this.codes || !this.parts || !this.element.clientWidth) return;
    const view = this.view();
    for (const canvas of this.canvases) {
      if (canvas.width !== view.wide) canvas.width = view.wide;
      if (canvas.height !== view.high) canvas.height = view.high;
    }
    project(this.codes, view, this.places, this.from ?? undefined, this.share);
    this.paintGround(view);
    this.still = false;
    if (this.page.store.get().layers.includes("density")) {
      this.cloud.stop();
      paintDensity(/** @type {CanvasRenderingContext2D} */ (this.canvases[1].getContext("2d")), view, this.places, this.colors);
      if (this.share === 1) this.stands();
    } else {
      this.cloud.paint(view, { places: this.places, parts: this.parts, radius: this.radius() * view.ratio, moving: this.share < 1 });
    }
    this.paintMarks(view);
    this.paintHover(view);
  }

  stands() {
    if (this.hasty) {
      this.hasty = false;
      this.paintGround(this.view());
    }
    this.still = true;
    this.page.stillDrawn(this);
  }

  /** @param {any} view */
  paintGround(view) {
    const { layers } = this.page.store.get();
    const theme = this.page.theme();
    const last = layers.includes("isochrone");
    const stack = last && this.raster ? this.page.supplies.rastersUpTo(this) : null;
    this.ground.paint(view, {
      raster: this.raster, boundary: this.boundary, stack, extent: this.map.extent, colors: this.page.classColors(this.run), theme,
      regions: layers.includes("regions") || last, lines: layers.includes("boundary"), fine: !this.hasty, ink: this.page.css("--boundary"),
      key: `${this.run.slug}/${this.map.name}/${this.map.key}/${this.groundEpoch}/${theme}/${stack ? "last" : "now"}`,
    });
  }

  /** Dot radius in CSS pixels: smaller where there are many, larger when zoomed in, and as somebody wants it. */
  radius() {
    const count = this.run.samples;
    const base = count <= 3000 ? 3.4 : count <= 12_000 ? 2.7 : count <= 60_000 ? 2 : count <= 250_000 ? 1.4 : 1;
    const whole = this.fitted()[2];
    const room = Math.min(1.15, Math.max(0.6, Math.min(this.element.clientWidth, this.element.clientHeight) / 600));
    return base * room * DOT_STEP ** this.page.store.get().dots * Math.min(2.4, Math.max(1, (whole / this.camera()[2]) ** 0.4));
  }

  // -- marks

  /** @param {any} view */
  paintMarks(view) {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvases[2].getContext("2d"));
    pen.clearRect(0, 0, view.wide, view.high);
    const { page, run, places, colors } = this;
    const { layers } = page.store.get();
    const css = (/** @type {string} */ name) => page.css(name);
    const r = this.radius() * view.ratio;
    const marks = page.marksFor(this);
    const pin = page.selecting.pinRow(this);
    if (layers.includes("trails")) this.paintTrails(pen, view);
    if (layers.includes("wrong") && marks.wrong) paintCrosses(pen, this, view, marks.wrong, r, css("--ink"), markStrength(marks.wrong.length / run.samples));
    if (layers.includes("wrong") && marks.flipped) {
      const { strength, gap, width } = ringForm(marks.flipped.length / run.samples);
      paintRings(pen, this, marks.flipped.filter((/** @type {number} */ row) => row !== pin), r + gap * view.ratio, css("--ink"), width * view.ratio, { strength });
    }
    if (marks.picks) paintPicks(pen, this, view, marks.picks, r, { ring: css("--pick"), ink: css("--ink"), halo: css("--halo") });
    if (layers.includes("neighbors") && page.neighbors?.side === this.side) paintNeighbors(pen, this, view, page.neighbors, { network: css("--near-network"), map: css("--near-map") });
    if (layers.includes("images") && run.has.images) this.thumbnails.paint(pen, view, this, page.frameColor(run));
    if (layers.includes("labels")) paintNames(pen, view, { run, labels: page.labelsOf(run), places, colors, ink: css("--ink"), halo: css("--halo") });
    const ids = this.side === "a" ? page.rows.ids : page.rows.idsOfSecond;
    const kept = page.selecting.keptRows(this);
    paintRings(pen, this, kept, r + 4.5 * view.ratio, css("--halo"), 3.4 * view.ratio, { always: true });
    paintRings(pen, this, kept, r + 4.5 * view.ratio, css("--ink"), 1.5 * view.ratio, { always: true });
    paintIds(pen, this, view, [...new Set([...kept, ...(layers.includes("labels") ? page.selecting.fewRows(this) : [])])], r + 4.5 * view.ratio, { ids, ink: css("--ink"), halo: css("--halo") });
    if (pin >= 0) {
      paintRings(pen, this, [pin], r + 4.5 * view.ratio, css("--halo"), 4.5 * view.ratio, { always: true });
      paintRings(pen, this, [pin], r + 4.5 * view.ratio, css("--ink"), 2.2 * view.ratio, { always: true });
    }
  }

  /** The ring under the pointer, apart from the marks: it changes with every dot that the pointer passes. @param {any} view */
  paintHover(view) {
    const pen = /** @type {CanvasRenderingContext2D} */ (this.canvases[3].getContext("2d"));
    pen.clearRect(0, 0, view.wide, view.high);
    if (this.hover >= 0) paintRings(pen, this, [this.hover], (this.radius() + 4) * view.ratio, this.page.css("--accent"), 2 * view.ratio, { always: true });
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} view */
  paintTrails(pen, view) {
    const { page } = this;
    const rows = page.selecting.trailRows(this).slice(0, TRAILS_AT_MOST);
    const few = rows.length <= TRAILS_WHOLE ? rows.length : page.selecting.pinnedRows(this).length;
    for (const [part, whole] of /** @type {[number[], boolean][]} */ ([[rows.slice(few), false], [rows.slice(0, few), true]])) {
      const [first, last] = trailStretch(this.map.epochs, this.epoch, page.together.intervalOf(this), whole);
      if (!part.length || first < 0 || last <= first) continue;
      paintTrails(pen, view, { rows: part, whole, stack: page.supplies.codesBetween(this, first, last), dark: page.theme() === "dark", casing: page.css("--ground"), ink: page.css("--ink") });
    }
  }

  // -- the figure's tools

  tools() {
    this.element.addEventListener("pointermove", (event) => this.pointed(event));
    this.element.addEventListener("pointerleave", () => this.setHover(-1));
    onPress(this.element, (event) => this.page.selecting.click(this, this.rowAt(event), event));
    this.element.addEventListener("dblclick", () => this.page.looking.resetCamera());
  }

  /** @param {any} event */
  selected(event) {
    if (!event.final) return;
    const { geometry: shape } = event;
    const view = this.view();
    const started = performance.now();
    const outline = outlineOf(shape);
    if (!outline) return;
    const rows = inside(outline.xs.map(view.x), outline.ys.map(view.y), this.places, (row) => this.colors[row] !== 0);
    this.lastLassoMs = performance.now() - started;
    this.page.selecting.byShape(this, rows);
  }

  /** @param {{clientX: number, clientY: number}} event */
  rowAt(event) {
    const box = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return nearestRow(this.places, (event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, REACH_PX * ratio, this.colors);
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
    if (this.codes) this.paintHover(this.view());
    this.page.card.over(this, row, event);
  }

  /** Where a row is drawn, in CSS pixels of the window. @param {number} row */
  sampleAt(row) {
    const box = this.element.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    return this.places[2 * row] < -1e5 ? null : [box.left + this.places[2 * row] / ratio, box.top + this.places[2 * row + 1] / ratio];
  }
}
