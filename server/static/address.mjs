/** The page's address and the server's copy of its state: what a link, the back button and Python see. */

import { countOf, fromBase64, maskOf, rowsOf, toBase64 } from "./masks.mjs";
import { PAIR_COLUMNS } from "./shading.mjs";
import { LAYERS, PINS_AT_MOST, fromQuery, initialState, toQuery, unknownArguments } from "./state.mjs";
import { held, laterBy, nearestEpoch, unionOfStops } from "./stops.mjs";

const ADDRESS_MS = 150;
const TELL_MS = 250;
const IDS_AT_MOST = 100;
const NUMBERED = /^#\d+$/;

export class Address {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.unknown = unknownArguments(location.search);
    /** Nothing is written before the first address was read. */
    this.restoring = true;
    this.serial = 0;
    this.pushNext = false;
    this.timer = 0;
    this.tellTimer = 0;
    /** The mask that the server holds, and its key. @type {{mask: Uint8Array | null, key: string}} */
    this.stored = { mask: null, key: "" };
    window.addEventListener("popstate", () => this.restore());
  }

  /** Writes the state into the address; `push` makes a step for the back button. @param {boolean} push */
  write(push) {
    if (this.restoring) return;
    this.pushNext ||= push;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const text = `?${toQuery(this.linkState(), this.unknown)}`;
      if (text === location.search) return;
      history[this.pushNext ? "pushState" : "replaceState"](null, "", text);
      this.pushNext = false;
    }, ADDRESS_MS);
  }

  /** Other runs, the rest of the view as it is. @param {string[]} runs @param {Partial<import("./state.mjs").State>} [changes] */
  open(runs, changes = {}) {
    const state = { ...this.linkState(), camera: null, linked: true, map: "", view: "", ...changes };
    location.search = toQuery({ ...state, runs, join: runs.length > 1 ? state.join : "epoch" }, this.unknown).toString();
  }

  /** The state as a link keeps it: a selection without expression by its ids, or by a stored mask; what is alone by name. */
  linkState() {
    const { page } = this;
    const state = { ...page.store.get(), epoch: page.together.moment, solo: soloNames(page.store.get().solo, page.shading.last?.entries ?? []) };
    if (!state.mask || state.selection) return state;
    return { ...state, selection: this.byIds({ side: "a" }) ?? (this.stored.mask === state.mask ? `mask:${this.stored.key}` : "") };
  }

  /** The selection in a view's run by its ids, null where they are too many for a link. @param {any} view */
  byIds(view) {
    const { selecting, rows } = this.page;
    const mask = selecting.maskFor(view);
    if (!mask || countOf(mask) > IDS_AT_MOST) return mask ? null : "";
    return rowsOf(mask).map((row, at) => `${at ? "," : "ids:"}${rows.idIn(view, row)}`).join("");
  }

  /** The selection in a view's run, as a link names it without an expression: by ids, or by a mask that the server keeps. @param {any} view */
  async selectionOf(view) {
    const { api, selecting } = this.page;
    return this.byIds(view) ?? `mask:${(await api.runPost(view.run.slug, "mask.json", { mask: toBase64(selecting.maskFor(view)), keep: true })).key}`;
  }

  /** Tells the server, after things have settled, so that Python sees the same page. */
  tell() {
    clearTimeout(this.tellTimer);
    this.tellTimer = window.setTimeout(async () => {
      const { page, stored } = this;
      const state = page.store.get();
      try {
        if (state.mask && stored.mask !== state.mask) {
          const answer = await page.api.runPost(page.run.slug, "mask.json", { mask: toBase64(state.mask), keep: countOf(state.mask) > IDS_AT_MOST && !state.selection });
          this.stored = { mask: state.mask, key: answer.key };
          this.write(false);
        }
      } catch {
        return; // the server is away; the state is pushed again when it is back
      }
      page.shared?.setv?.({
        epoch: state.epoch, map: page.mapOf()?.name ?? "", color: state.color, layers: [...state.layers], selection: state.selection,
        selection_key: state.mask ? this.stored.key : "", selection_count: countOf(state.mask), pins: [...new Set([...(state.pin === null ? [] : [state.pin]), ...state.pins])].filter(Number.isSafeInteger),
      });
    }, TELL_MS);
  }

  /** What the address asks for becomes the state; what it does not say is as usual. */
  async restore() {
    const { page } = this;
    const { run, runs, views, store } = page;
    const mine = ++this.serial;
    this.restoring = true;
    try {
      const wishes = fromQuery(location.search);
      if (!runs[1]) delete wishes.join;
      const { asked, notes } = attainable(wishes, {
        epochs: runs[1] ? unionOfStops(run.epochs, runs[1].epochs, laterBy(wishes.join)).map((one) => one.epoch) : run.epochs, maps: runs.flatMap((/** @type {any} */ one) => one.maps.map((/** @type {any} */ map) => map.name)), has: (id) => page.rows.of(id) >= 0,
        colors: [...run.columns.map((/** @type {any} */ one) => one.name), ...run.maps.flatMap((/** @type {any} */ map) => map.columns ?? []), ...(runs[1] ? PAIR_COLUMNS.map((one) => one.name) : [])],
        views: [...document.querySelectorAll("[data-view]")].map((tab) => tab.getAttribute("data-view") ?? ""),
      });
      const moment = asked.epoch ?? run.epochs.at(-1);
      const epoch = held(run.epochs, moment);
      const madeAt = held(run.epochs, asked.madeAt ?? epoch);
      await page.together.load(asked.join);
      const mask = asked.selection ? await this.maskOf(asked.selection, madeAt, { join: asked.join ?? "epoch", trouble: (text) => notes.push(text) }) : null;
      const selection = asked.selection && mask && !/^(ids|mask):/.test(asked.selection) ? asked.selection : "";
      if (mine !== this.serial) return;
      const { runs: slugs, theme, linked, cameraB, color, solo } = store.get();
      const patch = { ...initialState(), color: usualColor(run), ...asked, epoch, moment, mask, selection, madeAt: selection ? madeAt : null, runs: slugs, theme, linked, cameraB };
      store.set({ ...patch, solo: asked.solo && patch.color === color ? solo : [] }, { undo: false });
      if (views[1] && asked.linked === false) {
        page.together.link(false, asked.cameraB);
      } else if (views[1] && !linked) {
        page.together.link(true);
        page.together.linkAsFits();
      }
      for (const view of views) if (view.leads) view.look(view.wanted());
      if (asked.solo && views[0]) {
        const { entries } = await page.shading.of(views[0]);
        if (mine !== this.serial) return;
        const { values, missing } = soloValues(asked.solo, entries ?? []);
        store.set({ solo: values }, { undo: false });
        if (missing.length) notes.push(`the link shows ${missing.join(", ")} alone, which the legend does not have`);
      }
      if (notes.length) page.say(notes.join(" · "));
    } finally {
      if (mine === this.serial) this.restoring = false;
    }
  }

  /** @param {string} text @param {number} epoch @param {{join?: string, trouble?: (text: string) => void}} [options]  join: of the second run, the page's without */
  async maskOf(text, epoch, { join, trouble = (words) => this.page.say(words) } = {}) {
    const { page } = this;
    try {
      if (text.startsWith("mask:")) {
        const mask = new Uint8Array(await page.api.bytes(`data/${page.run.slug}/mask/${text.slice(5)}.bin`));
        this.stored = { mask, key: text.slice(5) };
        return mask;
      }
      if (text.startsWith("ids:")) {
        const rows = text.slice(4).split(",").map((id) => page.rows.of(id)).filter((row) => row >= 0);
        return rows.length ? maskOf(rows, page.run.samples) : null;
      }
      const answer = await page.api.runPost(page.run.slug, "query", { query: text, epoch, map: page.mapOf()?.name, ...(page.runs[1] ? { other: page.runs[1].slug, other_epoch: page.together.otherEpoch(epoch, join) } : {}) });
      return answer.count ? fromBase64(answer.mask) : null;
    } catch (error) {
      trouble(`the link's selection could not be made: ${/** @type {Error} */ (error).message}`);
      return null;
    }
  }
}

/** @param {any} run @returns {string} */
export function usualColor(run) {
  if (run.has.labels) return "label";
  return ["predicted", "split"].find((name) => run.columns.some((/** @type {any} */ one) => one.name === name)) ?? "predicted";
}

/**
 * What of a link's wishes can be had, and words for what cannot.
 * @param {import("./state.mjs").Asked} asked
 * @param {{epochs: number[], maps: string[], colors: string[], views: string[], has: (id: number | string) => boolean}} there
 */
export function attainable(asked, { epochs, maps, colors, views, has }) {
  const had = { ...asked };
  /** @type {string[]} said together */
  const notes = [];
  for (const name of /** @type {const} */ (["epoch", "madeAt"])) {
    if (had[name] === undefined || had[name] === null) continue;
    const { epoch, text } = nearestEpoch(epochs, /** @type {number} */ (had[name]));
    had[name] = epoch;
    if (text) notes.push(text);
  }
  for (const [name, word, known] of /** @type {["map" | "color" | "view", string, string[]][]} */ ([["map", "map", maps], ["color", "colour", colors], ["view", "view", views]])) {
    if (had[name] === undefined || known.includes(/** @type {string} */ (had[name]))) continue;
    notes.push(`the link asks for the ${word} ${had[name]}, which is not here`);
    delete had[name];
  }
  const strange = had.layers?.filter((name) => !LAYERS.includes(name)) ?? [];
  if (strange.length) {
    notes.push(`the link asks for the ${strange.length === 1 ? "layer" : "layers"} ${strange.join(", ")}, which the map does not have`);
    had.layers = had.layers?.filter((name) => LAYERS.includes(name));
    if (!had.layers?.length) delete had.layers;
  }
  if (had.interval) {
    const wanted = had.interval.join(" to ");
    const [from, to] = had.interval.map((epoch) => Math.max(epochs[0], Math.min(epochs[epochs.length - 1], epoch)));
    if (from === to) delete had.interval;
    else had.interval = [from, to];
    const got = had.interval?.join(" to ");
    if (got !== wanted) notes.push(`the link marks epochs ${wanted}; ${got ? `recorded are ${got}` : "there is nothing between them"}`);
  }
  if (had.pin !== undefined && had.pin !== null && !has(had.pin)) {
    notes.push(`the link pins sample ${had.pin}, which this run does not have`);
    delete had.pin;
  }
  if (had.pins && had.pins.length > PINS_AT_MOST) {
    notes.push(`the link keeps ${had.pins.length} samples pinned; the first ${PINS_AT_MOST} are`);
    had.pins = had.pins.slice(0, PINS_AT_MOST);
  }
  const strangers = had.pins?.filter((id) => !has(id)) ?? [];
  if (strangers.length) {
    had.pins = had.pins?.filter(has);
    notes.push(`the link keeps ${strangers.length === 1 ? "sample" : "samples"} ${strangers.join(", ")} pinned, which this run does not have`);
  }
  return { asked: had, notes };
}

/** Entries of the legend as a link names them: by number where a name is no single entry's. @param {number[]} values @param {{name: string, value: number}[]} entries */
export function soloNames(values, entries) {
  return values.map((value) => {
    const name = entries.find((one) => one.value === value)?.name;
    return name && !NUMBERED.test(name) && entries.filter((one) => one.name === name).length === 1 ? name : `#${value}`;
  });
}

/** @param {string[]} names @param {{name: string, value: number}[]} entries */
export function soloValues(names, entries) {
  const values = names.map((name) => (NUMBERED.test(name) ? Number(name.slice(1)) : entries.find((one) => one.name === name)?.value));
  return { values: values.filter((value) => value !== undefined), missing: names.filter((_, at) => values[at] === undefined) };
}
