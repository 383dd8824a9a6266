/**
 * The page's state: one small object, one place. Panels read it, ask for changes, and are told of them.
 * The address holds what a link must restore; undo holds selections and views.
 */

import { idOf } from "./rows.mjs";

const UNDO_DEPTH = 50;

export const LAYERS = ["regions", "boundary", "trails", "neighbors", "labels", "wrong", "density", "images", "isochrone"];
/** Steps by which dots may be smaller and larger. @param {number} steps */
export function dotSteps(steps) {
  return Math.max(-4, Math.min(6, steps));
}

/** Samples that are kept pinned: more trails than these cross into a knot. */
export const PINS_AT_MOST = 8;
const DEFAULT_LAYERS = ["regions", "boundary", "trails", "labels", "wrong"];

/**
 * @typedef {{
 *   runs: string[], map: string, epoch: number, interval: [number, number] | null, selection: string, mask: Uint8Array | null,
 *   color: string, layers: string[], camera: [number, number, number] | null, view: string, pin: number | string | null, pins: (number | string)[], theme: string,
 *   solo: number[], onlySelected: boolean, linked: boolean, cameraB: [number, number, number] | null, join: string, dots: number, madeAt: number | null, moment: number | null,
 * }} State  pin: id of the sample that is looked at; pins: ids of those kept beside it; dots: steps by which dots are larger than usual; join: "epoch", "accuracy", or by how many epochs B is later; moment: where the slider of two runs stands, between two epochs of the first perhaps; madeAt: the epoch at which the selection's expression was asked; at another it may name other samples
 * @typedef {Omit<State, "solo"> & {solo: (string | number)[]}} LinkState  a link names what is shown alone
 * @typedef {Partial<Omit<State, "solo">> & {solo?: string[]}} Asked
 */

/** @returns {State} */
export function initialState() {
  return {
    runs: [], map: "", epoch: NaN, interval: null, selection: "", mask: null, color: "label", layers: DEFAULT_LAYERS, camera: null,
    view: "", pin: null, pins: [], theme: "", solo: [], onlySelected: false, linked: true, cameraB: null, join: "epoch", dots: 0, madeAt: null, moment: null,
  };
}

/**
 * The state as arguments of a link; what has its usual value is left out.
 * @param {LinkState} state
 * @param {URLSearchParams} [unknown]  arguments that are not ours and are kept
 */
export function toQuery(state, unknown = new URLSearchParams()) {
  const query = new URLSearchParams(unknown);
  const put = (/** @type {string} */ name, /** @type {string} */ value) => (value ? query.set(name, value) : query.delete(name));
  put("runs", state.runs.join(","));
  put("map", state.map);
  put("epoch", Number.isFinite(state.epoch) ? String(state.epoch) : "");
  put("interval", state.interval ? state.interval.join("..") : "");
  put("selection", state.selection);
  put("selection_epoch", state.selection && state.madeAt !== null && state.madeAt !== state.epoch ? String(state.madeAt) : "");
  put("color", state.color === "label" ? "" : state.color);
  put("layers", sameSet(state.layers, DEFAULT_LAYERS) ? "" : state.layers.join(",") || "none");
  put("camera", state.camera ? written(state.camera) : "");
  put("camera_b", state.linked ? "" : state.cameraB ? written(state.cameraB) : "own");
  put("view", state.view);
  put("pin", state.pin === null ? "" : String(state.pin));
  put("pins", state.pins.join(","));
  put("only", state.onlySelected ? "1" : "");
  put("dots", state.dots ? String(state.dots) : "");
  put("join", state.join === "epoch" ? "" : state.join);
  query.delete("solo");
  for (const one of state.solo) query.append("solo", String(one));
  return query;
}

/**
 * What a link asks for; nothing that it does not say.
 * @param {string} text  location.search
 * @returns {Asked}
 */
export function fromQuery(text) {
  const query = new URLSearchParams(text);
  /** @type {Asked} */
  const asked = {};
  const numbers = (/** @type {string} */ name, /** @type {string} */ between) => (query.get(name) ?? "").split(between).map(Number);
  if (query.get("runs")) asked.runs = /** @type {string} */ (query.get("runs")).split(",");
  if (query.get("map")) asked.map = /** @type {string} */ (query.get("map"));
  const epoch = (/** @type {string} */ name) => (query.get(name) && Number.isFinite(Number(query.get(name))) ? Number(query.get(name)) : undefined);
  if (epoch("epoch") !== undefined) asked.epoch = epoch("epoch");
  if (query.has("interval")) {
    const [from, to] = numbers("interval", "..");
    if (Number.isFinite(from) && Number.isFinite(to)) asked.interval = [Math.min(from, to), Math.max(from, to)];
  }
  if (query.get("selection")) asked.selection = /** @type {string} */ (query.get("selection"));
  if (asked.selection && epoch("selection_epoch") !== undefined) asked.madeAt = epoch("selection_epoch");
  if (query.get("color")) asked.color = /** @type {string} */ (query.get("color"));
  if (query.has("layers")) asked.layers = (query.get("layers") ?? "").split(",").filter((name) => name && name !== "none");
  if (query.has("camera")) {
    const camera = numbers("camera", ",");
    if (camera.length === 3 && camera.every(Number.isFinite) && camera[2] > 0) asked.camera = /** @type {[number, number, number]} */ (camera);
  }
  if (query.has("camera_b")) {
    asked.linked = false;
    const camera = numbers("camera_b", ",");
    asked.cameraB = camera.length === 3 && camera.every(Number.isFinite) && camera[2] > 0 ? /** @type {[number, number, number]} */ (camera) : null;
  }
  if (query.get("view")) asked.view = /** @type {string} */ (query.get("view"));
  const ids = (/** @type {string} */ name) => [...new Set((query.get(name) ?? "").split(",").filter((one) => /^-?\d+$/.test(one)).map(idOf))];
  if (ids("pin").length) asked.pin = ids("pin")[0];
  if (ids("pins").length) asked.pins = ids("pins");
  if (query.get("only") === "1") asked.onlySelected = true;
  if (Number.isInteger(epoch("dots"))) asked.dots = dotSteps(/** @type {number} */ (epoch("dots")));
  const join = query.get("join") ?? "";
  if (join === "accuracy" || /^-?[1-9]\d{0,6}$/.test(join)) asked.join = join;
  if (query.has("solo")) asked.solo = query.getAll("solo");
  return asked;
}

const OURS = ["runs", "map", "epoch", "interval", "selection", "selection_epoch", "color", "layers", "camera", "camera_b", "view", "pin", "pins", "only", "dots", "join", "solo"];

/** Arguments of an address that are not ours. @param {string} text */
export function unknownArguments(text) {
  const query = new URLSearchParams(text);
  for (const name of OURS) query.delete(name);
  return query;
}

/** A store: get, set, subscribe, undo. */
export class Store {
  /** @param {State} [state] */
  constructor(state = initialState()) {
    this.state = Object.freeze({ ...state });
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
    /** @type {Partial<State>[]} */
    this.past = [];
    /** @type {Partial<State>[]} */
    this.future = [];
  }

  get() {
    return this.state;
  }

  /**
   * Change the state and tell everybody. Changes of the selection and of filters can be undone.
   * @param {Partial<State>} patch
   * @param {{undo?: boolean}} [options]
   */
  set(patch, { undo = "mask" in patch || "selection" in patch || "solo" in patch } = {}) {
    const changed = Object.keys(patch).filter((name) => !Object.is(/** @type {any} */ (patch)[name], /** @type {any} */ (this.state)[name]));
    if (!changed.length) return;
    if (undo) {
      this.past.push(remembered(this.state));
      if (this.past.length > UNDO_DEPTH) this.past.shift();
      this.future = [];
    }
    this.#replace({ ...this.state, ...patch });
  }

  undo() {
    this.#step(this.past, this.future);
  }

  redo() {
    this.#step(this.future, this.past);
  }

  /** @param {Partial<State>[]} from @param {Partial<State>[]} to */
  #step(from, to) {
    const memory = from.pop();
    if (!memory) return;
    to.push(remembered(this.state));
    this.#replace({ ...this.state, ...memory });
  }

  /** @param {State} next */
  #replace(next) {
    const before = this.state;
    this.state = Object.freeze(next);
    for (const listener of [...this.listeners]) listener(this.state, before);
  }

  /** @param {(state: State, before: State) => void} listener @returns {() => void} */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** @param {State} state @returns {Partial<State>} */
function remembered({ mask, selection, madeAt, solo, onlySelected }) {
  return { mask, selection, madeAt, solo, onlySelected };
}

/** @param {number[]} camera */
function written(camera) {
  return camera.map((value) => Number(value.toPrecision(6))).join(",");
}

/** @param {string[]} a @param {string[]} b */
function sameSet(a, b) {
  return a.length === b.length && a.every((name) => b.includes(name));
}
