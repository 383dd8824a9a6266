/** How two runs stand side by side: which epoch of the second belongs to one of the first, and their cameras. */

import { held, laterBy, nearestEpoch, partner, unionOfStops } from "./stops.mjs";

const ALIKE = 1.7;

export class Together {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    /** @type {{a: number, b: number}[] | null} */
    this.byAccuracy = null;
    /** @type {any} the stops as they were made last, and what of */
    this.made = null;
  }

  /** The stops of the slider: the epochs of one run, or of either of two. @returns {import("./stops.mjs").Stop[]} */
  stops() {
    const [a, b] = this.page.runs.map((/** @type {any} */ run) => run.epochs);
    const { join } = this.page.store.get();
    const pairs = join === "accuracy" && this.byAccuracy?.length ? this.byAccuracy : null;
    if (this.made?.a !== a || this.made?.b !== b || this.made?.pairs !== pairs || this.made?.join !== join) {
      const stops = pairs ? a.map((/** @type {number} */ epoch) => ({ epoch, a: epoch, b: held(b, partner(pairs, epoch)), holdsA: false, holdsB: false })) : unionOfStops(a, b, b ? laterBy(join) : 0);
      this.made = { a, b, pairs, join, stops };
    }
    return this.made.stops;
  }

  /** Where the slider stands: the page's epoch is that of the first run, which may lack the one that the second shows. */
  get moment() {
    const { epoch, moment, join } = this.page.store.get();
    const [a, b] = this.page.runs;
    return b && join !== "accuracy" && Number.isFinite(moment) && held(a.epochs, moment) === epoch ? moment : epoch;
  }

  /** The state at the stop nearest to an epoch. @param {number} wanted */
  at(wanted) {
    const moment = nearestEpoch(this.stops().map((one) => one.epoch), wanted).epoch;
    return { moment, epoch: held(this.page.runs[0].epochs, moment) };
  }

  /** The epoch of the second run that belongs beside what is shown of the first; it may lack it. */
  epochOfSecond() {
    return this.besideEpoch(this.moment);
  }

  /** The epoch of the second run beside a place of the slider. @param {number} moment @param {string} [join] */
  besideEpoch(moment, join = this.page.store.get().join) {
    return join === "accuracy" && this.byAccuracy?.length ? partner(this.byAccuracy, moment) : moment + laterBy(join);
  }

  /** What a search over both runs is told of the second: the epoch that it shows beside one of the first. @param {number} [moment] @param {string} [join] */
  otherEpoch(moment, join) {
    return held(this.page.runs[1].epochs, this.besideEpoch(moment ?? this.moment, join));
  }

  /** The marked interval in epochs of a view's run. @param {any} view @returns {[number, number] | null} */
  intervalOf(view) {
    const { interval } = this.page.store.get();
    return interval && view.side === "b" ? [this.besideEpoch(interval[0]), this.besideEpoch(interval[1])] : interval;
  }

  /** The recorded epoch of a run that is shown: its own, or the last one before, else its first. @param {number} index */
  epochOfRun(index) {
    return held(this.page.runs[index].epochs, index ? this.epochOfSecond() : this.page.store.get().epoch);
  }

  /** The epoch that a run lacks and shows another for, null where it has its own. @param {number} index */
  lacking(index) {
    const wanted = index ? this.epochOfSecond() : this.moment;
    return this.page.runs[index].epochs.includes(wanted) ? null : wanted;
  }

  /** Says of each run that lacks this epoch which one it shows. */
  holding() {
    if (this.page.runs.length < 2) return "";
    return this.page.runs.map((/** @type {any} */ _, /** @type {number} */ index) => {
      const lacking = this.lacking(index);
      return lacking === null ? "" : `${"AB"[index]} has no epoch ${lacking} and shows ${this.epochOfRun(index)}`;
    }).filter(Boolean).join(", ");
  }

  /** What a way to join needs. @param {string | undefined} join */
  async load(join) {
    const { runs, api } = this.page;
    if (join !== "accuracy" || runs.length < 2 || this.byAccuracy) return;
    const answer = await api.get(`compare/${runs[0].slug}/${runs[1].slug}/agreement.json`);
    this.byAccuracy = answer.by_accuracy ?? [];
  }

  /** @param {string} join epoch, accuracy, or by how many epochs B is later */
  async join(join) {
    const { page } = this;
    try {
      await this.load(join);
      if (join === "accuracy" && !this.byAccuracy?.length) page.say("the runs reach no accuracy in common; they stay together by epoch");
      else {
        const { moment } = this;
        page.store.set({ join });
        page.go(moment); // which need not be a stop any more
      }
    } catch (error) {
      page.report(error);
    }
  }

  /** Links the cameras of two maps that lie alike; others start with a camera each. */
  linkAsFits() {
    const [first, second] = this.page.views;
    if (second && !comparable(first.map.view ?? first.map.extent, second.map.view ?? second.map.extent)) this.link(false, null);
  }

  /** Gives the second map a camera of its own, or back that of the first. @param {boolean} linked @param {[number, number, number] | null} [camera] */
  link(linked, camera = this.page.views[1]?.camera()) {
    const { page } = this;
    const [first, second] = page.views;
    page.store.set({ linked, cameraB: linked ? null : camera ?? null });
    const doc = second?.figure.document;
    if (!doc) return;
    const prefix = linked ? "map" : "map-b";
    second.figure.setv({ x_range: doc.get_model_by_name(`${prefix}-x`), y_range: doc.get_model_by_name(`${prefix}-y`) });
    second.follow();
    if (linked) {
      first.look(first.wanted());
    } else {
      second.look(second.wanted());
    }
  }
}

/**
 * Whether two maps can share a camera: neither would be lost in the other's view.
 * @param {number[]} a  box of x0, x1, y0, y1
 * @param {number[]} b
 */
export function comparable(a, b) {
  const size = (/** @type {number[]} */ [x0, x1, y0, y1]) => Math.max(x1 - x0, y1 - y0);
  const ratio = size(a) / size(b);
  const apart = Math.hypot((a[0] + a[1] - b[0] - b[1]) / 2, (a[2] + a[3] - b[2] - b[3]) / 2);
  return ratio < ALIKE && ratio > 1 / ALIKE && apart < Math.min(size(a), size(b)) / 2;
}
