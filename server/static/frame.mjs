/** A map's frame: the Bokeh figure that gives it coordinates, and the camera that looks through it. */

import { boxOfCodes, fitted, geometry } from "./layers/camera.mjs";

const TOUCH_MS = 1200;
const SETTLE_MS = 60;

export class Frame {
  /** @param {HTMLElement} element @param {{side: "a" | "b", page: any, figure: any}} options */
  constructor(element, { side, page, figure }) {
    this.element = element;
    this.side = side;
    this.page = page;
    /** @type {any} */
    this.figure = figure;
    /** @type {any} */
    this.map = null;
    /** @type {Uint16Array | null} */
    this.codes = null;
    this.touched = -Infinity;
    this.looking = false;
    this.settling = 0;
    /** @type {any[]} */
    this.followed = [];
    this.ranges = () => {
      if (this.looking) return;
      this.paintSoon();
      // Bokeh moves the ranges by itself when the frame changes its shape; only people move the camera.
      if (performance.now() - this.touched < TOUCH_MS) this.page.looking.cameraChanged(this);
      else this.settle();
    };
    for (const kind of ["pointerdown", "pointermove", "wheel"]) this.element.addEventListener(kind, (event) => { if (kind !== "pointermove" || /** @type {PointerEvent} */ (event).buttons) this.touched = performance.now(); }, { capture: true, passive: true });
    this.bind(figure);
    new ResizeObserver(() => this.resized()).observe(element);
  }

  /** Draws; what is drawn is the map's business. */
  paint() {}

  /** Draws with the next frame, however often it is asked for before that. */
  paintSoon() {
    this.paint();
  }

  /** A shape was drawn with a tool of the figure. @param {any} _event */
  selected(_event) {}

  /** Takes a figure, the first one or that of a new connection. @param {any} figure */
  bind(figure) {
    this.figure = figure;
    this.follow();
    figure.on_event?.("selectiongeometry", (/** @type {any} */ event) => this.selected(event));
  }

  /** Listens to the ranges that the figure has now. */
  follow() {
    for (const range of this.followed ?? []) range.change.disconnect(this.ranges);
    this.followed = [this.figure.x_range, this.figure.y_range];
    for (const range of this.followed) range.change.connect(this.ranges);
  }

  view() {
    const { x_range: x, y_range: y } = this.figure;
    return geometry({
      width: Math.max(1, this.element.clientWidth), height: Math.max(1, this.element.clientHeight), ratio: window.devicePixelRatio || 1,
      x, y, extent: this.map ? this.map.extent : [0, 1, 0, 1],
    });
  }

  /** @param {[number, number, number]} camera centre and width in map units */
  look([cx, cy, width]) {
    const height = (width * this.element.clientHeight) / Math.max(1, this.element.clientWidth);
    this.looking = true;
    this.figure.x_range.setv({ start: cx - width / 2, end: cx + width / 2 });
    this.figure.y_range.setv({ start: cy - height / 2, end: cy + height / 2 });
    this.looking = false;
    this.paint();
  }

  /** @returns {[number, number, number]} */
  camera() {
    const { x_range: x, y_range: y } = this.figure;
    return [(x.start + x.end) / 2, (y.start + y.end) / 2, x.end - x.start];
  }

  /** Whether this map's camera is its own to move: the second follows the first while they are linked. */
  get leads() {
    return this.side === "a" || !this.page.store.get().linked;
  }

  /** The camera that this map should have. @returns {[number, number, number]} */
  wanted() {
    const { camera, cameraB } = this.page.store.get();
    return (this.side === "a" ? camera : cameraB) ?? this.fitted();
  }

  /** @param {number} factor */
  zoom(factor) {
    const [cx, cy, width] = this.camera();
    this.look([cx, cy, width * factor]);
    this.page.looking.cameraChanged(this);
  }

  resized() {
    if (!this.map || !this.element.clientWidth) return;
    if (this.leads) this.look(this.wanted());
    else this.paint();
    this.settle();
  }

  /** Looks again once Bokeh has come to rest. */
  settle() {
    if (!this.leads) return;
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => {
      const wanted = this.wanted();
      const now = this.camera();
      if (wanted.some((value, index) => Math.abs(value - now[index]) > 1e-6 * Math.abs(wanted[2]))) this.look(wanted);
    }, SETTLE_MS);
  }

  /** The camera that shows the dots of this epoch alone. @returns {[number, number, number] | null} */
  fittedNow() {
    const box = this.codes && boxOfCodes(this.codes, this.map.extent);
    return box ? fitted([box], Math.max(1, this.element.clientWidth), Math.max(1, this.element.clientHeight)) : null;
  }

  /** The camera that shows every map of this camera whole. @returns {[number, number, number]} */
  fitted() {
    const together = this.page.store.get().linked ? this.page.views.filter((/** @type {any} */ view) => view.map) : [];
    const maps = together.length ? together.map((/** @type {any} */ view) => view.map) : [this.map];
    return fitted(maps.map((/** @type {any} */ map) => map.view ?? map.extent), Math.max(1, this.element.clientWidth), Math.max(1, this.element.clientHeight));
  }
}
