/** Two runs on the same samples: who is right where, over epochs, and where they differ most. */

import { number, percent } from "../chart_math.mjs";
import { h, replace, s } from "../dom.mjs";

const CELLS = [["both", "both right", "var(--agree-both)"], ["only_a", "only A right", "var(--agree-a)"], ["only_b", "only B right", "var(--agree-b)"], ["neither", "both wrong", "var(--agree-none)"]];

/**
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void, oncell: (cell: string, stop: {a: number, b: number}) => void, onrow: (row: number) => void}} context
 */
export function comparePanel(element, { api, onepoch, oncell, onrow }) {
  let serial = 0;
  /** @type {{key: string, data: any} | null} */
  let agreement = null;

  /** @param {any} next {a, b, epoch, epochB} */
  async function update(next) {
    if (!next) return;
    const mine = ++serial;
    const key = `${next.a.slug}/${next.b.slug}/${next.a.key}/${next.b.key}/${next.join}`;
    try {
      if (agreement?.key !== key) agreement = { key, data: await api.get(`compare/${next.a.slug}/${next.b.slug}/agreement.json${next.join === "accuracy" ? "?join=accuracy" : ""}`) };
      const { data } = agreement;
      if (mine !== serial) return;
      if (data.missing) {
        replace(element, h("p", { class: "empty" }, data.missing));
        return;
      }
      const at = nearest(data.stops, next.epoch);
      const stop = data.stops[at];
      const list = await api.get(`compare/${next.a.slug}/${next.b.slug}/disagreements.json?epoch_a=${stop.a}&epoch_b=${stop.b}&limit=24`);
      if (mine !== serial) return;
      replace(element, h("div", { class: "compare" },
        h("div", null,
          h("div", { class: "row cells" }, CELLS.map(([cell, text, color]) => h("button", { type: "button", class: "cell-button", style: `--cell:${color}`, onclick: () => oncell(cell, stop), title: "select these samples" },
            h("strong", null, number(data[cell][at])), text))),
          bands(data, at, (index) => onepoch(data.stops[index].epoch)),
          data.notice ? h("p", { class: "honest" }, data.notice) : null,
          h("p", { class: "muted" }, `${number(data.shared)} shared samples · same prediction ${number(data.same_prediction[at])} · Cohen's κ ${number(data.kappa[at])}`,
            data.only_in_a || data.only_in_b ? ` · ${number(data.only_in_a)} only in A, ${number(data.only_in_b)} only in B` : "")),
        h("div", { class: "scroll" }, h("h4", null, "They disagree most about"), disagreements(list, next))));
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** What is not right in both, on a scale of its own: the rest would press it flat. @param {any} data @param {number} at @param {(index: number) => void} go */
  function bands(data, at, go) {
    const count = data.stops.length;
    const apart = CELLS.slice(1);
    const most = Math.max(1, ...data.stops.map((_, index) => apart.reduce((sum, [cell]) => sum + data[cell][index], 0)));
    const picture = s("svg", { viewBox: `0 0 ${Math.max(1, count)} 100`, preserveAspectRatio: "none", class: "chart bands", height: 90, width: "100%", role: "img", "aria-label": `samples that are not right in both runs, over epochs, at most ${most}` });
    data.stops.forEach((stop, index) => {
      let below = 0;
      const part = (/** @type {string[]} */ [cell, text, color], /** @type {number} */ height, /** @type {string} */ kind) => {
        const shape = s("rect", { x: index + 0.04, y: 100 - below - height, width: 0.92, height, fill: color, class: kind }, s("title", null, `epoch ${stop.a}: ${text} ${data[cell][index]}`));
        shape.addEventListener("click", () => { go(index); oncell(cell, stop); });
        picture.append(shape);
        below += height;
      };
      for (const cell of apart) part(/** @type {string[]} */ (cell), (data[cell[0]][index] / most) * 96, "clickable");
      part(/** @type {string[]} */ (CELLS[0]), 100 - below, "clickable both");
    });
    picture.append(s("rect", { x: at, y: 0, width: 1, height: 100, class: "band-now", "vector-effect": "non-scaling-stroke" }));
    return [picture, h("p", { class: "muted axis" }, `not right in both, over epochs; the tallest bar is ${number(most)} samples (${percent(most / Math.max(1, data.shared))})`)];
  }

  /** @param {any} list @param {any} next */
  function disagreements(list, next) {
    if (!list.rows.length) return h("p", { class: "empty" }, "They agree on every shared sample here.");
    return h("ul", { class: "disagreements" }, list.rows.map((one) => h("li", null, h("button", { type: "button", class: "disagreement", onclick: () => onrow(one.row_a) },
      next.a.has.images ? h("img", { src: api.image(next.a.slug, one.row_a), alt: "", loading: "lazy" }) : null,
      h("span", null, h("strong", null, `#${one.id}`), ` A ${next.a.classes[one.predicted_a] ?? "–"}, B ${next.b.classes[one.predicted_b] ?? "–"}`,
        h("span", { class: "muted" }, one.label >= 0 ? ` label ${next.a.classes[one.label]}` : ""))))));
  }

  return { update };
}

/** The last stop at or before an epoch. @param {{a: number, epoch?: number}[]} stops @param {number} epoch */
export function nearest(stops, epoch) {
  let best = 0;
  stops.forEach((stop, index) => { if ((stop.epoch ?? stop.a) <= epoch) best = index; });
  return best;
}
