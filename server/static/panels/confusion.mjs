/** The confusion matrix of the epoch; a cell selects its samples. */

import { percent } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";
import { classTerm, quoted } from "../terms.mjs";
import { MATRIX_CLASSES, mostFrequent, pairList, pairMatrix, pairsOf } from "./pairs.mjs";

/**
 * @param {HTMLElement} element
 * @param {{api: any, onselect: (expression: string) => void}} context
 */
export function confusionPanel(element, { api, onselect }) {
  let serial = 0;
  const settings = { split: "", changes: false };
  /** @type {any} */
  let current = null;

  /** @param {any} next {run, epoch} */
  async function update(next) {
    current = next;
    if (!next) return;
    const mine = ++serial;
    try {
      const data = await api.run(next.run.slug, `confusion/${next.epoch}.json${settings.split ? `?split=${encodeURIComponent(settings.split)}` : ""}`);
      if (mine === serial) draw(data);
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {any} data */
  function draw(data) {
    const split = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "split", onchange: () => { settings.split = split.value; update(current); } },
      h("option", { value: "" }, "all samples"), current.run.split_names.map((name) => h("option", { value: name }, name))));
    split.value = settings.split;
    const comparable = data.previous || data.previous_pairs;
    const head = h("div", { class: "row" }, current.title ? h("strong", null, current.title) : null, split,
      comparable ? h("label", { class: "check" }, h("input", { type: "checkbox", checked: settings.changes, onchange: () => { settings.changes = !settings.changes; draw(data); } }), `change since epoch ${data.previous_epoch}`) : null,
      h("span", { class: "muted" }, data.accuracy === null ? "" : `accuracy ${percent(data.accuracy)}`));
    if (data.missing) {
      replace(element, head, h("p", { class: "empty" }, data.missing));
      return;
    }
    replace(element, head, body(data));
  }

  /** @param {any} data */
  function body(data) {
    const [pairs, previous] = [data.pairs ?? pairsOf(data.matrix), data.previous_pairs ?? (data.previous && pairsOf(data.previous))];
    const before = settings.changes ? previous : null;
    const options = {
      classes: data.classes, pairs, before, words: /** @type {[string, string]} */ (["label", "predicted"]),
      onselect: (/** @type {number} */ label, /** @type {number} */ predicted) => onselect(cellTerms(data, label, predicted)),
    };
    if (data.matrix && data.classes.length <= MATRIX_CLASSES) return pairMatrix(options);
    if (mostFrequent(pairs, before).length) return pairList(options);
    return h("p", { class: "empty" }, before ? `What is confused is the same as at epoch ${data.previous_epoch}.` : "Nothing is confused at this epoch.");
  }

  return { update };
}

/**
 * The samples of a cell in words of the search.
 * @param {{classes: string[], split: string | null}} data @param {number} label @param {number} predicted
 */
export function cellTerms({ classes, split }, label, predicted) {
  return [classTerm("label", classes, label), classTerm("pred", classes, predicted), split ? `split:${quoted(split)}` : ""].filter(Boolean).join(" ");
}
