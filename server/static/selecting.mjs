/** Selecting and pinning: by shape, click, legend, arrows; the state holds what came of it. */

import { number } from "./chart_math.mjs";
import { combine, countOf, fromBase64, howOf, inverted, maskOf, rowsOf } from "./masks.mjs";
import { where } from "./shading.mjs";
import { PINS_AT_MOST } from "./state.mjs";

/** Of a larger selection no trails are drawn. */
const TRAILED_AT_MOST = 2000;
const NAMED_AT_MOST = 40;

export class Selecting {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.store = page.store;
    /** Keys held when the pointer was last released. @type {{shiftKey?: boolean, altKey?: boolean}} */
    this.modifiers = {};
  }

  /** Rows of the first run for those of a view's run; what it does not have is left out. @param {any} view @param {number[]} rows */
  ofFirst(view, rows) {
    return rows.map((row) => this.page.rows.inFirst(view, row)).filter((row) => row >= 0);
  }

  // -- what is chosen, in rows of either run

  /** The selection as a mask over a view's run. @param {any} view */
  maskFor(view) {
    const { mask } = this.store.get();
    if (!mask || view.side === "a") return mask;
    if (this.joined?.source !== mask) {
      const rows = rowsOf(mask).map((row) => this.page.rows.inSecond(row)).filter((row) => row >= 0);
      this.joined = { source: mask, mask: maskOf(rows, view.run.samples) };
    }
    return this.joined.mask;
  }

  /** Rows whose trails are drawn: the pinned ones first, then a selection that is not too large. @param {any} view @returns {number[]} */
  trailRows(view) {
    const mask = this.maskFor(view);
    const rows = mask && countOf(mask) <= TRAILED_AT_MOST ? rowsOf(mask) : [];
    return [...new Set([...this.pinnedRows(view), ...rows])];
  }

  /** The selection where it is small enough to name each of its samples. @param {any} view @returns {number[]} */
  fewRows(view) {
    const mask = this.maskFor(view);
    return mask && countOf(mask) <= NAMED_AT_MOST ? rowsOf(mask) : [];
  }

  /** Rows of the sample that is looked at and of those kept pinned. @param {any} view @returns {number[]} */
  pinnedRows(view) {
    return [...new Set([this.pinRow(view), ...this.keptRows(view)])].filter((row) => row >= 0);
  }

  /** Row of the sample that is looked at, -1 without one. @param {any} view */
  pinRow(view) {
    const { pin } = this.store.get();
    return pin === null ? -1 : this.page.rows.inView(view, pin);
  }

  /** Rows of the samples that are kept pinned. @param {any} view @returns {number[]} */
  keptRows(view) {
    return this.store.get().pins.map((/** @type {number} */ id) => this.page.rows.inView(view, id)).filter((/** @type {number} */ row) => row >= 0);
  }

  // -- choosing

  get samples() {
    return this.page.run.samples;
  }

  /** @param {Uint8Array | null} mask @param {string} [expression] that made it, where there is one @param {number} [epoch] at which it was asked */
  set(mask, expression = "", epoch = this.store.get().epoch) {
    const some = mask && countOf(mask);
    this.store.set({ mask: some ? mask : null, selection: some ? expression : "", madeAt: some && expression ? epoch : null }, { undo: true });
  }

  /**
   * Keeps of the selection only what a search names too.
   * @param {string} expression
   * @param {{run: any, view: any, epoch: number, map: any}} [at]  run in which it is asked, the first without
   */
  async keep(expression, at) {
    const { page, store } = this;
    const { run, epoch, map } = at ?? { run: page.run, epoch: store.get().epoch, map: page.mapOf() };
    try {
      const answer = await page.api.runPost(run.slug, "query", { query: expression, epoch, map: map?.name });
      const { mask, selection, madeAt } = store.get();
      const own = run === page.run;
      const found = own ? fromBase64(answer.mask) : maskOf(this.ofFirst(at?.view, rowsOf(fromBase64(answer.mask))), this.samples);
      // An expression is asked of one run at one epoch: what was found in two has none, and a link names its samples.
      this.set(combine(mask, found, "intersect"), own && selection && madeAt === epoch ? `${/\bOR\b/.test(selection) ? `(${selection})` : selection} ${expression}` : "", epoch);
      page.say(`${number(countOf(store.get().mask))} selected`);
    } catch (error) {
      page.report(error);
    }
  }

  /** @param {any} view @param {Uint32Array} rows */
  byShape(view, rows) {
    const own = view.side === "a" ? rows : Uint32Array.from(this.ofFirst(view, [...rows]));
    const next = combine(this.store.get().mask, maskOf(own, this.samples), howOf(this.modifiers));
    this.set(next);
    this.page.say(`${number(countOf(next))} selected`);
  }

  /** @param {any} view @param {number} row @param {any} event */
  click(view, row, event) {
    if (row < 0) return;
    const own = this.page.rows.inFirst(view, row);
    if (own < 0) {
      this.page.say("this sample is only in the other run");
      return;
    }
    if (event.shiftKey || event.altKey) this.set(combine(this.store.get().mask, maskOf([own], this.samples), howOf(event)));
    else this.pin(own);
  }

  /** @param {number} row of the first run */
  pin(row) {
    this.store.set({ pin: this.page.rows.id(row) });
  }

  /** Keeps the sample under the pointer pinned, else the one that is looked at; or lets it go. */
  togglePin() {
    const { page } = this;
    const hovered = page.views.find((/** @type {any} */ view) => view.hover >= 0);
    const row = hovered ? page.rows.inFirst(hovered, hovered.hover) : -1;
    const id = row < 0 ? this.store.get().pin : page.rows.id(row);
    if (hovered && row < 0) page.say("this sample is only in the other run");
    else if (id === null) page.say("click a dot first: P keeps it pinned");
    else this.keepPinned(id);
  }

  /** @param {number | string} id  of a sample that is pinned, or no longer */
  keepPinned(id) {
    const { pins } = this.store.get();
    const rest = pins.filter((/** @type {number} */ one) => one !== id);
    if (rest.length < pins.length) this.store.set({ pins: rest });
    else if (pins.length >= PINS_AT_MOST) this.page.say(`${PINS_AT_MOST} samples are pinned already; let one of them go first`);
    else this.store.set({ pins: [...pins, id], pin: id });
  }

  all() {
    this.set(inverted(null, this.samples));
  }

  invert() {
    this.set(inverted(this.store.get().mask, this.samples));
  }

  toggleOnly() {
    const { onlySelected, mask } = this.store.get();
    if (!mask && !onlySelected) this.page.say("nothing is selected to show alone");
    else this.store.set({ onlySelected: !onlySelected });
  }

  /** Shows a legend's entry alone, or adds it to those shown. @param {number} value @param {boolean} add */
  solo(value, add) {
    const { solo } = this.store.get();
    if (!add) this.store.set({ solo: solo.length === 1 && solo[0] === value ? [] : [value] });
    else this.store.set({ solo: solo.includes(value) ? solo.filter((/** @type {number} */ one) => one !== value) : [...solo, value] });
  }

  /** Selects a legend's entry. @param {number} value @param {any} event */
  group(value, event) {
    const { groups } = this.page.shading.last;
    this.set(combine(this.store.get().mask, maskOf(where(groups, value), this.samples), event.shiftKey ? "add" : "replace"));
  }

  /** The samples that a map reads wrongly (V46). @param {any} view */
  async unfaithful(view) {
    const { page } = this;
    try {
      const epoch = page.epochOf(view);
      const found = where(await page.api.mapColumn(view.run, view.map, "roundtrip_ok", epoch), 0);
      const rows = this.ofFirst(view, found);
      this.set(maskOf(rows, this.samples), view.side === "a" ? "unfaithful" : "", epoch);
      page.say(rows.length ? `${number(found.length)} ${found.length === 1 ? "sample changes its" : "samples change their"} class on the way to the map and back` : "this map reads every sample as the model does");
    } catch (error) {
      page.report(error);
    }
  }

  walking() {
    return this.store.get().mask !== null || this.store.get().pin !== null;
  }

  /** Walks the selection's samples with the arrows, nearest in the direction first. @param {string} key */
  walk(key) {
    const view = this.page.views[0];
    const { mask } = this.store.get();
    const rows = mask ? rowsOf(mask) : new Uint32Array(this.samples).map((_, row) => row);
    const from = this.pinRow(view);
    const next = from < 0 ? rows[0] : nextInDirection(view.places, rows, from, key);
    if (next >= 0) this.pin(next);
  }
}

const DIRECTIONS = /** @type {Record<string, number[]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });

/**
 * The nearest row in a direction; what lies aside counts as farther.
 * @param {Float32Array} places @param {ArrayLike<number>} rows @param {number} from @param {string} key
 * @returns {number} -1 where there is none
 */
export function nextInDirection(places, rows, from, key) {
  const [dx, dy] = DIRECTIONS[key] ?? [0, 0];
  let best = -1;
  let least = Infinity;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    const x = places[2 * row] - places[2 * from];
    const y = places[2 * row + 1] - places[2 * from + 1];
    const away = Math.hypot(x, y) + 2 * Math.abs(x * dy - y * dx);
    if (row !== from && x * dx + y * dy > 0 && away < least) {
      least = away;
      best = row;
    }
  }
  return best;
}
