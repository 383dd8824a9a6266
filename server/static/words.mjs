/** What the page says of itself: how many are selected, which epoch this is, how far a map can be believed. */

import { counted, judgedSplit, number } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";
import { showFigures } from "./figures.mjs";
import { countOf } from "./masks.mjs";

export class Words {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
  }

  selection() {
    const { page } = this;
    const { mask, onlySelected } = page.store.get();
    const count = countOf(mask);
    replace(page.selectionElement, mask ? `${number(count)} of ${number(page.run.samples)} selected${onlySelected ? ", the rest hidden" : ""}` : counted(page.run.samples, "sample"));
    document.body.classList.toggle("has-selection", mask !== null);
  }

  announce() {
    const { page } = this;
    clearTimeout(this.announceTimer);
    this.announceTimer = setTimeout(() => {
      const { epoch, mask } = page.store.get();
      const at = page.run.epochs.indexOf(epoch);
      const accuracy = Object.entries(page.run.accuracy ?? {})[0];
      const held = page.together.holding();
      page.live.textContent = `epoch ${page.together.moment} of ${page.together.stops().at(-1).epoch}${held ? `, ${held}` : ""}${accuracy?.[1]?.[at] !== undefined && accuracy?.[1]?.[at] !== null ? `, ${accuracy[0]} accuracy ${number(/** @type {any} */ (accuracy[1])[at])}` : ""}${mask ? `, ${countOf(mask)} selected` : ""}`;
    }, 700);
  }

  /** What stands over each map: its figures at this epoch, and the epoch itself where two stand side by side. */
  figures() {
    const { page } = this;
    for (const view of page.views) {
      const missed = view.missed === page.epochOf(view) && Number.isFinite(view.epoch);
      const epoch = missed ? view.epoch : page.epochOf(view);
      const element = document.querySelector(`[data-figures="${view.side}"]`);
      if (element) showFigures(/** @type {HTMLElement} */ (element), view.map, epoch, () => page.selecting.unfaithful(view));
      if (missed) element?.prepend(h("span", { class: "figure warning missed" }, `still epoch ${epoch}: epoch ${view.missed} is not here`));
      const title = document.querySelector(`[data-map-title="${view.side}"]`);
      const at = view.run.epochs.indexOf(epoch);
      const split = judgedSplit(Object.keys(view.run.accuracy ?? {}));
      const value = split === undefined ? null : view.run.accuracy[split][at];
      const lacking = page.runs.length > 1 ? page.together.lacking(page.runs.indexOf(view.run)) : null;
      if (title) {
        replace(title, ` epoch ${epoch}`, lacking === null ? null : h("span", { class: "held", title: `epoch ${lacking} was not recorded in this run` }, ` (no ${lacking})`),
          value === null || value === undefined ? null : [", ", h("span", { class: "split" }, `${split} `), number(value, 3)]);
      }
    }
  }
}
