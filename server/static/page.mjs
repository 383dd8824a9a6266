/** The page: what follows from the state, and what people do. Views know it; it knows the maps. */

import { number, percent } from "./chart_math.mjs";
import { rgb } from "./color.mjs";
import { h, replace } from "./dom.mjs";
import { combine, countOf, fromBase64, has, howOf, inverted, maskOf, rowsOf, toBase64 } from "./masks.mjs";
import { shadesOf } from "./shades.mjs";
import { fromQuery, toQuery, unknownArguments } from "./state.mjs";
import { nearestEpoch, nextInteresting } from "./timeline.mjs";

const HOVER_MS = 80;
const ADDRESS_MS = 150;
const IMAGES_AT_MOST = 240;

export class Page {
  /** @param {any} store @param {any} api */
  constructor(store, api) {
    this.store = store;
    this.api = api;
    /** @type {any[]} run.json of what is shown, A first */
    this.runs = [];
    /** @type {any[]} MapView per run */
    this.views = [];
    /** @type {any} */
    this.timeline = null;
    this.labels = new Map();
    this.marks = new Map();
    this.neighbors = null;
    this.errors = [];
    this.ready = false;
    this.unknown = unknownArguments(location.search);
    this.sheets = new Map();
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.themeChanged());
    window.addEventListener("popstate", () => this.restore());
    store.subscribe((/** @type {any} */ state, /** @type {any} */ before) => this.changed(state, before));
  }

  // -- what follows from the state

  get run() {
    return this.runs[0];
  }

  /** @param {any} [run] */
  mapOf(run = this.run) {
    const { map } = this.store.get();
    if (!run) return null;
    return run.maps.find((/** @type {any} */ one) => one.name === map) ?? run.maps.find((/** @type {any} */ one) => one.is_default) ?? run.maps.at(-1) ?? null;
  }

  theme() {
    return this.store.get().theme || (this.dark.matches ? "dark" : "light");
  }

  /** @param {string} name */
  css(name) {
    this.cssCache ??= new Map();
    if (!this.cssCache.has(name)) this.cssCache.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return this.cssCache.get(name);
  }

  themeChanged() {
    document.documentElement.dataset.theme = this.theme();
    this.cssCache = new Map();
    for (const view of this.views) {
      view.tileKey = "";
      view.recolor().then(() => view.paint());
    }
    this.refreshLegend();
    this.timeline?.run && this.timeline.draw();
  }

  /** @param {any} run */
  classColors(run) {
    return this.theme() === "dark" ? run.palette.dark : run.palette.light;
  }

  /** The epoch that a map shows: its own at or before the page's. @param {any} view */
  epochOf(view) {
    const { epoch } = this.store.get();
    const epochs = view.map?.epochs ?? view.run.epochs;
    return epochs.findLast((/** @type {number} */ one) => one <= epoch) ?? epochs[0];
  }

  /** The selection as a mask over a view's run. @param {any} view */
  maskFor(view) {
    const { mask } = this.store.get();
    if (!mask || view.side === "a") return mask;
    if (this.joined?.source !== mask) {
      const rows = rowsOf(mask).map((row) => this.joinAB.get(row)).filter((row) => row !== undefined);
      this.joined = { source: mask, mask: maskOf(rows, view.run.samples) };
    }
    return this.joined.mask;
  }

  /** @param {any} view */
  async shades(view) {
    const { color, solo } = this.store.get();
    const { run, api } = { run: view.run, api: this.api };
    const epoch = this.epochOf(view);
    const mapColumn = view.map?.columns?.includes(color);
    const column = run.columns.find((/** @type {any} */ one) => one.name === color) ?? (mapColumn ? { name: color, kind: color === "roundtrip_ok" || color === "placed" ? "flag" : "number", per_epoch: true } : run.columns.find((/** @type {any} */ one) => one.name === (run.has.labels ? "label" : "predicted")));
    if (!column) return null;
    const values = mapColumn && !run.columns.some((/** @type {any} */ one) => one.name === color) ? await api.mapColumn(run, view.map, color, epoch) : await api.column(run, column.name, column.per_epoch ? epoch : null);
    const categories = column.kind === "text" ? await this.categories(run, column.name) : undefined;
    await this.loadMarks(view, epoch);
    const wrong = this.marks.get(view.side)?.wrong?.length;
    const shades = shadesOf(column, values, { run, colors: this.classColors(run), ring: run.palette.ring ?? [], theme: /** @type {any} */ (this.theme()), categories, solo, wrong });
    if (view.side === "a") this.lastShades = shades;
    return shades;
  }

  /** @param {any} run @param {string} name */
  async categories(run, name) {
    return this.api.blob(`data/${run.slug}/categories/${encodeURIComponent(name)}.json?k=${run.key}`, (/** @type {ArrayBuffer} */ buffer) => JSON.parse(new TextDecoder().decode(buffer)));
  }

  /** Rows that are marked by shape at an epoch: wrong, flipped, picked. @param {any} view @param {number} epoch */
  async loadMarks(view, epoch) {
    const { run, api } = { run: view.run, api: this.api };
    const names = new Set(run.columns.map((/** @type {any} */ one) => one.name));
    const column = (/** @type {string} */ name) => (names.has(name) ? api.column(run, name, epoch).catch(() => null) : null);
    const [correct, flipped, picked, ranks, labels] = await Promise.all([
      column("correct"), this.store.get().interval ? null : column("flipped"), run.has.labelling ? column("picked") : null, run.has.labelling ? column("pick_rank") : null,
      run.has.labels ? api.column(run, "label", null) : null,
    ]);
    if (labels) this.labels.set(run.slug, labels);
    this.marks.set(view.side, {
      wrong: correct ? where(correct, 0) : null,
      flipped: flipped ? where(flipped, 1) : null,
      picks: picked && ranks ? { rows: where(picked, 1), ranks } : null,
    });
  }

  /** @param {any} view */
  marksFor(view) {
    return this.marks.get(view.side) ?? {};
  }

  /** @param {any} run */
  labelsOf(run) {
    return this.labels.get(run.slug);
  }

  /** Rows whose trails are drawn: the pin, else a selection. @param {any} view @returns {number[]} */
  trailRows(view) {
    const mask = this.maskFor(view);
    const rows = mask && countOf(mask) <= 2000 ? rowsOf(mask) : [];
    const pin = this.pinRow(view);
    if (pin >= 0 && !rows.length) return [pin];
    return pin >= 0 && !rows.includes(pin) ? [pin, ...rows] : rows;
  }

  /** @param {any} view */
  pinRow(view) {
    const { pin } = this.store.get();
    if (pin === null || !this.rowById) return -1;
    const row = this.rowById.get(String(pin)) ?? -1;
    return view.side === "a" ? row : (this.joinAB?.get(row) ?? -1);
  }

  /** Places of a stretch of epochs that are here; fetches the others and draws again. @param {any} view @param {number} first @param {number} last */
  codesBetween(view, first, last) {
    const stack = [];
    let missing = false;
    const step = Math.max(1, Math.ceil((last - first) / 120));
    for (let at = first; at <= last; at += step) {
      const epoch = view.map.epochs[Math.min(at, last)];
      const codes = this.api.peek(this.api.positionsPath(view.run, view.map, epoch));
      stack.push(codes);
      if (!codes) {
        missing = true;
        this.api.positions(view.run, view.map, epoch).then(() => this.repaintSoon(view), () => undefined);
      }
    }
    return missing ? stack.filter(Boolean) : stack;
  }

  /** @param {any} view */
  repaintSoon(view) {
    clearTimeout(view.repaint);
    view.repaint = setTimeout(() => view.paint(), 30);
  }

  /** Rasters of all epochs up to the current one, for the isochrone; null until they are here. @param {any} view */
  rastersUpTo(view) {
    const at = view.map.epochs.indexOf(view.epoch);
    const stack = view.map.epochs.slice(0, at + 1).map((/** @type {number} */ epoch) => this.api.peek(this.api.regionsPath(view.run, view.map, epoch)));
    if (stack.every(Boolean)) return stack;
    Promise.all(view.map.epochs.slice(0, at + 1).map((/** @type {number} */ epoch) => this.api.regions(view.run, view.map, epoch, this.decodeRaster))).then(() => {
      view.tileKey = "";
      view.paint();
    }, () => undefined);
    return null;
  }

  needs() {
    return null;
  }

  /** Fetches what will be wanted next. @param {any} view */
  prefetch(view) {
    const { epochs } = view.map;
    const at = epochs.indexOf(view.epoch);
    for (const step of [1, -1, 2]) {
      const epoch = epochs[at + step];
      if (epoch === undefined) continue;
      this.api.positions(view.run, view.map, epoch).catch(() => undefined);
      const { color } = this.store.get();
      const column = view.run.columns.find((/** @type {any} */ one) => one.name === color);
      if (column?.per_epoch) this.api.column(view.run, color, epoch).catch(() => undefined);
      for (const name of ["correct", "flipped"]) if (view.run.columns.some((/** @type {any} */ one) => one.name === name)) this.api.column(view.run, name, epoch).catch(() => undefined);
    }
  }

  // -- what people do: time

  /** @param {number} epoch */
  go(epoch) {
    this.store.set({ epoch: nearestEpoch(this.run.epochs, epoch).epoch });
  }

  /** @param {number} stop */
  goStop(stop) {
    this.store.set({ epoch: this.run.epochs[Math.max(0, Math.min(this.run.epochs.length - 1, stop))] });
  }

  /** @param {number} by */
  step(by) {
    this.goStop(this.run.epochs.indexOf(this.store.get().epoch) + by);
  }

  /** @param {1 | -1} direction */
  interesting(direction) {
    const next = nextInteresting(this.run.interesting ?? [], this.run.epochs, this.store.get().epoch, direction);
    if (!next) return this.say(direction > 0 ? "nothing interesting after this epoch" : "nothing interesting before this epoch");
    this.go(next.epoch);
    this.say(`epoch ${next.epoch}: ${next.reason}`);
  }

  markInterval() {
    const { epoch, interval } = this.store.get();
    if (this.intervalStart === undefined && !interval) {
      this.intervalStart = epoch;
      this.say(`interval from epoch ${epoch}; go to its end and press M again`);
    } else if (interval) {
      this.store.set({ interval: null });
      this.say("no interval");
    } else {
      const [a, b] = [this.intervalStart, epoch].sort((x, y) => x - y);
      this.intervalStart = undefined;
      this.store.set({ interval: a === b ? null : [a, b] });
    }
  }

  // -- selection

  /** @param {Uint8Array | null} mask @param {string} [expression] */
  select(mask, expression = "") {
    this.store.set({ mask: mask && countOf(mask) ? mask : null, selection: mask && countOf(mask) ? expression : "" }, { undo: true });
  }

  /** @param {any} view @param {Uint32Array} rows */
  selectedByShape(view, rows) {
    const own = view.side === "a" ? rows : Uint32Array.from([...rows].map((row) => this.joinBA.get(row)).filter((row) => row !== undefined));
    const next = combine(this.store.get().mask, maskOf(own, this.run.samples), howOf(this.modifiers ?? {}));
    this.select(next);
    this.say(`${number(countOf(next))} selected`);
  }

  /** @param {any} view @param {number} row @param {any} event */
  clicked(view, row, event) {
    if (row < 0) return;
    const own = view.side === "a" ? row : this.joinBA.get(row);
    if (own === undefined) return this.say("this sample is only in the other run");
    if (event.shiftKey || event.altKey) {
      this.select(combine(this.store.get().mask, maskOf([own], this.run.samples), howOf(event)));
      return;
    }
    this.pinRowOfA(own);
  }

  /** @param {number} row */
  pinRowOfA(row) {
    this.store.set({ pin: Number(this.ids[row]) });
  }

  togglePin() {
    const { pin } = this.store.get();
    const hovered = this.views.find((view) => view.hover >= 0);
    if (hovered && hovered.side === "a") this.pinRowOfA(hovered.hover);
    else if (pin !== null) this.store.set({ pin: null });
  }

  selectAll() {
    this.select(inverted(null, this.run.samples));
  }

  invert() {
    this.select(inverted(this.store.get().mask, this.run.samples));
  }

  escape() {
    if (this.activeTool !== "pan") return this.tool("pan");
    const { mask, pin, solo } = this.store.get();
    if (mask) this.select(null);
    else if (pin !== null) this.store.set({ pin: null });
    else if (solo.length) this.store.set({ solo: [] });
  }

  toggleOnly() {
    const { onlySelected, mask } = this.store.get();
    if (!mask && !onlySelected) return this.say("nothing is selected to show alone");
    this.store.set({ onlySelected: !onlySelected });
  }

  /** @param {string} expression */
  async search_(expression) {
    return this.search.search(expression);
  }

  /** @param {number} value @param {boolean} add */
  toggleSolo(value, add) {
    const { solo } = this.store.get();
    if (!add) this.store.set({ solo: solo.length === 1 && solo[0] === value ? [] : [value] });
    else this.store.set({ solo: solo.includes(value) ? solo.filter((/** @type {number} */ one) => one !== value) : [...solo, value] });
  }

  /** @param {number} value @param {any} event */
  selectLegend(value, event) {
    const rows = [];
    this.lastShades.groups.forEach((/** @type {number} */ group, /** @type {number} */ row) => group === value && rows.push(row));
    this.select(combine(this.store.get().mask, maskOf(rows, this.run.samples), event.shiftKey ? "add" : "replace"));
  }

  /** How many of a legend's entry are selected, null without selection. @param {number} value */
  legendCount(value) {
    const { mask } = this.store.get();
    if (!mask || !this.lastShades) return null;
    if (this.counted?.mask !== mask || this.counted.shades !== this.lastShades) {
      const counts = new Map();
      const { groups } = this.lastShades;
      for (let row = 0; row < groups.length; row++) if (has(mask, row)) counts.set(groups[row], (counts.get(groups[row]) ?? 0) + 1);
      this.counted = { mask, shades: this.lastShades, counts };
    }
    return this.counted.counts.get(value) ?? 0;
  }

  /** The samples that the map reads wrongly (V46). */
  async selectUnfaithful() {
    const view = this.views[0];
    try {
      const ok = await this.api.mapColumn(this.run, this.mapOf(), "roundtrip_ok", this.epochOf(view));
      const rows = where(ok, 0);
      this.select(maskOf(rows, this.run.samples), "unfaithful");
      this.say(`${number(rows.length)} samples whose class changes on the way to the map and back`);
    } catch (error) {
      this.report(error);
    }
  }

  // -- view

  /** @param {string} name */
  toggleLayer(name) {
    const { layers } = this.store.get();
    this.store.set({ layers: layers.includes(name) ? layers.filter((/** @type {string} */ one) => one !== name) : [...layers, name] });
  }

  /** @param {string} name pan, lasso or box */
  tool(name) {
    this.activeTool = name;
    for (const view of this.views) {
      const { toolbar } = view.figure;
      for (const tool of toolbar.tools) {
        const kind = tool.name?.split("-").at(-1);
        if (["pan", "lasso", "box"].includes(kind)) tool.active = kind === name;
      }
      view.element.dataset.tool = name;
    }
    for (const button of document.querySelectorAll("[data-tool-button]")) button.setAttribute("aria-pressed", String(button.getAttribute("data-tool-button") === name));
  }

  /** @param {number} factor */
  zoom(factor) {
    this.views[0].zoom(factor);
  }

  resetCamera() {
    this.store.set({ camera: null });
    this.views[0]?.look(this.views[0].fitted());
  }

  /** @param {[number, number, number]} camera */
  cameraChanged(camera) {
    clearTimeout(this.cameraTimer);
    this.cameraTimer = setTimeout(() => this.store.set({ camera }), 200);
    for (const view of this.views) view.paint();
  }

  swap() {
    if (this.runs.length === 2) location.search = toQuery({ ...this.store.get(), runs: [this.runs[1].slug, this.runs[0].slug], camera: null }, this.unknown).toString();
  }

  toggleInspector() {
    document.body.classList.toggle("inspector-closed");
    localStorage.setItem("timetravel-inspector", document.body.classList.contains("inspector-closed") ? "closed" : "open");
  }

  showKeys() {
    this.keysDialog.showModal();
  }

  /** @param {string} view */
  openView(view) {
    this.store.set({ view: this.store.get().view === view ? "" : view });
  }

  /** @param {number} index */
  openViewNumber(index) {
    const tabs = [...document.querySelectorAll("[data-view]")];
    const tab = tabs[index - 1];
    if (tab) this.openView(/** @type {HTMLElement} */ (tab).dataset.view ?? "");
  }

  walking() {
    return this.store.get().mask !== null || this.store.get().pin !== null;
  }

  /** Walks the selection's samples with the arrows, nearest in the direction first. @param {string} key */
  walk(key) {
    const view = this.views[0];
    const rows = this.store.get().mask ? rowsOf(this.store.get().mask) : [...this.ids.keys()];
    const from = this.pinRow(view);
    if (from < 0) return this.pinRowOfA(rows[0]);
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key] ?? [0, 0];
    let best = -1;
    let least = Infinity;
    for (const row of rows) {
      const x = view.places[2 * row] - view.places[2 * from];
      const y = view.places[2 * row + 1] - view.places[2 * from + 1];
      const along = x * dx + y * dy;
      const away = Math.hypot(x, y) + 2 * Math.abs(x * dy - y * dx);
      if (row !== from && along > 0 && away < least) {
        least = away;
        best = row;
      }
    }
    if (best >= 0) this.pinRowOfA(best);
  }

  // -- answering changes

  /** @param {any} state @param {any} before */
  changed(state, before) {
    if (!this.views.length) return;
    const epochChanged = state.epoch !== before.epoch;
    const shape = ["color", "solo", "mask", "onlySelected", "interval", "theme"].some((name) => state[name] !== before[name]);
    if (state.theme !== before.theme) this.themeChanged();
    for (const view of this.views) {
      if (epochChanged) {
        view.go(this.epochOf(view)).then(() => this.refreshLegend(), (/** @type {any} */ error) => this.report(error));
      } else if (shape) {
        view.recolor().then(() => { view.paint(); this.refreshLegend(); }, (/** @type {any} */ error) => this.report(error));
      } else if (state.layers !== before.layers || state.pin !== before.pin) {
        if (!before.layers.includes("boundary") && state.layers.includes("boundary")) view.loadGround(view.serial);
        view.tileKey = "";
        view.paint();
      }
    }
    if (state.layers.includes("neighbors") && (state.pin !== before.pin || epochChanged || state.layers !== before.layers)) this.loadNeighbors();
    if (epochChanged) {
      this.timeline.setEpoch(state.epoch);
      this.announce();
      this.figures();
    }
    if (state.interval !== before.interval) this.timeline.draw();
    if (state.mask !== before.mask || state.selection !== before.selection) this.selectionWords();
    if (state.layers !== before.layers) for (const button of document.querySelectorAll("[data-layer]")) button.setAttribute("aria-pressed", String(state.layers.includes(button.getAttribute("data-layer"))));
    const steady = ["mask", "selection", "pin", "view", "map", "color", "solo"].some((name) => state[name] !== before[name]);
    this.address(steady);
    this.tell();
  }

  async loadNeighbors() {
    const view = this.views[0];
    const row = this.pinRow(view);
    if (row < 0) {
      this.neighbors = null;
      return;
    }
    try {
      const data = await this.api.run(this.run.slug, `neighbors/${encodeURIComponent(this.mapOf().name)}/${this.epochOf(view)}.json?row=${row}&k=10`);
      this.neighbors = { side: "a", row, data };
      view.paint();
    } catch (error) {
      this.report(error);
    }
  }

  refreshLegend() {
    if (this.lastShades && this.legend) this.legend.set(this.lastShades);
  }

  /** @param {boolean} push */
  address(push) {
    if (this.restoring) return;
    this.pushNext ||= push;
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      const text = `?${toQuery(this.linkState(), this.unknown)}`;
      if (text === location.search) return;
      history[this.pushNext ? "pushState" : "replaceState"](null, "", text);
      this.pushNext = false;
    }, ADDRESS_MS);
  }

  /** The state as a link keeps it: a selection without expression by its ids, or by a stored mask. */
  linkState() {
    const state = this.store.get();
    if (!state.mask || state.selection) return state;
    const rows = rowsOf(state.mask);
    return { ...state, selection: rows.length <= 100 ? `ids:${rows.map((row) => this.ids[row]).join(",")}` : this.storedMask === state.mask ? `mask:${this.storedKey}` : "" };
  }

  /** Tells the server, after things have settled, so that Python sees the same page. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = setTimeout(async () => {
      const state = this.store.get();
      try {
        if (state.mask && this.storedMask !== state.mask) {
          const answer = await this.api.runPost(this.run.slug, "mask.json", { mask: toBase64(state.mask), keep: countOf(state.mask) > 100 && !state.selection });
          this.storedMask = state.mask;
          this.storedKey = answer.key;
          this.address(false);
        }
      } catch {
        return;
      }
      const shared = this.shared;
      if (!shared) return;
      shared.setv?.({ epoch: state.epoch, map: this.mapOf()?.name ?? "", color: state.color, layers: [...state.layers], selection: state.selection, selection_key: state.mask ? this.storedKey ?? "" : "", selection_count: countOf(state.mask), pins: state.pin === null ? [] : [state.pin] });
    }, 250);
  }

  /** What the address asks for becomes the state. */
  async restore() {
    this.restoring = true;
    try {
      const asked = fromQuery(location.search);
      const patch = { ...asked };
      if (asked.epoch !== undefined) {
        const { epoch, text } = nearestEpoch(this.run.epochs, asked.epoch);
        patch.epoch = epoch;
        if (text) this.say(text);
      }
      patch.pin = asked.pin ?? null;
      patch.onlySelected = asked.onlySelected ?? false;
      patch.mask = asked.selection ? await this.maskOfText(asked.selection, patch.epoch ?? this.store.get().epoch) : null;
      patch.selection = asked.selection && patch.mask && !/^(ids|mask):/.test(asked.selection) ? asked.selection : "";
      delete patch.runs;
      this.store.set(patch, { undo: false });
      if (asked.camera) this.views[0]?.look(asked.camera);
    } finally {
      this.restoring = false;
    }
  }

  /** @param {string} text @param {number} epoch */
  async maskOfText(text, epoch) {
    try {
      if (text.startsWith("mask:")) {
        const mask = new Uint8Array(await this.api.bytes(`data/${this.run.slug}/mask/${text.slice(5)}.bin`));
        this.storedMask = mask;
        this.storedKey = text.slice(5);
        return mask;
      }
      if (text.startsWith("ids:")) {
        const rows = text.slice(4).split(",").map((id) => this.rowById.get(id)).filter((row) => row !== undefined);
        return rows.length ? maskOf(rows, this.run.samples) : null;
      }
      const answer = await this.api.runPost(this.run.slug, "query", { query: text, epoch, map: this.mapOf()?.name });
      this.search?.setText(text);
      return answer.count ? fromBase64(answer.mask) : null;
    } catch (error) {
      this.say(`the link's selection could not be made: ${/** @type {Error} */ (error).message}`);
      return null;
    }
  }

  // -- words

  selectionWords() {
    const { mask } = this.store.get();
    const count = countOf(mask);
    replace(this.selectionElement, mask ? `${number(count)} of ${number(this.run.samples)} selected` : `${number(this.run.samples)} samples`);
  }

  announce() {
    clearTimeout(this.announceTimer);
    this.announceTimer = setTimeout(() => {
      const { epoch, mask } = this.store.get();
      const at = this.run.epochs.indexOf(epoch);
      const accuracy = Object.entries(this.run.accuracy ?? {})[0];
      this.live.textContent = `epoch ${epoch} of ${this.run.epochs.at(-1)}${accuracy?.[1]?.[at] !== undefined && accuracy?.[1]?.[at] !== null ? `, ${accuracy[0]} accuracy ${number(/** @type {any} */ (accuracy[1])[at])}` : ""}${mask ? `, ${countOf(mask)} selected` : ""}`;
    }, 700);
  }

  /** The map's figures of this epoch, with a plain word each. */
  figures() {
    const map = this.mapOf();
    if (!map || !this.figuresElement) return;
    const at = map.epochs.indexOf(this.epochOf(this.views[0]));
    const value = (/** @type {string} */ name) => map.quality?.[name]?.[at];
    const parts = [
      ["keeps", value("neighbor_preservation"), "of neighbours", [0.45, 0.25], "Share of the 15 nearest neighbours in the network's space that are among the 15 nearest on the map. No map of many dimensions keeps all."],
      ["agrees with the model", value("ppr"), "", [0.99, 0.97], "Share of samples whose predicted class is unchanged after going to the map and back. Click to select the others."],
      ["projection error", value("confidence_difference"), "", [0.01, 0.03], "Mean change of the predicted class's probability after going to the map and back."],
    ].filter(([, figure]) => figure !== null && figure !== undefined);
    replace(this.figuresElement, parts.map(([before, figure, after, [good, fair], meaning]) => {
      const word = before === "projection error" ? (figure <= good ? "good" : figure <= fair ? "fair" : "poor") : figure >= good ? "good" : figure >= fair ? "fair" : "poor";
      const text = [`${before} `, h("strong", null, number(figure, 3)), after ? ` ${after}` : "", h("span", { class: `word ${word}` }, word)];
      return before === "agrees with the model"
        ? h("button", { type: "button", class: "figure", title: meaning, onclick: () => this.selectUnfaithful() }, text) : h("span", { class: "figure", title: meaning, tabindex: 0 }, text);
    }), (map.words?.[map.epochs[at]] ?? []).slice(0, 1).map((/** @type {string} */ sentence) => h("span", { class: "figure warning", title: sentence }, "⚠ ", sentence)));
  }

  /** @param {string} text */
  say(text) {
    this.live.textContent = text;
    this.toast.textContent = text;
    this.toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { this.toast.hidden = true; }, 4200);
  }

  /** @param {any} error */
  report(error) {
    if (error?.name === "AbortError") return;
    this.errors.push(String(error?.message ?? error));
    this.say(String(error?.message ?? error));
  }

  /** @param {any} view */
  stillDrawn(view) {
    view.still = true;
    if (!this.ready && this.views.every((one) => one.codes)) {
      this.ready = true;
      document.body.dataset.state = "ready";
    }
    this.stillWaiters?.splice(0).forEach((/** @type {any} */ resolve) => resolve());
  }

  // -- hover card and thumbnails

  /** @param {any} view @param {number} row @param {any} event */
  hovered(view, row, event) {
    clearTimeout(this.hoverTimer);
    if (row < 0) {
      this.card.hidden = true;
      return;
    }
    this.hoverTimer = setTimeout(() => this.showCard(view, row, event), HOVER_MS);
  }

  /** @param {any} view @param {number} row @param {any} event */
  async showCard(view, row, event) {
    const { run, map } = view;
    const epoch = this.epochOf(view);
    const columns = Object.fromEntries(await Promise.all(["label", "predicted", "confidence"].filter((name) => run.columns.some((/** @type {any} */ one) => one.name === name))
      .map(async (name) => [name, (await this.api.column(run, name, name === "label" ? null : epoch))[row]])));
    const kept = map.columns?.includes("neighbors_kept") ? (await this.api.mapColumn(run, map, "neighbors_kept", epoch))[row] : null;
    if (view.hover !== row) return;
    const ids = view.side === "a" ? this.ids : this.idsB;
    const name = (/** @type {number} */ index) => run.classes[index] ?? "unknown";
    const wrong = columns.label !== undefined && columns.label !== 65535 && columns.predicted !== 65535 && columns.label !== columns.predicted;
    replace(this.card, run.has.images ? h("img", { src: this.api.image(run.slug, row), alt: "" }) : null, h("div", null,
      h("strong", null, `#${ids[row]}`), columns.label === undefined ? null : h("div", null, `label ${name(columns.label)}`),
      columns.predicted === undefined ? null : h("div", { class: wrong ? "wrong" : "" }, columns.predicted === 65535 ? "no prediction" : `predicted ${name(columns.predicted)} (${number(columns.confidence, 2)})${wrong ? " ✕" : ""}`),
      kept === null || !Number.isFinite(kept) ? null : h("div", { class: "muted" }, `map keeps ${percent(kept)} of its neighbours`)));
    this.card.hidden = false;
    const box = this.card.getBoundingClientRect();
    this.card.style.left = `${Math.min(event.clientX + 14, window.innerWidth - box.width - 8)}px`;
    this.card.style.top = `${Math.min(event.clientY + 14, window.innerHeight - box.height - 8)}px`;
  }

  /** The images themselves, thinned so that they do not overlap. @param {any} view @param {CanvasRenderingContext2D} pen @param {any} geometry */
  paintImages(view, pen, geometry) {
    const size = 30 * geometry.ratio;
    const taken = new Set();
    const rows = [];
    for (let at = view.order.length - 1; at >= 0 && rows.length < IMAGES_AT_MOST; at--) {
      const row = view.order[at];
      if (view.colors[row] >>> 24 < 128) continue;
      const x = view.places[2 * row];
      const y = view.places[2 * row + 1];
      if (x < 0 || y < 0 || x > geometry.wide || y > geometry.high) continue;
      const cell = `${Math.floor(x / (size * 1.15))},${Math.floor(y / (size * 1.15))}`;
      if (taken.has(cell)) continue;
      taken.add(cell);
      rows.push(row);
    }
    const sheet = this.sheets.get(view.side);
    const key = rows.join();
    if (sheet?.key !== key) {
      const wanted = rows.slice(0, 256);
      clearTimeout(view.sheetTimer);
      view.sheetTimer = setTimeout(async () => {
        try {
          const response = await this.api.request(`data/${view.run.slug}/sheet.png`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ rows: wanted, size: 32 }) });
          const image = await createImageBitmap(await response.blob());
          this.sheets.set(view.side, { key, rows: wanted, image });
          view.paint();
        } catch (error) {
          this.report(error);
        }
      }, 160);
      if (!sheet) return;
    }
    const { rows: drawn, image } = sheet;
    const colors = this.classColors(view.run);
    const labels = this.labelsOf(view.run);
    pen.imageSmoothingEnabled = false;
    drawn.forEach((/** @type {number} */ row, /** @type {number} */ at) => {
      const x = view.places[2 * row] - size / 2;
      const y = view.places[2 * row + 1] - size / 2;
      if (x < -size) return;
      pen.drawImage(image, (at % 16) * 32, Math.floor(at / 16) * 32, 32, 32, x, y, size, size);
      pen.lineWidth = 2 * geometry.ratio;
      pen.strokeStyle = (labels && colors[labels[row]]) || this.css("--ink");
      pen.strokeRect(x, y, size, size);
    });
  }

  // -- for tests and scripts

  stats() {
    const state = this.store.get();
    const view = this.views[0];
    return {
      ready: this.ready, version: this.version ?? null, runs: this.runs.map((run) => run.slug), map: this.mapOf()?.name ?? null, epoch: state.epoch, epochs: this.run ? [...this.run.epochs] : [],
      interval: state.interval, points: this.run?.samples ?? 0, visible: view ? view.colors.reduce((/** @type {number} */ sum, /** @type {number} */ color) => sum + (color === 0 ? 0 : 1), 0) : 0,
      selected: countOf(state.mask), pinned: state.pin, color: state.color, layers: [...state.layers], view: state.view, camera: view?.codes ? view.camera() : null, renderer: "raster", pixelRatio: window.devicePixelRatio,
      theme: this.theme(), lastChangeMs: view?.lastChangeMs ?? null, lastTweenFps: view?.lastTweenFps ?? null, lastLassoMs: view?.lastLassoMs ?? null, moving: view ? view.share < 1 : false, still: this.views.every((one) => one.still === true),
      cacheBytes: this.api.cacheBytes, connection: this.api.online ? "online" : "lost", errors: [...this.errors],
    };
  }
}

/** Rows of a column that hold a value. @param {ArrayLike<number>} values @param {number} value */
export function where(values, value) {
  const rows = [];
  for (let row = 0; row < values.length; row++) if (values[row] === value) rows.push(row);
  return rows;
}

export { rgb };
