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
    if (row < 0) {
      this.element.hidden = true;
      return;
    }
    const facts = this.facts(view, row); // read while the pointer rests
    facts.catch(() => undefined); // without the server there is no card; the banner says so
    this.timer = window.setTimeout(() => this.show(view, row, event, facts).catch(() => undefined), HOVER_MS);
  }

  /** What is known of a row. @param {any} view @param {number} row */
  async facts(view, row) {
    const { api } = this.page;
    const { run, map } = view;
    const epoch = this.page.epochOf(view);
    const there = ["label", "predicted", "confidence"].filter((name) => run.columns.some((/** @type {any} */ one) => one.name === name));
    const columns = Object.fromEntries(await Promise.all(there.map(async (name) => [name, (await api.column(run, name, name === "label" ? null : epoch))[row]])));
    const kept = map.columns?.includes("neighbors_kept") ? (await api.mapColumn(run, map, "neighbors_kept", epoch))[row] : null;
    return { columns, kept };
  }

  /** @param {any} view @param {number} row @param {any} event @param {Promise<{columns: any, kept: number | null}>} facts */
  async show(view, row, event, facts) {
    const { page, element } = this;
    const { run } = view;
    const { columns, kept } = await facts;
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
