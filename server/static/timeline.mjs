/** Time: a slider whose stops are the recorded epochs, error and loss above it, flips up and down, events as ticks. */

import { counted, linear, number, path, range } from "./chart_math.mjs";
import { h, replace, s } from "./dom.mjs";
import { icon } from "./icons.mjs";
import { nearestEpoch, nextInteresting } from "./stops.mjs";
import { readings, timelineLines } from "./timeline_lines.mjs";

export const SPEEDS = [0.5, 1, 2, 4, 8];
const STEP_MS = 900;
/** Trained on and kept out, or A and B; then what is neither. */
const SHADES = ["var(--accent)", "var(--second)", "var(--muted)"];
/** Share of the chart's height that the curves take; learned and forgotten stand below. */
const CURVES = 0.58;
const MARKS_PX = 10;
const LABEL_PX = 26;
const SHORT = /** @type {Record<string, string>} */ ({ learning_rate: "lr", round: "round", resumed: "resumed", nonfinite: "NaN" });

export class Timeline {
  /** @param {HTMLElement} element @param {any} page */
  constructor(element, page) {
    this.page = page;
    this.playing = 0;
    this.speed = 1;
    this.loop = false;
    this.play = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "play", title: "play (space)", "aria-label": "play", onclick: () => this.toggle() }, "▶"));
    this.speedButton = /** @type {HTMLButtonElement} */ (h("button", { type: "button", title: "speed ([ and ])", onclick: () => this.faster(1, true) }, "1×"));
    this.loopButton = /** @type {HTMLButtonElement} */ (h("button", { type: "button", "aria-pressed": "false", title: "loop", "aria-label": "loop", onclick: () => this.toggleLoop() }, "↻"));
    this.readout = h("output", { class: "readout" });
    this.jump = /** @type {HTMLInputElement} */ (h("input", { type: "text", inputmode: "numeric", class: "jump", "aria-label": "epoch, type to jump", title: "type an epoch (g)", onchange: () => this.typed(), onkeydown: (event) => this.abandoned(event) }));
    this.total = h("span", { class: "muted" });
    this.chart = h("div", { class: "timeline-chart" });
    this.slider = /** @type {HTMLInputElement} */ (h("input", { type: "range", min: 0, step: 1, class: "slider", "aria-label": "epoch", oninput: () => page.goStop(Number(this.slider.value)) }));
    this.reason = h("p", { class: "reason", role: "status" });
    this.legend = h("div", { class: "timeline-legend", "aria-hidden": "true" });
    this.interval = h("button", { type: "button", class: "interval-chip", hidden: true, title: "rings of flips and trails of pinned or selected samples keep to this interval; click to leave it (Esc)", onclick: () => this.leaveInterval() });
    this.flips = h("button", { type: "button", class: "interval-chip", id: "interval-flips", hidden: true, title: "select what flipped within the interval", onclick: () => page.search.search(`flipped:${page.store.get().interval[0] + 1}..${page.store.get().interval[1]}`) }, "select its flips");
    replace(element,
      h("div", { class: "time-controls" }, h("div", { class: "row" }, this.play, this.speedButton, this.loopButton,
        h("button", { type: "button", class: "sign fold", title: "fold the curves away, or back (|)", "aria-label": "curves", onclick: () => page.fold("timeline") }, icon("fold"))),
        h("label", { class: "jump-label" }, "epoch ", this.jump, this.total), this.readout),
      h("div", { class: "time-body" }, this.chart, this.slider, h("div", { class: "time-foot" }, this.interval, this.flips, this.reason, this.legend)));
    this.chart.addEventListener("pointerdown", (event) => this.dragged(event));
    new ResizeObserver(() => this.run && this.draw()).observe(this.chart);
  }

  /** @param {any} run */
  setRun(run) {
    this.run = run;
    this.draw();
  }

  /** The stops of the slider: epochs of the run, of two runs those of either. @returns {number[]} */
  get epochs() {
    return this.page.together.stops().map((/** @type {any} */ one) => one.epoch);
  }

  /** Shows where the page stands. */
  setEpoch() {
    const { run, page } = this;
    const { moment } = page.together;
    const at = this.epochs.indexOf(moment);
    this.slider.value = String(at);
    this.slider.setAttribute("aria-valuetext", `epoch ${moment}`);
    if (document.activeElement !== this.jump) this.jump.value = String(moment);
    replace(this.readout, readings(page.runs, page.runs.map((/** @type {any} */ _, /** @type {number} */ index) => page.together.epochOfRun(index))).map((one) => h("span", { title: one.title }, h("i", null, one.name),
      one.parts.map((part) => [part.text ? h("i", null, ` ${part.text}`) : null, ` ${number(part.value, 3)}`]))));
    const interesting = (run.interesting ?? []).find((/** @type {any} */ one) => one.epoch === moment);
    const ticks = (run.ticks ?? []).filter((/** @type {any} */ one) => one.epoch === moment).map((/** @type {any} */ one) => one.text);
    this.reason.textContent = this.epochs.length < 2 ? "One epoch is recorded: there is nowhere to travel yet." : [page.together.holding(), interesting?.reason, ...ticks].filter(Boolean).join(" · ");
    if (this.now && at >= 0) {
      const x = String(this.x(at));
      this.now.setAttribute("x1", x);
      this.now.setAttribute("x2", x);
    }
  }

  draw() {
    const { run, page } = this;
    const width = Math.max(200, this.chart.clientWidth);
    const height = Math.max(30, this.chart.clientHeight);
    const { epochs } = this;
    const count = epochs.length;
    this.slider.max = String(Math.max(0, count - 1));
    this.slider.disabled = count < 2;
    this.total.textContent = ` of ${epochs.at(-1)}`;
    // The slider's thumb does not reach its edges; the chart keeps the same margin, so that both tell one time.
    this.x = linear([0, Math.max(1, count - 1)], [9, width - 9]);
    const places = new Map(epochs.map((epoch, at) => [epoch, at]));
    this.place = (/** @type {number} */ epoch) => this.x(places.get(epoch) ?? -1);
    const flipsTop = height * CURVES;
    const zero = height - MARKS_PX;
    const picture = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": this.describe() });
    const { interval } = page.store.get();
    if (interval) {
      const [a, b] = interval.map((epoch) => this.place(nearestEpoch(epochs, epoch).epoch));
      picture.append(s("rect", { x: a, y: 0, width: Math.max(2, b - a), height: zero + 10, class: "interval" }));
    }
    const legend = this.curves(picture, flipsTop);
    this.bars(picture, flipsTop, zero);
    for (const one of run.interesting ?? []) {
      const x = this.place(one.epoch);
      const mark = s("path", { d: `M${x - 5} ${height}L${x + 5} ${height}L${x} ${height - 8}Z`, class: "interesting" }, s("title", null, `epoch ${one.epoch}: ${one.reason}`));
      mark.addEventListener("click", () => page.go(one.epoch));
      picture.append(mark);
    }
    this.ticks(picture, zero);
    this.now = s("line", { y1: 0, y2: height, class: "now" });
    picture.append(this.now);
    replace(this.chart, picture);
    replace(this.legend, legend.map(([text, color, kind]) => h("span", null, h("i", { class: kind, style: `border-color:${color}` }), text)),
      run.learned?.some((/** @type {any} */ value) => value) ? [h("span", { class: "up" }, "▲ learned"), h("span", { class: "down" }, "▼ forgotten")] : null);
    this.interval.hidden = !interval;
    this.flips.hidden = !interval || !run.has.logits;
    this.interval.textContent = interval ? `epochs ${interval[0]} to ${interval[1]} ×` : "";
    this.setEpoch();
  }

  /**
   * Error and loss on logarithmic axes: of both splits, or of two runs on one split.
   * @param {Element} picture @param {number} bottom
   * @returns {[string, string, string][]} text, colour, kind of each line
   */
  curves(picture, bottom) {
    /** @type {[string, string, string][]} */
    const legend = [];
    const lines = timelineLines(this.page.runs, this.page.together.stops());
    for (const kind of ["error", "loss"]) {
      const shown = lines.filter((line) => line.kind === kind);
      const span = range(shown.flatMap((line) => line.values));
      if (!span) continue;
      const y = linear(span, [bottom - 5, 6]);
      for (const line of shown) {
        const color = SHADES[line.shade];
        picture.append(s("path", { d: path(line.values, (index) => this.x(line.places[index]), y), class: kind === "loss" ? "curve dashed" : "curve", stroke: color }, s("title", null, line.text)));
        legend.push([line.text, color, kind === "loss" ? "dashed" : ""]);
      }
    }
    return legend;
  }

  /** Learning-rate changes, rounds and what else happened: a line, and a word where there is room. @param {Element} picture @param {number} zero */
  ticks(picture, zero) {
    const { run, page } = this;
    let free = -Infinity;
    for (const tick of run.ticks ?? []) {
      const x = this.place(tick.epoch);
      picture.append(s("line", { x1: x, x2: x, y1: 2, y2: zero, class: "tick" }, s("title", null, tick.text)));
      if (x < free) continue;
      free = x + LABEL_PX + 10;
      const number = tick.kind === "round" ? tick.text.match(/\d+/)?.[0] : "";
      const word = s("text", { x: x + 3, y: 10, class: "tick-word" }, number ? `r${number}` : SHORT[tick.kind] ?? "•", s("title", null, tick.text));
      word.addEventListener("click", () => page.go(tick.epoch));
      picture.append(word);
    }
  }

  /** @param {Element} picture @param {number} top @param {number} zero */
  bars(picture, top, zero) {
    const { run } = this;
    const root = (/** @type {number|null} */ value) => Math.sqrt(Math.max(0, value ?? 0));
    const most = Math.max(1, ...(run.learned ?? []).map(root), ...(run.forgotten ?? []).map(root));
    const middle = top + (zero - top) * 0.58;
    const wide = Math.max(1, Math.min(16, (this.x(1) - this.x(0)) * 0.5));
    run.epochs.forEach((/** @type {number} */ epoch, /** @type {number} */ at) => {
      for (const [values, sign, kind] of /** @type {any[]} */ ([[run.learned, 1, "learned"], [run.forgotten, -1, "forgotten"]])) {
        const value = values?.[at];
        if (!value) continue;
        const size = (root(value) / most) * (sign > 0 ? middle - top : zero - middle);
        picture.append(s("rect", { x: this.place(epoch) - wide / 2, y: sign > 0 ? middle - size : middle, width: wide, height: Math.max(1, size), class: kind }, s("title", null, `epoch ${epoch}: ${value} ${kind}`)));
      }
    });
  }

  describe() {
    const { run } = this;
    const worst = run.learned ? run.learned.indexOf(Math.max(...run.learned.map((/** @type {any} */ value) => value ?? 0))) : -1;
    return `timeline of ${counted(this.epochs.length, "epoch")}${worst >= 0 ? `, most samples learned at epoch ${run.epochs[worst]}` : ""}`;
  }

  /** Click goes to an epoch, shift-drag marks an interval. @param {PointerEvent} event */
  dragged(event) {
    const at = (/** @type {PointerEvent} */ moved) => {
      const box = this.chart.getBoundingClientRect();
      const share = (moved.clientX - box.left - 9) / (box.width - 18);
      const last = this.epochs.length - 1;
      return Math.max(0, Math.min(last, Math.round(share * last)));
    };
    const start = at(event);
    if (!event.shiftKey) this.page.goStop(start);
    this.chart.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => {
      if (!event.shiftKey) return this.page.goStop(at(moved));
      const [a, b] = [start, at(moved)].sort((x, y) => x - y);
      this.page.store.set({ interval: a === b ? null : [this.epochs[a], this.epochs[b]] });
    };
    const up = () => {
      this.chart.removeEventListener("pointermove", move);
      this.chart.removeEventListener("pointerup", up);
    };
    this.chart.addEventListener("pointermove", move);
    this.chart.addEventListener("pointerup", up);
  }

  /** @param {number} by */
  step(by) {
    this.page.goStop(this.epochs.indexOf(this.page.together.moment) + by);
  }

  /** @param {1 | -1} direction */
  interesting(direction) {
    const next = nextInteresting(this.run.interesting ?? [], this.epochs, this.page.together.moment, direction);
    if (!next) return this.page.say(direction > 0 ? "nothing interesting after this epoch" : "nothing interesting before this epoch");
    this.page.go(next.epoch);
    this.page.say(`epoch ${next.epoch}: ${next.reason}`);
  }

  markInterval() {
    const { interval } = this.page.store.get();
    const epoch = this.page.together.moment;
    if (this.intervalStart === undefined && !interval) {
      this.intervalStart = epoch;
      this.page.say(`interval from epoch ${epoch}; go to its end and press M again`);
    } else if (interval) {
      this.leaveInterval();
    } else {
      const [a, b] = [this.intervalStart, epoch].sort((x, y) => x - y);
      this.intervalStart = undefined;
      this.page.store.set({ interval: a === b ? null : [a, b] });
    }
  }

  /** Leaves the interval, or its start that waits for an end; whether there was one. */
  leaveInterval() {
    const there = this.intervalStart !== undefined || this.page.store.get().interval !== null;
    this.intervalStart = undefined;
    this.page.store.set({ interval: null });
    if (there) this.page.say("no interval");
    return there;
  }

  typed() {
    const wanted = Number(this.jump.value);
    if (!Number.isFinite(wanted) || this.jump.value.trim() === "") {
      this.jump.value = String(this.page.together.moment);
      return;
    }
    const { epoch, text } = nearestEpoch(this.epochs, wanted);
    this.page.go(epoch);
    this.jump.blur();
    if (text) this.page.say(text);
  }

  /** Esc leaves the typed epoch as it was. @param {KeyboardEvent} event */
  abandoned(event) {
    if (event.key !== "Escape") return;
    this.jump.value = String(this.page.together.moment);
    this.jump.blur();
  }

  toggle() {
    if (this.playing) {
      clearTimeout(this.playing);
      this.playing = 0;
    } else if (this.epochs.length > 1) {
      const { epochs } = this;
      if (this.page.together.moment === epochs.at(-1)) this.page.go(epochs[0]);
      this.next();
    }
    this.play.textContent = this.playing ? "❚❚" : "▶";
    this.play.setAttribute("aria-label", this.playing ? "pause" : "play");
  }

  next() {
    this.playing = window.setTimeout(() => {
      const { epochs } = this;
      const at = epochs.indexOf(this.page.together.moment);
      if (at === epochs.length - 1 && !this.loop) {
        this.toggle();
        return;
      }
      this.page.go(epochs[(at + 1) % epochs.length]);
      this.next();
    }, STEP_MS / this.speed);
  }

  toggleLoop() {
    this.loop = !this.loop;
    this.loopButton.setAttribute("aria-pressed", String(this.loop));
  }

  /** @param {number} by @param {boolean} [around] */
  faster(by, around = false) {
    const at = SPEEDS.indexOf(this.speed) + by;
    this.speed = SPEEDS[around ? (at + SPEEDS.length) % SPEEDS.length : Math.max(0, Math.min(SPEEDS.length - 1, at))];
    this.speedButton.textContent = `${this.speed}×`;
    this.page.say(`speed ${this.speed}×`);
  }
}
