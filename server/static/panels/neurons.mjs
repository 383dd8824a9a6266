/** Which units of the representation carried the answer: contribution w·x, with the class's mean beside it. */

import { number } from "../chart_math.mjs";
import { bars } from "../charts.mjs";
import { h, replace } from "../dom.mjs";

const TOP = 12;

/**
 * @param {HTMLElement} element
 * @param {{api: any}} context
 */
export function neuronPanel(element, { api }) {
  const settings = { layer: "", target: "predicted" };
  let serial = 0;
  /** @type {any} */
  let current = null;
  const layer = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "layer" }));
  const target = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "class" }));
  const body = h("div", { "aria-live": "polite" });
  replace(element, h("h3", null, "Neurons"), h("div", { class: "row" }, layer, target), body);
  layer.addEventListener("change", () => { settings.layer = layer.value; update(current); });
  target.addEventListener("change", () => { settings.target = target.value; update(current); });

  /** @param {any} next {run, row, epoch} */
  async function update(next) {
    current = next;
    element.hidden = !next;
    if (!next) return;
    const mine = ++serial;
    try {
      const query = new URLSearchParams({ row: String(next.row), target: settings.target, top: String(TOP), ...(settings.layer ? { layer: settings.layer } : {}) });
      const data = await api.run(next.run.slug, `neurons/${next.epoch}.json?${query}`);
      if (mine === serial) draw(data);
    } catch (error) {
      if (mine === serial) replace(body, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {any} data */
  function draw(data) {
    fill(layer, [["", "input of the head"], ...(data.layers ?? []).map((name) => [name, name])], settings.layer);
    fill(target, [["predicted", "for the prediction"], ...(current.run.has.labels ? [["label", "for the label"]] : []), ...current.run.classes.map((name, index) => [String(index), `for ${name}`])], settings.target);
    target.hidden = Boolean(settings.layer);
    if (data.missing) {
      replace(body, h("p", { class: "empty" }, data.missing));
      return;
    }
    const contributes = !settings.layer;
    const rows = data.units.map((unit) => ({
      name: `${contributes ? "unit" : "channel"} ${unit.unit}`, value: contributes ? unit.contribution : unit.value,
      color: (contributes ? unit.contribution : unit.value) < 0 ? "var(--worse)" : "var(--accent)",
      note: contributes ? `value ${number(unit.value)}, mean of the class ${number(unit.class_mean)}, weight ${number(unit.weight)}` : `mean over space ${number(unit.value)}, maximum ${number(unit.maximum)}, mean of the class ${number(unit.class_mean)}`,
    }));
    const rest = data.total_units - data.units.length;
    replace(body,
      h("p", { class: "muted" }, contributes ? `contribution to the logit of ${data.target_name ?? "the class"}: ${number(data.logit)}, bias ${number(data.bias)}` : "activation, mean over space"),
      withMeans(bars({ rows }), data.units, contributes),
      rest > 0 ? h("p", { class: "muted" }, `and ${number(rest)} more units`) : null);
  }

  return { update };
}

/**
 * Draws a tick on each bar where the class's mean would end.
 * @param {HTMLElement} list
 * @param {any[]} units
 * @param {boolean} contributes
 */
function withMeans(list, units, contributes) {
  const values = units.map((unit) => (contributes ? unit.contribution : unit.value));
  const means = units.map((unit) => (contributes ? unit.class_mean * (unit.weight ?? 1) : unit.class_mean));
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  [...list.querySelectorAll(".bar-track")].forEach((track, index) => {
    const share = (means[index] - low) / (high - low || 1);
    if (Number.isFinite(share) && share >= 0 && share <= 1) track.append(h("span", { class: "bar-mean", style: `left:${share * 100}%`, title: "mean of the class" }));
  });
  return list;
}

/** @param {HTMLSelectElement} select @param {string[][]} options @param {string} value */
function fill(select, options, value) {
  const signature = JSON.stringify(options);
  if (select.dataset.options !== signature) {
    select.dataset.options = signature;
    replace(select, options.map(([key, text]) => h("option", { value: key }, text)));
  }
  select.value = value;
}
