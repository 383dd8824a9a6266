/** Selecting and pinning: by shape, click, legend, arrows; the state holds what came of it. */

import { number } from "./chart_math.mjs";
import { combine, countOf, fromBase64, howOf, inverted, maskOf, rowsOf } from "./masks.mjs";
import { where } from "./shading.mjs";

export class Selecting {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.store = page.store;
    /** Keys held when the pointer was last released. @type {{shiftKey?: boolean, altKey?: boolean}} */
    this.modifiers = {};
  }

  get samples() {
    return this.page.run.samples;
  }

  /** @param {Uint8Array | null} mask @param {string} [expression] that made it, where there is one @param {number} [epoch] at which it was asked */
  set(mask, expression = "", epoch = this.store.get().epoch) {
    const some = mask && countOf(mask);
    this.store.set({ mask: some ? mask : null, selection: some ? expression : "", madeAt: some && expression ? epoch : null }, { undo: true });
  }

  /** Keeps of the selection only what a search names too. @param {string} expression */
  async keep(expression) {
    const { page, store } = this;
    const { epoch } = store.get();
    try {
      const answer = await page.api.runPost(page.run.slug, "query", { query: expression, epoch, map: page.mapOf()?.name });
      const { mask, selection, madeAt } = store.get();
      // An expression is asked at one epoch: what was found at two has none, and a link names its samples.
      this.set(combine(mask, fromBase64(answer.mask), "intersect"), selection && madeAt === epoch ? `${/\bOR\b/.test(selection) ? `(${selection})` : selection} ${expression}` : "", epoch);
      page.say(`${number(countOf(store.get().mask))} selected`);
    } catch (error) {
      page.report(error);
    }
  }

  /** @param {any} view @param {Uint32Array} rows */
  byShape(view, rows) {
    const own = view.side === "a" ? rows : Uint32Array.from([...rows].map((row) => this.page.joinBA.get(row)).filter((row) => row !== undefined));
    const next = combine(this.store.get().mask, maskOf(own, this.samples), howOf(this.modifiers));
    this.set(next);
    this.page.say(`${number(countOf(next))} selected`);
  }

  /** @param {any} view @param {number} row @param {any} event */
  click(view, row, event) {
    if (row < 0) return;
    const own = view.side === "a" ? row : this.page.joinBA.get(row);
    if (own === undefined) {
      this.page.say("this sample is only in the other run");
      return;
    }
    if (event.shiftKey || event.altKey) this.set(combine(this.store.get().mask, maskOf([own], this.samples), howOf(event)));
    else this.pin(own);
  }

  /** @param {number} row of the first run */
  pin(row) {
    this.store.set({ pin: Number(this.page.ids[row]) });
  }

  togglePin() {
    const hovered = this.page.views.find((/** @type {any} */ view) => view.hover >= 0);
    if (hovered && hovered.side === "a") this.pin(hovered.hover);
    else if (this.store.get().pin !== null) this.store.set({ pin: null });
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
      const rows = view.side === "a" ? found : found.map((row) => page.joinBA.get(row)).filter((row) => row !== undefined);
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
    const rows = mask ? rowsOf(mask) : [...this.page.ids.keys()];
    const from = this.page.pinRow(view);
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
