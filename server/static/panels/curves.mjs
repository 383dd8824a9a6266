/** Every recorded scalar over the epochs, in small charts that share one time: click one to go there. */

import { axisNumbers, axisWords, isHeldOut, linear, number, path, range, signed, smoothed } from "../chart_math.mjs";
import { h, replace, s } from "../dom.mjs";
import { keep, kept } from "../kept.mjs";

const SPLITS = "train|training|val|valid|validation|test|eval|dev";
const BEFORE = new RegExp(`^(${SPLITS})[ _./:-]+(.+)$`, "i");
const AFTER = new RegExp(`^(.+)[ _./:-]+(${SPLITS})$`, "i");
const CHART_PX = 190;
const GAP_PX = 18;
const PLOT = { height: 104, left: 46, right: 14, top: 6, bottom: 18 };
const MOST_SMOOTH = 0.95;
/** The first two are those of the timeline: trained on and kept out, or A and B. */
const SHADES = ["var(--accent)", "var(--second)", "var(--good)", "var(--muted)"];

/**
 * @typedef {{run: number, part: string, text: string, shade: number, dashed: boolean, epochs: number[], values: (number | null)[]}} Line
 * @typedef {{name: string, lines: Line[]}} Chart
 */

/** A scalar's split and the rest of its name. @param {string} name */
export function splitOf(name) {
  const before = name.match(BEFORE);
  if (before) return { split: before[1], rest: before[2] };
  const after = name.match(AFTER);
  return after ? { split: after[2], rest: after[1] } : { split: "", rest: name };
}

/**
 * The charts of one run or two: one for each scalar, with its splits and both runs in it, what is trained on first.
 * @param {any[]} runs
 * @returns {Chart[]}
 */
export function scalarCharts(runs) {
  /** @type {Map<string, any[]>} */
  const found = new Map();
  const add = (/** @type {string} */ name, /** @type {any} */ line) => {
    if (line.values.some((/** @type {any} */ value) => Number.isFinite(value))) found.set(name, [...(found.get(name) ?? []), line]);
  };
  for (const [index, run] of runs.entries()) {
    const { epochs } = run;
    for (const [name, values] of Object.entries(run.metrics ?? {})) {
      const { split, rest } = splitOf(name);
      add(rest.replaceAll("_", " "), { run: index, part: split, epochs, values });
    }
    for (const [part, values] of Object.entries(run.accuracy ?? {})) add("accuracy of the recorded samples", { run: index, part, epochs, values });
    if (run.learning_rate) add("learning rate", { run: index, part: "", epochs, values: run.learning_rate });
  }
  return [...found].map(([name, lines]) => ({ name, lines: told(lines, runs.length) }));
}

/** Lines of one chart in order, with words and colours that tell them apart. @param {any[]} lines @param {number} runs @returns {Line[]} */
function told(lines, runs) {
  const rank = (/** @type {any} */ line) => Number(isHeldOut(line.part));
  const order = [...lines].sort((a, b) => a.run - b.run || rank(a) - rank(b));
  const parts = new Set(order.map((line) => line.part)).size;
  const taken = new Set();
  return order.map((line) => {
    const letter = runs > 1 ? "AB"[line.run] : "";
    let shade = runs > 1 ? line.run : rank(line);
    if (runs === 1) while (taken.has(shade) && shade < SHADES.length - 1) shade = Math.max(2, shade + 1);
    taken.add(shade);
    return { ...line, shade, dashed: runs > 1 && parts > 1 && !isHeldOut(line.part), text: [letter, line.part || (runs > 1 ? "" : "value")].filter(Boolean).join(" ") };
  });
}

/** What a line says at an epoch; null where nothing was recorded. @param {Line} line @param {number | null} epoch */
export function valueAt(line, epoch) {
  const at = epoch === null ? -1 : line.epochs.indexOf(epoch);
  return line.values[at] ?? null;
}

/** The nearest of some rising numbers. @param {number[]} stops @param {number} wanted */
export function nearestOf(stops, wanted) {
  return stops.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best), stops[0]);
}

/**
 * @param {HTMLElement} element
 * @param {{onepoch: (epoch: number) => void}} context
 */
export function curvesPanel(element, { onepoch }) {
  const settings = { log: kept("curves-scale") === "log", smooth: Math.min(MOST_SMOOTH, Number(kept("curves-smoothing")) || 0) };
  const [linearButton, logButton] = ["linear", "log"].map((text, log) => h("button", { type: "button", title: log ? "logarithmic; what is not above 0 is left out" : "linear", onclick: () => choose({ log: Boolean(log) }) }, text));
  const smoothness = h("output");
  const smoothing = /** @type {HTMLInputElement} */ (h("input", {
    type: "range", min: 0, max: MOST_SMOOTH, step: 0.05, "aria-label": "smoothing", title: "exponential smoothing; the raw line stays, faint, and the numbers are the raw ones",
    oninput: () => choose({ smooth: Number(smoothing.value) }), onkeydown: (/** @type {KeyboardEvent} */ event) => event.key.startsWith("Arrow") && event.stopPropagation(),
  }));
  const told = h("span", { class: "curves-told" });
  const head = h("div", { class: "row curves-head" }, h("span", { class: "group", role: "group", "aria-label": "scale" }, linearButton, logButton), h("label", { class: "check" }, "smoothing", smoothing, smoothness), told);
  const body = h("div", { class: "curves-body" });
  /** @type {any} */
  let current = null;
  let drawn = "";
  /** @type {number[]} epochs of all runs */
  let stops = [];
  /** @type {ReturnType<typeof chartOf>[]} */
  let charts = [];
  /** @type {number | null} */
  let pointed = null;
  smoothing.value = String(settings.smooth);
  replace(element, head, body);
  new ResizeObserver(() => element.isConnected && current && update(current)).observe(element);

  /** @param {Partial<typeof settings>} patch */
  function choose(patch) {
    Object.assign(settings, patch);
    keep("curves-scale", settings.log ? "log" : "linear");
    keep("curves-smoothing", String(settings.smooth));
    update(current);
  }

  /** @param {{runs: any[], shown: number[]}} next  shown: the epoch of each run */
  function update(next) {
    current = next;
    const room = Math.max(CHART_PX, body.clientWidth);
    const columns = Math.max(1, Math.floor((room + GAP_PX) / (CHART_PX + GAP_PX)));
    const width = Math.floor((room - GAP_PX * (columns - 1)) / columns);
    const key = JSON.stringify([next.runs.map((run) => [run.slug, run.key, run.epochs.length, Boolean(run.accuracy)]), settings, columns, width]);
    if (key !== drawn) draw(next.runs, columns, width);
    drawn = key;
    mark();
  }

  /** @param {any[]} runs @param {number} columns @param {number} width */
  function draw(runs, columns, width) {
    linearButton.setAttribute("aria-pressed", String(!settings.log));
    logButton.setAttribute("aria-pressed", String(settings.log));
    smoothness.textContent = settings.smooth ? String(settings.smooth) : "off";
    const focused = charts.findIndex((one) => one.plot === document.activeElement);
    const list = scalarCharts(runs);
    stops = [...new Set(runs.flatMap((run) => run.epochs))].sort((a, b) => a - b);
    charts = list.map((one) => chartOf(one, stops, { width, ...settings }));
    head.hidden = list.length === 0;
    if (!list.length) {
      replace(body, h("p", { class: "empty" }, "No numbers were recorded over the epochs. Pass them to the recorder, as in ", h("code", null, "recorder.record(train_loss=…, val_loss=…)"), ": each becomes a chart here."));
      return;
    }
    charts.forEach((one, at) => {
      one.plot.tabIndex = at === Math.max(0, focused) ? 0 : -1;
      one.plot.addEventListener("pointermove", (event) => point(one.epochAt(event)));
      one.plot.addEventListener("pointerleave", () => point(null));
      one.plot.addEventListener("click", (event) => onepoch(one.epochAt(event)));
      one.plot.addEventListener("keydown", (event) => pressed(event, at));
      one.plot.addEventListener("blur", () => point(null));
    });
    replace(body, h("div", { class: "curves-grid", style: `grid-template-columns:repeat(${columns}, ${width}px)` }, charts.map((one) => one.element)));
    if (focused >= 0) charts[Math.min(focused, charts.length - 1)].plot.focus({ preventScroll: true });
  }

  /** The arrow keys move the pointer of a chart and go from chart to chart, Enter travels. @param {KeyboardEvent} event @param {number} at */
  function pressed(event, at) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const from = stops.indexOf(pointed ?? nearestOf(stops, current.shown[0]));
    const far = event.shiftKey ? 10 : 1;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => point(stops[Math.max(0, from - far)]), ArrowRight: () => point(stops[Math.min(stops.length - 1, from + far)]),
      Home: () => point(stops[0]), End: () => point(/** @type {number} */ (stops.at(-1))),
      ArrowUp: () => focus(at - 1), ArrowDown: () => focus(at + 1), Enter: () => onepoch(stops[from]),
    };
    if (event.key === "Escape" && pointed !== null) actions.Escape = () => point(null);
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** @param {number} at */
  function focus(at) {
    const next = charts[at];
    if (!next) return;
    const was = pointed;
    for (const one of charts) one.plot.tabIndex = one === next ? 0 : -1;
    next.plot.focus();
    next.element.scrollIntoView({ block: "nearest" });
    point(was);
  }

  /** @param {number | null} epoch */
  function point(epoch) {
    pointed = epoch;
    for (const one of charts) one.point(epoch);
    words();
  }

  function mark() {
    for (const one of charts) one.mark(current.shown);
    for (const one of charts) one.point(pointed);
    words();
  }

  function words() {
    const { runs, shown } = current;
    const now = runs.length > 1 && shown[0] !== shown[1] ? `A epoch ${shown[0]}, B ${shown[1]}` : `epoch ${shown[0]}`;
    replace(told, h("strong", null, now), pointed === null ? null : ` · pointer ${pointed}`);
  }

  return { update };
}

/**
 * One chart: its lines with their values, and the plot.
 * @param {Chart} chart
 * @param {number[]} stops
 * @param {{width: number, log: boolean, smooth: number}} options
 */
function chartOf({ name, lines }, stops, { width, log, smooth }) {
  const all = lines.flatMap((line) => line.values).filter((value) => Number.isFinite(value));
  const outside = log ? all.filter((value) => /** @type {number} */ (value) <= 0).length : 0;
  const logarithmic = log && outside < all.length;
  const shown = (/** @type {number | null} */ value) => (value === null || !Number.isFinite(value) ? null : !logarithmic ? value : value > 0 ? Math.log10(value) : null);
  const low = /** @type {[number, number]} */ (range(lines.flatMap((line) => line.values.map(shown))));
  const room = (low[1] - low[0]) * 0.03;
  const bottom = PLOT.height - PLOT.bottom;
  const x = linear([stops[0], /** @type {number} */ (stops.at(-1))], [PLOT.left, width - PLOT.right]);
  const y = linear([low[0] - room, low[1] + room], [bottom, PLOT.top]);
  const picture = s("svg", { width, height: PLOT.height, viewBox: `0 0 ${width} ${PLOT.height}`, class: "curves-plot", "aria-hidden": "true" });
  const values = axisNumbers(logarithmic ? [10 ** low[0], 10 ** low[1]] : low, { count: 3, log: logarithmic });
  axisWords(values).forEach((text, at) => {
    const place = y(/** @type {number} */ (shown(values[at])));
    picture.append(s("line", { x1: PLOT.left, x2: width - PLOT.right, y1: place, y2: place, class: "grid-line" }), s("text", { x: PLOT.left - 5, y: place + 3.5, "text-anchor": "end" }, text));
  });
  for (const epoch of epochNumbers(stops, width)) {
    picture.append(s("line", { x1: x(epoch), x2: x(epoch), y1: bottom, y2: bottom + 3, class: "axis-line" }), s("text", { x: x(epoch), y: PLOT.height - 4, "text-anchor": "middle" }, String(epoch)));
  }
  picture.append(s("line", { x1: PLOT.left, x2: width - PLOT.right, y1: bottom, y2: bottom, class: "axis-line" }));
  const now = [...new Set([0, ...lines.map((line) => line.run)])].map((run) => ({ run, line: s("line", { y1: 0, y2: bottom, class: run ? "now second" : "now" }) }));
  const pointer = s("line", { y1: 0, y2: bottom, class: "pointer", visibility: "hidden" });
  picture.append(...now.map((one) => one.line), pointer);
  for (const line of lines) {
    const at = (/** @type {number} */ index) => x(line.epochs[index]);
    const raw = line.values.map(shown);
    const draw = (/** @type {(number | null)[]} */ one, /** @type {string} */ kind) => picture.append(s("path", { d: path(one, at, y), class: `curve ${kind}${line.dashed ? " broken" : ""}`, stroke: SHADES[line.shade] }));
    draw(raw, smooth ? "raw" : "");
    raw.forEach((value, index) => {
      const alone = value !== null && (raw[index - 1] ?? null) === null && (raw[index + 1] ?? null) === null;
      if (alone) picture.append(s("circle", { cx: at(index), cy: y(value), r: 2.6, fill: SHADES[line.shade] }));
    });
    if (smooth) draw(smoothed(line.values, smooth).map((value, index) => (raw[index] === null ? null : shown(value))), "smooth");
  }
  const rows = lines.map((line) => ({ line, now: h("td"), pointer: h("td", { class: "pointed" }) }));
  const apart = lines.length === 2 ? { now: h("td"), pointer: h("td", { class: "pointed" }) } : null;
  const swatch = (/** @type {Line} */ line) => h("i", { class: line.dashed ? "dashed" : "", style: `border-color:${SHADES[line.shade]}` });
  const table = h("table", { class: "curves-values" },
    h("tbody", null, rows.map((row) => h("tr", null, h("th", { scope: "row" }, swatch(row.line), row.line.text), row.pointer, row.now)),
      apart ? h("tr", { class: "apart" }, h("th", { scope: "row" }, `${lines[1].text} − ${lines[0].text}`), apart.pointer, apart.now) : null));
  const plot = h("div", { class: "plot", role: "slider", "aria-label": `${name}, epoch`, "aria-valuemin": stops[0], "aria-valuemax": /** @type {number} */ (stops.at(-1)), title: "click to go to this epoch" }, /** @type {any} */ (picture));
  const note = outside && logarithmic ? `${outside} ${outside === 1 ? "value" : "values"} at or below 0 left out` : log && !logarithmic ? "nothing above 0: linear" : "";
  const element = h("figure", { class: "curves-chart", "data-scalar": name }, h("figcaption", { title: name }, name, note ? h("span", { class: "muted" }, ` · ${note}`) : null), table, plot);

  /** @param {"now" | "pointer"} column @param {(number | null)[]} found */
  function write(column, found) {
    rows.forEach((row, at) => { row[column].textContent = number(found[at], 4); });
    if (apart) apart[column].textContent = found[0] === null || found[1] === null ? "–" : signed(found[1] - found[0], 2);
  }

  /** @param {number} epoch @param {(number | null)[]} found */
  function say(epoch, found) {
    plot.setAttribute("aria-valuenow", String(epoch));
    plot.setAttribute("aria-valuetext", `epoch ${epoch}: ${lines.map((line, at) => `${line.text} ${number(found[at], 4)}`).join(", ")}`);
  }

  /** @type {number[]} */
  let epochs = [];
  return {
    element, plot,
    /** @param {MouseEvent} event */
    epochAt(event) {
      const [first, last] = [stops[0], /** @type {number} */ (stops.at(-1))];
      const inside = event.clientX - plot.getBoundingClientRect().left;
      return nearestOf(stops, linear([PLOT.left, width - PLOT.right], [first, last])(inside));
    },
    /** @param {number[]} shownEpochs  of each run */
    mark(shownEpochs) {
      epochs = shownEpochs;
      for (const { run, line } of now) {
        const place = String(x(epochs[run]));
        line.setAttribute("x1", place);
        line.setAttribute("x2", place);
        line.setAttribute("visibility", run && epochs[0] === epochs[1] ? "hidden" : "visible");
      }
      write("now", lines.map((line) => valueAt(line, epochs[line.run])));
    },
    /** @param {number | null} epoch */
    point(epoch) {
      const found = lines.map((line) => valueAt(line, epoch ?? epochs[line.run]));
      pointer.setAttribute("visibility", epoch === null ? "hidden" : "visible");
      say(epoch ?? epochs[0], found);
      if (epoch === null) {
        for (const cell of [...rows.map((row) => row.pointer), ...(apart ? [apart.pointer] : [])]) cell.textContent = "";
        return;
      }
      pointer.setAttribute("x1", String(x(epoch)));
      pointer.setAttribute("x2", String(x(epoch)));
      write("pointer", found);
    },
  };
}

/** Numbers along the epochs: the first, the last, and round ones between that keep their distance. @param {number[]} stops @param {number} width */
export function epochNumbers(stops, width) {
  const [first, last] = [stops[0], /** @type {number} */ (stops.at(-1))];
  if (first === last) return [first];
  const apart = (Math.max(String(first).length, String(last).length) * 6.5 + 12) * ((last - first) / (width - PLOT.left - PLOT.right));
  const between = axisNumbers([first, last], { count: Math.max(1, Math.min(3, Math.floor((last - first) / apart) - 1)), whole: true });
  return [first, ...between.filter((epoch) => epoch - first >= apart && last - epoch >= apart), last];
}
