/** The confusion matrix of the epoch; a cell selects its samples. */

import { number, percent } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

const MATRIX_CLASSES = 40;

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
    replace(element, head, data.matrix && data.classes.length <= MATRIX_CLASSES ? matrix(data) : list(data));
  }

  /** @param {any} data */
  function matrix(data) {
    const { classes } = data;
    const cells = settings.changes && data.previous ? data.matrix.map((row, a) => row.map((value, b) => value - data.previous[a][b])) : data.matrix;
    const most = Math.max(1, ...cells.flatMap((row, a) => row.filter((_, b) => a !== b).map(Math.abs)));
    const total = data.matrix.map((row) => row.reduce((sum, value) => sum + value, 0));
    return h("div", { class: "scroll" }, h("table", { class: "confusion" },
      h("caption", null, "rows: the label, columns: the prediction"),
      h("thead", null, h("tr", null, h("td"), classes.map((name) => h("th", { scope: "col", title: name }, short(name))))),
      h("tbody", null, cells.map((row, a) => h("tr", null, h("th", { scope: "row", title: classes[a] }, short(classes[a])), row.map((value, b) => {
        const share = a === b && !settings.changes ? value / Math.max(1, total[a]) : Math.min(1, Math.abs(value) / most);
        const kind = settings.changes ? (value > 0 ? "up" : "down") : a === b ? "right" : "off";
        return h("td", null, h("button", {
          type: "button", class: `cell ${kind}`, style: `--share:${share.toFixed(3)}`, "aria-label": `label ${classes[a]}, predicted ${classes[b]}: ${value}`,
          title: `label ${classes[a]}, predicted ${classes[b]}: ${number(value)}`, disabled: data.matrix[a][b] === 0 && value === 0,
          onclick: () => onselect(`label:${quoted(classes[a])} pred:${quoted(classes[b])}`),
        }, value === 0 ? "" : settings.changes && value > 0 ? `+${value}` : String(value).replace("-", "−")));
      }))))));
  }

  /** @param {any} data */
  function list(data) {
    const pairs = data.pairs ?? data.matrix.flatMap((row, a) => row.map((count, b) => [a, b, count])).filter(([, , count]) => count);
    const wrong = pairs.filter(([a, b]) => a !== b).sort((x, y) => y[2] - x[2]).slice(0, 60);
    return wrong.length === 0 ? h("p", { class: "empty" }, "Nothing is confused at this epoch.")
      : h("table", { class: "figures" }, h("thead", null, h("tr", null, h("th", null, "label"), h("th", null, "predicted"), h("th", null, "samples"))),
        h("tbody", null, wrong.map(([a, b, count]) => h("tr", null, h("td", null, data.classes[a]), h("td", null, data.classes[b]),
          h("td", null, h("button", { type: "button", class: "link", onclick: () => onselect(`label:${quoted(data.classes[a])} pred:${quoted(data.classes[b])}`) }, number(count)))))));
  }

  return { update };
}

/** @param {string} name */
export function quoted(name) {
  return /^[\w.+-]+$/.test(name) ? name : `"${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** @param {string} name */
function short(name) {
  return name.length > 9 ? `${name.slice(0, 8)}…` : name;
}
