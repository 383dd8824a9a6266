/** What the page says of itself: how many are selected, which epoch this is, how far a map can be believed. */

import { number } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";
import { showFigures } from "./figures.mjs";
import { countOf } from "./masks.mjs";

/** So many of something: 1 sample, 1,797 samples. @param {number} count @param {string} word */
export function counted(count, word) {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}

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
      page.live.textContent = `epoch ${epoch} of ${page.run.epochs.at(-1)}${accuracy?.[1]?.[at] !== undefined && accuracy?.[1]?.[at] !== null ? `, ${accuracy[0]} accuracy ${number(/** @type {any} */ (accuracy[1])[at])}` : ""}${mask ? `, ${countOf(mask)} selected` : ""}`;
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
      const accuracy = Object.entries(view.run.accuracy ?? {}).at(-1);
      const value = /** @type {any} */ (accuracy?.[1])?.[at];
      if (title) replace(title, ` epoch ${epoch}`, value === null || value === undefined ? null : [", ", h("span", { class: "split" }, `${accuracy?.[0]} `), number(value, 3)]);
    }
  }
}
