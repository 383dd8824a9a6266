/** What the colours mean: counts, hide, solo, search; click adds a class to what is shown alone. */

import { number } from "./chart_math.mjs";
import { h, replace } from "./dom.mjs";
import { keep, kept } from "./kept.mjs";

const SEARCH_ABOVE = 16;
const SHOWN = 400;
const KEPT = "legend";

export class Legend {
  /** @param {HTMLElement} element @param {any} page */
  constructor(element, page) {
    this.page = page;
    this.search = /** @type {HTMLInputElement} */ (h("input", { type: "search", placeholder: "find a class", "aria-label": "find a class", oninput: () => this.draw() }));
    this.list = h("ul", { class: "legend-list" });
    this.title = h("summary", null, "legend");
    this.notes = h("div", { class: "legend-notes" });
    const size = (/** @type {1 | -1} */ step, /** @type {string} */ text, /** @type {string} */ key) => h("button", { type: "button", class: "quiet", title: `${text} (${key})`, "aria-label": text, onclick: () => page.growDots(step) }, step > 0 ? "+" : "−");
    const sizes = h("div", { class: "legend-note dot-size" }, h("span", null, "dot size"), size(-1, "smaller dots", "{"), size(1, "larger dots", "}"));
    this.box = /** @type {HTMLDetailsElement} */ (h("details", { open: true, class: "legend-box" }, this.title, this.search, this.list, this.notes, sizes));
    const was = kept(KEPT);
    this.byHand = was !== null;
    if (this.byHand) this.box.open = was === "open";
    this.title.addEventListener("click", () => {
      this.byHand = true;
      keep(KEPT, this.box.open ? "closed" : "open"); // the click is about to turn it
    });
    replace(element, this.box);
  }

  /** Folds the legend where it would cover a small map, until somebody opens it. @param {boolean} there */
  room(there) {
    if (!this.byHand) this.box.open = there;
  }

  /** @param {any} shades what page.shades gave: kind, entries or ramp */
  set(shades) {
    this.shades = shades;
    this.draw();
  }

  draw() {
    const { shades, page } = this;
    if (!shades) return;
    replace(this.notes, this.marks(), page.legendNotes().map((/** @type {any} */ one) => h("div", { class: "legend-note" }, h("span", null, one.title), one.gradient && h("span", { class: "ramp" }, one.low, h("i", { style: `background:linear-gradient(90deg, ${one.gradient})` }), one.high))));
    this.title.textContent = shades.title;
    this.search.hidden = !shades.entries || shades.entries.length <= SEARCH_ABOVE;
    if (!shades.entries) {
      replace(this.list, h("li", { class: "ramp" }, h("span", null, number(shades.low)), h("i", { style: `background:linear-gradient(90deg, ${shades.gradient})` }), h("span", null, number(shades.high))),
        shades.note ? h("li", { class: "muted" }, shades.note) : null);
      return;
    }
    const { solo } = page.store.get();
    const wanted = this.search.value.trim().toLowerCase();
    const found = shades.entries.filter((/** @type {any} */ one) => one.name.toLowerCase().includes(wanted));
    replace(this.list, found.slice(0, SHOWN).map((/** @type {any} */ one) => {
      const on = solo.length === 0 || solo.includes(one.value);
      const chosen = page.shading.chosen(one.value);
      return h("li", null, h("button", {
        type: "button", "aria-pressed": String(on), class: on ? "" : "off", title: `${one.name}: click shows only this (shift-click adds), alt-click selects`,
        onclick: (/** @type {MouseEvent} */ event) => (event.altKey ? page.selecting.group(one.value, event) : page.selecting.solo(one.value, event.shiftKey)),
      }, h("i", { class: one.ring ? "ring" : "", style: `--dot:${one.color}` }), h("span", { class: "name" }, one.name),
      h("span", { class: "count" }, chosen === null ? number(one.count) : `${number(chosen)} / ${number(one.count)}`)));
    }), found.length > SHOWN ? h("li", { class: "muted" }, `and ${number(found.length - SHOWN)} more; search above`) : null,
    solo.length ? h("li", null, h("button", { type: "button", class: "link", onclick: () => page.store.set({ solo: [] }) }, "show all")) : null);
  }
  /** What crosses and rings mean, with how many there are on each map. */
  marks() {
    const { page } = this;
    if (!page.store.get().layers.includes("wrong")) return null;
    const two = page.views.length === 2;
    const texts = new Set([this.shades, ...(two ? [page.shading.second] : [])].flatMap((one) => one?.marked ?? []).map(([text]) => text));
    const count = (/** @type {any} */ one, /** @type {string} */ text) => number(one?.marked?.find((/** @type {any[]} */ mark) => mark[0] === text)?.[1] ?? 0);
    return [...texts].map((text) => h("div", { class: "legend-note" }, two ? `${text}  A ${count(this.shades, text)} · B ${count(page.shading.second, text)}` : `${text}  ${count(this.shades, text)}`));
  }
}
