/** The selection as a table or as images; the server pages, so 200,000 rows are no more than a hundred. */

import { number } from "../chart_math.mjs";
import { h, replace } from "../dom.mjs";

const TABLE_PAGE = 100;
const GRID_PAGE = 200;
const THUMB = 40;

/**
 * @param {HTMLElement} element
 * @param {{api: any, onrow: (row: number) => void, kind: "table" | "grid"}} context
 */
export function samplesPanel(element, { api, onrow, kind }) {
  const page = kind === "grid" ? GRID_PAGE : TABLE_PAGE;
  const settings = { sort: "id", descending: false, offset: 0 };
  let serial = 0;
  let shownKey = "";
  /** @type {any} */
  let current = null;

  /** @param {any} next {run, epoch, map, mask (base64) or null for all, key, count} */
  async function update(next) {
    current = next;
    if (!next) return;
    if (next.key !== shownKey) settings.offset = 0;
    shownKey = next.key;
    const mine = ++serial;
    try {
      const data = await api.runPost(next.run.slug, "table", {
        ...(next.mask ? { mask: next.mask } : {}), epoch: next.epoch, map: next.map, sort: settings.sort, descending: settings.descending, offset: settings.offset, limit: page,
        ...(kind === "grid" ? { columns: ["id", "label", "predicted", "correct"] } : {}),
      });
      if (mine === serial) draw(data);
    } catch (error) {
      if (mine === serial) replace(element, h("p", { class: "error", role: "alert" }, String(/** @type {Error} */ (error).message)));
    }
  }

  /** @param {any} data */
  function draw(data) {
    const from = data.total ? data.offset + 1 : 0;
    const to = Math.min(data.offset + page, data.total);
    const turn = (/** @type {number} */ step) => { settings.offset = Math.max(0, settings.offset + step * page); update(current); };
    const sort = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "sort by", onchange: () => { settings.sort = sort.value; settings.offset = 0; update(current); } },
      current.run.columns.filter((column) => column.kind !== "flag").map((column) => h("option", { value: column.name, selected: column.name === settings.sort }, column.name))));
    const head = h("div", { class: "row" },
      h("span", null, current.mask ? `${number(data.total)} selected` : `all ${number(data.total)} samples`),
      kind === "grid" ? h("label", null, "sorted by ", sort, h("button", { type: "button", class: "quiet", "aria-label": "turn the order", onclick: () => { settings.descending = !settings.descending; update(current); } }, settings.descending ? "↓" : "↑")) : null,
      h("span", { class: "spacer" }),
      h("button", { type: "button", title: "the page before", "aria-label": "the page before", disabled: data.offset === 0, onclick: () => turn(-1) }, "‹"), h("span", { class: "muted" }, `${number(from)}–${number(to)}`),
      h("button", { type: "button", title: "the next page", "aria-label": "the next page", disabled: to >= data.total, onclick: () => turn(1) }, "›"),
      current.mask ? ["csv", "parquet"].map((form) => h("button", { type: "button", onclick: () => api.download(`export/${current.run.slug}/selection.${form}`, { mask: current.mask, epoch: current.epoch, map: current.map }, `selection.${form}`) }, form.toUpperCase())) : null);
    if (data.total === 0) replace(element, head, h("p", { class: "empty" }, "Nothing is selected. Draw a lasso (L), search (/), or click a cell of the confusion matrix."));
    else replace(element, head, kind === "grid" ? grid(data) : table(data));
  }

  /** @param {any} data */
  function table(data) {
    const flags = new Set(current.run.columns.filter((column) => column.kind === "flag").map((column) => column.name));
    return h("div", { class: "scroll wide", tabindex: 0, role: "group", "aria-label": "columns of the samples" }, h("table", { class: "samples" },
      h("thead", null, h("tr", null, data.columns.map((name) => h("th", { scope: "col", "aria-sort": settings.sort === name ? (settings.descending ? "descending" : "ascending") : "none" },
        h("button", { type: "button", onclick: () => { settings.descending = settings.sort === name ? !settings.descending : false; settings.sort = name; settings.offset = 0; update(current); } },
          name, settings.sort === name ? (settings.descending ? " ↓" : " ↑") : ""))))),
      h("tbody", null, data.rows.map((row) => h("tr", null, data.columns.map((name, index) => h(index === 0 ? "th" : "td", index === 0 ? { scope: "row" } : null,
        index === 0 ? h("button", { type: "button", class: "link", onclick: () => onrow(row.row) }, String(row[name])) : cell(row[name], flags.has(name)))))))));
  }

  /** @param {any} data */
  function grid(data) {
    if (!current.run.has.images) return h("p", { class: "empty" }, "This run has no images; record it with inputs or pass images= to the recorder.");
    return h("div", { class: "grid" }, data.rows.map((row) => h("button", {
      type: "button", class: `thumb${row.correct === 0 || row.correct === false ? " wrong" : ""}`, style: `width:${THUMB}px`, onclick: () => onrow(row.row),
      title: `#${row.id} label ${row.label ?? "–"}, predicted ${row.predicted ?? "–"}`, "aria-label": `sample ${row.id}, label ${row.label ?? "unknown"}, predicted ${row.predicted ?? "unknown"}`,
    }, h("img", { src: api.image(current.run.slug, row.row), alt: "", loading: "lazy" }))));
  }

  return { update };
}

/** @param {unknown} value @param {boolean} isFlag */
export function cell(value, isFlag) {
  if (isFlag && (value === 1 || value === 0 || typeof value === "boolean")) return value ? "✓" : "✕";
  return typeof value === "number" ? number(value) : value === null || value === undefined ? "–" : String(value);
}
