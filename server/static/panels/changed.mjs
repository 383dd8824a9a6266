/** What changed for a sample at this epoch, each figure with how many samples changed less (Q7). */

import { number } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

/**
 * @param {HTMLElement} element
 * @param {{api: any}} context
 */
export function changedPanel(element, { api }) {
  let serial = 0;

  /** @param {any} next {run, row, epoch, map} */
  async function update(next) {
    const mine = ++serial;
    if (!next) {
      element.hidden = true;
      return;
    }
    try {
      const what = await api.run(next.run.slug, `changed/${next.epoch}.json?row=${next.row}${next.map ? `&map=${encodeURIComponent(next.map)}` : ""}`);
      if (mine !== serial) return;
      element.hidden = false;
      if (what.previous === null || what.previous === undefined) replace(element, h("h3", null, "What changed"), h("p", { class: "empty" }, "This is the first recorded epoch: there is none before it to compare with."));
      else replace(element, h("h3", null, `What changed since epoch ${what.previous}`), what.rows?.length ? table(what.rows) : h("p", { class: "empty" }, "Nothing that could change was recorded."), (what.missing ?? []).map((/** @type {string} */ text) => h("p", { class: "muted" }, text)));
    } catch (error) {
      if (mine !== serial) return;
      element.hidden = false;
      replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  return { update };
}

/** @param {any[]} rows */
function table(rows) {
  return h("table", { class: "figures changed" }, h("thead", null, h("tr", null, h("td"), h("th", { scope: "col" }, "value"), h("th", { scope: "col", title: "share of samples that changed less" }, "more than"))),
    h("tbody", null, rows.map((one) => h("tr", { title: one.text ?? null }, h("th", { scope: "row" }, plainName(one.name)), h("td", null, shown(one)), h("td", { class: "muted" }, rank(one.percentile))))));
}

/** @param {string} name */
export function plainName(name) {
  const known = /** @type {Record<string, string>} */ ({
    divergence: "probabilities", p_true_change: "label's probability", loss_change: "loss", cosine_movement: "turn (1 − cosine)", movement: "way",
    relative_movement: "way, in medians", map_movement: "way on the map", neighbors_kept: "neighbours kept", neighbors_gained: "neighbours gained", neighbors_lost: "neighbours lost",
  });
  return known[name] ?? name.replaceAll("_", " ");
}

/** @param {{value: any, unit?: string}} one */
function shown({ value, unit }) {
  if (value === null || value === undefined) return "–";
  return [typeof value === "number" ? number(value) : String(value), unit && unit !== "x median" && unit !== "diameters" && unit !== "samples" ? h("span", { class: "muted" }, ` ${unit}`) : null];
}

/** @param {number | null | undefined} percentile */
function rank(percentile) {
  if (percentile === null || percentile === undefined) return "";
  return [h("span", { class: "rank", style: `--share:${Math.round(percentile)}%` }), `${Math.round(percentile)} %`];
}
