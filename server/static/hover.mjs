/** The card beside the pointer: what the dot there is, after a short rest. */

import { number, percent } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";

const HOVER_MS = 80;
const UNKNOWN = 65535;

export class HoverCard {
  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.element = h("div", { class: "hover-card", hidden: true });
    this.timer = 0;
  }

  /** @param {any} view @param {number} row @param {any} event */
  over(view, row, event) {
    clearTimeout(this.timer);
    if (row < 0) this.element.hidden = true;
    else this.timer = window.setTimeout(() => this.show(view, row, event), HOVER_MS);
  }

  /** @param {any} view @param {number} row @param {any} event */
  async show(view, row, event) {
    const { page, element } = this;
    const { run, map } = view;
    const epoch = page.epochOf(view);
    const there = ["label", "predicted", "confidence"].filter((name) => run.columns.some((/** @type {any} */ one) => one.name === name));
    const columns = Object.fromEntries(await Promise.all(there.map(async (name) => [name, (await page.api.column(run, name, name === "label" ? null : epoch))[row]])));
    const kept = map.columns?.includes("neighbors_kept") ? (await page.api.mapColumn(run, map, "neighbors_kept", epoch))[row] : null;
    if (view.hover !== row) return;
    const name = (/** @type {number} */ index) => run.classes[index] ?? "unknown";
    const wrong = columns.label !== undefined && columns.label !== UNKNOWN && columns.predicted !== UNKNOWN && columns.label !== columns.predicted;
    replace(element, run.has.images ? h("img", { src: page.api.image(run.slug, row), alt: "" }) : null, h("div", null,
      h("strong", null, `#${page.rows.idIn(view, row)}`), columns.label === undefined ? null : h("div", null, `label ${name(columns.label)}`),
      columns.predicted === undefined ? null : h("div", { class: wrong ? "wrong" : "" }, columns.predicted === UNKNOWN ? "no prediction" : `predicted ${name(columns.predicted)} (${number(columns.confidence, 2)})${wrong ? " ✕" : ""}`),
      kept === null || !Number.isFinite(kept) ? null : h("div", { class: "muted" }, `map keeps ${percent(kept)} of its neighbours`)));
    element.hidden = false;
    const box = element.getBoundingClientRect();
    element.style.left = `${Math.min(event.clientX + 14, window.innerWidth - box.width - 8)}px`;
    element.style.top = `${Math.min(event.clientY + 14, window.innerHeight - box.height - 8)}px`;
  }
}
