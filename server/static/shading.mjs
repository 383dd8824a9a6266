/** What the dots of a map look like: their colour by a column, their form by what they are at this epoch. */

import { spread } from "./chart_math.mjs";
import { has } from "./masks.mjs";
import { plainShades, shadesOf } from "./shades.mjs";

const ABSENT = 65535;
/** Colours of two runs together: who is right, and how far apart they are. @type {{name: string, word: string, text: string}[]} */
export const PAIR_COLUMNS = [
  { name: "agreement_ab", word: "who is right", text: "who is right" },
  { name: "p_true_difference_ab", word: "p_true, A less B", text: "p_true of A less B" },
];
const RIGHT = { words: ["both right", "only A right", "only B right", "both wrong"], colors: ["--agree-both", "--agree-a", "--agree-b", "--agree-none"] };
const SAME = { words: ["same prediction", "another prediction"], colors: ["--agree-both", "--agree-none"] };

/** Epochs of an interval that are looked at for flips; of more, so many spread over it. */
const INTERVAL_EPOCHS = 200;

export class Shading {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    /** @type {Map<string, any>} labels by run */
    this.labels = new Map();
    /** @type {Map<string, any>} rows that are marked by shape, by side */
    this.marks = new Map();
    /** @type {any} shades of the first map, for the legend */
    this.last = null;
    /** @type {any} and of the second */
    this.second = null;
    /** What shades were made from, by side: labels do not change from epoch to epoch. @type {Map<string, {from: any[], shades: any}>} */
    this.made = new Map();
  }

  /** The colour of two runs together that is shown, if one is. */
  ofPair() {
    const { runs } = this.page;
    return runs.length === 2 && runs.every((/** @type {any} */ run) => run.epochs.length) ? PAIR_COLUMNS.find((one) => one.name === this.page.store.get().color) : undefined;
  }

  /** Which column colours a view, else the label or the prediction. @param {any} view */
  columnOf({ run, map }) {
    const { color } = this.page.store.get();
    const own = run.columns.find((/** @type {any} */ one) => one.name === color);
    if (own) return { column: own, ofMap: false };
    if (map?.columns?.includes(color)) return { column: { name: color, kind: ["roundtrip_ok", "placed"].includes(color) ? "flag" : "number", per_epoch: true }, ofMap: true };
    const usual = run.has.labels ? "label" : "predicted";
    // A run of representations alone has neither: its parts are all there is to tell dots apart.
    return { column: [usual, "split"].map((name) => run.columns.find((/** @type {any} */ one) => one.name === name)).find(Boolean) ?? null, ofMap: false };
  }

  /** @param {any} view @param {() => boolean} [current]  whether nothing newer was asked meanwhile; nothing is told or kept then */
  async of(view, current = () => true) {
    const { page } = this;
    const { run, map, side } = view;
    const pair = this.ofPair();
    if (pair) return this.together(view, pair, current);
    const { column, ofMap } = this.columnOf(view);
    const epoch = page.epochOf(view);
    if (!column) {
      if (!(await this.loadMarks(view, epoch, current))) return null;
      return this.keep(side, plainShades(run, page.theme()));
    }
    const values = ofMap ? await page.api.mapColumn(run, map, column.name, epoch) : await page.api.column(run, column.name, column.per_epoch ? epoch : null);
    const range = column.kind === "number" && column.per_epoch ? await this.range(column.name, ofMap) : null;
    const categories = column.kind === "text" ? await this.categories(run, column.name) : undefined;
    if (!(await this.loadMarks(view, epoch, current))) return null;
    return this.shaded(view, column, values, { colors: page.classColors(run), categories, range });
  }

  /** What tells the samples of two runs apart by both. @param {any} view @param {{name: string, text: string}} pair @param {() => boolean} current */
  async together(view, { name, text }, current) {
    const { page } = this;
    // Dots stand where the maps are, which may lag behind a run that is being recorded.
    const epochs = page.runs.map((/** @type {any} */ _, /** @type {number} */ index) => (page.views[index]?.map ? page.epochOf(page.views[index]) : page.together.epochOfRun(index)));
    const told = page.runs.every((/** @type {any} */ run) => run.has.labels) ? RIGHT : SAME;
    const values = await page.api.pairColumn(page.runs, name === "agreement_ab" ? "agreement" : "difference", view.side, epochs);
    if (!(await this.loadMarks(view, page.epochOf(view), current))) return null;
    if (name === "agreement_ab" && told === RIGHT) this.marks.get(view.side).wrong = null; // its colour says so
    if (name !== "agreement_ab") return this.shaded(view, { name, text, kind: "number", signed: true, turned: true }, values, { colors: [], range: [-1, 1] });
    return this.shaded(view, { name, text, kind: "text" }, values, { colors: told.colors.map((color) => page.css(color)), categories: told.words });
  }

  /** @param {any} view @param {any} column @param {ArrayLike<number>} values @param {{colors: string[], categories?: any, range?: [number, number] | null}} context */
  shaded({ run, side }, column, values, { colors, categories, range }) {
    const { page } = this;
    const { solo } = page.store.get();
    const theme = /** @type {"light" | "dark"} */ (page.theme());
    const from = [run, column.name, values, categories, solo, theme, String(range)];
    const known = this.made.get(side);
    const shades = known?.from.every((one, at) => one === from[at]) ? known.shades : shadesOf(column, values, { run, colors, ring: run.palette.ring ?? [], theme, categories, solo, range });
    this.made.set(side, { from, shades });
    const { wrong, flipped } = this.marks.get(side) ?? {};
    const seen = (/** @type {number[] | null | undefined} */ rows) => (shades.visible && rows ? rows.filter((row) => shades.visible[row]) : rows ?? []).length;
    return this.keep(side, { ...shades, marked: [["✕ wrong", seen(wrong)], [page.store.get().interval ? "◯ flipped in the interval" : "◯ flipped", seen(flipped)]].filter(([, count]) => count) });
  }

  /**
   * Limits of a number's ramp: the same at every epoch and on both maps, so that a colour means one number.
   * @param {string} name @param {boolean} ofMap
   * @returns {Promise<[number, number] | null>}
   */
  async range(name, ofMap) {
    const { page } = this;
    const asked = page.views.filter((/** @type {any} */ view) => view.run && (ofMap ? view.map?.columns?.includes(name) : view.run.columns.some((/** @type {any} */ one) => one.name === name)));
    const found = (await Promise.all(asked.map((/** @type {any} */ view) => page.api.limits(view.run, view.map, name, ofMap).catch(() => null)))).filter(Boolean);
    return found.length ? [Math.min(...found.map(([low]) => low)), Math.max(...found.map(([, high]) => high))] : null;
  }

  /** @param {string} side @param {any} shades */
  keep(side, shades) {
    if (side === "a") this.last = shades;
    else this.second = shades;
    return shades;
  }

  /** @param {any} run @param {string} name */
  categories(run, name) {
    return this.page.api.blob(`data/${run.slug}/categories/${encodeURIComponent(name)}.json?k=${run.key}`, (/** @type {ArrayBuffer} */ buffer) => JSON.parse(new TextDecoder().decode(buffer)));
  }

  /** Rows that are marked by shape at an epoch: wrong, flipped, picked; and which are labelled. @param {any} view @param {number} epoch @param {() => boolean} current @returns {Promise<boolean>} whether they were wanted still */
  async loadMarks(view, epoch, current) {
    const { run, side } = view;
    const { page } = this;
    const names = new Set(run.columns.map((/** @type {any} */ one) => one.name));
    const column = (/** @type {string} */ name, wanted = true) => (wanted && names.has(name) ? page.api.column(run, name, epoch).catch(() => null) : null);
    const rounds = run.has.labelling;
    const [correct, flipped, picked, ranks, labelled, labels] = await Promise.all([
      column("correct"), names.has("flipped") ? this.flips(view, epoch) : null, column("picked", rounds), column("pick_rank", rounds), column("labelled", rounds),
      run.has.labels ? page.api.column(run, "label", null) : null,
    ]);
    if (!current()) return false;
    if (labels) this.labels.set(run.slug, labels);
    this.marks.set(side, {
      wrong: correct ? where(correct, 0) : null,
      flipped,
      picks: picked && ranks ? { rows: where(picked, 1), ranks } : null,
      labelled,
    });
    return true;
  }

  /** Rows whose prediction flipped: at an epoch, or anywhere within the marked interval. @param {any} view @param {number} epoch */
  async flips(view, epoch) {
    const { run } = view;
    const interval = this.page.together.intervalOf(view);
    const epochs = interval ? spread(run.epochs.filter((/** @type {number} */ one) => one > interval[0] && one <= interval[1]), INTERVAL_EPOCHS) : [epoch];
    const columns = (await Promise.all(epochs.map((one) => this.page.api.column(run, "flipped", one).catch(() => null)))).filter(Boolean);
    if (columns.length < 2) return columns.length ? where(columns[0], 1) : null;
    const any = new Uint8Array(run.samples);
    for (const column of columns) for (let row = 0; row < any.length; row++) if (column[row] === 1) any[row] = 1;
    return where(any, 1);
  }

  /**
   * Which dots are rings: the pool of a run with labelling rounds, else classes beyond the ten colours.
   * @param {any} view @param {any} shades
   * @returns {Uint8Array | null}
   */
  hollow({ run, side, codes }, { groups, rings }) {
    const labelled = this.marks.get(side)?.labelled;
    if (run.has.labelling && labelled) return Uint8Array.from(labelled, (/** @type {number} */ flag, /** @type {number} */ row) => (flag === 0 && codes?.[2 * row] !== ABSENT ? 1 : 0));
    return rings ? Uint8Array.from(groups, (/** @type {number} */ group) => (rings[group] ? 1 : 0)) : null;
  }

  /** How many samples are labelled, in the pool and picked: what the forms of the dots mean. @param {any} view @returns {any[]} */
  roundNotes({ run, side, hollow }) {
    const { labelled, picks } = this.marks.get(side) ?? {};
    if (!run.has.labelling || !labelled) return [];
    const count = where(labelled, 1).length;
    const words = [`● ${count.toLocaleString("en-US")} labelled`, `○ ${where(hollow ?? [], 1).length.toLocaleString("en-US")} not labelled`, ...(picks?.rows.length ? [`◎ ${picks.rows.length.toLocaleString("en-US")} picked, with rank`] : [])];
    return words.map((title) => ({ title }));
  }

  /** How many of a legend's entry are selected, null without selection. @param {number} value */
  chosen(value) {
    const { mask } = this.page.store.get();
    if (!mask || !this.last) return null;
    if (this.counted?.mask !== mask || this.counted.shades !== this.last) {
      const { groups } = this.last;
      const counts = new Uint32Array(65_536);
      for (let row = 0; row < groups.length; row++) if (has(mask, row)) counts[groups[row]]++;
      this.counted = { mask, shades: this.last, counts };
    }
    return this.counted.counts[value];
  }
}

/** Rows of a column that hold a value. @param {ArrayLike<number>} values @param {number} value */
export function where(values, value) {
  const rows = [];
  for (let row = 0; row < values.length; row++) if (values[row] === value) rows.push(row);
  return rows;
}
