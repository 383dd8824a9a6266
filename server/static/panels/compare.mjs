/** Two runs on the same samples: who is right where, over epochs, and where they differ most. */

import { number, percent } from "../chart_math.mjs";
import { h, replace, s } from "../dom.mjs";
import { MATRIX_CLASSES, mostFrequent, pairList, pairMatrix } from "./pairs.mjs";

const CELLS = [["both", "both right", "var(--agree-both)"], ["only_a", "only A right", "var(--agree-a)"], ["only_b", "only B right", "var(--agree-b)"], ["neither", "both wrong", "var(--agree-none)"]];
const ORDERS = [["p_true", "by p_true", "by |p_true of A − p_true of B|"], ["divergence", "by divergence", "by the Jensen-Shannon divergence of their probabilities"]];
const MCNEMAR = "exact test: how likely a difference like this is if each run were equally often the only one that is right";

/**
 * @param {HTMLElement} element
 * @param {{api: any, onepoch: (epoch: number) => void, oncell: (wish: {cell: string} | {says: [number, number]} | {apart: number, by: string}, stop: {a: number, b: number}) => void, onrow: (row: number) => void}} context
 */
export function comparePanel(element, { api, onepoch, oncell, onrow }) {
  let serial = 0;
  /** @type {{key: string, data: any} | null} */
  let agreement = null;
  /** @type {any} */
  let current = null;
  const settings = { by: "", classes: false, apart: 0.3 };

  /** @param {any} next {a, b, epoch, join} */
  async function update(next) {
    current = next;
    if (!next) return;
    const mine = ++serial;
    const key = `${next.a.slug}/${next.b.slug}/${next.a.key}/${next.b.key}/${next.join}`;
    try {
      if (agreement?.key !== key) agreement = { key, data: await api.get(`compare/${next.a.slug}/${next.b.slug}/agreement.json?join=${next.join}`) };
      const { data } = agreement;
      if (mine !== serial) return;
      if (data.missing) {
        replace(element, h("p", { class: "empty" }, data.missing));
        return;
      }
      const at = nearest(data.stops, next.epoch);
      const stop = data.stops[at];
      const by = settings.by || (next.a.has.labels && next.b.has.labels ? "p_true" : "divergence");
      const list = await api.get(`compare/${next.a.slug}/${next.b.slug}/disagreements.json?epoch_a=${stop.a}&epoch_b=${stop.b}&limit=24&by=${by}`);
      if (mine !== serial) return;
      replace(element, h("div", { class: "compare" },
        h("div", null,
          h("div", { class: "row cells" }, CELLS.map(([cell, text, color]) => h("button", { type: "button", class: "cell-button", style: `--cell:${color}`, onclick: () => oncell({ cell }, stop), title: "select these samples" },
            h("strong", null, number(data[cell][at])), text))),
          bands(data, at, (index) => onepoch(data.stops[index].epoch)),
          data.notice ? h("p", { class: "honest" }, data.notice) : null,
          h("p", { class: "muted" }, `${number(data.shared)} shared samples · `, part("same", data.same_prediction[at], stop), " same prediction · ",
            part("neither_same", data.neither_same[at], stop), ` both wrong, same class · Cohen's κ ${number(data.kappa[at])} · `, h("span", { title: MCNEMAR }, `McNemar p ${number(data.mcnemar_p[at])}`),
            data.only_in_a || data.only_in_b ? ` · ${number(data.only_in_a)} only in A, ${number(data.only_in_b)} only in B` : "")),
        h("div", { class: "scroll" }, choices(by, stop), settings.classes ? says(list, next, stop) : disagreements(list, next, by))));
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** A count that selects. @param {string} cell @param {number} count @param {any} stop */
  function part(cell, count, stop) {
    return count ? h("button", { type: "button", class: "link", title: "select these samples", onclick: () => oncell({ cell }, stop) }, number(count)) : "0";
  }

  /** Samples or pairs of classes, and the order of the samples. @param {string} by @param {any} stop */
  function choices(by, stop) {
    const again = (/** @type {any} */ patch) => { Object.assign(settings, patch); update(current); };
    const order = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "order of the samples", onchange: () => again({ by: order.value }) }, ORDERS.map(([value, text, title]) => h("option", { value, title }, text))));
    order.value = by;
    order.title = ORDERS.find(([value]) => value === by)?.[2] ?? "";
    return h("div", { class: "row" }, h("strong", null, "They disagree on"), h("span", { class: "group" }, [["samples", false], ["classes", true]].map(([text, classes]) => h("button", {
      type: "button", "aria-pressed": String(settings.classes === classes), onclick: () => again({ classes }) }, text))), settings.classes ? h("span", { class: "muted" }, "rows: A, columns: B") : [order, further(by, stop)]);
  }

  /** Selects what is further apart than a number. @param {string} by @param {any} stop */
  function further(by, stop) {
    const limit = /** @type {HTMLInputElement} */ (h("input", { type: "number", min: 0, max: 1, step: 0.05, value: settings.apart, class: "apart", "aria-label": "further apart than", onchange: () => { settings.apart = Number(limit.value); } }));
    const select = () => { settings.apart = Number(limit.value); oncell({ apart: settings.apart, by }, stop); };
    limit.addEventListener("keydown", (event) => { if (event.key === "Enter") select(); });
    return h("span", { class: "group" }, h("button", { type: "button", title: "select the samples whose difference is larger", onclick: select }, "select those over"), limit);
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
        shape.addEventListener("click", () => { go(index); oncell({ cell }, stop); });
        picture.append(shape);
        below += height;
      };
      for (const cell of apart) part(/** @type {string[]} */ (cell), (data[cell[0]][index] / most) * 96, "clickable");
      part(/** @type {string[]} */ (CELLS[0]), 100 - below, "clickable both");
    });
    picture.append(s("rect", { x: at, y: 0, width: 1, height: 100, class: "band-now", "vector-effect": "non-scaling-stroke" }));
    return [picture, h("p", { class: "muted axis" }, `not right in both, over epochs; the tallest bar is ${number(most)} samples (${percent(most / Math.max(1, data.shared))})`)];
  }

  /** @param {any} list @param {any} next @param {any} stop */
  function says({ pairs }, next, stop) {
    if (!mostFrequent(pairs).length) return h("p", { class: "empty" }, "They agree on every shared sample here.");
    const options = { classes: next.a.classes, pairs, words: /** @type {[string, string]} */ (["A says", "B says"]), onselect: (/** @type {number} */ a, /** @type {number} */ b) => oncell({ says: [a, b] }, stop) };
    return next.a.classes.length <= MATRIX_CLASSES ? pairMatrix(options) : pairList(options);
  }

  /** @param {any} list @param {any} next @param {string} by */
  function disagreements(list, next, by) {
    if (!list.rows.length) return h("p", { class: "empty" }, "They agree on every shared sample here.");
    const value = (/** @type {number|null} */ size) => (size === null ? null : h("span", { class: "muted value" }, by === "p_true" ? `p_true ${number(size, 2)} apart` : `divergence ${number(size, 2)} bits`));
    return h("ul", { class: "disagreements" }, list.rows.map((one) => h("li", null, h("button", { type: "button", class: "disagreement", onclick: () => onrow(one.row_a) },
      next.a.has.images ? h("img", { src: api.image(next.a.slug, one.row_a), alt: "", loading: "lazy" }) : null,
      h("span", null, h("strong", null, `#${one.id}`), ` A ${next.a.classes[one.predicted_a] ?? "–"}, B ${next.b.classes[one.predicted_b] ?? "–"}`,
        h("span", { class: "muted" }, one.label >= 0 ? ` label ${next.a.classes[one.label]}` : ""), value(one.size))))));
  }

  return { update };
}

/** The last stop at or before an epoch. @param {{a: number, epoch?: number}[]} stops @param {number} epoch */
export function nearest(stops, epoch) {
  let best = 0;
  stops.forEach((stop, index) => { if ((stop.epoch ?? stop.a) <= epoch) best = index; });
  return best;
}
