/** The page: what follows from the state, and what answers its changes. Views know it; it knows the maps. */

import { Address } from "./address.mjs";
import { ramp } from "./color.mjs";
import { HoverCard } from "./hover.mjs";
import { keep } from "./kept.mjs";
import { Looking } from "./looking.mjs";
import { countOf } from "./masks.mjs";
import { Rows } from "./rows.mjs";
import { Selecting } from "./selecting.mjs";
import { Shading } from "./shading.mjs";
import { dotSteps } from "./state.mjs";
import { laterBy } from "./stops.mjs";
import { Supplies } from "./supplies.mjs";
import { Together } from "./together.mjs";
import { Words } from "./words.mjs";

const TOAST_MS = 4200;
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
    this.neighbors = null;
    /** Told when the curves of a run arrive. @type {(() => void) | null} */
    this.learned = null;
    /** @type {string[]} */
    this.errors = [];
    this.ready = false;
    /** Panels that ask the server again when it is back. @type {Set<() => void>} */
    this.refreshers = new Set();
    this.activeTool = "pan";
    this.address = new Address(this);
    this.rows = new Rows(this);
    this.looking = new Looking(this);
    this.selecting = new Selecting(this);
    this.shading = new Shading(this);
    this.supplies = new Supplies(this);
    this.together = new Together(this);
    this.card = new HoverCard(this);
    this.words = new Words(this);
    this.dark = window.matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this.themeChanged());
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
      view.ground.reset();
      view.recolor().then(() => view.paint());
    }
    this.refreshLegend();
    if (this.timeline?.run) this.timeline.draw();
  }

  /** What takes all epochs of a run follows its map: the map's figures, curves, then which epochs are interesting. @param {any} run */
  async learn(run) {
    try {
      const { maps, disk } = await this.api.run(run.slug, "figures.json");
      run.disk = disk;
      for (const map of run.maps) Object.assign(map, maps[map.name]);
      this.words.figures();
      for (const refresh of this.refreshers) refresh();
      for (const path of ["over_time.json", "interesting.json"]) {
        Object.assign(run, await this.api.run(run.slug, path));
        if (!this.runs.includes(run)) return;
        if (this.timeline?.run) this.timeline.draw();
        this.learned?.();
        this.words.figures(); // accuracy stands in the titles of two maps
      }
    } catch (error) {
      this.report(error);
    }
  }

  /** @param {any} run */
  classColors(run) {
    return this.theme() === "dark" ? run.palette.dark : run.palette.light;
  }

  /** The epoch that a map shows: its own at or before the page's, or its partner's. @param {any} view */
  epochOf(view) {
    const { epoch } = this.store.get();
    const wanted = view.side === "b" ? this.together.epochOfSecond() : epoch;
    const epochs = view.map?.epochs ?? view.run.epochs;
    return epochs.findLast((/** @type {number} */ one) => one <= wanted) ?? epochs[0];
  }

  /** @param {any} view */
  marksFor(view) {
    return this.shading.marks.get(view.side) ?? {};
  }

  /** @param {any} run */
  labelsOf(run) {
    return this.shading.labels.get(run.slug);
  }

  /** Colour of the frame round an image. @param {any} run @returns {(row: number) => string} */
  frameColor(run) {
    const colors = this.classColors(run);
    const labels = this.labelsOf(run);
    return (row) => (labels && colors[labels[row]]) || this.css("--ink");
  }

  /** What is drawn beside the dots and wants a word in the legend. */
  legendNotes() {
    const { layers } = this.store.get();
    const view = this.views[0];
    if (!view?.map || !Number.isFinite(view.epoch)) return [];
    const { epochs } = view.map;
    const notes = this.shading.roundNotes(view);
    const scale = (/** @type {(share: number) => number[]} */ color) => Array.from({ length: 7 }, (_, at) => `rgb(${color(at / 6).map(Math.round).join(" ")})`).join(",");
    if (layers.includes("isochrone")) notes.push({ title: "ground: last change of class", low: `e${epochs[0]}`, high: `e${view.epoch}`, gradient: scale((share) => ramp("cividis", share)) });
    if (layers.includes("trails") && this.selecting.trailRows(view).length) {
      const dark = this.theme() === "dark";
      notes.push({ title: "trails: early to late", low: "", high: "", gradient: scale((time) => ramp("cividis", dark ? 0.25 + 0.75 * time : 0.95 - 0.85 * time)) });
    }
    return notes;
  }

  // -- what people do: time

  /** @param {number} epoch */
  go(epoch) {
    this.store.set(this.together.at(epoch));
  }

  /** @param {number} stop */
  goStop(stop) {
    const stops = this.together.stops();
    this.store.set(this.together.at(stops[Math.max(0, Math.min(stops.length - 1, stop))].epoch));
  }

  // -- what people do: view

  escape() {
    const { mask, pin, pins, solo } = this.store.get();
    if (this.activeTool !== "pan") return this.tool("pan");
    if (this.timeline.leaveInterval()) return;
    if (mask) this.selecting.set(null);
    else if (pin !== null) this.store.set({ pin: null });
    else if (pins.length) this.store.set({ pins: [] });
    else if (solo.length) this.store.set({ solo: [] });
  }

  /** @param {string} name */
  toggleLayer(name) {
    const { layers } = this.store.get();
    this.store.set({ layers: layers.includes(name) ? layers.filter((/** @type {string} */ one) => one !== name) : [...layers, name] });
  }

  /** @param {string} name pan, lasso or box */
  tool(name) {
    this.activeTool = name;
    for (const view of this.views) {
      for (const tool of view.figure.toolbar.tools) {
        const kind = tool.name?.split("-").at(-1);
        if (["pan", "lasso", "box"].includes(kind)) tool.active = kind === name;
      }
      view.element.dataset.tool = name;
    }
    for (const button of document.querySelectorAll("[data-tool-button]")) button.setAttribute("aria-pressed", String(button.getAttribute("data-tool-button") === name));
  }

  /** Makes dots larger or smaller. @param {1 | -1} step */
  growDots(step) {
    this.store.set({ dots: dotSteps(this.store.get().dots + step) });
  }

  async swap() {
    if (this.runs.length < 2) return;
    const { join, view } = this.store.get();
    const later = laterBy(join);
    try {
      // The slider tells the epochs of what stands first; an expression would name other samples there, so they go by id.
      this.address.open([this.runs[1].slug, this.runs[0].slug], {
        epoch: this.together.epochOfSecond(), interval: this.together.intervalOf({ side: "b" }), join: later ? String(-later) : join, view,
        selection: await this.address.selectionOf({ side: "b", run: this.runs[1] }), madeAt: null,
      });
    } catch (error) {
      this.report(error);
    }
  }

  /** Folds a panel away or back; the browser remembers it. @param {"inspector" | "timeline"} panel */
  fold(panel) {
    const closed = document.body.classList.toggle(`${panel}-closed`);
    keep(panel, closed ? "closed" : "open");
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
    const tab = /** @type {HTMLElement | undefined} */ ([...document.querySelectorAll("[data-view]")][index - 1]);
    if (tab) this.openView(tab.dataset.view ?? "");
  }

  // -- answering changes

  /** @param {any} state @param {any} before */
  changed(state, before) {
    if (!this.views.length) { // no map yet: time moves all the same
      if (this.timeline?.run) this.timeline.setEpoch();
      return;
    }
    const differs = (/** @type {string[]} */ ...names) => names.some((name) => state[name] !== before[name]);
    if (differs("theme")) this.themeChanged();
    for (const view of this.views) {
      const moves = differs("epoch") || (differs("join", "moment") && view.side === "b");
      const trouble = (/** @type {any} */ error) => this.report(error);
      if (differs("map")) this.changeMap(view).catch(trouble);
      else if (moves) view.go(this.epochOf(view)).then(() => this.refreshLegend(), trouble).finally(() => this.words.figures());
      else if (differs("color", "solo", "mask", "onlySelected", "interval", "theme") || (differs("join", "moment") && this.shading.ofPair())) view.recolor().then(() => { view.paint(); this.refreshLegend(); }, trouble);
      else if (differs("layers", "pin", "pins", "dots")) {
        if (!before.layers.includes("boundary") && state.layers.includes("boundary")) view.loadGround(view.serial);
        view.paint();
        this.refreshLegend();
      }
    }
    if (state.layers.includes("neighbors") && differs("pin", "epoch", "layers", "map")) this.loadNeighbors();
    if (differs("epoch", "moment")) {
      if (this.saidUntil === "epoch") this.toast.hidden = true;
      this.timeline.setEpoch();
      this.words.announce();
    }
    if (differs("epoch", "moment", "join", "map")) this.words.figures();
    if (differs("interval", "join")) this.timeline.draw();
    if (differs("mask", "selection", "onlySelected")) this.words.selection();
    if (differs("mask", "selection")) this.search?.show();
    if (differs("layers")) {
      for (const button of document.querySelectorAll("[data-layer]")) button.setAttribute("aria-pressed", String(state.layers.includes(button.getAttribute("data-layer"))));
      this.layersChanged();
    }
    this.address.write(differs("mask", "selection", "pin", "pins", "view", "map", "color", "solo", "join", "dots"));
    this.address.tell();
  }

  /** Images and the last change of class are read over faint dots. */
  layersChanged() {
    const { layers } = this.store.get();
    document.body.classList.toggle("faint-dots", layers.includes("images") || layers.includes("isochrone"));
  }

  /** @param {any} view */
  async changeMap(view) {
    const map = this.mapOf(view.run);
    if (!map || map === view.map) return;
    view.setRun(view.run, map);
    await view.go(this.epochOf(view), { tween: false });
    if (view.leads) view.look(view.wanted());
    this.words.figures();
    this.refreshLegend();
  }

  async loadNeighbors() {
    const view = this.views[0];
    const row = this.selecting.pinRow(view);
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
    if (this.shading.last && this.legend) this.legend.set(this.shading.last);
  }

  // -- words

  /** @param {string} text @param {{until?: "" | "epoch"}} [options]  until: what ends it before its time */
  say(text, { until = "" } = {}) {
    this.saidUntil = until;
    this.live.textContent = text;
    this.toast.textContent = text;
    this.toast.hidden = false;
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { this.toast.hidden = true; }, TOAST_MS);
  }

  /** @param {any} error */
  report(error) {
    if (error?.name === "AbortError") return;
    this.errors.push(String(error?.message ?? error));
    this.say(String(error?.message ?? error));
  }

  stillDrawn() {
    this.looking.tellOfView();
    // A page is ready when it shows what its address asks for.
    if (this.ready || this.address.restoring || !this.views.every((one) => one.codes)) return;
    this.ready = true;
    document.body.dataset.state = "ready";
  }

  // -- for tests and scripts

  stats() {
    const state = this.store.get();
    const view = this.views[0];
    return {
      ready: this.ready, version: this.version ?? null, runs: this.runs.map((run) => run.slug), map: this.mapOf()?.name ?? null, epoch: state.epoch, moment: this.together.moment, epochs: this.run ? [...this.run.epochs] : [],
      shown: this.views.map((one) => one.epoch), join: state.join, dots: state.dots, linked: state.linked, tool: this.activeTool,
      interval: state.interval, points: this.run?.samples ?? 0, visible: view?.visible ?? 0, hollow: view?.hollowCount ?? 0,
      selected: countOf(state.mask), pinned: state.pin, pins: [...state.pins], color: state.color, layers: [...state.layers], view: state.view, camera: view?.codes ? view.camera() : null, renderer: "raster", pixelRatio: window.devicePixelRatio,
      theme: this.theme(), lastChangeMs: view?.lastChangeMs ?? null, lastTweenFps: view?.lastTweenFps ?? null, lastLassoMs: view?.lastLassoMs ?? null, moving: view ? view.share < 1 : false, still: this.views.every((one) => one.still === true),
      cacheBytes: this.api.cacheBytes, connection: this.api.online ? "online" : "lost", errors: [...this.errors],
    };
  }
}
